/// What a picture is about: read aloud in its place.
public struct Caption: Sendable, Hashable {
    /// Unique in a page; letters, digits and hyphens.
    public var id: String
    public var title: String
    /// One sentence with what is to be seen.
    public var summary: String
    public var language: Language

    public init(id: String, title: String, summary: String, language: Language = .fr) {
        self.id = String(id.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") })
        self.title = title
        self.summary = summary
        self.language = language
    }

    var numbers: NumberText { NumberText(language) }
}

/// The room of a picture, in its own units: one is a pixel where the page has the room.
public struct ChartSize: Sendable, Hashable {
    public var width: Double
    public var height: Double

    public init(_ width: Double, _ height: Double) {
        self.width = min(max(width, 80), 4000)
        self.height = min(max(height, 16), 4000)
    }

    public static let wide = ChartSize(640, 280)
    public static let narrow = ChartSize(340, 240)
}

/// The same figures as rows: for whoever can not or will not look at the picture, and for exports.
public struct ChartTable: Sendable, Hashable {
    public var head: [String]
    public var rows: [[String]]

    static let rowsMax = 500

    public init(head: [String], rows: [[String]]) {
        self.head = head
        self.rows = rows.count > Self.rowsMax ? Array(rows.prefix(Self.rowsMax)) : rows
    }

    /// The first column names its row.
    ///
    /// - Parameter link: where a cell, by row and column, leads to.
    public func html(caption: String, link: (_ row: Int, _ column: Int) -> String? = { _, _ in nil }) -> String {
        var out = "<table class=\"twin\"><caption>\(Markup.escape(caption))</caption><thead><tr>"
        for cell in head { out += "<th scope=\"col\">\(Markup.escape(cell))</th>" }
        out += "</tr></thead><tbody>"
        for (line, row) in rows.enumerated() {
            out += "<tr>"
            for (index, cell) in row.enumerated() {
                var words = Markup.escape(cell)
                if let place = link(line, index) { words = "<a href=\"\(Markup.escape(place))\">\(words)</a>" }
                out += index == 0 ? "<th scope=\"row\">\(words)</th>" : "<td>\(words)</td>"
            }
            out += "</tr>"
        }
        return out + "</tbody></table>"
    }
}

/// A kind of picture: figures in, SVG and a table out. Nothing of it depends on time, chance or a browser.
public protocol Chart: Sendable {
    var caption: Caption { get }
    var table: ChartTable { get }
    /// The inside of the picture.
    func body(_ size: ChartSize, _ theme: Theme, id: String) -> String
    /// What a pointer shows, as JSON for the page's script; nil for nothing.
    func hover(_ size: ChartSize) -> String?
}

extension Chart {
    public func hover(_ size: ChartSize) -> String? { nil }

    /// The whole picture.
    ///
    /// - Parameter variant: tells two pictures of the same figures in one page apart.
    public func svg(_ size: ChartSize = .wide, theme: Theme = .page, variant: String = "") -> String {
        let id = caption.id + (variant.isEmpty ? "" : "-" + variant)
        var out = "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" lang=\"\(caption.language.rawValue)\""
        out += " aria-labelledby=\"\(id)-t \(id)-d\" viewBox=\"0 0 \(size.width.short) \(size.height.short)\""
        if theme == .page {
            out += " class=\"chart\(variant.isEmpty ? "" : " " + variant)\""
            if let hover = hover(size) { out += " data-hover=\"\(Markup.escape(hover))\" tabindex=\"0\"" }
        } else {
            out += " width=\"\(size.width.short)\" height=\"\(size.height.short)\""
            out += " font-family=\"Inter, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif\""
        }
        out += "><title id=\"\(id)-t\">\(Markup.escape(caption.title))</title>"
        out += "<desc id=\"\(id)-d\">\(Markup.escape(caption.summary))</desc>"
        if theme != .page {
            var pen = Pen(theme)
            pen.rect(0, 0, size.width, size.height, .surface)
            out += pen.text
        }
        return out + body(size, theme, id: id) + "</svg>"
    }
}

/// How much room a text takes, roughly: figures and letters of a sans serif.
enum TextWidth {
    static func of(_ text: String, size: Double = 12) -> Double {
        var units = 0.0
        for scalar in text.unicodeScalars {
            switch scalar {
            case "i", "j", "l", "t", "f", "r", "I", ".", ",", ":", ";", "'", "|", "\u{202F}", " ", "\u{A0}":
                units += 0.32
            case "m", "w", "M", "W", "@": units += 0.86
            default: units += scalar.properties.isUppercase ? 0.69 : 0.6
            }
        }
        return units * size
    }

    /// Shortened with an ellipsis to fit.
    static func fitted(_ text: String, _ room: Double, size: Double = 12) -> String {
        guard of(text, size: size) > room else { return text }
        var kept = text
        while !kept.isEmpty, of(kept, size: size) + size * 0.7 > room { kept.removeLast() }
        return kept.isEmpty ? "" : kept + "…"
    }
}
