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

    private static func clients(_ updated: Int64, rows: Int64 = 10_000, file: Int64 = 1) -> WatchStore.Counters {
        WatchStore.Counters(
            table: "public.clients", rows: rows, inserted: 0, updated: updated, deleted: 0, bytes: 0, relation: 7,
            file: file)
    }

    @Test("nine rows in a thousand at each look are seen before two in a hundred are touched")
    func creeping() {
        var memory = RansomwareWatch.Memory()
        var updated: Int64 = 0
        _ = RansomwareWatch.changes([Self.clients(0)], &memory)
        var alarms: [WatchAlarm] = []
        while alarms.isEmpty, updated < 1000 {
            updated += 90
            alarms = RansomwareWatch.changes([Self.clients(updated)], &memory)
        }
        #expect(alarms.first?.kind == "creeping-change" && updated < 200, "\(updated)")
    }

    @Test("what triples at each look is not learnt as usual")
    func tripling() {
        var memory = RansomwareWatch.Memory()
        var table = WatchStore.Counters(table: "auth.users", rows: 100_000, inserted: 0, updated: 0)
        var share = 800.0
        var alarms: [WatchAlarm] = []
        for _ in 0..<6 {
            _ = RansomwareWatch.changes([table], &memory)
            table = WatchStore.Counters(
                table: "auth.users", rows: 100_000, inserted: 0, updated: table.updated + Int64(share))
            alarms += RansomwareWatch.changes([table], &memory)
            share *= 2.9
        }
        #expect(alarms.first?.kind == "mass-update")
        #expect((memory.usual["auth.users"] ?? 0) < 0.011)
    }

    @Test("counters that begin again, a table that is emptied and one that is gone are alarms")
    func countersHide() {
        var memory = RansomwareWatch.Memory()
        _ = RansomwareWatch.changes([Self.clients(5000)], &memory)
        let reset = RansomwareWatch.changes([Self.clients(400)], &memory).map(\.kind)
        #expect(reset == ["statistics-reset", "mass-update"])
        let emptied = RansomwareWatch.changes([Self.clients(400, rows: 0, file: 2)], &memory).map(\.kind)
        #expect(emptied == ["table-emptied"])
        _ = RansomwareWatch.changes([Self.clients(400, file: 2)], &memory)
        let dropped = RansomwareWatch.changes([], &memory).map(\.kind)
        #expect(dropped == ["table-dropped"])
        let after = RansomwareWatch.changes([], &memory)
        #expect(after.isEmpty)
    }

    @Test("payments that change accounts are explained by their postings, and other changes of accounts are not")
    func explained() {
        func look(_ updated: Int64, _ posted: Int64) -> [WatchStore.Counters] {
            [
                WatchStore.Counters(table: "public.comptes", rows: 1000, inserted: 0, updated: updated),
                WatchStore.Counters(table: "public.ecritures", rows: 9000, inserted: posted, updated: 0),
            ]
        }
        var memory = RansomwareWatch.Memory()
        _ = RansomwareWatch.changes(look(0, 0), &memory)
        let payments = RansomwareWatch.changes(look(900, 900), &memory)
        #expect(payments.isEmpty)
        let others = RansomwareWatch.changes(look(1800, 900), &memory).map(\.kind)
        #expect(others == ["mass-update"])
    }

    @Test("an alarm that lasts is told once an hour, and one that comes back is told again")
    func toldAgain() {
        var memory = RansomwareWatch.Memory()
        var told = 0
        for turn in 1...1500 {
            memory.turn = Int64(turn)
            if memory.isNew(WatchRules.statisticsReset) { told += 1 }
        }
        #expect(told == 3)
        memory.turn += 13
        let isNew = memory.isNew(WatchRules.statisticsReset)
        #expect(isNew)
    }

    @Test("names of files that PostgreSQL gives are known from those that a stranger gives")
    func names() {
        for name in [
            "16384", "16384.2", "16384_fsm", "16384_vm", "16384_init", "t3_16384", "t3_16384_fsm", "PG_VERSION",
            "pg_filenode.map", "pg_internal.init", "pg_internal.init.123", "pg_control", "16384_fsm.1",
        ] {
            #expect(PageScan.isOfTheServer(name), "\(name)")
        }
        for name in ["16384.locked", "16384_fsm.enc", "README.txt", "16384_x", "pg_internal.init.x", "", ".16384"] {
            #expect(!PageScan.isOfTheServer(name), "\(name)")
        }
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
        for _ in 0..<3 {
            let quiet = await watch.look(&memory)
            #expect(quiet.isEmpty, "\(quiet)")
        }
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
            alarms = await watch.look(&memory)
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
        let first = await watch.look(&memory)
        #expect(first.isEmpty, "\(first)")
        let file = try await bank.with { database in
            try await database.run(
                "create table public.proie as select g, repeat('x', 300) t from generate_series(1, 20000) g")
            try await database.run("alter table public.proie enable row level security")
            try await database.run("checkpoint")
            return try await database.one("select pg_relation_filepath('public.proie')", as: String.self)
        }
        let second = await watch.look(&memory)
        #expect(second.isEmpty, "\(second)")
        try Sabotage.noise(bank.cluster.dataDirectory + "/" + file, pages: 400)
        let alarms = await watch.look(&memory)
        #expect(alarms.contains { $0.kind == "files-encrypted" }, "\(alarms)")
        // The server is stopped before the rest is encrypted and renamed: files alone tell it.
        try await bank.cluster.stop(.immediate)
        let path = bank.cluster.dataDirectory + "/" + file
        try FileManager.default.moveItem(atPath: path, toPath: path + ".locked")
        var later: [WatchAlarm] = []
        for _ in 0..<2 { later += await watch.look(&memory) }
        #expect(later.contains { $0.kind == "files-renamed" && $0.words.en.contains(".locked") }, "\(later)")
        #expect(memory.blind == 2)
        await bank.end()
    }
}
