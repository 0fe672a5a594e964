import Foundation
import TestSupport
import Testing

@testable import PostgresServer

@Suite struct PostgresBinariesTests {
    @Test func `the programs of this machine are found`() throws {
        let binaries = try PostgresBinaries.find()
        #expect(PostgresBinaries.supportedVersions.contains(binaries.majorVersion))
    }

    @Test func `no PostgreSQL at all is an error that says what to install`() async throws {
        try await withTemporaryDirectory { folder in
            let error = #expect(throws: ServerError.self) {
                try PostgresBinaries.find(root: folder, environment: ["PATH": folder])
            }
            #expect(error?.code == "postgresql_not_installed")
            #expect(error?.hint.contains("apt-get install postgresql-15") == true)
        }
    }

    @Test func `a setting that names the wrong folder is refused, not passed over`() async throws {
        try await withTemporaryDirectory { folder in
            let error = #expect(throws: ServerError.self) {
                try PostgresBinaries.find(environment: [PostgresBinaries.setting: folder])
            }
            #expect(error?.message.contains(folder) == true)
        }
    }

    @Test func `pg_config on PATH is asked when Debian's folders are empty`() async throws {
        let real = try PostgresBinaries.find()
        try await withTemporaryDirectory { folder in
            try script("echo '\(real.directory)'", at: folder + "/pg_config")
            let found = try PostgresBinaries.find(root: folder, environment: ["PATH": "/nowhere:\(folder)"])
            #expect(found.directory == real.directory)
            #expect(found.majorVersion == real.majorVersion)
        }
    }

    @Test func `the newest supported version wins, and one can be asked for`() async throws {
        try await withTemporaryDirectory { folder in
            for version in ["9.6", "14", "16", "18"] { try fakePrograms(in: "\(folder)/\(version)/bin") }
            #expect(try PostgresBinaries.find(root: folder, environment: [:]).majorVersion == 16)
            #expect(try PostgresBinaries.find(major: 14, root: folder, environment: [:]).majorVersion == 14)
            #expect(throws: ServerError.self) { try PostgresBinaries.find(major: 15, root: folder, environment: [:]) }
        }
    }

    @Test func `programs of a version we do not know are refused`() async throws {
        try await withTemporaryDirectory { folder in
            try fakePrograms(in: folder)
            try script("echo 'postgres (PostgreSQL) 12.4'", at: folder + "/postgres")
            let error = #expect(throws: ServerError.self) { try PostgresBinaries.inspect(folder) }
            #expect(error?.code == "postgresql_version_unsupported")
        }
    }

    @Test(arguments: [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15), ("postgres (PostgreSQL) 17rc1", 17),
        ("postgres (PostgreSQL) 14beta2", 14),
    ])
    func `the major version is read from what postgres says`(words: String, major: Int) {
        #expect(PostgresBinaries.majorVersion(in: words) == major)
    }

    @Test(arguments: ["", "mysqld 8.0", "(PostgreSQL) devel"])
    func `words without a version give none`(words: String) {
        #expect(PostgresBinaries.majorVersion(in: words) == nil)
    }

    private func fakePrograms(in folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["initdb", "postgres", "pg_ctl"] { try script("exit 1", at: folder + "/" + name) }
    }

    private func script(_ text: String, at path: String) throws {
        try Data("#!/bin/sh\n\(text)\n".utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }
}
