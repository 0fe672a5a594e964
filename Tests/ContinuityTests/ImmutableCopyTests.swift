import Foundation
import Glibc
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// Copies of backups that even root can not change without taking the mark away first.
@Suite(.serialized, .enabled(if: LivingBank.isPossible && geteuid() == 0, "needs pgbackrest, and root for chattr"))
struct ImmutableCopyTests {
    @Test func `a copy withstands root, grows with each set, and becomes a repository again`() async throws {
        let bank = try await LivingBank(repositories: 1)
        let place = bank.data + "-kept"
        let result: Result<Void, any Error>
        do { result = .success(try await Self.drive(bank, place)) } catch { result = .failure(error) }
        _ = try? await ToolRun.run("/usr/bin/chattr", ["-R", "-i", "--", place])
        try? FileManager.default.removeItem(atPath: place)
        await bank.end()
        try result.get()
    }

    private static func drive(_ bank: LivingBank, _ place: String) async throws {
        var settings = try BackupSettings.load(bank.desk.folder)
        settings.immutableCopy = place
        do {
            try await ImmutableCopy(path: place).prepare()
        } catch let error as ContinuityError where error.code == "immutable_copy_refused" {
            // A file system that knows no such mark: it is told, and nothing is promised.
            print("not shown here: \(error.message)")
            return
        }
        try settings.save(bank.desk.folder)
        #expect(try await bank.desk.make(.full).failures.isEmpty)
        let first = try FileTree.files(below: place, "files").count
        #expect(first > 2)
        #expect(try await bank.desk.make(.incr).failures.isEmpty)
        let files = try FileTree.files(below: place, "files")
        #expect(files.count > first)
        #expect(try await bank.desk.unmarkedCopies().isEmpty)

        // What a raid on the machine would do.
        for file in files.prefix(20) {
            let path = place + "/" + file
            #expect(unlink(path) != 0 && open(path, O_WRONLY) < 0 && rename(path, path + ".gone") != 0)
        }
        let repository = bank.desk.folder.path + "/repository1"
        try FileManager.default.removeItem(atPath: repository)
        #expect(try await bank.desk.verify(deep: false).isSound == false)

        let newest = try await bank.desk.assemble(repository: 1, into: repository)
        #expect(newest.hasSuffix("I"))
        // A repository that was away condemned none of its sets.
        let sets = try await bank.desk.list().sets
        #expect(sets.count == 2 && !sets.contains(where: \.isDamaged))
        let verdict = try await bank.desk.verify(deep: true)
        // Log that was archived behind the newest set is the live repository's alone.
        #expect(verdict.findings.allSatisfy { $0.kind.hasPrefix("log-") || $0.kind.hasPrefix("archiving-") })

        let file = try #require(files.first)
        try await ToolRun.run("/usr/bin/chattr", ["-i", "--", place + "/" + file]).checked("chattr")
        #expect(try await bank.desk.unmarkedCopies() == [place + "/" + file])
    }
}
