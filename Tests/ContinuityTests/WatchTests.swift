import Foundation
import Postgres
import Testing

@testable import Continuity
@testable import PostgresServer

@Suite struct WatchRuleTests {
    @Test("what only grows is never touched: one changed posting is an alarm")
    func appendOnly() {
        let change = WatchRules.Change(table: "public.ecritures", rows: 1_000_000, inserted: 500, updated: 1)
        #expect(WatchRules.verdict(on: change, usual: 0)?.kind == "append-only-touched")
        let quiet = WatchRules.Change(table: "public.ecritures", rows: 1_000_000, inserted: 50_000)
        #expect(WatchRules.verdict(on: quiet, usual: 0) == nil)
    }

    @Test("a mass update and a mass deletion are told below two rows in a hundred, and the usual is not")
    func massChange() {
        func kind(_ updated: Int64, _ deleted: Int64, usual: Double) -> String? {
            WatchRules.verdict(
                on: .init(table: "public.clients", rows: 10_000, updated: updated, deleted: deleted), usual: usual)?
                .kind
        }
        #expect(kind(150, 0, usual: 0) == "mass-update")
        #expect(kind(0, 150, usual: 0) == "mass-delete")
        #expect(kind(90, 0, usual: 0) == nil)
        // Accounts that are paid from change all day long.
        #expect(kind(2_500, 0, usual: 0.1) == nil && kind(3_500, 0, usual: 0.1) == "mass-update")
    }

    @Test("thirty quiet days and the year's end raise nothing, once the first look has shown what is usual")
    func quietDays() {
        var memory = RansomwareWatch.Memory()
        var random = SplitMix(state: 11)
        var updated: Int64 = 0
        var inserted: Int64 = 0
        var alarms: [WatchAlarm] = []
        // A look each five minutes: payments change accounts, add postings; at the year's end four times as many.
        for look in 0..<(31 * 288) {
            let isYearEnd = look >= 30 * 288
            let payments = Int64.random(in: 20...60, using: &random) * (isYearEnd ? 3 : 1)
            inserted += payments
            updated += 2 * payments
            let counters = [
                WatchStore.Counters(table: "public.comptes", rows: 20_000, inserted: 0, updated: updated),
                WatchStore.Counters(table: "public.ecritures", rows: inserted, inserted: inserted, updated: 0),
                WatchStore.Counters(table: "public.clients", rows: 10_000, inserted: 0, updated: Int64(look / 20)),
            ]
            alarms += RansomwareWatch.changes(counters, &memory)
        }
        #expect(alarms.isEmpty, "\(alarms.prefix(3))")
    }
}

extension WatchStore.Counters {
    init(table: String, rows: Int64, inserted: Int64, updated: Int64) {
        self.init(table: table, rows: rows, inserted: inserted, updated: updated, deleted: 0, bytes: 0)
    }
}

/// On a real server: what an intruder does is seen before two rows in a hundred are touched.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct WatchTests {
    @Test("names that are encrypted in small bites are seen before two in a hundred are gone")
    func encryptedRows() async throws {
        let bank = try await LivingBank(repositories: 1)
        try await bank.with { try await LivingBank.people(21...600, in: $0, bank.data) }
        let watch = RansomwareWatch(desk: bank.desk)
        var memory = RansomwareWatch.Memory()
        for _ in 0..<3 { #expect(try await watch.look(&memory).isEmpty) }
        var touched = 0
        var alarms: [WatchAlarm] = []
        while alarms.isEmpty, touched < 100 {
            touched += 2
            let last = 20 + touched
            _ = try await bank.with { database in
                try await database.run(
                    """
                    update clients set nom_chiffre = decode(md5(id::text), 'hex')
                    where numero > \(last - 2) and numero <= \(last)
                    """)
            }
            alarms = try await watch.look(&memory)
        }
        #expect(alarms.contains { $0.kind == "sealed-value-broken" } && touched < 12, "\(touched) of 600")
        print("| names encrypted two at a time | seen after \(touched) of 600 |")
        await bank.end()
    }

    @Test("a file of the server that becomes noise is seen at the next look")
    func encryptedFile() async throws {
        let bank = try await LivingBank(repositories: 1)
        let watch = RansomwareWatch(desk: bank.desk)
        var memory = RansomwareWatch.Memory()
        #expect(try await watch.look(&memory).isEmpty)
        let file = try await bank.with { database in
            try await database.run(
                "create table public.proie as select g, repeat('x', 300) t from generate_series(1, 20000) g")
            try await database.run("alter table public.proie enable row level security")
            try await database.run("checkpoint")
            return try await database.one("select pg_relation_filepath('public.proie')", as: String.self)
        }
        #expect(try await watch.look(&memory).isEmpty)
        try Sabotage.noise(bank.cluster.dataDirectory + "/" + file, pages: 400)
        let alarms = try await watch.look(&memory)
        #expect(alarms.contains { $0.kind == "files-encrypted" }, "\(alarms)")
        await bank.end()
    }
}
