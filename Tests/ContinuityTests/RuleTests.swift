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
}
