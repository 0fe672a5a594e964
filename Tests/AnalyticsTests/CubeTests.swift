import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Analytics

@Suite(.enabled(if: Star.isThere, "\(Star.absent)")) struct CubeTests {
    /// A figure's axis over a fact.
    private static func fact(_ axis: CubeAxis) -> String {
        switch axis {
        case .day: "to_date(f.date_cle::text, 'YYYYMMDD')"
        case .kind: kind
        case .weekday: "extract(isodow from to_date(f.date_cle::text, 'YYYYMMDD'))::integer"
        case .hour: "f.heure_cle"
        case .size: "(select count(*) from unnest(array[10, 50, 100, 500, 1000, 5000, 10000]) b where f.montant >= b)"
        case .from: "(select type from bi.dim_compte x where x.compte_cle = f.compte_cle)"
        case .to: "(select type from bi.dim_compte x where x.compte_cle = f.compte_credit_cle)"
        case .department: "(select departement from bi.dim_client x where x.client_cle = f.client_cle)"
        case .account: "(select compte from bi.dim_compte x where x.compte_cle = f.compte_cle)"
        }
    }
    private static let kind =
        """
        (case when f.carte_cle <> -1 then 'carte' else
            (select type_operation from bi.dim_type_operation t where t.type_operation_cle = f.type_operation_cle) end)
        """

    /// The operations of 400 days, as a correction of all facts.
    private static func spread(_ bank: Star.Bank) async throws {
        try await bank.database.run("select bi.remplir_le_calendrier('2017-09-01', '2019-12-31')")
        try await bank.database.run(
            """
            update bi.fact_transaction set date_cle = bi.cle_du_jour(date '2017-10-05' + (transaction_cle * 7 % 400)::integer),
                horodatage = ((date '2017-10-05' + (transaction_cle * 7 % 400)::integer)
                    + heure_cle * interval '1 hour') at time zone 'Europe/Paris'
            """)
        _ = try await BIRefresher(database: bank.database).refresh()
    }

    private static func span(_ start: CivilDate, _ generator: inout Seeded) -> (CivilDate, CivilDate) {
        let lengths: [Int64] = [0, 6, 29, 89, 364, Int64.random(in: 0...420, using: &generator)]
        let from = start.adding(Int64.random(in: 0...420, using: &generator))
        return (from, from.adding(lengths.randomElement(using: &generator) ?? 0))
    }

    /// Each measure over each axis that can be asked of it, sums against facts.
    private static func compare(_ bank: Star.Bank, _ generator: inout Seeded, rounds: Int, _ words: String) async throws
        -> Int
    {
        let store = CubeStore(database: bank.database)
        let measures = bank.analytics.measures.measures.filter { $0.cube != nil }
        let start = try #require(CivilDate("2017-09-20"))
        let periods = try #require(try await store.state()).periods
        #expect(periods.count > 12, "\(periods)")
        #expect(measures.count == 5)
        var filled = 0
        for measure in measures {
            for round in 0..<rounds {
                let (from, to) = span(start, &generator)
                let kind =
                    round == 0
                    ? nil : [nil, "carte", "virement", "retrait", "rien"].randomElement(using: &generator) ?? nil
                let axes = CubeAxis.allCases.shuffled(using: &generator)
                for axis in [nil] + axes.map(Optional.some) {
                    let question = CubeStore.Question(
                        axes: axis.map { [$0] } ?? [], measures: [measure],
                        filter: CubeFilter(from: from, to: to, kind: kind), periods: periods, currency: nil)
                    guard measure.cubeColumns.isSubset(of: CubeStore.cube(question).columns) else { continue }
                    let sums = try await store.answers([question])[0]
                    let list = axis.map { "(\(fact($0)))::text, " } ?? ""
                    let facts = try await bank.database.run(
                        Statement(
                            unchecked: """
                                select \(list)trim_scale(round((\(measure.sql))::numeric, 6))::text from bi.fact_transaction f
                                where f.date_cle between \(from.key) and \(to.key)
                                    and \(kind.map { "\(Self.kind) = '\($0)'" } ?? "true") \(axis == nil ? "" : "group by 1")
                                """)
                    ).map { row in try (0..<row.columnCount).map { try row.decodeIfPresent($0, as: String.self) } }
                    func sorted(_ rows: [[String?]]) -> [[String]] {
                        rows.map { $0.map { $0 ?? "null" } }.sorted {
                            $0.joined(separator: "|") < $1.joined(separator: "|")
                        }
                    }
                    #expect(
                        sorted(sums) == sorted(facts),
                        "\(words): \(measure.name) by \(axis?.rawValue ?? "-"), \(from.text) to \(to.text), \(kind ?? "all")"
                    )
                    if let value = facts.first?.last, value != nil, value != "0" { filled += 1 }
                }
            }
        }
        return filled
    }

    @Test(
        "every measure that sums hold is what the facts say, under 20 random filters and by every axis; also after late facts and corrections"
    )
    func exact() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Star.with { bank in
            var generator = Seeded(state: seed)
            try await Self.spread(bank)
            let filled = try await Self.compare(bank, &generator, rounds: 20, "seed \(seed)")
            #expect(filled > 100, "seed \(seed): \(filled) comparisons had figures")

            // Late: an operation of a day long gone. Corrected: amounts, a fact that moves to another day, one that goes.
            try await bank.database.run(
                """
                insert into transactions (booked_at, date_valeur, date_comptable, type, montant_minor, compte_debit_id,
                    compte_credit_id) select '2018-04-03 12:00Z', '2018-04-03', '2018-04-03', 'virement', 987654, a.id, b.id
                    from (select min(id) id from comptes where type <> 'interne') a,
                        (select min(id) id from comptes where type = 'interne') b
                """)
            for statement in [
                "update bi.fact_transaction set montant = montant + 1000 where transaction_cle % 301 = 0",
                "update bi.fact_transaction set date_cle = 20171130, devise = 'USD' where transaction_cle % 499 = 0",
                "delete from bi.fact_transaction where date_cle = 20180212",
            ] {
                try await bank.database.run(Statement(unchecked: statement))
            }
            for _ in 0..<2 { _ = try await BIRefresher(database: bank.database).refresh() }
            _ = try await Self.compare(bank, &generator, rounds: 4, "after corrections, seed \(seed)")
            let again = try await BIRefresher(database: bank.database).refresh()
            #expect(again.lines.first { $0.source == "cubes" }?.count == 0, "\(again.lines)")
        }
    }

    @Test("periods hold each day of a span once and no other, and a year is few of them")
    func periods() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = Seeded(state: seed)
        for _ in 0..<500 {
            let from = try #require(CivilDate("2023-02-11")).adding(Int64.random(in: 0...900, using: &generator))
            let length = Int64.random(in: 0...500, using: &generator)
            let keys = Periods.cover(from, from.adding(length)) { _ in true }
            var days: [Int64] = []
            for key in keys {
                switch key {
                case 10_000_000...: days.append(key)
                case 1_000_000...:
                    let (month, part) = (key / 10, key % 10)
                    let last = part == 3 ? CivilDate.days(month / 100, month % 100) : part * 10
                    days += ((part - 1) * 10 + 1...last).map { month * 100 + $0 }
                case 100_000...: days += (1...CivilDate.days(key / 100, key % 100)).map { key * 100 + $0 }
                default:
                    for month in (key % 10 - 1) * 3 + 1...(key % 10) * 3 {
                        days += (1...CivilDate.days(key / 10, month)).map { key / 10 * 10_000 + month * 100 + $0 }
                    }
                }
            }
            #expect(days == (0...length).map { from.adding($0).key }, "seed \(seed): \(from.text) and \(length) days")
            #expect(keys.count <= 48, "\(keys)")
        }
        #expect(CivilDate("2023-02-29") == nil && CivilDate("2024-02-29") != nil && CivilDate("24-2-9") == nil)
    }

    @Test("a dashboard is made of the measures, and there is none while a day is not counted")
    func board() async throws {
        try await Star.with { bank in
            try await Self.spread(bank)
            let figures = BoardFigures(bank.analytics)
            let now = Int64(Date().timeIntervalSince1970)
            let json = try #require(try await figures.board(days: 90, span: nil, kind: nil, now: now))
            let last = try #require(
                CivilDate(key: try await bank.number("select max(date_cle) from bi.fact_transaction")))
            let from = last.adding(-89)
            let filter = "date/jour ge \(from.text) and date/jour le \(last.text)"
            let count = try await bank.analytics.measure("nombre_operations", filter: filter)
            #expect(json["operations"]?.integer.map(String.init) == count)
            let amount = try await bank.analytics.measure("montant_operations", filter: filter)
            #expect(json["minor"] == BoardFigures.minor(amount))
            let mean = try await bank.analytics.measure("montant_moyen", filter: filter)
            #expect(json["mean"] == BoardFigures.minor(mean))
            #expect(json["by_day"]?.array?.count == 90)
            let sizes = (json["sizes"]?.array ?? []).compactMap { $0.array?.last?.integer }.reduce(0, +)
            #expect(sizes == json["operations"]?.integer)
            #expect(json["top"]?.array?.count == 10)
            let clients = try await bank.number(
                """
                select count(distinct l.client) from bi.fact_transaction f join bi.lien_compte l using (compte_cle)
                where date_cle between \(from.key) and \(last.key)
                """)
            #expect(json["clients"]?.integer == clients)

            try await bank.database.run("update bi.reperes set rafraichi_le = null where source = 'cubes'")
            let uncounted = try await figures.board(days: 90, span: nil, kind: nil, now: now)
            #expect(uncounted == nil)
            _ = try await BIRefresher(database: bank.database).refresh()
            let counted = try await figures.board(days: 90, span: nil, kind: nil, now: now)
            #expect(counted != nil)
            let old = try await figures.board(days: 90, span: nil, kind: nil, now: now + 3_600)
            #expect(old == nil)
        }
    }

    @Test("the operations behind a figure are all there page by page, each once, and nobody is named in them")
    func rows() async throws {
        try await Star.with { bank in
            try await Self.spread(bank)
            let figures = BoardFigures(bank.analytics)
            let from = try #require(CivilDate("2018-02-01"))
            var ask = FactAsk(CubeFilter(from: from, to: from.adding(20), kind: "carte"))
            var seen: [String] = []
            while true {
                let page = try await figures.rows(ask, most: 7)
                seen += page.prefix(7).compactMap { $0["id"]?.string }
                guard page.count > 7, let last = page[6]["position"]?.string else { break }
                ask.after = FactAsk.Position(last)
            }
            let count = try await bank.number(
                "select count(*) from bi.fact_transaction f where date_cle between 20180201 and 20180221 and \(Self.kind) = 'carte'"
            )
            #expect(Set(seen).count == seen.count && Int64(seen.count) == count && count > 20)

            let top = try #require(
                try await figures.board(days: 365, span: nil, kind: nil, now: Int64(Date().timeIntervalSince1970)))
            let row = try #require(top["top"]?.array?.first?.array)
            let span = (try #require(CivilDate("2017-01-01")), try #require(CivilDate("2019-12-31")))
            var account = FactAsk(CubeFilter(from: span.0, to: span.1))
            account.account = row[0].string
            let found = try await figures.rows(account, most: 1000)
            #expect(found.count >= Int(row[1].integer ?? 0) && !found.isEmpty)
            for json in found {
                #expect(json["account"] == row[0])
                #expect((json["client"]?.string ?? "").wholeMatch(of: /C[0-9a-f]{16}|inconnu/) != nil, "\(json.text)")
                #expect((json["other"]?.string ?? "").wholeMatch(of: /K[0-9a-f]{16}|inconnu/) != nil, "\(json.text)")
                #expect(json.members?.count == 13)
            }
            for (name, narrow) in [
                ("hour", { (ask: inout FactAsk) in ask.hour = 99 }), ("size", { $0.size = 99 }),
                ("weekday", { $0.weekday = 9 }), ("department", { $0.department = "x" }),
                ("from", { $0.fromType = "x" }),
                ("to", { $0.toType = "x" }),
            ] as [(String, (inout FactAsk) -> Void)] {
                var none = FactAsk(CubeFilter(from: span.0, to: span.1))
                narrow(&none)
                let found = try await figures.rows(none, most: 5)
                #expect(found.isEmpty, "\(name)")
            }
        }
    }
}
