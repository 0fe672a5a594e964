import Foundation
import Postgres
import Testing

@testable import Analytics

/// The grammar of `$filter` and the lists, without a database: a table of what is read and what is refused.
@Suite struct GrammarTests {
    static let model = Model([
        Entity(
            name: "fact_transaction",
            columns: [
                Column("transaction_cle", .int64), Column("client_cle", .int64), Column("date_cle", .int64),
                Column("montant", .decimal(precision: 18, scale: 4)), Column("score", .double, isNullable: true),
                Column("libelle", .text, isNullable: true), Column("horodatage", .timestamp),
                Column("historique", .bool),
                Column("jour", .date),
            ], key: ["transaction_cle"],
            links: [
                Link(column: "client_cle", target: "dim_client", targetColumn: "client_cle"),
                Link(column: "date_cle", target: "dim_date", targetColumn: "date_cle"),
            ]),
        Entity(
            name: "dim_client", columns: [Column("client_cle", .int64), Column("segment", .text)], key: ["client_cle"]),
        Entity(
            name: "dim_date", columns: [Column("date_cle", .int64), Column("annee", .int32), Column("jour", .date)],
            key: ["date_cle"]),
    ])

    static func plan(_ query: String) throws -> ReadPlan {
        let entity = try #require(model.entity("fact_transaction"))
        return try ReadPlan(ODataQuery(query), entity, model, MeasureBook.parse("measures: []"))
    }

    private static func plan(filter: String) throws -> ReadPlan {
        try plan("$filter=" + (filter.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""))
    }

    @Test(
        "these filters are read",
        arguments: [
            "montant gt 10", "montant gt 10.50", "montant gt -3", "montant gt - 3", "montant gt 1e3",
            "montant gt 1.5E-2",
            "montant add 5 gt 10", "montant mul 2 sub 1 ge 3", "montant div 2 eq 1", "montant divby 2 eq 1",
            "transaction_cle mod 2 eq 0", "-(montant) lt 0", "not (montant gt 1)", "not historique", "historique",
            "historique eq true", "historique eq false and not historique", "libelle eq 'abc'", "libelle eq 'l''été'",
            "libelle eq ''", "libelle eq null", "null eq libelle", "libelle ne null", "contains(libelle,'x')",
            "startswith(libelle, 'x') or endswith(libelle ,'y')", "length(libelle) gt 3", "indexof(libelle,'a') eq 0",
            "substring(libelle,1) eq 'b'", "substring(libelle,1,2) eq 'bc'", "tolower(libelle) eq 'a'",
            "toupper(trim(libelle)) eq 'A'", "concat(concat(libelle,'-'),libelle) ne 'a'", "round(montant) eq 3",
            "floor(score) eq 3", "ceiling(montant) eq 3", "year(horodatage) eq 2018", "month(jour) le 6",
            "day(horodatage) eq 1 and hour(horodatage) eq 2 and minute(horodatage) eq 3 and second(horodatage) lt 60",
            "date(horodatage) eq 2018-04-01", "horodatage lt now()", "horodatage ge 2018-04-01T00:00:00Z",
            "horodatage ge 2018-04-01T00:00Z", "horodatage ge 2018-04-01T00:00:00.123+02:00", "jour eq 2020-02-29",
            "client/segment eq 'courant seul'", "date/annee eq 2018 and client/segment ne 'x'",
            "montant in (1,2,3)", "libelle in ('a','b')", "(montant gt 1 and montant lt 5) or historique",
            "montant gt 1 and montant lt 5 or historique", "transaction_cle eq 99999999999999999999",
            "((((montant))) gt (((1))))", "score gt 0.5", "client/segment in ('a')", "montant  gt\t1",
            "montant gt +42", "montant lt +0.3e+1", "montant gt 1e-101", "horodatage gt 1972-06-30T23:59:60Z",
            "montant in ()", "montant in (null,1)", "historique in (true)", "not libelle in ('a')",
            "historique eq tRUe",
            "montant GT 1 AND NOT historique", "libelle IN ('a') Or montant Le 2",
        ])
    func accepted(filter: String) throws {
        let plan = try Self.plan(filter: filter)
        #expect(plan.conditions.count == 1)
        // Nothing of the text comes into the SQL: constants are bound.
        #expect(!plan.conditions[0].sql.contains("abc") && !plan.conditions[0].sql.contains("été"))
    }

    @Test(
        "these filters are refused",
        arguments: [
            "", "montant", "montant gt", "gt 1", "montant gt 1 and", "montant = 1", "montant > 1", "montant gt 'x'",
            "libelle gt 1", "unknown eq 1", "client/unknown eq 1", "client/segment/x eq 1", "nobody/segment eq 'x'",
            "contains(libelle)", "contains(montant,'x')", "contains(libelle,'x'", "(montant gt 1", "montant gt 1)",
            "not montant", "-libelle eq 1", "libelle add 1 eq 2", "libelle eq 'open", "jour eq 2019-02-29",
            "jour eq 2018-13-01", "horodatage ge 2018-04-01T25:00:00Z", "horodatage ge 2018-04-01T00:00:00",
            "jour eq 2018-04-01T00:00:00Z", "montant gt 1e9999", "+montant gt 1", " montant gt 1",
            "4 add transaction_cle in (9)", "montant gt 1.", "montant gt 01x", "montant gt INF",
            "score gt NaN", "libelle has 'x'", "client/any(c:c/segment eq 'x')", "sleep(1) eq 1", "pg_sleep(10) eq 1",
            "montant gt 1; drop table bi.jetons", "montant gt 1 -- x", "1 eq 1 or \"a\" eq 1", "libelle eq 'a' 'b'",
            "montant in (montant)", "montant in ('a')", "geo.distance(libelle,libelle) lt 1",
            "cast(montant,Edm.String) eq '1'", "isof(libelle,Edm.String)", "duration'P1D' eq 1", "$it/montant gt 1",
            "montant gt 1 montant lt 2", "historique eq 1", "historique and 1", "substring('a') eq 'b'",
            "now(1) lt now()",
            "@p gt 1", "montant mod 2.5 gt score mod 2", "montantgt1", "montant gt\u{0}1", "round('a') eq 1",
            "eq eq eq eq",
        ])
    func refused(filter: String) {
        #expect(throws: ODataProblem.self) { try Self.plan(filter: filter) }
    }

    @Test("what is the same in each row orders nothing: no page would end")
    func constants() throws {
        for order in ["null", "true", "now()", "1 add 2", "now() desc,true"] {
            #expect(try Self.plan("$orderby=" + order).keys.count == 1, "\(order)")
        }
        #expect(try Self.plan("$orderby=montant add 1").keys.count == 2)
        #expect(try Self.plan("@p=true&$orderby=@p").keys.count == 1)
    }

    @Test("names of options stand in capitals too, and without their sign")
    func names() throws {
        #expect(try Self.plan("$OrderBy=montant&Top=3&SELECT=montant").keys.count == 2)
        #expect(try Self.plan("expand=client(select=segment)").members.count { $0.group == "client" } == 1)
        #expect(try Self.plan("$select=*,montant").members.count == Self.plan("").members.count)
        #expect(throws: ODataProblem.self) { try Self.plan("$top=1&top=1") }
    }

    @Test("operators bind as the standard says")
    func precedence() throws {
        let cases: [(String, String)] = [
            (
                "1 add 2 mul 3 eq 7 and not historique or historique",
                "((1 add (2 mul 3)) eq 7) and (not historique) or historique"
            ),
            ("montant sub 1 sub 2 eq 0", "((montant sub 1) sub 2) eq 0"),
            ("historique or historique and historique", "historique or (historique and historique)"),
            ("montant gt 1 eq true", "(montant gt 1) eq true"),
        ]
        for (left, right) in cases {
            #expect(try ExpressionParser.expression(left) == ExpressionParser.expression(right), "\(left)")
        }
    }

    @Test("lists and options are read or refused with a reason")
    func options() throws {
        let good = [
            "$select=montant,jour", "$select=*", "$select=*,montant", "$orderby=montant desc,jour asc,client/segment",
            "$orderby=montant mul 2",
            "$expand=client", "$expand=client($select=segment),date($select=annee,jour)", "$top=0",
            "$top=5&$skip=10&$count=true",
            "$apply=aggregate(montant with sum as total)", "$apply=aggregate($count as n)",
            "$apply=groupby((client/segment,jour))",
            "$apply=groupby((jour),aggregate(montant with average as m,$count as n))",

            "$apply=filter(montant gt 1)/groupby((date/annee),aggregate(montant with max as m))/filter(m gt 5)&$orderby=m desc",
            "$apply=groupby((jour),aggregate(client_cle with countdistinct as n))&$filter=n gt 1", "$format=json",
            "$filter=montant gt @p&@p=10", "select=montant&filter=montant gt 1", "$select=montant&$filter=montant+gt+1",
        ]
        for query in good {
            let query = query.replacing(" ", with: "%20")
            #expect(throws: Never.self, "\(query)") { try Self.plan(query) }
        }
        let bad = [
            "$select=nothing", "$select=montant,", "$select=,", "$select=montant jour", "$select=*montant",
            "$orderby=nothing",
            "$orderby=montant up", "$orderby=montant,,jour", "$expand=nobody", "$expand=client,client",
            "$expand=client($expand=x)", "$expand=client($filter=segment eq 'x')", "$expand=client($select=x)",
            "$top=-1",
            "$top=x", "$top=1.5", "$skip=99999999999", "$count=maybe", "$search=x", "$compute=montant as x",
            "$nothing=1",
            "unknown=1", "$top=1&$top=2", "$format=xml", "$filter=%zz", "$filter=%c3%28", "$apply=",
            "$apply=aggregate()",
            "$apply=aggregate(montant with median as m)", "$apply=aggregate(montant with sum)", "$apply=groupby(jour)",
            "$apply=groupby((jour),aggregate(montant with sum as jour))", "$apply=aggregate(libelle with sum as x)",
            "$apply=groupby((jour))/groupby((jour))", "$apply=compute(montant as x)", "$apply=topcount(3,montant)",
            "$apply=groupby((rollup(jour,montant)))", "$apply=aggregate(nothing with sum as x)",
            "$apply=aggregate(nothing)",
            "$apply=groupby((jour))&$select=jour", "$apply=groupby((jour))&$filter=montant gt 1",
            "$filter=montant gt @p", "$filter=montant gt @p&@p=jour",
        ]
        for query in bad {
            let query = query.replacing(" ", with: "%20")
            #expect(throws: ODataProblem.self, "\(query)") { try Self.plan(query) }
        }
    }

    @Test("what is too deep, too long or too much is refused, not computed")
    func limits() {
        let deep = String(repeating: "(", count: 2000) + "1" + String(repeating: ")", count: 2000)
        let nots = String(repeating: "not ", count: 1500) + "historique"
        let long = (0..<600).map { "montant eq \($0)" }.joined(separator: " or ")
        let minus = String(repeating: "- ", count: 3000) + "1 eq 1"
        for text in [deep, nots, long, minus, String(repeating: "x", count: 100_000)] {
            #expect(throws: ODataProblem.self) { try ExpressionParser.expression(text) }
        }
        #expect(throws: ODataProblem.self) { try OptionParser.select((0..<61).map { "a\($0)" }.joined(separator: ",")) }
        #expect(throws: ODataProblem.self) { try ODataQuery(String(repeating: "a=1&", count: 100)) }
    }

    @Test("random text never brings the parser down, and what it accepts has bound values only")
    func fuzz() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Seeded(state: seed)
        let words = [
            "montant", "libelle", "client/segment", "date/annee", "historique", "jour", " eq ", " and ", " or ", "not ",
            "(", ")",
            "'x'", "''", "'", "1", "-1", "1.5", "2018-04-01", "2018-04-01T00:00:00Z", "contains(", ",", " in ", "null",
            "true",
            " add ", " div ", "$count", "@p", "/", ";", "\"", "é", "\u{0}", "%", "\\", " gt ", "now()", "aggregate(",
            "groupby((",
            " with sum as ", "desc", "*", "=",
        ]
        var accepted = 0
        for _ in 0..<(isLong ? 2_000_000 : 30_000) {
            let count = Int.random(in: 1...12, using: &generator)
            var text = (0..<count).map { _ in words[Int.random(in: 0..<words.count, using: &generator)] }.joined()
            if Int.random(in: 0..<4, using: &generator) == 0 {
                var bytes = Array(text.utf8)
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
                text = String(decoding: bytes, as: UTF8.self)
            }
            if let plan = try? Self.plan(filter: text) {
                accepted += 1
                #expect(!plan.conditions[0].sql.contains("'x'"), "seed \(seed): \(text)")
            }
            _ = try? OptionParser.select(text)
            _ = try? OptionParser.order(text)
            _ = try? OptionParser.expand(text)
            _ = try? OptionParser.apply(text)
            _ = try? ResourcePath(text)
            _ = try? PageToken.open(text, key: [1], query: "", now: 0)
            _ = try? MultipartReader.read(Array(text.utf8), boundary: "x")
        }
        #expect(accepted > 0, "seed \(seed)")
    }

    private let isLong = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1"

    @Test("a page token is for one query, one day and one key")
    func pageTokens() throws {
        let token = PageToken(values: ["a", nil, "3"], rest: 7, query: "q", issued: 1000)
        let text = token.sealed(by: [1, 2, 3])
        #expect(try PageToken.open(text, key: [1, 2, 3], query: "q", now: 2000) == token)
        #expect(throws: ODataProblem.expired) { try PageToken.open(text, key: [1, 2, 4], query: "q", now: 2000) }
        #expect(throws: ODataProblem.expired) { try PageToken.open(text, key: [1, 2, 3], query: "q", now: 90_000) }
        #expect(throws: ODataProblem.self) { try PageToken.open(text, key: [1, 2, 3], query: "other", now: 2000) }
        for index in text.indices {
            var broken = text
            broken.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            // The last character may carry bits that mean nothing.
            guard let opened = try? PageToken.open(broken, key: [1, 2, 3], query: "q", now: 2000) else { continue }
            #expect(opened == token)
        }
    }
}
