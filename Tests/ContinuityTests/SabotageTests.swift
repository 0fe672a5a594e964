import Foundation
import Postgres
import Testing

@testable import Continuity
@testable import PostgresServer

/// Ten ways to make a backup worthless. Each is found, and by name; beside it what pgBackRest says by itself.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct SabotageTests {
    enum Kind: String, CaseIterable, Sendable {
        case flippedByte = "a byte of a set is flipped"
        case truncated = "a file of a set is cut"
        case deleted = "a file of a set is removed"
        case manifest = "the set's list of files is overwritten"
        case catalogue = "the catalogue of sets is removed"
        case logRemoved = "a segment of the log is removed"
        case logFlipped = "a byte of a segment of the log is flipped"
        case wrongKey = "the key is exchanged"
        case rolledBack = "the repository is put back to an older state"
        case signedList = "our own signed list is rewritten"

        /// What verification must say.
        var finding: Set<String> {
            switch self {
            case .flippedByte, .truncated, .manifest: ["file-changed"]
            case .deleted: ["file-missing"]
            case .catalogue: ["repository-unreadable", "set-vanished"]
            case .logRemoved: ["log-missing", "log-hole"]
            case .logFlipped: ["log-changed", "verify-error"]
            case .wrongKey: ["repository-unreadable"]
            case .rolledBack: ["set-vanished"]
            case .signedList: ["list-changed"]
            }
        }
    }

    @Test("no sabotage of repository, key or archive is silent", arguments: Kind.allCases)
    func found(_ kind: Kind) async throws {
        let (bank, older) = try await Self.prepared.value
        let left = try await bank.copyOfBackups()
        try await Self.act(kind, left, older)
        let audit = try await left.verify()
        let kinds = Set(audit.findings.map(\.kind))
        #expect(!kinds.isDisjoint(with: kind.finding), "\(kind.rawValue): \(audit.findings)")
        print(try await Self.row(kind.rawValue, left, kinds))
        try? FileManager.default.removeItem(atPath: left.folder.dataDirectory)
    }

    @Test("what verification found is no ground for a restore any more, and a sound set takes its place")
    func damagedIsNotChosen() async throws {
        let (bank, older) = try await Self.prepared.value
        let left = try await bank.copyOfBackups()
        try await Self.act(.flippedByte, left, older)
        _ = try await left.verify()
        var request = Drill.Request()
        request.scenario = .newest
        let report = try await Drill(desk: left).run(request)
        #expect(report.passed && report.repository == 2)
        #expect(try await left.list().sets.contains { $0.isDamaged && $0.set.repository == 1 })
        try? FileManager.default.removeItem(atPath: left.folder.dataDirectory)
    }

    @Test("an archive command that does nothing is found although the server counts every segment as archived")
    func archiveCommandReplaced() async throws {
        let bank = try await LivingBank(repositories: 1)
        _ = try await bank.desk.make(.full)
        try await bank.cluster.withSuperuser { connection in
            try await connection.run("alter system set archive_command = '/bin/true'")
            try await connection.run("select pg_reload_conf()")
        }
        try await bank.archive()
        let kinds = Set(try await bank.desk.verify(deep: false).findings.map(\.kind))
        #expect(kinds.contains("archiving-changed") && kinds.contains("archiving-lies"), "\(kinds)")
        await bank.end()
    }

    @Test("pages that noise overwrote are found before and in the backup, and the sound set before it stays")
    func pagesOverwritten() async throws {
        let bank = try await LivingBank(repositories: 1)
        try await bank.with { database in
            try await database.run(
                "create table public.lourde as select g, repeat('x', 300) t from generate_series(1, 60000) g")
            try await database.run("alter table public.lourde enable row level security")
            try await database.run("checkpoint")
        }
        _ = try await bank.desk.make(.full)
        let proof = try await Drill(desk: bank.desk).run(Drill.Request())
        #expect(proof.passed)
        let file = try await bank.with {
            try await $0.one("select pg_relation_filepath('public.lourde')", as: String.self)
        }
        try Sabotage.noise(bank.cluster.dataDirectory + "/" + file, pages: 2000)
        let scan = try PageScan.scan(dataDirectory: bank.cluster.dataDirectory)
        #expect(scan.badPages >= 1900 && scan.noisePages == scan.badPages, "\(scan)")
        // Retention as greedy as can be.
        var settings = try BackupSettings.load(bank.desk.folder)
        settings.retention.days = 0
        settings.retention.fullsMin = 1
        try settings.save(bank.desk.folder)
        for _ in 0..<3 {
            let made = try await bank.desk.make(.full)
            #expect(made.damaged.count == 1 && made.failures.count == 1)
            #expect(made.failures[0].contains(file), "\(made.failures)")
            print("| many pages are noise | \(made.failures[0])")
        }
        let removed = try await bank.desk.expire(dryRun: false)
        #expect(!removed.contains { $0.label == proof.label } && removed.count == 2)
        let left = try await bank.desk.list().sets
        #expect(left.contains { $0.set.label == proof.label && $0.isProved } && left.count == 2)
        let again = try await Drill(desk: bank.desk).run(Drill.Request())
        #expect(again.label == proof.label && again.passed)
        await bank.end()
    }

    // MARK: acts

    /// A bank with a full and an incremental set and log behind them; and a copy of its first repository as it was before.
    private static let prepared = Task {
        let bank = try await LivingBank.shared()
        let full = try await bank.desk.make(.full)
        try await bank.archive()
        let older = bank.place("older")
        try await ToolRun.run("/bin/cp", ["-a", bank.desk.folder.path + "/repository1", older]).checked("cp")
        try await bank.with { _ = try await LivingBank.transfer(5, 6, 10, "sabotage \(UUID())", in: $0) }
        _ = try await bank.desk.make(.incr)
        for _ in 0..<3 { try await bank.archive() }
        // The signed lists cover log up to the newest set.
        _ = try await bank.desk.make(.incr)
        _ = full
        return (bank, older)
    }

    private static func act(_ kind: Kind, _ left: BackupDesk, _ older: String) async throws {
        let root = left.folder.path + "/repository1"
        let sets = try await left.list().sets.filter { $0.set.repository == 1 }.map(\.set)
        let label = try #require(sets.last { $0.kind == .full }).label
        let files = try FileTree.files(below: root, "backup/bank/\(label)")
        let bundle = root + "/" + (try #require(files.first { $0.contains("/bundle/") }))
        let log = try FileTree.files(below: root, "archive/bank").filter { $0.hasSuffix(".zst") }
        let segment = root + "/" + log[log.count - 3]
        switch kind {
        case .flippedByte: try Sabotage.flip(bundle, at: 5000)
        case .truncated: try Sabotage.truncate(bundle, to: 5000)
        case .deleted: unlink(bundle)
        case .manifest: try Sabotage.flip(root + "/backup/bank/\(label)/backup.manifest", at: 300)
        case .catalogue:
            for name in ["backup.info", "backup.info.copy"] { unlink(root + "/backup/bank/" + name) }
        case .logRemoved: unlink(segment)
        case .logFlipped: try Sabotage.flip(segment, at: 200)
        case .wrongKey:
            let script = "sed -i 's/^repo1-cipher-pass=.*/repo1-cipher-pass=another/' " + left.folder.configuration
            try await ToolRun.run("/bin/sh", ["-c", script]).checked("sed")
        case .rolledBack:
            try FileManager.default.removeItem(atPath: root)
            try await ToolRun.run("/bin/cp", ["-a", older, root]).checked("cp")
        case .signedList:
            let path = RepositoryManifest.path(left.folder, 1, label)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try text.replacing("\"bytes\":", with: "\"bytes\":1", maxReplacements: 1)
                .write(toFile: path, atomically: true, encoding: .utf8)
        }
    }

    /// A row of the table in docs/guides/continuity.md.
    private static func row(_ name: String, _ left: BackupDesk, _ kinds: Set<String>) async throws -> String {
        let backrest = try PgBackRest(folder: left.folder)
        let plain = try await backrest.answer("verify", ["--repo=1"])
        let worded = try await backrest.answer("verify", ["--repo=1", "--output=text"])
        let status = worded.output.split(separator: "\n").first { $0.hasPrefix("status:") } ?? "no status"
        let info = try await backrest.answer("info", ["--repo=1"])
        let told = info.output.split(separator: "\n").first { $0.contains("status:") } ?? "-"
        return "| \(name) | verify exits \(plain.status), says \(plain.warnings.count) warnings; text: \(status) | "
            + "info exits \(info.status): \(told.trimmingCharacters(in: .whitespaces)) | "
            + "\(kinds.sorted().joined(separator: ", ")) |"
    }
}
