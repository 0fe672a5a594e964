internal import Diagnostics
internal import Foundation
internal import Yams

/// One figure of the bank, defined once for SQL and for Power BI.
public struct Measure: Sendable, Hashable {
    public let name: String
    public let table: String
    public let french: String
    public let english: String
    public let unit: String
    /// An aggregate over `f`, a row of `table`.
    let sql: String
    public let dax: String
    /// The same over `c`, a row of the sums that are kept ahead; nil where they do not hold it.
    let cube: String?

    /// The columns of `f` that the SQL names.
    var columns: Set<String> { Self.columns(of: "f.", in: sql) }
    /// The columns of `c` that its cube's SQL names.
    var cubeColumns: Set<String> { cube.map { Self.columns(of: "c.", in: $0) } ?? [] }

    private static func columns(of row: String, in sql: String) -> Set<String> {
        var found: Set<String> = []
        for part in sql.split(whereSeparator: {
            !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "."))
        })
        where part.hasPrefix(row) { found.insert(String(part.dropFirst(2))) }
        return found
    }
}

/// The measures of `rules/measures.yml`.
public struct MeasureBook: Sendable, Hashable {
    public static let measuresMax = 500
    public static let units: Set<String> = [
        "EUR", "nombre", "ratio", "heures", "minutes", "secondes", "ms", "jours", "octets",
    ]

    public let measures: [Measure]

    public func measure(_ name: String) -> Measure? { measures.first { $0.name == name } }
    public func measures(of table: String) -> [Measure] { measures.filter { $0.table == table } }

    public static func shipped() throws -> MeasureBook {
        let path = try ResourceFolder.find(target: "Analytics", name: "Rules") + "/measures.yml"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw AnalyticsError.measures("there is no file \(path)")
        }
        return try parse(String(decoding: data, as: UTF8.self))
    }

    private struct File: Decodable {
        struct Line: Decodable {
            let name: String
            let table: String
            let unit: String
            let fr: String
            let en: String
            let sql: String
            let dax: String
            let cube: String?
        }
        let measures: [Line]
    }

    public static func parse(_ text: String) throws(AnalyticsError) -> MeasureBook {
        let file: File
        do { file = try YAMLDecoder().decode(File.self, from: text) } catch {
            throw AnalyticsError.measures("\(error)")
        }
        guard file.measures.count <= measuresMax else { throw AnalyticsError.measures("over \(measuresMax)") }
        var names: Set<String> = []
        var measures: [Measure] = []
        for line in file.measures {
            guard !line.name.isEmpty,
                line.name.utf8.allSatisfy({ $0 == 95 || (97...122).contains($0) || (48...57).contains($0) })
            else { throw AnalyticsError.measures("\(line.name) is no name: lower case letters, digits, _") }
            guard names.insert(line.name).inserted else { throw AnalyticsError.measures("two are named \(line.name)") }
            guard units.contains(line.unit) else {
                throw AnalyticsError.measures("\(line.name) is in \(line.unit), which is no unit")
            }
            measures.append(
                Measure(
                    name: line.name, table: line.table, french: line.fr, english: line.en, unit: line.unit,
                    sql: line.sql, dax: line.dax, cube: line.cube))
        }
        return MeasureBook(measures: measures)
    }

    /// What is wrong with the measures over this model; empty when they can be used.
    public func faults(in model: Model) -> [String] {
        measures.flatMap { measure -> [String] in
            guard let entity = model.entity(measure.table) else {
                return ["\(measure.name): there is no table \(measure.table)"]
            }
            var faults = measure.columns.filter { entity.column($0) == nil }.sorted().map {
                "\(measure.name): \(measure.table) has no column \($0)"
            }
            if entity.column(measure.name) != nil {
                faults.append("\(measure.name): \(measure.table) has a column of this name")
            }
            if let cube = measure.cube {
                faults += SQLWords.unknown(in: cube, row: "c.").map {
                    "\(measure.name): \($0) may not stand in a cube's sum"
                }
                if Cube.allCases.allSatisfy({ !measure.cubeColumns.isSubset(of: $0.columns) }) {
                    faults.append(
                        "\(measure.name): no cube has \(measure.cubeColumns.sorted().joined(separator: ", "))")
                }
            }
            let words = SQLWords.unknown(in: measure.sql)
            if !words.isEmpty {
                faults.append("\(measure.name): \(words.joined(separator: ", ")) may not stand in a measure")
            }
            return faults + DAXLint.faults(in: measure.dax, model: model).map { "\(measure.name): \($0)" }
        }
    }
}

/// What the SQL of a measure may be made of: aggregates, arithmetic, columns of `f`; no query inside it.
enum SQLWords {
    private static let known: Set<String> = [
        "count", "sum", "avg", "min", "max", "coalesce", "nullif", "filter", "where", "distinct", "numeric", "and",
        "or",
        "not", "is", "null", "true", "false", "round", "in",
    ]

    static func unknown(in sql: String, row: String = "f.") -> [String] {
        let allowed = Set("()+-*/<>=,.:' ")
        var strange = sql.filter { !$0.isASCII || !($0.isLetter || $0.isNumber || $0 == "_" || allowed.contains($0)) }
            .map(String.init)
        // Every other piece is a text: a plain word, or it is no text of a measure.
        let pieces = sql.split(separator: "'", omittingEmptySubsequences: false)
        let texts = pieces.indices.filter { $0 % 2 == 1 }.map { pieces[$0] }
        strange += texts.filter { $0.isEmpty || !$0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } }
            .map(String.init)
        if pieces.count % 2 == 0 { strange.append("'") }
        let outside = pieces.indices.filter { $0 % 2 == 0 }.map { pieces[$0] }.joined(separator: " ")
        let words = outside.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".")) }
        strange += words.filter { word in
            !word.hasPrefix(row) && !known.contains(word.lowercased()) && Double(word) == nil
        }.map(String.init)
        return strange
    }
}
