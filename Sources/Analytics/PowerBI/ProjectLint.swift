internal import Foundation
internal import Web

/// Reads a project back as text and resolves every name in it: against the database's schema, not against what wrote it.
public enum ProjectLint {
    /// What a project's model holds, read from its TMDL.
    struct Table {
        var name = ""
        var columns: Set<String> = []
        var measures: [String: String] = [:]
        var source = ""
    }

    /// Faults of the project in `folder`; empty when it can be opened over this model.
    public static func faults(in folder: String, model: Model) throws -> [String] {
        let definition = folder + "/DigitalBank.SemanticModel/definition"
        var faults: [String] = []
        var tables: [String: Table] = [:]
        for path in try names(definition + "/tables") {
            let text = try read(definition + "/tables/" + path)
            faults += form(text, path)
            let table = table(text)
            faults += check(table, model).map { "\(path): \($0)" }
            tables[table.name] = table
        }
        for entity in model.entities where tables[entity.name] == nil {
            faults.append("the table \(entity.name) is not in the project")
        }
        let relations = try read(definition + "/relationships.tmdl")
        faults += form(relations, "relationships.tmdl")
        for line in relations.split(separator: "\n") {
            let words = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard words.count == 2, words[0] == "fromColumn" || words[0] == "toColumn" else { continue }
            let parts = words[1].split(separator: ".").map(String.init)
            if parts.count != 2 || tables[parts[0]]?.columns.contains(parts[1]) != true {
                faults.append("relationships.tmdl: there is no column \(words[1])")
            }
        }
        for path in try names(definition + "/roles") {
            let text = try read(definition + "/roles/" + path)
            faults += (form(text, path) + RowRules.faults(text, model).map { "\(path): \($0)" })
        }
        return faults + (try report(folder + "/DigitalBank.Report/definition", tables))
    }

    private static func form(_ text: String, _ path: String) -> [String] {
        var faults: [String] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let indent = line.prefix { $0 == "\t" || $0 == " " }
            if indent.contains(" ") { faults.append("\(path):\(number + 1): the indent holds spaces") }
            if line.dropFirst(indent.count).hasPrefix("//"), !line.dropFirst(indent.count).hasPrefix("///") {
                faults.append("\(path):\(number + 1): TMDL has no comments")
            }
        }
        return faults
    }

    static func table(_ text: String) -> Table {
        var table = Table()
        for line in text.split(separator: "\n") {
            if line.hasPrefix("table ") { table.name = unquoted(line.dropFirst(6)) }
            if line.hasPrefix("\tmeasure "), let equals = line.range(of: " = ") {
                table.measures[unquoted(line[line.index(line.startIndex, offsetBy: 9)..<equals.lowerBound])] =
                    String(line[equals.upperBound...])
            }
            if line.hasPrefix("\t\tsourceColumn: ") { table.columns.insert(unquoted(line.dropFirst(16))) }
            if let range = line.range(of: "Item=\"") {
                table.source = String(line[range.upperBound...].prefix { $0 != "\"" })
            }
        }
        return table
    }

    private static func check(_ table: Table, _ model: Model) -> [String] {
        guard let entity = model.entity(table.source) else {
            return ["the partition reads bi.\(table.source), which is not there"]
        }
        var faults = table.columns.filter { entity.column($0) == nil }.sorted().map {
            "bi.\(table.source) has no column \($0)"
        }
        for (name, dax) in table.measures.sorted(by: { $0.key < $1.key }) {
            if table.columns.contains(name) { faults.append("the measure \(name) has the name of a column") }
            faults += DAXLint.faults(in: dax, model: model).map { "\(name): \($0)" }
        }
        return faults
    }

    /// Every field of every visual is a column or measure of the project.
    private static func report(_ folder: String, _ tables: [String: Table]) throws -> [String] {
        var faults: [String] = []
        for page in try names(folder + "/pages") where !page.hasSuffix(".json") {
            for visual in try names(folder + "/pages/\(page)/visuals") {
                let path = "/pages/\(page)/visuals/\(visual)/visual.json"
                let json = try JSONReader.read(try read(folder + path))
                guard let roles = json["visual"]?["query"]?["queryState"]?.members else {
                    faults.append("\(path): no query")
                    continue
                }
                for projection in roles.flatMap({ $0.value["projections"]?.array ?? [] }) {
                    for (kind, isMeasure) in [("Column", false), ("Measure", true)] {
                        guard let field = projection["field"]?[kind] else { continue }
                        let entity = field["Expression"]?["SourceRef"]?["Entity"]?.string ?? ""
                        let name = field["Property"]?.string ?? ""
                        let known =
                            isMeasure
                            ? tables[entity]?.measures[name] != nil : tables[entity]?.columns.contains(name) == true
                        if !known { faults.append("\(path): there is no \(kind.lowercased()) \(entity).\(name)") }
                    }
                }
            }
        }
        return faults
    }

    private static func unquoted(_ text: some StringProtocol) -> String {
        let text = text.trimmingCharacters(in: .whitespaces)
        guard text.hasPrefix("'"), text.hasSuffix("'"), text.count > 1 else { return text }
        return String(text.dropFirst().dropLast()).replacing("''", with: "'")
    }

    private static func names(_ folder: String) throws -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw AnalyticsError.file(folder)
        }
        return names.sorted()
    }

    private static func read(_ path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw AnalyticsError.file(path) }
        return text
    }
}
