import Evidence
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// What keeps backups useful when something else is lost: keys, disks, records, the server.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct SurvivalTests {
    @Test("a pass phrase is never made in place of one that can not be read")
    func keyIsNotReplaced() async throws {
        let bank = try await LivingBank.shared()
        let left = try await bank.copyOfBackups()
        defer { try? FileManager.default.removeItem(atPath: left.folder.dataDirectory) }
        let configuration = try String(contentsOfFile: left.folder.configuration, encoding: .utf8)
        unlink(left.folder.sealedKey)
        await Self.expect("backup_key_lost") { _ = try await RepositoryKey.passPhrase(left.folder) }
        await Self.expect("backup_key_lost") { _ = try await RepositoryKey.prepared(left.folder, opens: []) }
        #expect(try String(contentsOfFile: left.folder.configuration, encoding: .utf8) == configuration)
        unlink(left.folder.configuration)
        await Self.expect("backup_key_lost") {
            _ = try await RepositoryKey.prepared(left.folder, opens: ["a repository holds backups"])
        }
        // Something that is there and can not be read is not nothing.
        try FileManager.default.createDirectory(atPath: left.folder.sealedKey, withIntermediateDirectories: false)
        await Self.expect("backup_key_lost") { _ = try await RepositoryKey.prepared(left.folder, opens: []) }
        rmdir(left.folder.sealedKey)
        #expect(try await RepositoryKey.prepared(left.folder, opens: []).count == 64)
    }

    @Test(
        "one repository and the keys bring the bank back on a machine that has nothing else, marks of damage included",
        .enabled(if: isLongRun, "long rounds only"))
    func serverIsLost() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.full)
        _ = try await bank.desk.make(.incr)
        let newest = try #require(try await bank.desk.list().sets.last { $0.set.repository == 2 }).set
        let balances = try await bank.with { database in
            _ = try await LivingBank.transfer(3, 4, 25, "lost \(UUID())", in: database)
            return try await LivingBank.balances(database)
        }
        try await bank.archive()
        let left = try await bank.copyOfBackups()
        let machine = left.folder.dataDirectory + "/other"
        try FileManager.default.createDirectory(atPath: machine, withIntermediateDirectories: true)
        try await left.journal.append(
            .damaged, newest.label, ["repository": "2", "reason": "a mark", "by": "verify"])
        #expect(await KeptRecords.keep(left.folder).isEmpty)
        try FileManager.default.moveItem(
            atPath: left.folder.path + "/repository2", toPath: machine + "/mounted")
        try FileManager.default.moveItem(atPath: left.folder.keys, toPath: machine + "/apart")
        try FileManager.default.removeItem(atPath: left.folder.path)

        let fresh = BackupDesk(dataDirectory: machine + "/var", bank: LivingBank.name)
        let adopted = try await LostServer(desk: fresh).adopt(
            repository: machine + "/mounted", keys: machine + "/apart")
        #expect(adopted.number == 2)
        #expect(try fresh.journal.knowledge(of: 2).damaged.contains(newest.label))
        var request = Restorer.Request(target: .newest, directory: machine + "/var/restored")
        request.repository = adopted.number
        let outcome = try await RestoreDesk(desk: fresh).restore(request)
        #expect(outcome.isSound, "\(outcome.lines)")
        #expect(!outcome.lines.contains { $0.hasPrefix("restored     \(newest.label)") })
        let cluster = try Cluster.attach(machine + "/var/restored")
        #expect(try await fresh.withBank(cluster) { try await LivingBank.balances($0) } == balances)
        let switched = try await RestoreDesk(desk: fresh).switchOver(to: machine + "/var/restored")
        #expect(switched.isWhole && switched.lines[0].hasPrefix("the bank is the restored one now"))
        let living = try Cluster.attach(fresh.folder.cluster)
        let archiver = try await fresh.withBank(living) { try await ContinuityStore(database: $0).archiver() }
        #expect(archiver.mode == "on" && archiver.command.contains(machine + "/var/continuity/pgbackrest.conf"))
        try await living.destroy()
        try FileManager.default.removeItem(atPath: left.folder.dataDirectory)
    }

    @Test("a repository whose disk is away condemns none of its sets, and a set that is whole again is used again")
    func diskIsAway() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        let left = try await bank.copyOfBackups()
        defer { try? FileManager.default.removeItem(atPath: left.folder.dataDirectory) }
        let root = left.folder.path + "/repository1"
        try FileManager.default.moveItem(atPath: root, toPath: root + ".away")
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        let audit = try await left.verify(deep: false)
        let first = audit.findings.filter { $0.repository == 1 }
        #expect(Set(first.map(\.kind)) == ["repository-unreadable"], "\(first)")
        #expect(try left.journal.knowledge(of: 1).damaged.isEmpty)
        #expect(try await left.expire(dryRun: false).allSatisfy { $0.repository == 2 })
        rmdir(root)
        try FileManager.default.moveItem(atPath: root + ".away", toPath: root)

        let label = try #require(try await left.list().sets.last { $0.set.repository == 1 }).set.label
        let file = root + "/" + (try #require(try FileTree.files(below: root, "backup/bank/\(label)").first))
        try FileManager.default.moveItem(atPath: file, toPath: file + ".away")
        _ = try await left.verify(deep: false)
        #expect(try left.journal.knowledge(of: 1).damaged == [label])
        try FileManager.default.moveItem(atPath: file + ".away", toPath: file)
        let again = try await left.verify()
        #expect(again.isSound, "\(again.findings)")
        #expect(try left.journal.knowledge(of: 1).damaged.isEmpty)
    }

    @Test("a set without a signed list is found and not restored, and so is a journal that was cut")
    func unsigned() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        _ = try await bank.desk.make(.incr)
        let left = try await bank.copyOfBackups()
        defer { try? FileManager.default.removeItem(atPath: left.folder.dataDirectory) }
        let newest = try #require(try await left.list().sets.last { $0.set.repository == 1 }).set.label
        RepositoryManifest.remove(left.folder, 1, newest)
        var request = Restorer.Request(target: .newest, directory: "/nowhere")
        request.repository = 1
        #expect(try await Restorer(desk: left).chosen(request).label != newest)
        // As if everything outside of the repositories had been wiped.
        try FileManager.default.removeItem(atPath: left.folder.manifests)
        unlink(left.folder.journal)
        let kinds = Set(try await left.verify(deep: false).findings.map(\.kind))
        #expect(kinds.contains("set-unsigned") && kinds.contains("journal-cut"), "\(kinds)")
        // The copy beside the repository is not replaced by the cut one.
        #expect(await !KeptRecords.keep(left.folder).isEmpty)
    }

    @Test("preparing again asks about a repository that is empty now, and changes nothing that was not named")
    func preparedAgain() async throws {
        let bank = try await LivingBank(repositories: 2)
        _ = try await bank.desk.make(.full)
        var settings = try BackupSettings.load(bank.desk.folder)
        settings.retention.days = 77
        _ = try await bank.desk.prepare(settings)
        #expect(try bank.desk.settings()?.retention.days == 77)
        let root = bank.desk.folder.path + "/repository2"
        try FileManager.default.moveItem(atPath: root, toPath: root + ".away")
        let kept = settings
        await Self.expect("repository_not_there") { _ = try await bank.desk.prepare(kept) }
        _ = try await bank.desk.prepare(kept, beginsAnew: true)
        let made = try await bank.desk.make(.full)
        #expect(made.failures.isEmpty, "\(made.failures)")
        let audit = try await bank.desk.verify(deep: false)
        #expect(audit.isSound, "\(audit.findings)")
        await bank.end()
    }

    static func expect(_ code: String, _ work: @Sendable () async throws -> Void) async {
        await #expect {
            try await work()
        } throws: { error in
            (error as? ContinuityError)?.code == code
        }
    }
}
