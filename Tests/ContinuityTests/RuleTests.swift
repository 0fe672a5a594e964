import Foundation
import Postgres
import Testing

@testable import Continuity

@Suite struct ContinuityRuleTests {
    private static func set(
        _ label: String, _ kind: BackupSet.Kind = .full, day: Int64, isBad: Bool = false
    ) -> BackupSet {
        BackupSet(
            label: label, repository: 1, kind: kind, startedAt: day * 86_400 - 60, stoppedAt: day * 86_400,
            firstSegment: "000000010000000000000001", lastSegment: "000000010000000000000001",
            stopPosition: LogPosition(0), bytes: 1, storedBytes: 1, references: [], hasBadPages: isBad)
    }

    private static func retention(fulls: Int, days: Int) -> BackupSettings.Retention {
        var retention = BackupSettings.Retention()
        retention.fullsMin = fulls
        retention.days = days
        return retention
    }

    @Test("damaged sets never push the last proved one out, however many there are")
    func damagedSetsPushNothingOut() {
        let sets =
            [Self.set("A", day: 1), Self.set("B", day: 2)]
            + (3..<20).map { Self.set("C\($0)", day: $0, isBad: true) }
        let known = RetentionRule.Knowledge(proved: ["A": 86_400])
        let gone = RetentionRule.expirable(
            sets, knowing: known, retention: Self.retention(fulls: 2, days: 0), now: 30 * 86_400)
        #expect(gone.allSatisfy { $0.hasBadPages })
        #expect(!gone.contains { $0.label == "A" || $0.label == "B" || $0.label == "C19" })
        #expect(gone.count == 16)
    }

    @Test("nothing is removed while nothing is proved")
    func nothingGoesWithoutProof() {
        let sets = (1..<10).map { Self.set("S\($0)", day: $0) }
        let gone = RetentionRule.expirable(
            sets, knowing: .init(), retention: Self.retention(fulls: 1, days: 0), now: 30 * 86_400)
        #expect(gone.isEmpty)
    }

    @Test("a full set stays when the newest proved set stands on it")
    func aProofKeepsItsGround() {
        let sets = [
            Self.set("A", day: 1), Self.set("A_I", .incr, day: 2), Self.set("B", day: 3), Self.set("C", day: 4),
        ]
        let gone = RetentionRule.expirable(
            sets, knowing: .init(proved: ["A_I": 1]), retention: Self.retention(fulls: 1, days: 0), now: 30 * 86_400)
        #expect(gone.map(\.label) == ["B"])
    }

    @Test("what a window of days needs stays, with the set that it begins from")
    func theWindowKeepsItsGround() {
        let sets = (1...10).map { Self.set("S\($0)", day: Int64($0)) }
        let gone = RetentionRule.expirable(
            sets, knowing: .init(proved: ["S10": 1]), retention: Self.retention(fulls: 1, days: 3), now: 10 * 86_400)
        #expect(gone.map(\.label) == ["S1", "S2", "S3", "S4", "S5", "S6"])
    }

    @Test("a set that was proved and then found damaged is no proof any more")
    func damageEndsAProof() {
        let sets = [Self.set("A", day: 1), Self.set("B", day: 2)]
        let known = RetentionRule.Knowledge(proved: ["A": 1, "B": 2], damaged: ["B"])
        #expect(RetentionRule.newestProved(sets, known)?.label == "A")
    }

    @Test("positions and segments of the log are read and written as PostgreSQL does")
    func positions() throws {
        let position = try #require(LogPosition("1A/3000060"))
        #expect(position.description == "1A/3000060")
        #expect(LogPosition("1A") == nil && LogPosition("x/1") == nil && LogPosition("1/2/3") == nil)
        let segment = try #require(LogSegment("0000000200000001000000FE-ab12.zst"))
        #expect(segment.description == "0000000200000001000000FE")
        #expect(segment.next.description == "0000000200000001000000FF")
        #expect(segment.next.next.description == "000000020000000200000000")
        #expect(LogSegment("000000020000000100000100") == nil)
        #expect(LogSegment(timeline: 2, holding: segment.start) == segment)
    }

    @Test("a hole in the log is named")
    func holes() {
        let held = Set([1, 2, 4, 5, 7].map { LogSegment(timeline: 1, number: $0) })
        #expect(ArchiveFolder.holes(in: held, from: nil).map(\.number) == [3, 6])
        #expect(ArchiveFolder.holes(in: held, from: LogSegment(timeline: 1, number: 4)).map(\.number) == [6])
        #expect(ArchiveFolder.holes(in: [], from: nil).isEmpty)
    }

    @Test("pgBackRest's verify is read by its words, since its status is always 0")
    func verifyWords() {
        let sound = """
            stanza: bank
            status: ok
              archiveId: 15-1, total WAL checked: 7, total valid WAL: 7
                missing: 0, checksum invalid: 0, size invalid: 0, other: 0
              backup: 20261129-015917F, status: valid, total files checked: 964, total valid files: 964
                missing: 0, checksum invalid: 0, size invalid: 0, other: 0
            """
        #expect(VerifyAnswer(sound).isOK)
        let broken = sound.replacing("status: valid, total", with: "status: invalid, total")
            .replacing("status: ok", with: "status: error")
        #expect(VerifyAnswer(broken).problems.first?.label == "20261129-015917F")
        #expect(!VerifyAnswer("").isOK)
    }

    @Test("a time needs its zone")
    func times() {
        #expect(Moment.seconds(of: "1970-01-01 01:00:10+01") == 10)
        #expect(Moment.seconds(of: "1970-01-01T00:00:10.5Z") == 10)
        #expect(Moment.seconds(of: "1970-01-01 05:30:00+05:30") == 0)
        #expect(Moment.seconds(of: "1970-01-01 00:00:10") == nil)
        #expect(Moment.seconds(of: "yesterday") == nil)
    }

    @Test("noise has the entropy of noise, and an empty page is sound")
    func entropy() {
        var generator = SplitMix(state: 1)
        let noise = (0..<8192).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        #expect(Page.entropy(noise) > PageScan.noiseBits)
        #expect(Page.entropy([UInt8](repeating: 7, count: 8192)) == 0)
        #expect(!Page.isSound(noise, 0))
        #expect(Page.isSound([UInt8](repeating: 0, count: 8192), 5))
        #expect(PageScan.segmentNumber(of: "16384.2") == 2 && PageScan.segmentNumber(of: "16384_fsm") == nil)
    }

    @Test("after a damaged set or a drill that failed the next one waits, longer each time")
    func backOff() {
        let schedule = BackupSettings.Schedule()
        let day: Int64 = 86_400
        func due(_ damaged: [Int64], now: Int64) -> BackupSet.Kind? {
            ScheduleRule.due(
                [], damaged: damaged.map { Self.set("X\($0)", day: $0) }, schedule, now: now)
        }
        #expect(due([], now: day) == .full)
        #expect(due([1], now: day + 3599) == nil && due([1], now: day + 3600) == .full)
        #expect(
            due([1, 2, 3], now: 3 * day + 4 * 3600 - 1) == nil && due([1, 2, 3], now: 3 * day + 4 * 3600) == .full)
        // Damaged sets that are older than a sound one say nothing of the next.
        #expect(
            ScheduleRule.due([Self.set("B", day: 2)], damaged: [Self.set("A", day: 1)], schedule, now: 10 * day)
                == .full)
        // One that was made under a clock that was ahead does not keep the next from being due.
        #expect(ScheduleRule.due([Self.set("F", day: 3)], schedule, now: 2 * day) == .full)
        #expect(ScheduleRule.due([Self.set("F", day: 3)], schedule, now: 3 * day - 200) == nil)
        func drill(_ passed: [Bool], after: Int64) -> Bool {
            ScheduleRule.isDrillDue(
                passed.enumerated().map { (Int64($0.offset), $0.element) }, every: 86_400,
                now: Int64(passed.count - 1) + after)
        }
        #expect(drill([], after: 0) && !drill([true], after: 86_399) && drill([true], after: 86_400))
        #expect(!drill([true, false], after: 3599) && drill([true, false], after: 3600))
        #expect(!drill([false, false, false], after: 4 * 3600 - 1) && drill([false, false, false], after: 4 * 3600))
    }

    @Test("a verification takes back what a verification said, and nothing that a backup or a drill said")
    func marks() {
        var known = RetentionRule.Knowledge()
        known.mark("A", "gone")
        known.condemn("B", "pages")
        known.mark("B", "gone too")
        known.clear("A")
        known.clear("B")
        #expect(known.damaged == ["B"])
        known.prove("B", at: 5)
        #expect(known.damaged.isEmpty && known.proved == ["B": 5])
    }

    @Test("sets that end behind the place where a restored bank went its own way are not its sets")
    func abandoned() {
        func set(_ timeline: String, _ stop: UInt64) -> BackupSet {
            BackupSet(
                label: "S", repository: 1, kind: .full, startedAt: 0, stoppedAt: 1,
                firstSegment: timeline + "0000000000000001", lastSegment: timeline + "0000000000000001",
                stopPosition: LogPosition(stop), bytes: 1, storedBytes: 1, references: [], hasBadPages: false)
        }
        let left = AbandonedLog(timeline: 2, reached: LogPosition(1000))
        #expect(!left.covers(set("00000001", 900)) && left.covers(set("00000001", 1100)))
        #expect(!left.covers(set("00000002", 1100)))
    }

    @Test("what a drill finds wrong in the living bank too is not held against the set")
    func outcomes() {
        func outcome(_ concerns: DrillCheck.Concern...) -> DrillOutcome {
            .of(
                concerns.map {
                    DrillCheck(name: "x", nameFrench: "x", passed: false, detail: "", seconds: 0, concern: $0)
                })
        }
        #expect(outcome() == .proved && outcome(.structure) == .proved)
        #expect(outcome(.content) == .unproved && outcome(.surroundings, .structure) == .unproved)
        #expect(outcome(.structure, .restore) == .refuted)
    }

    @Test("what savepoints and prepared transactions destroy is counted with their transaction")
    func partsOfTransactions() {
        var dump = WalDump(rowsMin: 4)
        func row(_ transaction: Int, _ what: String) -> Substring {
            "rmgr: Heap len (rec/tot): 54/54, tx: \(transaction), lsn: 0/0152E4C8, prev 0/0, desc: \(what) off 1, blkref #0: rel 1663/5/9 blk 0"
        }
        func end(_ transaction: Int, _ what: String) -> Substring {
            "rmgr: Transaction len (rec/tot): 54/54, tx: \(transaction), lsn: 0/0152E500, prev 0/0, desc: \(what)"
        }
        for part in [734, 735, 736] { for _ in 0..<2 { dump.read(row(part, "DELETE")) } }
        dump.read(end(734, "COMMIT 2026-11-29 10:00:00.000000 UTC; subxacts: 735 736; inval msgs: catcache 7"))
        #expect(dump.found.map(\.rows) == [6])
        for _ in 0..<5 { dump.read(row(740, "DELETE")) }
        dump.read(end(739, "ABORT 2026-11-29 10:00:00.000000 UTC; subxacts: 740"))
        dump.read(end(740, "COMMIT 2026-11-29 10:00:01.000000 UTC"))
        #expect(dump.found.count == 1)
        for _ in 0..<5 { dump.read(row(750, "DELETE")) }
        dump.read(end(0, "COMMIT_PREPARED 750: 2026-11-29 10:00:02.000000 UTC"))
        #expect(dump.found.map(\.transaction) == ["734", "750"])
    }

    @Test("a dropped database is left before its files go, not before its transaction commits")
    func droppedDatabase() throws {
        var dump = WalDump(rowsMin: 4)
        dump.read(
            "rmgr: Database len (rec/tot): 34/34, tx: 760, lsn: 0/03000100, prev 0/0, desc: DROP dir 1663/16385")
        dump.read(
            "rmgr: Transaction len (rec/tot): 66/66, tx: 760, lsn: 0/03000200, prev 0/0, desc: COMMIT 2026-11-29 10:00:00.000000 UTC"
        )
        let act = try #require(dump.found.first)
        #expect(act.kind == .databaseDropped && act.commit == LogPosition("0/3000100"))
    }

    @Test("paths that a shell would take apart are quoted in the archive command")
    func quoting() {
        #expect(PgBackRestConfiguration.quoted("/srv/bank-1/a.conf") == "/srv/bank-1/a.conf")
        #expect(PgBackRestConfiguration.quoted("/srv/my bank/100%") == "'/srv/my bank/100%%'")
        #expect(PgBackRestConfiguration.quoted("/a'b") == "'/a'\\''b'")
    }

    @Test("a restore that does not fit is refused before it begins")
    func space() {
        #expect(FreeSpace.lacking(1 << 30, free: 2 << 30) == nil)
        #expect(FreeSpace.lacking(1 << 30, free: 1 << 30) == "1024 MB are free, 1382 MB are needed")
    }
}
