internal import Diagnostics
internal import Foundation

/// The names, places and shops that the bank is made of, read from the target's resources.
struct Words: Sendable {
    struct Shops: Sendable {
        let category: String
        let share: Double
        let median: Double
        let spread: Double
        let hours: ClosedRange<Int>
        let names: [String]
    }

    let women: [String]
    let men: [String]
    let families: [String]
    let streets: [String]
    let cities: [(postcode: String, name: String)]
    let shops: [Shops]

    init() throws {
        let folder = try ResourceFolder.find(target: "Simulator", name: "Legacy")
        var lists: [String: [String]] = [:]
        for line in try Self.lines(folder + "/noms.txt") {
            lists[line[0]] = line[1].split(separator: "|").map(String.init)
        }
        func list(_ name: String) throws(SimulatorError) -> [String] {
            guard let words = lists[name], !words.isEmpty else { throw .resource("noms.txt has no line \(name)") }
            return words
        }
        women = try list("feminins")
        men = try list("masculins")
        families = try list("familles")
        streets = try list("voies")
        cities = try list("villes").map { ($0.prefixBefore(" "), String($0.dropFirst(6))) }
        shops = try Self.lines(folder + "/commerces.txt").map { line throws(SimulatorError) in
            guard line.count == 6, let share = Double(line[1]), let median = Double(line[2]),
                let spread = Double(line[3]), let from = Int(line[4].prefixBefore("-")),
                let to = line[4].split(separator: "-").last.flatMap({ Int($0) }), from < to
            else { throw .resource("commerces.txt: a line is not of six fields: \(line)") }
            return Shops(
                category: line[0], share: share, median: median, spread: spread, hours: from...to,
                names: line[5].split(separator: "|").map(String.init))
        }
    }

    private static func lines(_ path: String) throws -> [[String]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
            .map { $0.split(separator: "\t").map(String.init) }
    }

    /// Lower case, without accents: for addresses of mail.
    static func plain(_ name: String) -> String {
        var text = ""
        for character in name.lowercased() {
            switch character {
            case "é", "è", "ê", "ë": text += "e"
            case "à", "â", "ä": text += "a"
            case "î", "ï": text += "i"
            case "ô", "ö": text += "o"
            case "û", "ü", "ù": text += "u"
            case "ç": text += "c"
            case "a"..."z", "0"..."9": text.append(character)
            default: text += "-"
            }
        }
        return text
    }
}

extension String {
    func prefixBefore(_ separator: Character) -> String {
        firstIndex(of: separator).map { String(self[..<$0]) } ?? self
    }
}
