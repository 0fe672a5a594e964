internal import Charts
internal import Web

/// Amounts and names as pages show them.
extension PageCall {
    /// `{"amount": "12.34", "currency": "EUR"}` in words.
    func money(_ json: JSON?) -> String {
        numbers.money(json?["amount"]?.string ?? "0", json?["currency"]?.string ?? "EUR")
    }

    /// Minor units of a currency with two decimals, as text.
    func money(minor: String, _ currency: String = "EUR") -> String {
        numbers.money(Decimals.major(minor, currency), currency)
    }

    /// With a sign in front of what came in too.
    func signed(minor: String, _ currency: String = "EUR") -> String {
        let words = money(minor: minor, currency)
        return minor.hasPrefix("-") || minor == "0" ? words : "+" + words
    }

    /// What an operation is called when it has no label.
    func kind(_ kind: String?) -> String {
        let kind = kind ?? "reprise"
        return words.known("kind." + kind) ?? kind
    }
}

enum Decimals {
    private static let exponents = ["JPY": 0, "TND": 3, "BHD": 3, "KWD": 3]

    /// `-1234` of EUR is `-12.34`.
    static func major(_ minor: String, _ currency: String) -> String {
        let places = exponents[currency] ?? 2
        let isNegative = minor.hasPrefix("-")
        var digits = String(isNegative ? minor.dropFirst() : minor[...])
        guard places > 0 else { return minor }
        if digits.count <= places { digits = String(repeating: "0", count: places + 1 - digits.count) + digits }
        return (isNegative ? "-" : "") + digits.dropLast(places) + "." + digits.suffix(places)
    }

    static func major(_ minor: Int64, _ currency: String = "EUR") -> String { major(String(minor), currency) }

    static func value(_ minor: JSON?, _ currency: String = "EUR") -> Double {
        let text = minor?.string ?? minor?.integer.map { String($0) } ?? "0"
        return Double(major(text, currency)) ?? 0
    }

    /// What people type: `1 234,56`, `1,234.56`, `12`. Nil when it is no amount.
    static func typed(_ text: String) -> String? {
        let plain = text.filter { !" \u{A0}\u{202F}€'".contains($0) }
        var whole = ""
        var decimals: String?
        for (index, character) in plain.enumerated() {
            if character.isASCII, character.isNumber {
                if decimals != nil { decimals?.append(character) } else { whole.append(character) }
            } else if character == "," || character == "." {
                let rest = plain.dropFirst(index + 1)
                // Between thousands, when another separator follows.
                if rest.contains(where: { ",.".contains($0) }) {
                    guard rest.prefix(3).allSatisfy(\.isNumber) else { return nil }
                    continue
                }
                guard decimals == nil else { return nil }
                decimals = ""
            } else {
                return nil
            }
        }
        while whole.count > 1, whole.first == "0" { whole.removeFirst() }
        guard !whole.isEmpty, whole.count <= 15, (decimals?.count ?? 0) <= 2 else { return nil }
        guard let decimals, !decimals.isEmpty else { return whole }
        return whole + "." + decimals
    }
}

/// An IBAN as papers have it, and as screens have it.
enum IBANText {
    /// `FR76 3000 6000 …`
    static func grouped(_ iban: String) -> String {
        var out = ""
        for (index, character) in iban.filter({ $0 != " " }).enumerated() {
            if index > 0, index % 4 == 0 { out += "\u{A0}" }
            out.append(character)
        }
        return out
    }

    /// `FR76 •••• 0189`
    static func masked(_ iban: String?, last: String?) -> String {
        guard let iban else { return last.map { "•••• " + $0 } ?? "–" }
        return "\(iban.prefix(4))\u{A0}••••\u{A0}\(iban.suffix(4))"
    }
}

/// A picture with its table, as templates take it.
extension PageCall {
    /// - Parameters:
    ///   - firstDay: of a picture by day, whose part may be chosen with the pointer.
    ///   - link: where a figure of its table leads to.
    func picture(
        _ chart: some Chart, _ size: ChartSize = .wide, narrow: ChartSize? = .narrow, firstDay: String? = nil,
        link: ((_ row: Int, _ column: Int) -> String?)? = nil
    ) -> View {
        var view: View = [
            "id": chart.caption.id, "title": chart.caption.title, "summary": chart.caption.summary,
            "wide": chart.svg(size, variant: narrow == nil ? "" : "wide"),
            "table": chart.table.html(caption: chart.caption.title, link: link ?? { _, _ in nil }),
            "first_day": firstDay ?? "", "leads_on": link != nil,
        ]
        if let narrow { view["narrow"] = chart.svg(narrow, variant: "narrow") }
        return view
    }

    func caption(_ id: String, _ title: String, _ summary: String) -> Caption {
        Caption(id: id, title: title, summary: summary, language: language)
    }
}
