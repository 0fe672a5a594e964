import Foundation
import Postgres
import Testing

@testable import Continuity
@testable import PostgresServer

/// Single tables and clients that come back from a past moment while the bank lives on.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct RowsBackTests {
    @Test("a client's rows come back as a plan says, what came since stays, and the ledger is told and not touched")
    func client() async throws {
        let bank = try await LivingBank(repositories: 1)
        let result: Result<Void, any Error>
        do { result = .success(try await Self.drive(bank)) } catch { result = .failure(error) }
        await bank.end()
        try result.get()
    }

    private static func drive(_ bank: LivingBank) async throws {
        let people = try await bank.with { database in
            let ids = try await database.all("select id::text from clients order by numero", as: String.self)
            for index in 0..<3 {
                try await database.run(
                    """
                    insert into beneficiaires (client_id, iban_chiffre, iban_index, iban_fin)
                    select id, '\\x01', decode(md5(id::text || \(Int64(index))), 'hex'), '1234' from clients
                    """)
            }
            return ids
        }
        _ = try await bank.desk.make(.full)
        let moment = try await bank.with { try await LivingBank.transfer(1, 2, 500, "before", in: $0) }
        let mine = try #require(UUID(uuidString: people[0]))
        let other = try #require(UUID(uuidString: people[1]))
        // The mistake: beneficiaries of two clients are gone, others changed, an account blocked; and the bank goes on.
        try await bank.with { database in
            for client in [mine, other] {
                try await database.run(
                    "delete from beneficiaires where client_id = \(client) and id % 3 = 0")
                try await database.run(
                    "update beneficiaires set statut = 'retire', iban_fin = '0000' where client_id = \(client)")
            }
            try await database.run("update clients set civilite = 'M.' where id = \(mine)")
            try await database.run("update comptes set statut = 'bloque' where client_id = \(mine)")
            _ = try await LivingBank.transfer(3, 4, 700, "after", in: database)
            _ = try await LivingBank.transfer(4, 2, 100, "after too", in: database)
            try await database.run(
                "insert into beneficiaires (client_id, iban_chiffre, iban_index, iban_fin) values (\(mine), '\\x02', '\\x02', '9999')"
            )
        }
        try await bank.archive()
        let order = RowsBack.Order(tables: [], client: mine, target: .position(moment, isIncluded: true))
        let rows = RowsBack(desk: bank.desk)
        let plan = try await rows.plan(order)
        func count(_ table: String, _ kind: RowsPlan.Difference.Kind) -> Int {
            plan.differences.count { $0.table == table && $0.kind == kind }
        }
        #expect(count("public.beneficiaires", .missing) + count("public.beneficiaires", .changed) == 3)
        #expect(count("public.beneficiaires", .added) == 1)
        #expect(count("public.clients", .changed) == 1 && count("public.comptes", .changed) == 1)
        #expect(plan.differences.first { $0.table == "public.clients" }?.columns == ["civilite"])
        #expect(plan.differences.first { $0.table == "public.comptes" }?.columns == ["statut"])
        #expect(plan.lines.count > 3)

        // Between the plan and its approval one row changes: it is left alone, the others come back.
        let file = bank.data + "/plan.json"
        try plan.write(file)
        _ = try await bank.with { try await $0.run("update comptes set statut = 'clos' where client_id = \(mine)") }
        let balances = try await bank.with { try await LivingBank.balances($0) }
        let outcome = try await rows.apply(try RowsPlan.read(file), order)
        #expect(outcome.broughtBack + outcome.setBack == 4, "\(outcome)")
        #expect(outcome.conflicts.count == 1 && outcome.conflicts[0].contains("public.comptes"), "\(outcome.conflicts)")
        try await Self.cameBack(bank, mine, other, balances)
        try await Self.ledger(bank, rows, moment)
    }

    private static func cameBack(_ bank: LivingBank, _ mine: UUID, _ other: UUID, _ balances: [Int64]) async throws {
        try await bank.with { database in
            let mineNow = try await database.one(
                "select count(*) from beneficiaires where client_id = \(mine) and statut = 'actif' and iban_fin = '1234'",
                as: Int64.self)
            let since = try await database.one(
                "select count(*) from beneficiaires where iban_fin = '9999'", as: Int64.self)
            let others = try await database.one(
                "select count(*) from beneficiaires where client_id = \(other) and statut = 'retire'", as: Int64.self)
            let title = try await database.first(
                "select coalesce(civilite, 'none') from clients where id = \(mine)", as: String.self)
            #expect(mineNow == 3 && since == 1 && others > 0 && title == "none")
            #expect(try await LivingBank.balances(database) == balances)
            #expect(try await database.one("select count(*) from verifier_le_grand_livre()", as: Int64.self) == 0)
            let entries = try await database.one(
                "select count(*) from evidence.entries where kind = 'continuity.rows_given_back'", as: Int64.self)
            #expect(entries == 1)
        }
    }

    private static func ledger(_ bank: LivingBank, _ rows: RowsBack, _ moment: LogPosition) async throws {
        let order = RowsBack.Order(
            tables: ["public.ecritures", "public.comptes", "public.beneficiaires"], client: nil,
            target: .position(moment, isIncluded: true))
        let plan = try await rows.plan(order)
        #expect(plan.differences.allSatisfy { $0.table != "public.ecritures" })
        let told = try #require(plan.untouched.first { $0.table == "public.ecritures" })
        #expect(told.added == 4 && told.missing == 0 && told.changed == 0)
        // Balances that moved since are no difference: they are the ledger's.
        #expect(plan.differences.filter { $0.table == "public.comptes" && $0.kind == .changed }.count == 1)
        for (tables, client) in [(["public.rien"], nil), ([], nil), (["public.devises"], UUID())] as [([String], UUID?)]
        {
            await #expect {
                _ = try await rows.plan(.init(tables: tables, client: client, target: order.target))
            } throws: {
                ($0 as? ContinuityError)?.code == "restore_rows_refused"
            }
        }
        await #expect(throws: ContinuityError.self) {
            var other = order
            other.client = UUID()
            _ = try await rows.apply(plan, other)
        }
    }

    @Test("rows are compared by column, and tables are ordered by what points to what")
    func rules() {
        let past = [ComparedRow(key: "[1]", text: #"{"a": 1, "b": null}"#), ComparedRow(key: "[2]", text: "{}")]
        let present = [ComparedRow(key: "[1]", text: #"{"a": 2, "b": null}"#), ComparedRow(key: "[3]", text: "{}")]
        let found = RowComparison.differences(of: "t", past: past, present: present)
        #expect(found.map(\.kind) == [.changed, .missing, .added])
        #expect(found[0].columns == ["a"])
    }
}
