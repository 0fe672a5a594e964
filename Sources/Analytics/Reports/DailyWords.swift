/// What the daily report says besides its figures, in one language.
public struct DailyWords: Sendable {
    public let language: String
    let kicker: String
    let thirtyDays: String
    let detail: String
    let footer: String
    let noComparison: String
    let heads: [String]
    let nothing: String
    let colon: String
    let chartLabel: String
    let chartCaption: String
    let title: @Sendable (_ day: String) -> String
    let made: @Sendable (_ moment: String) -> String
    let against: @Sendable (_ change: String) -> String
    /// Headings, by the French ones.
    private let headings: [String: String]

    public static let all = [french, english]

    public static let french = DailyWords(
        language: "fr", kicker: "rapport quotidien", thirtyDays: "Trente jours", detail: "Détail",
        footer: "Un tiret signifie qu’il n’y a pas de donnée ce jour-là. « Semaine » est le même jour de la semaine "
            + "précédente. Chaque chiffre est une mesure de rules/measures.yml, la même dans la console, OData et Power BI.",
        noComparison: "pas de comparaison", heads: ["Indicateur", "Jour", "Veille", "Écart", "Semaine"],
        nothing: "Rien ce jour-là.", colon: " : ", chartLabel: "Nombre d’opérations par jour sur trente jours",
        chartCaption: "Nombre d’opérations par jour ; le jour du rapport est plein, les week-ends sont clairs.",
        title: { "Rapport quotidien du \($0)" },
        made: { "Établi le \($0) à partir de l’entrepôt sous pseudonymes (schéma bi)." },
        against: { "\($0) sur la veille" }, headings: [:])

    public static let english = DailyWords(
        language: "en", kicker: "daily report", thirtyDays: "Thirty days", detail: "Detail",
        footer:
            "A dash means that there is no figure of that day. “Week” is the same day of the week before. Each figure is "
            + "a measure of rules/measures.yml, the same in the console, OData and Power BI.",
        noComparison: "no comparison", heads: ["Figure", "Day", "Day before", "Change", "Week"],
        nothing: "Nothing that day.", colon: ": ", chartLabel: "Operations a day over thirty days",
        chartCaption: "Operations a day; the report's day is dark, weekends are pale.",
        title: { "Daily report of \($0)" },
        made: { "Made on \($0) from the warehouse under pseudonyms (schema bi)." },
        against: { "\($0) on the day before" },
        headings: [
            "Opérations": "Operations", "Fraude": "Fraud", "Sécurité": "Security", "Disponibilité": "Availability",
            "Sauvegardes": "Backups", "Conformité et automatisations": "Compliance and automations",
            "Opérations par type": "Operations by type", "Opérations par canal": "Operations by channel",
            "Opérations par segment": "Operations by segment", "Alertes par règle": "Alerts by rule",
            "Événements de sécurité par action": "Security events by action", "Type": "Type", "Canal": "Channel",
            "Segment": "Segment", "Règle": "Rule", "Action": "Action",
        ])

    private var isFrench: Bool { language == "fr" }

    func heading(_ french: String) -> String { headings[french] ?? french }

    func name(_ measure: Measure) -> String { isFrench ? measure.french : measure.english }

    func day(_ day: Day) -> String {
        guard !isFrench else { return FrenchText.day(day) }
        let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November",
            "December",
        ]
        return "\(names[day.weekday]) \(day.day) \(months[day.month - 1]) \(day.year)"
    }

    func shortDay(_ day: Day) -> String { isFrench ? "\(day.day)/\(day.month)" : "\(day.month)/\(day.day)" }

    /// `12,34 %` and `1 234,50 €`; `12.34%` and `€1,234.50`.
    func figure(_ value: String?, unit: String) -> String {
        let french = FrenchText.figure(value, unit: unit)
        return isFrench ? french : Self.english(french, unit)
    }

    /// The same digits with the signs of English.
    private static func english(_ french: String, _ unit: String) -> String {
        var text = ""
        for character in french {
            switch character {
            case ",": text += "."
            case "\u{202F}": text += ","
            default: text.append(character)
            }
        }
        let fixed = "\u{00A0}"
        if text.hasSuffix(fixed + "%") { return String(text.dropLast(2)) + "%" }
        if unit == "EUR", text.hasSuffix(fixed + "€") {
            let number = text.dropLast(2)
            return number.hasPrefix("-") ? "-€" + number.dropFirst() : "€" + number
        }
        if unit == "jours" { return String(text.dropLast()) + "d" }
        return unit == "octets" ? String(text.dropLast()) + "B" : text
    }

    /// `+12,5 %` of the value before; nil when one is missing or zero.
    func change(_ value: String?, _ before: String?) -> String? {
        guard let value = value.flatMap(Double.init), let before = before.flatMap(Double.init), before != 0 else {
            return nil
        }
        let percent = (value - before) / abs(before) * 100
        guard percent.isFinite, abs(percent) < 1e9 else { return nil }
        let tenths = Int((percent * 10).rounded())
        let digits = "\(abs(tenths) / 10).\(abs(tenths) % 10)"
        let sign = tenths > 0 ? "+" : tenths < 0 ? "-" : ""
        let french = sign + (FrenchText.decimal(digits, decimals: 1) ?? digits) + "\u{00A0}%"
        return isFrench ? french : Self.english(french, "ratio")
    }
}
