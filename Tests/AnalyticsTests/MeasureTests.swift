import Foundation
import Gateway
import HTTPTypes
import Postgres
import Testing
import Web

@testable import Analytics

/// Each figure three ways: SQL written here, OData, the JSON of consoles.
@Suite(.enabled(if: Star.isThere, "\(Star.absent)")) struct MeasureTests {
    /// One condition in both languages, written apart from the compiler under test.
    struct Sample {
        let odata: String
        let sql: String
    }

    private static func random(
        _ entity: Entity, _ model: Model, _ values: [String: [String?]], _ generator: inout Seeded
    ) -> Sample {
        let count = Int.random(in: 0...3, using: &generator)
        var odata: [String] = []
        var sql: [String] = []
        for _ in 0..<count {
            var paths = entity.columns.map { ($0, $0.name, "x.\"\($0.name)\"") }
            for link in entity.links {
                guard let target = model.entity(link.target) else { continue }
                paths += target.columns.map { column in
                    (
                        column, "\(link.name)/\(column.name)",
                        "(select y.\"\(column.name)\" from bi.\"\(link.target)\" y where y.\"\(link.targetColumn)\" = x.\"\(link.column)\")"
                    )
                }
            }
            let (column, path, place) = paths[Int.random(in: 0..<paths.count, using: &generator)]
            let key =
                path.contains("/")
                ? "\(entity.link(String(path.split(separator: "/")[0]))?.target ?? "").\(column.name)"
                : "\(entity.name).\(column.name)"
            // A table may be empty, or a sample of it.
            let value = (values[key] ?? []).randomElement(using: &generator) ?? nil
            let (word, sign) = [("eq", "="), ("ne", "<>"), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")][
                Int.random(in: 0..<6, using: &generator)]
            guard let value else {
                odata.append("\(path) eq null")
                sql.append("\(place) is null")
                continue
            }
            let text = value.replacing("'", with: "''")
            switch column.type {
            case .text:
                odata.append("\(path) \(word) '\(text)'")
                sql.append("coalesce(\(place) \(sign) '\(text)', \(word == "ne"))")
            case .bool:
                let same = word == "ne" ? ("ne", "<>") : ("eq", "=")
                odata.append("\(path) \(same.0) \(value == "t" ? "true" : "false")")
                sql.append("coalesce(\(place) \(same.1) \(value == "t"), \(word == "ne"))")
            case .date:
                odata.append("\(path) \(word) \(value)")
                sql.append("coalesce(\(place) \(sign) date '\(value)', \(word == "ne"))")
            case .timestamp:
                odata.append("\(path) \(word) \(value)")
                sql.append("coalesce(\(place) \(sign) timestamptz '\(value)', \(word == "ne"))")
            case .double, .int32, .int64, .decimal:
                odata.append("\(path) \(word) \(value)")
                sql.append("coalesce(\(place) \(sign) \(value), \(word == "ne"))")
            }
        }
        let join = Bool.random(using: &generator) ? "and" : "or"
        return Sample(
            odata: odata.joined(separator: " \(join) "), sql: sql.isEmpty ? "true" : sql.joined(separator: " \(join) "))
    }

    /// Values that stand in the tables, so that conditions part their rows.
    private static func values(_ bank: Star.Bank, _ model: Model) async throws -> [String: [String?]] {
        var values: [String: [String?]] = [:]
        for entity in model.entities {
            for column in entity.columns {
                let place =
                    column.type == .timestamp
                    ? "to_char(\"\(column.name)\" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                    : "\"\(column.name)\"::text"
                values["\(entity.name).\(column.name)"] = try await bank.database.run(
                    Statement(
                        unchecked: "select \(place) from bi.\"\(entity.name)\" tablesample bernoulli (30) limit 20")
                ).map { try $0.decodeIfPresent(0, as: String.self) }
            }
        }
        return values
    }

    @Test("every measure is the same in SQL, in OData and in the consoles' JSON, under 20 random filters each")
    func threeWays() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Star.with { bank in
            var generator = Seeded(state: seed)
            let model = try await bank.analytics.model()
            let values = try await Self.values(bank, model)
            let service = ODataService(bank.analytics, clock: { 0 })
            let routes = AnalyticsRoutes(
                analytics: bank.analytics, tokens: BITokenStore(bank.database), address: "http://x", clock: { 0 })
            var compared = 0
            var filled = 0
            for measure in bank.analytics.measures.measures {
                let entity = try #require(model.entity(measure.table))
                for round in 0..<20 {
                    let test =
                        round == 0 ? Sample(odata: "", sql: "true") : Self.random(entity, model, values, &generator)
                    let sql = try await bank.text(
                        """
                        select trim_scale(round((\(measure.sql.replacing("f.", with: "x.")))::numeric, 6))::text
                        from bi."\(measure.table)" x where \(test.sql)
                        """)
                    let words = "seed \(seed): \(measure.name) where \(test.odata)"
                    let filter = test.odata.isEmpty ? "" : "filter(\(test.odata))/"
                    let query = "$apply=" + Self.encoded("\(filter)aggregate(\(measure.name))")
                    let answer = await service.handle(
                        ApiRequest(method: .get, path: "/\(measure.table)", query: query), root: "http://x")
                    let json = try JSONReader.read(answer.body)
                    let row = try #require(json["value"]?.array?.first, "\(words): \(json.text)")
                    var odata: String?
                    if case .number(let digits) = row[measure.name] { odata = digits }
                    #expect(odata == sql, "\(words): OData")
                    let asked = test.odata.isEmpty ? "" : "filter=" + Self.encoded(test.odata)
                    let shown = await routes.handle(
                        figures: ApiRequest(method: .get, path: "/measures/\(measure.name)", query: asked))
                    #expect(try JSONReader.read(shown.body)["value"]?.string == sql, "\(words): JSON")
                    compared += 1
                    if sql != nil, sql != "0" { filled += 1 }
                }
            }
            #expect(compared == bank.analytics.measures.measures.count * 20)
            #expect(filled > compared / 5, "\(filled) of \(compared) have something to compare")
        }
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    @Test("the measures that ship have no fault, and faults are found")
    func faults() async throws {
        try await Star.with { bank in
            let model = try await bank.analytics.model()
            #expect(try MeasureBook.shipped().faults(in: model).isEmpty)
            let cases: [(sql: String, dax: String, table: String, word: String)] = [
                ("sum(f.nothing)", "COUNTROWS(fact_transaction)", "fact_transaction", "has no column nothing"),
                ("count(*)", "COUNTROWS(nowhere)", "fact_transaction", "no table nowhere"),
                ("count(*)", "SUM(fact_transaction[nothing])", "fact_transaction", "has no column nothing"),
                ("count(*)", "SUM(fact_transaction[montant]", "fact_transaction", "not closed"),
                ("count(*)", "SUM(fact_transaction[montant]))", "fact_transaction", "not opened"),
                ("count(*)", "EVIL(fact_transaction)", "fact_transaction", "EVIL is no function"),
                (
                    "(select count(*) from bi.jetons)", "COUNTROWS(fact_transaction)", "fact_transaction",
                    "may not stand"
                ),
                ("pg_sleep(9)", "COUNTROWS(fact_transaction)", "fact_transaction", "may not stand"),
                ("count(*); drop table x", "COUNTROWS(fact_transaction)", "fact_transaction", "may not stand"),
                ("count(*)", "COUNTROWS(fact_transaction)", "nowhere", "no table nowhere"),
            ]
            for (sql, dax, table, word) in cases {
                let book = try MeasureBook.parse(
                    """
                    measures:
                      - { name: m, table: \(table), unit: nombre, fr: a, en: b, sql: "\(sql)", dax: "\(dax)" }
                    """)
                let faults = book.faults(in: model)
                #expect(faults.contains { $0.contains(word) }, "\(sql) \(dax): \(faults)")
            }
        }
        #expect(throws: AnalyticsError.self) { try MeasureBook.parse("measures: [{ name: A }]") }
        let twice = "{ name: a, table: t, unit: nombre, fr: a, en: b, sql: x, dax: y }"
        #expect(throws: AnalyticsError.self) { try MeasureBook.parse("measures: [\(twice), \(twice)]") }
    }

    @Test("a figure is split by columns, in their order")
    func split() async throws {
        try await Star.with { bank in
            let rows = try await bank.analytics.measure(
                "nombre_operations", filter: "date/annee eq 2018", by: ["type_operation/type_operation"])
            #expect(rows.map { $0.by[0] } == ["carte", "retrait", "virement"])
            let total = try await bank.analytics.measure("nombre_operations", filter: "date/annee eq 2018")
            #expect(rows.compactMap { Int($0.value ?? "") }.reduce(0, +) == Int(total ?? ""))
            await #expect(throws: AnalyticsError.self) { try await bank.analytics.measure("nothing") }
            await #expect(throws: ODataProblem.self) {
                try await bank.analytics.measure("nombre_operations", filter: "a eq", by: [])
            }
        }
    }
}
