import Evidence
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct SealerTests {
    @Test func `a journal sealed in several blocks verifies from its export`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<35)
            let verdict = try await bench.verdict()
            #expect(verdict.isValid, "\(verdict.lines)")
            #expect(verdict.lines[0].contains("35 entries in "))
            #expect(verdict.lines.contains("by the key you named"))
        }
    }

    @Test func `an empty journal verifies and nothing is sealed`() async throws {
        try await Bench.run { bench in
            let report = try await bench.sealer().seal()
            #expect(report.blockCount == 0 && report.head == nil)
            #expect(try await bench.verdict(withHeads: false).isValid)
        }
    }

    @Test func `sealing again without new entries makes no block and publishes no second line`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<3)
            let before = try String(contentsOfFile: bench.heads, encoding: .utf8)
            #expect(try await bench.sealer().seal().blockCount == 0)
            #expect(try String(contentsOfFile: bench.heads, encoding: .utf8) == before)
        }
    }

    @Test func `an entry below a running transaction is sealed, one above it waits for it`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<1)
            // The older transaction takes its number and its id first, and commits last.
            try await bench.database.withConnection { slow in
                try await slow.transaction { tx in
                    try await EvidenceJournal.append(EvidenceEvent("essai", "commits late"), in: tx)
                    try await bench.append(1..<3)
                    let report = try await bench.sealer().seal()
                    #expect(report.entryCount == 0)
                    #expect(report.unsealedCount == 2)
                }
            }
            try await bench.sealAll()
            let verdict = try await bench.verdict()
            #expect(verdict.isValid, "\(verdict.lines)")
            #expect(verdict.lines[0].contains("4 entries"))
        }
    }

    @Test func `entries that are not sealed yet are named as such, and the export is still valid`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<5)
            try await bench.append(5..<8)
            let verdict = try await bench.verdict()
            #expect(verdict.isValid)
            #expect(verdict.lines.contains { $0.contains("NOT SEALED: 3 entries (ids 6 to 8)") }, "\(verdict.lines)")
        }
    }

    @Test func `a transaction larger than a block is sealed whole`() async throws {
        try await Bench.run { bench in
            try await bench.database.transaction { tx in
                for number in 0..<25 { try await EvidenceJournal.append(EvidenceEvent("essai", "\(number)"), in: tx) }
            }
            try await bench.appendAndSeal(25..<30, rowsMax: 7)
            #expect(
                try await bench.database.all(
                    "select row_count from evidence.blocks order by number", as: Int.self
                ).contains(25))
            #expect(try await bench.verdict().isValid)
        }
    }

    @Test func `a writer chooses neither transaction, time nor cluster, and a refusal is journaled too`() async throws {
        try await Bench.run { bench in
            try await bench.database.run(
                """
                insert into evidence.entries (cluster, xid, recorded_at, actor, kind, subject, outcome, body)
                values (7, '3', 'epoch', 'moi', 'essai', 'forgé', 'done', '{}')
                """)
            #expect(
                try await bench.database.one(
                    """
                    select cluster <> 7 and xid <> '3' and recorded_at > now() - interval '1 hour'
                    from evidence.entries
                    """, as: Bool.self))
            await #expect(throws: PostgresError.self) {
                try await EvidenceJournal(database: bench.database).attempt(EvidenceEvent("essai", "échoue")) { tx in
                    try await tx.run("select 1 / 0")
                }
            }
            #expect(
                try await bench.database.one(
                    "select count(*) from evidence.entries where outcome = 'refused'", as: Int.self) == 1)
        }
    }

    @Test(arguments: [
        "update evidence.entries set body = '{}'", "delete from evidence.entries", "truncate evidence.entries",
        "update evidence.blocks set row_count = row_count", "delete from evidence.blocks", "truncate evidence.blocks",
    ])
    func `a change of what is written raises`(sql: String) async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<2)
            let error = await #expect(throws: PostgresError.self) {
                try await bench.database.run(Statement(unchecked: sql))
            }
            #expect(error?.sqlState == "55000")
            #expect(try await bench.verdict().isValid)
        }
    }

    @Test func `nobody but the owner reads or writes the journal without being granted it`() async throws {
        try await Bench.run { bench in
            let role = TestCluster.freshName("clerk")
            try await TestCluster.runAsSuperuser("create role \(identifier: role)")
            try await TestCluster.runAsSuperuser(
                "grant \(identifier: role) to \(identifier: TestOwner.plainName)")
            try await bench.append(0..<1)
            for sql in ["select count(*) from evidence.entries", "select evidence.append('a', 'b', '{}')"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await bench.database.transaction { tx in
                        try await tx.run("set local role \(identifier: role)")
                        try await tx.run(Statement(unchecked: sql))
                    }
                }
                #expect(error?.sqlState == "42501")
            }
            try await TestCluster.runAsSuperuser("drop role \(identifier: role)")
        }
    }

    @Test func `entries that came with a restore are sealed as another cluster's, then ours go on`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<4)
            try await bench.append(4..<6)
            // What a dump restored elsewhere looks like: all that is there was numbered by another cluster.
            try await bench.tamper(
                "update evidence.entries set cluster = 42", "update evidence.blocks set cluster = 42")
            try await bench.append(6..<9)
            try await bench.sealAll()
            let clusters = try await bench.database.all(
                "select cluster = 42 from evidence.blocks order by number", as: Bool.self)
            #expect(clusters.last == false)
            #expect(clusters.dropFirst().contains(true))
            #expect(try await bench.database.one("select sum(row_count)::int from evidence.blocks", as: Int.self) == 9)
        }
    }

    @Test func `a second sealer leaves the work to the first`() async throws {
        try await Bench.run { bench in
            try await bench.append(0..<200)
            let reports = try await withThrowingTaskGroup(of: SealReport.self) { group in
                for _ in 0..<4 { group.addTask { try await bench.sealer(rowsMax: 3).seal() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try await bench.sealAll(rowsMax: 3)
            #expect(reports.contains { !$0.isElsewhere })
            #expect(try await bench.verdict().isValid)
        }
    }
}
