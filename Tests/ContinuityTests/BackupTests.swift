import Evidence
import Foundation
import Postgres
import Testing

@testable import Continuity
@testable import PostgresServer

/// The way of a backup from the server to a proof, on a real server with a real pgBackRest.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct BackupTests {
    @Test("no segment is refused while backups are prepared beside a server that has segments waiting")
    func nothingRefused() async throws {
        let bank = try await LivingBank(repositories: 1)
        let archiver = try await bank.with { try await ContinuityStore(database: $0).archiver() }
        #expect(archiver.archived != nil && archiver.failed == 0, "\(archiver.lastFailed ?? "")")
    }

    @Test("a backup stands in both repositories, and a drill that restores it proves it")
    func madeAndProved() async throws {
        let bank = try await LivingBank.shared()
        let made = try await bank.desk.make(.full)
        #expect(made.sets.map(\.repository).sorted() == [1, 2] && made.failures.isEmpty)
        try await bank.with { _ = try await LivingBank.transfer(1, 2, 100, "before the drill", in: $0) }
        try await bank.archive()

        let report = try await Drill(desk: bank.desk).run(Drill.Request())
        for check in report.checks { #expect(check.passed, "\(check.name): \(check.detail)") }
        #expect(report.passed && report.checks.count >= 11)
        #expect(report.rtoSeconds > 0)
        let rpo = try #require(report.rpoSeconds)
        #expect(rpo >= 0)
        let listed = try await bank.desk.list()
        #expect(listed.troubles.isEmpty)
        #expect(listed.sets.contains { $0.isProved && $0.set.label == report.label })
        // The report is signed, and the room is gone.
        #expect(try OfflineVerifier.verify(path: report.file).isValid)
        let rooms = try FileManager.default.contentsOfDirectory(atPath: bank.desk.folder.scratch)
        #expect(!rooms.contains(String(report.id.uuidString.prefix(8)).lowercased()))
        try await bank.with { database in
            let rows = try await database.one(
                "select count(*) from continuity.drills where passed and label = \(report.label)", as: Int64.self)
            #expect(rows == 1)
            let names = try await database.all("select distinct name from continuity.indicators", as: String.self)
            #expect(names.contains("digitalbank_drill_rto_seconds"))
            #expect(names.contains("digitalbank_backup_newest_timestamp_seconds"))
            let entries = try await database.one(
                "select count(*) from evidence.entries where kind = 'continuity.drill'", as: Int64.self)
            #expect(entries >= 1)
        }
    }

    @Test("a repository keeps its figure when all its sets are damaged, and a bank that has no set has one too")
    func figureOfARepositoryWithoutASoundSet() async throws {
        struct Undone: Error {}
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        let figures: Statement = """
            select labels->>'repository' || ' ' || (value > 0)::text || ' ' || (labels->>'kind' = 'none')::text
            from continuity.indicators where name = 'digitalbank_backup_newest_timestamp_seconds'
            group by 1 order by 1
            """
        _ = try await bank.with { database in
            await #expect(throws: Undone.self) {
                try await database.transaction { tx in
                    let sound = try await tx.all(figures, as: String.self)
                    #expect(sound == ["1 true false", "2 true false"])
                    try await tx.run("update continuity.sets set state = 'damaged' where repository = 1")
                    let one = try await tx.all(figures, as: String.self)
                    #expect(one == ["1 false true", "2 true false"])
                    try await tx.run("update continuity.sets set state = 'expired' where repository = 1")
                    let removed = try await tx.all(figures, as: String.self)
                    #expect(removed == ["2 true false"])
                    try await tx.run("delete from continuity.sets")
                    let none = try await tx.all(figures, as: String.self)
                    #expect(none == ["0 false true"])
                    throw Undone()
                }
            }
        }
    }

    @Test("what is whole is found sound, and every file that was signed is compared")
    func sound() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        let audit = try await bank.desk.verify()
        #expect(audit.isSound, "\(audit.findings)")
        #expect(audit.filesChecked > 10 && audit.setsChecked >= 2)
    }

    @Test("the second repository alone brings the bank back, with the server and the first one gone")
    func secondRepositoryAlone() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        let balances = try await bank.with { database in
            _ = try await LivingBank.transfer(3, 4, 250, "second \(UUID())", in: database)
            return try await LivingBank.balances(database)
        }
        try await bank.archive()
        let left = try await bank.copyOfBackups()
        try FileManager.default.removeItem(atPath: left.folder.path + "/repository1")
        var request = Drill.Request()
        request.scenario = .lostRepository
        let report = try await Drill(desk: left).run(request)
        #expect(report.passed, "\(report.checks.filter { !$0.passed })")
        #expect(report.rpoSeconds == nil, "there is no bank to compare with")
        #expect(report.repository == 2)
        #expect(balances.count == LivingBank.accounts)
    }

    @Test("a repository without the vault's key is noise, and the answer names the key")
    func withoutTheKey() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        let left = try await bank.copyOfBackups()
        // What a thief of the repositories has: neither configuration nor keys.
        unlink(left.folder.configuration)
        unlink(left.folder.keys + "/vault.key")
        var request = Restorer.Request(target: .newest, directory: left.folder.scratch + "/thief")
        request.isScratch = true
        await #expect {
            try await Restorer(desk: left).restore(request)
        } throws: { error in
            (error as? ContinuityError)?.code == "backup_key_lost"
        }
    }

    @Test("the vault's key may be rotated: the repositories' key is wrapped anew")
    func rotation() async throws {
        let bank = try await LivingBank.shared()
        let left = try await bank.copyOfBackups()
        let before = try await RepositoryKey.passPhrase(left.folder)
        let kept = try Data(contentsOf: URL(filePath: left.folder.sealedKey))
        try KeyFolderRotation.renew(left.folder.keys)
        #expect(try await RepositoryKey.passPhrase(left.folder) == before)
        #expect(try Data(contentsOf: URL(filePath: left.folder.sealedKey)) != kept)
        // And with the old key destroyed.
        try FileManager.default.removeItem(atPath: left.folder.keys + "/old")
        #expect(try await RepositoryKey.passPhrase(left.folder) == before)
    }

    @Test("every page of the server's files is sound to our reader and to PostgreSQL's, and one flipped bit is not")
    func pages() async throws {
        let bank = try await LivingBank.shared()
        let copy = bank.place("pages")
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        try await bank.cluster.withSuperuser { try await $0.run("checkpoint") }
        for part in ["base", "global"] {
            try await ToolRun.run("/bin/cp", ["-a", bank.cluster.dataDirectory + "/" + part, copy]).checked("cp")
        }
        let scan = try PageScan.scan(dataDirectory: copy)
        #expect(scan.pages > 1000 && scan.badPages == 0, "\(scan.summary)")
        let file = try #require(
            try FileTree.files(below: copy, "base").first {
                PageScan.segmentNumber(of: ($0 as NSString).lastPathComponent) != nil
                    && (try? FileTree.digest(copy + "/" + $0).bytes) ?? 0 > 16_384
            })
        try Sabotage.flip(copy + "/" + file, at: 8192 + 4000)
        let after = try PageScan.scan(dataDirectory: copy)
        #expect(after.badPages == 1 && after.files[file] == 1 && after.noisePages == 0)
        try Sabotage.noise(copy + "/" + file, pages: 2)
        #expect(try PageScan.scan(dataDirectory: copy).noisePages == 2)
    }
}
