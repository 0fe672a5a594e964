import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

/// Each mistake gets one sentence, what to do, a documented exit status, and changes nothing.
@Suite struct BadInputTests {
    private func expectRefusal(_ run: Program.Result, _ status: Int32, _ words: String) {
        #expect(run.status == status, "\(run.error)")
        let lines = run.error.split(separator: "\n")
        #expect(lines.count == 2, "\(run.error)")
        #expect(lines.first?.hasPrefix("error: ") == true && lines.first?.contains(words) == true, "\(run.error)")
        #expect(
            lines.last?.hasPrefix("hint: ") == true && lines.last?.hasSuffix(".") == true
                || run.error.contains("digitalbank"))
    }

    private func recover(_ dump: String, in folder: String, _ more: [String] = []) async throws -> Program.Result {
        let run = try await ToolRun.run(
            Program.path, ["recover", dump, "--data-dir", folder + "/data"] + more, timeMax: .seconds(300))
        return Program.Result(status: run.status, output: run.outputText, error: run.errorText)
    }

    @Test func `a missing file is named`() async throws {
        try await withTemporaryDirectory { folder in
            expectRefusal(try await recover(folder + "/none.dump", in: folder), 5, "there is no file or folder at")
            #expect(!FileManager.default.fileExists(atPath: folder + "/data"))
        }
    }

    @Test func `a folder that is no dump is refused`() async throws {
        try await withTemporaryDirectory { folder in
            try FileManager.default.createDirectory(atPath: folder + "/empty", withIntermediateDirectories: true)
            expectRefusal(try await recover(folder + "/empty", in: folder), 5, "without toc.dat")
            #expect(!FileManager.default.fileExists(atPath: folder + "/data"))
        }
    }

    @Test func `an empty file is refused`() async throws {
        try await withTemporaryDirectory { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/empty.dump"))
            expectRefusal(try await recover(folder + "/empty.dump", in: folder), 5, "is empty")
            #expect(!FileManager.default.fileExists(atPath: folder + "/data"))
        }
    }

    @Test("an unknown drill is refused by name, with those that there are")
    func unknownDrill() async throws {
        let run = try await Program.run("drill", "run", "--data-dir", "/nonexistent", "--scenario", "earthquake")
        #expect(run.status == 64)
        #expect(run.error.contains("no drill earthquake") && run.error.contains("damaged-pages"), "\(run.error)")
    }

    @Test(arguments: [1, 7, 4096, 1 << 20]) func `a random file is refused`(size: Int) async throws {
        try await withTemporaryDirectory { folder in
            var generator = SystemRandomNumberGenerator()
            let noise = Data((0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) })
            try noise.write(to: URL(fileURLWithPath: folder + "/noise.dump"))
            let run = try await recover(folder + "/noise.dump", in: folder)
            #expect(run.status == 5, "\(run.error)")
            #expect(run.error.contains("error: ") && run.error.contains("hint: "))
            #expect(!FileManager.default.fileExists(atPath: folder + "/data"))
        }
    }

    @Test func `a wrong password is told, without the password`() async throws {
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            let name = TestCluster.freshName()
            let cluster = try await TestCluster.shared()
            let target = try await TestCluster.configuration(database: name, as: .superuser)
            try await cluster.createDatabase(name)
            let run = try await Program.run(
                "recover", bank.dump, "--data-dir", folder + "/data", "--into", target.connectionString,
                environment: ["PGPASSWORD": "wrong-\(name)"])
            #expect(run.status == 6, "\(run.error)")
            #expect(run.error.contains("password"), "\(run.error)")
            #expect(!run.error.contains("wrong-\(name)"))
            try await cluster.dropDatabase(name)
        }
    }

    @Test func `a server that is not there is told`() async throws {
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            let run = try await Program.run(
                "recover", bank.dump, "--data-dir", folder + "/data", "--into",
                "host=\(folder) user=nobody dbname=nothing")
            #expect(run.status == 6, "\(run.error)")
            #expect(run.error.contains("error: ") && run.error.contains("hint: "), "\(run.error)")
        }
    }

    @Test(arguments: ["anon", "anon=", "=5", "anon=-1", "anon=many", "anon=1:", "anon=1:x", "anon=:", "anon=1:nan"])
    func `a ceiling of another form is told before anything is served`(ceiling: String) async throws {
        let run = try await Program.run("serve", "--ceiling", ceiling)
        #expect(run.status != 0 && run.error.contains("is no ceiling: give ROLE=ROWS"), "\(run.error)")
    }

    @Test(arguments: ["--mapping", "--baseline", "--logs", "--manifest", "--plan", "--legacy-key-file"])
    func `a wrong path of what stands beside the dump is told before anything is made`(option: String) async throws {
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            let run = try await Program.run(
                "recover", bank.dump, "--data-dir", folder + "/data", option, folder + "/missing.x")
            #expect(run.status == 5, "\(run.error)")
            #expect(run.error.contains("missing.x") && run.error.contains("hint: "), "\(run.error)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/data"))
        }
    }

    @Test func `a target that holds tables is left as it is`() async throws {
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            try await withTestDatabase { database in
                try await database.run("create table precious as select 42 as answer")
                let name = try await database.one("select current_database()::text", as: String.self)
                let target = try await TestCluster.configuration(database: name, as: .superuser)
                let run = try await Program.run(
                    "recover", bank.dump, "--data-dir", folder + "/data", "--into", target.connectionString,
                    environment: ["PGPASSWORD": target.password ?? ""])
                #expect(run.status == 7, "\(run.error)")
                #expect(run.error.contains("holds tables already"), "\(run.error)")
                #expect(try await database.one("select answer from precious", as: Int64.self) == 42)
            }
        }
    }

    @Test func `a full disk stops with what to do, and the recovery goes on when there is room`() async throws {
        guard geteuid() == 0 else { return }
        let bank = try await SmallBank.files()
        try await withTemporaryDirectory { folder in
            let disk = folder + "/disk"
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
            guard mount("tmpfs", disk, "tmpfs", 0, "size=90m") == 0 else { return }
            defer { umount2(disk, Int32(MNT_DETACH)) }
            chmod(disk, 0o755)
            let arguments = ["--data-dir", disk + "/data", "--legacy-key-file", bank.key]
            let run = try await ToolRun.run(Program.path, ["recover", bank.dump] + arguments, timeMax: .seconds(600))
            #expect(run.status == 6, "\(run.errorText)")
            #expect(run.errorText.contains("space"), "\(run.errorText)")
            #expect(run.errorText.contains("hint: "))
            try #require(mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "size=2000m") == 0)
            let again = try await Program.run("recover", "resume", "--data-dir", disk + "/data")
            #expect(again.status == 3, "\(again.error)")
            _ = try await Program.run("down", "--data-dir", disk + "/data")
        }
    }

    @Test func `a wrong option lists what there is`() async throws {
        try await withTemporaryDirectory { folder in
            let run = try await Program.run("simulate", "--damage", "coffee", "--output", folder + "/x")
            #expect(run.status == 5)
            #expect(run.error.contains("bit-flip"), "\(run.error)")
        }
    }
}
