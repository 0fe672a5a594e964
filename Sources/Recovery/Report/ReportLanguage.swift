internal import Foundation

/// The two languages of a report; the bank is French, its auditors may not be.
public enum ReportLanguage: String, Sendable, CaseIterable {
    case fr, en

    func callAsFunction(_ fr: String, _ en: String) -> String { self == .fr ? fr : en }

    func callAsFunction(_ text: BilingualText) -> String { self == .fr ? text.fr : text.en }

    /// The word for a severity, which the JSON has in English.
    func severity(_ name: String) -> String {
        guard self == .fr else { return name }
        return switch name {
        case "critical": "critique"
        case "high": "élevée"
        case "medium": "moyenne"
        case "low": "faible"
        default: name
        }
    }

    /// The words for a sign by which the period of an attack is known.
    func sign(_ name: String) -> String {
        switch name {
        case "transaction_forged": self("opérations forgées", "forged operations")
        case "employee_added": self("compte du personnel ajouté", "staff account added")
        case "log_wiped": self("journal effacé", "log wiped")
        default: name
        }
    }

    /// What a kind of damage means, in a sentence; the finding's own words follow as detail.
    func damage(_ kind: String) -> String? {
        switch kind {
        case "header-lost": self("L’en-tête est perdu ou illisible.", "The header is lost or can not be read.")
        case "table-of-contents": self("Le sommaire de l’archive est abîmé.", "The table of contents is damaged.")
        case "truncated": self("Le fichier s’arrête trop tôt.", "The file ends too early.")
        case "framing": self("Les limites des données sont fausses ici.", "The data's borders are wrong here.")
        case "compressed-data": self("Des données compressées sont abîmées.", "Compressed data is damaged.")
        case "checksum": self("La somme de contrôle diffère.", "The checksum differs.")
        case "bit-flip":
            self(
                "Un seul bit avait changé ; il est rétabli, et la somme de contrôle le prouve.",
                "A single bit had changed; it is turned back, and the checksum proves it.")
        case "hole": self("Des octets sont perdus.", "Bytes are lost.")
        case "member-missing": self("Une partie de l’archive manque.", "A part of the archive is missing.")
        case "member-header": self("L’en-tête d’une partie est abîmé.", "The header of a part is damaged.")
        case "rows": self("Ces octets ne sont pas des lignes de la table.", "These bytes are no rows of the table.")
        case "terminator-lost": self("La fin des données d’une table manque.", "The end of a table's data is missing.")
        case "garbage": self("Ces octets ne sont rien de connu.", "These bytes are nothing known.")
        default: nil
        }
    }

    /// `1 234 567` or `1,234,567`.
    func number(_ value: Int64) -> String {
        let separator = self == .fr ? "\u{202F}" : ","
        var digits = String(value.magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = String(digits.dropLast(3))
        }
        groups.insert(Substring(digits), at: 0)
        return (value < 0 ? "−" : "") + groups.joined(separator: separator)
    }

    func decimal(_ value: Double, places: Int) -> String {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int64((value * scale).rounded())
        guard places > 0 else { return number(scaled) }
        let whole = number(scaled / Int64(scale))
        let fraction = String((scaled % Int64(scale)).magnitude)
        let padded = String(repeating: "0", count: max(places - fraction.count, 0)) + fraction
        return whole + (self == .fr ? "," : ".") + padded
    }

    func seconds(_ value: Double) -> String { decimal(value, places: value < 10 ? 2 : 1) + " s" }

    func bytes(_ value: Int64) -> String {
        let units = self == .fr ? ["o", "Ko", "Mo", "Go", "To"] : ["B", "kB", "MB", "GB", "TB"]
        var amount = Double(value)
        var unit = 0
        while amount >= 1000, unit < units.count - 1 {
            amount /= 1000
            unit += 1
        }
        return decimal(amount, places: unit == 0 ? 0 : 1) + " " + units[unit]
    }

    /// In Paris time, as people of the bank read it.
    func date(_ value: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: self == .fr ? "fr_FR" : "en_GB")
        formatter.timeZone = TimeZone(identifier: "Europe/Paris")
        formatter.dateFormat = self == .fr ? "d MMMM yyyy 'à' HH:mm:ss" : "d MMMM yyyy 'at' HH:mm:ss"
        return formatter.string(from: value) + (self == .fr ? " (heure de Paris)" : " (Paris time)")
    }
}
