/// Where the figure of a shape stands in the table that is the picture's twin.
struct TablePlace: Sendable {
    var row: Int
    var column = 0
}

/// Writes SVG elements, never a style or a script: a page's policy may forbid both.
struct Pen {
    let theme: Theme
    private(set) var text = ""

    init(_ theme: Theme) { self.theme = theme }

    enum Anchor: String { case start, middle, end }

    mutating func raw(_ words: String) { text += words }

    mutating func open(_ group: String) { text += "<g class=\"\(group)\">" }
    mutating func close() { text += "</g>" }

    mutating func line(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ ink: Ink, width: Double = 1, dash: String? = nil
    ) {
        text += "<line x1=\"\(x1.short)\" y1=\"\(y1.short)\" x2=\"\(x2.short)\" y2=\"\(y2.short)\" "
        text += "stroke=\"\(theme.colour(ink))\" stroke-width=\"\(width.short)\""
        if let dash { text += " stroke-dasharray=\"\(dash)\"" }
        text += "/>"
    }

    mutating func rect(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: Ink, radius: Double = 0,
        opacity: Double = 1, title: String? = nil, at: TablePlace? = nil
    ) {
        text += "<rect x=\"\(x.short)\" y=\"\(y.short)\" width=\"\(max(width, 0).short)\" "
        text += "height=\"\(max(height, 0).short)\" fill=\"\(theme.colour(fill))\""
        if radius > 0 { text += " rx=\"\(radius.short)\"" }
        if opacity < 1 { text += " fill-opacity=\"\(opacity.fine)\"" }
        finish("rect", title, at)
    }

    mutating func path(
        _ shape: String, fill: Ink? = nil, stroke: Ink? = nil, width: Double = 1.5, opacity: Double = 1,
        gradient: String? = nil, title: String? = nil, at: TablePlace? = nil
    ) {
        text += "<path d=\"\(shape)\" fill=\""
        text += gradient.map { "url(#\($0))" } ?? fill.map(theme.colour) ?? "none"
        text += "\""
        if let stroke {
            text += " stroke=\"\(theme.colour(stroke))\" stroke-width=\"\(width.short)\" stroke-linejoin=\"round\""
            text += " stroke-linecap=\"round\""
        }
        if opacity < 1 { text += " opacity=\"\(opacity.fine)\"" }
        finish("path", title, at)
    }

    mutating func circle(
        _ x: Double, _ y: Double, _ radius: Double, _ fill: Ink, stroke: Ink? = nil, width: Double = 2,
        title: String? = nil
    ) {
        text += "<circle cx=\"\(x.short)\" cy=\"\(y.short)\" r=\"\(radius.short)\" fill=\"\(theme.colour(fill))\""
        if let stroke { text += " stroke=\"\(theme.colour(stroke))\" stroke-width=\"\(width.short)\"" }
        finish("circle", title, nil)
    }

    mutating func label(
        _ words: String, _ x: Double, _ y: Double, _ anchor: Anchor = .start, ink: Ink = .muted, size: Double = 12,
        isStrong: Bool = false, hasHalo: Bool = false
    ) {
        text += "<text x=\"\(x.short)\" y=\"\(y.short)\" fill=\"\(theme.colour(ink))\" font-size=\"\(size.short)\""
        if anchor != .start { text += " text-anchor=\"\(anchor.rawValue)\"" }
        if isStrong { text += " font-weight=\"600\"" }
        // Lines that run below a word end before it.
        if hasHalo {
            text +=
                " stroke=\"\(theme.colour(.surface))\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\""
        }
        text += ">\(Markup.escape(words))</text>"
    }

    /// A wash of one ink that fades downwards; `id` is unique in the page.
    mutating func gradient(_ id: String, _ ink: Ink, from: Double = 0.28, to: Double = 0.02) {
        let colour = theme.colour(ink)
        text += "<linearGradient id=\"\(id)\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\">"
        text += "<stop offset=\"0\" stop-color=\"\(colour)\" stop-opacity=\"\(from.fine)\"/>"
        text += "<stop offset=\"1\" stop-color=\"\(colour)\" stop-opacity=\"\(to.fine)\"/></linearGradient>"
    }

    private mutating func finish(_ element: String, _ title: String?, _ place: TablePlace?) {
        // A page's script leads from the shape to what its table's cell leads to.
        if let place, theme == .page { text += " data-at=\"\(place.row) \(place.column)\"" }
        text += title.map { "><title>\(Markup.escape($0))</title></\(element)>" } ?? "/>"
    }
}

/// Text that is safe between tags and in attributes.
public enum Markup {
    public static func escape(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 38 || $0 == 60 || $0 == 62 || $0 == 34 || $0 == 39 || $0 < 32 }) else {
            return text
        }
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\n", "\t": out += " "
            default: if scalar.value >= 32 { out.unicodeScalars.append(scalar) }
            }
        }
        return out
    }
}

extension Double {
    /// A coordinate with one decimal at most.
    var short: String { digits(10) }
    /// A share with two decimals at most.
    var fine: String { digits(100) }

    private func digits(_ scale: Int) -> String {
        let scaled = (self * Double(scale)).rounded()
        guard scaled.isFinite, abs(scaled) < 1e12 else { return "0" }
        let whole = Int(scaled)
        let (quotient, rest) = abs(whole).quotientAndRemainder(dividingBy: scale)
        let sign = whole < 0 ? "-" : ""
        guard rest != 0 else { return "\(sign)\(quotient)" }
        var decimals = String(rest + scale).dropFirst()
        while decimals.last == "0" { decimals.removeLast() }
        return "\(sign)\(quotient).\(decimals)"
    }
}
