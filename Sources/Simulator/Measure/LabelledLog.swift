internal import Diagnostics
internal import Foundation

/// A log of which each line, or each address, is known to be an attack of some class or ordinary: what detection is
/// measured with. The same seed gives the same lines.
public struct LabelledLog: Sendable {
    public enum Unit: Sendable { case line, address }

    public let name: String
    /// What such a file is called.
    public let file: String
    public let unit: Unit
    public internal(set) var lines: [String] = []
    /// By line number (from 1) or address: the class; nil: ordinary.
    public internal(set) var truth: [String: String?] = [:]

    mutating func add(_ line: String, _ kind: String?) {
        lines.append(line)
        truth["\(lines.count)"] = .some(kind)
    }
}

/// The texts of `Labelled`: a class and a text a line.
struct LabelledTexts {
    let texts: [(kind: String, text: String)]

    init(_ name: String) throws {
        let folder = try ResourceFolder.find(target: "Simulator", name: "Labelled")
        let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
        texts = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: "\t", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : ("", String(line))
        }
    }

    private static let words = [
        "bonjour", "test", "archive", "rapport", "tmp1", "export", "page", "photo", "client", "x9", "data", "index",
    ]
    private static let tables = ["clients", "comptes", "cartes", "transactions", "beneficiaires", "employes"]
    private static let columns = ["nom", "email", "solde", "montant", "libelle", "mot_de_passe"]
    private static let hosts = ["evil.example", "203.0.113.66", "x7.oast.example", "198.51.100.4"]
    private static let people = [
        "d'Arc", "O'Brien", "l'Hôpital", "Jean-Luc", "Müller & fils", "N'Diaye", "Select", "Andorre", "Union", "Leroy",
        "Gros Jean", "Le Goff-Martin", "D'Angelo (fils)", "Ünal", "Or", "Alter", "Scriptor", "M. & Mme Petit",
    ]
    private static let searches = [
        "virement de septembre", "carte bleue perdue", "select specialty hospital", "union européenne", "prix > 100 €",
        "loyer 1/2", "facture n° 12-34", "c'est où l'agence ?", "50% de remise", "assurance auto; habitation",
        "drop shipping", "order by courrier", "insert coin", "table basse & chaises", "1+1 gratuit", "like a bridge",
        "a=b", "Bob & Alice", "rock'n'roll", "to be or not to be", "mise à jour (update) du profil",
        "from Paris to Lyon",
        "https://banque.example/aide", "script de paiement", "delete my account", "<3 merci", "\"citation exacte\"",
        "exec. committee", "solde -50 euros", "café -- crème", "#promo2026", "{brouillon}", "jean.dupont@poste.example",
    ]
    private static let spaces = [" ", " ", " ", "+", "/**/", "%09", "%0a", "  "]

    /// One text out of a pattern.
    static func expand(_ pattern: String, hidesSpaces: Bool, _ random: inout SeededRandom) -> String {
        var text = ""
        var rest = pattern[...]
        while let mark = rest.firstIndex(of: "§") {
            text += rest[..<mark]
            let next = rest.index(after: mark)
            guard next < rest.endIndex else { break }
            switch rest[next] {
            case "N": text += "\(random.within(1...99_999))"
            case "W": text += random.pick(words)
            case "T": text += random.pick(tables)
            case "C": text += random.pick(columns)
            case "H": text += random.pick(hosts)
            case "P": text += random.pick(people)
            case "S": text += random.pick(searches)
            case "D": text += "2026-1\(random.below(3))-\(random.within(10...28))"
            case "I":
                text +=
                    "FR76\(random.within(10_000...99_999))\(random.within(1_000_000...9_999_999))\(random.within(1_000_000...9_999_999))"
            case "J": text += token(&random)
            case "_": text += hidesSpaces ? random.pick(spaces) : " "
            default: text += "§\(rest[next])"
            }
            rest = rest[rest.index(after: next)...]
        }
        return text + rest
    }

    /// What a token looks like.
    private static func token(_ random: inout SeededRandom) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        func part(_ count: Int) -> String { String((0..<count).map { _ in random.pick(letters) }) }
        return "eyJ" + part(20) + "." + part(40) + "." + part(30)
    }

    /// Some letters in the other case.
    static func mixed(_ text: String, _ random: inout SeededRandom) -> String {
        String(text.map { $0.isASCII && $0.isLowercase && random.chance(0.4) ? Character($0.uppercased()) : $0 })
    }
}
