import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// Where a cluster keeps its files, who may read them, and how it is reached.
@Suite struct ClusterFilesTests {
    @Test func `secrets are readable by their owner only and the socket's folder is private`() async throws {
        try await withCluster { cluster in
            let secrets = [cluster.files.password, cluster.files.passFile, cluster.files.record]
            #expect(try secrets.map(mode) == [0o600, 0o600, 0o600])
            let folders = try [cluster.socketDirectory, cluster.dataDirectory].map(mode)
            #expect(folders == [0o700, 0o700])
            #expect(!FileManager.default.fileExists(atPath: cluster.files.passwordForInitdb))
        }
    }

    @Test func `checksums are on, sorting is byte-wise, letters are Unicode`() async throws {
        try await withCluster { cluster in
            let checksums = try await text("show data_checksums", on: cluster)
            #expect(checksums == "on")
            let facts: Statement =
                "select datcollate || ' ' || pg_encoding_to_char(encoding) || ' ' || upper('été') from pg_database limit 1"
            let found = try await text(facts, on: cluster)
            #expect(found == "C UTF8 ÉTÉ")
        }
    }

    @Test func `a wrong password is refused on the socket too`() async throws {
        try await withCluster { cluster in
            let wrong = cluster.configuration(database: "postgres", user: "digitalbank", password: "guess")
            let error = await #expect(throws: PostgresError.self) { try await Connection.connect(wrong) }
            #expect(error?.message.contains("password authentication failed") == true)
        }
    }

    @Test func `a path too long for a socket gets a short private folder for it`() async throws {
        try await withTemporaryDirectory { folder in
            let long = folder + "/" + String(repeating: "d", count: 120)
            try await withCluster(in: long) { cluster in
                #expect(!cluster.socketDirectory.hasPrefix(long))
                #expect(try mode(cluster.socketDirectory) == 0o700)
                #expect(try await text("select 'reached'", on: cluster) == "reached")
                let socket = cluster.socketDirectory
                try await cluster.stop()
                // As after a reboot that emptied /tmp.
                try FileManager.default.removeItem(atPath: socket)
                let again = try Cluster.attach(cluster.options.directory)
                try await again.start()
                #expect(again.socketDirectory == socket)
                #expect(try await text("select 'reached'", on: again) == "reached")
                try await again.stop()
            }
        }
    }

    @Test func `a folder that holds a cluster is not made twice`() async throws {
        try await withCluster { cluster in
            let error = await #expect(throws: ServerError.self) { try await Cluster.create(cluster.options) }
            #expect(error?.code == "cluster_exists")
            let answer = try await text("select 'untouched'", on: cluster)
            #expect(answer == "untouched")
        }
    }

    @Test func `a creation that was killed half-way is begun again`() async throws {
        try await withTemporaryDirectory { folder in
            let options = ClusterLifeTests.small(folder + "/cluster")
            let files = try ClusterFiles(directory: options.directory)
            try files.makeFolder()
            try files.create(password: "secret", user: try ServerUser.current())
            try Data("half".utf8).write(to: URL(filePath: files.data + "/PG_VERSION"))
            #expect(!Cluster.exists(in: options.directory))
            let cluster = try await Cluster.create(options)
            #expect(Cluster.exists(in: options.directory))
            try await cluster.start()
            #expect(try await text("select 'up'", on: cluster) == "up")
            try await cluster.destroy()
        }
    }

    @Test func `another's data folder is neither used nor removed`() async throws {
        try await withTemporaryDirectory { folder in
            let data = folder + "/data"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: false)
            try Data("mine".utf8).write(to: URL(filePath: data + "/precious"))
            let error = await #expect(throws: ServerError.self) {
                try await Cluster.create(Cluster.Options(directory: folder))
            }
            #expect(error?.code == "cluster_exists")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["data"])
            #expect(FileManager.default.fileExists(atPath: data + "/precious"))
        }
    }

    @Test func `twenty creations of one cluster at once make one`() async throws {
        try await withTemporaryDirectory { folder in
            let options = ClusterLifeTests.small(folder + "/cluster")
            let results = await withTaskGroup(of: Result<Cluster, any Error>.self) { group in
                for _ in 1...20 {
                    group.addTask {
                        do { return .success(try await Cluster.create(options)) } catch { return .failure(error) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let codes = results.compactMap { result -> String? in
                if case .failure(let error) = result { (error as? ServerError)?.code ?? "\(error)" } else { nil }
            }
            #expect(Set(codes) == ["cluster_exists"])
            #expect(codes.count == 19)
            let cluster = try Cluster.attach(options.directory)
            try await cluster.start()
            try await cluster.destroy()
        }
    }

    @Test func `a relative path and a folder without a cluster are errors`() throws {
        let relative = #expect(throws: ServerError.self) { try Cluster.attach("var/cluster") }
        #expect(relative?.code == "directory_not_absolute")
        let missing = #expect(throws: ServerError.self) { try Cluster.attach("/nowhere/cluster") }
        #expect(missing?.code == "cluster_missing")
    }

    @Test func `programs of another major version are refused`() async throws {
        try await withCluster { cluster in
            let other = PostgresBinaries(directory: cluster.binaries.directory, majorVersion: 99)
            let error = #expect(throws: ServerError.self) { try Cluster.attach(cluster.options.directory, other) }
            #expect(error?.code == "postgresql_version_differs")
        }
    }

    @Test func `the psql line works as it is printed`() async throws {
        try await withCluster { cluster in
            try await cluster.createDatabase("été 'quoted'")
            let line = cluster.connectionLines(database: "été 'quoted'").psql
            let run = try await ToolRun.run("/bin/sh", ["-c", line + " -Atc 'select current_database()'"])
            #expect(run.outputText == "été 'quoted'\n", "\(run.errorText)")
            #expect(!line.contains(cluster.superuserPassword))
        }
    }

    @Test func `a free port is chosen, kept over a restart and reachable`() async throws {
        try await withCluster({ $0.port = 0 }) { cluster in
            let port = try #require(cluster.port)
            try await cluster.stop()
            try await cluster.start()
            #expect(cluster.port == port)
            #expect(try Cluster.attach(cluster.options.directory).port == port)
            #expect(cluster.connectionLines(database: "postgres").pgAdmin?.contains("port \(port)") == true)
            let configuration = DatabaseConfiguration(
                "host=127.0.0.1 port=\(port) user=digitalbank dbname=postgres", password: cluster.superuserPassword)
            let connection = try await Connection.connect(configuration)
            #expect(try await connection.one("select 'tcp'", as: String.self) == "tcp")
            await connection.close()
        }
    }

    @Test func `a port that is taken is an error that says so`() async throws {
        try await withCluster({ $0.port = 0 }) { cluster in
            try await withTemporaryDirectory { folder in
                var options = ClusterLifeTests.small(folder + "/second")
                options.port = cluster.port
                let second = try await Cluster.create(options)
                let error = await #expect(throws: ServerError.self) { try await second.start() }
                #expect(error?.code == "port_taken")
            }
        }
    }

    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
}
