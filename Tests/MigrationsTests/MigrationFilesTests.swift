import Foundation
import TestSupport
import Testing

@testable import Migrations

/// Reading `NNNN_what.sql` files from a folder.
@Suite struct MigrationFilesTests {
    private func load(_ files: [String: String]) async throws -> MigrationSet {
        try await withTemporaryDirectory { folder in
            for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: folder + "/" + name)) }
            return try MigrationSet.load(owner: "bank", bundleDirectory: folder)
        }
    }

    @Test func `files are read in the order of their numbers, others passed over`() async throws {
        let set = try await load([
            "0002_cartes.sql": "-- cartes", "0001_comptes.sql": "-- comptes", ".gitkeep": "", "README.md": "",
        ])
        #expect(set.migrations.map(\.name) == ["comptes", "cartes"])
        #expect(set.migrations.map(\.sql) == ["-- comptes", "-- cartes"])
        #expect(set.migrations.map(\.fileName) == ["0001_comptes.sql", "0002_cartes.sql"])
    }

    @Test(arguments: [
        "comptes.sql", "1_comptes.sql", "00011_comptes.sql", "0001.sql", "0001_.sql", "abcd_x.sql", ".sql",
    ])
    func `a name that is not NNNN_what is refused`(name: String) async throws {
        let error = await #expect(throws: MigrationError.self) { try await load([name: ""]) }
        #expect(error?.code == "migration_bad_name")
    }

    @Test func `a gap between files is refused`() async throws {
        let error = await #expect(throws: MigrationError.self) {
            try await load(["0001_comptes.sql": "", "0003_cartes.sql": ""])
        }
        #expect(error?.code == "migrations_not_contiguous")
        #expect(error?.message.contains("0003_cartes.sql") == true)
    }

    @Test func `a file that is not UTF-8 is refused`() async throws {
        try await withTemporaryDirectory { folder in
            try Data([0xff, 0xfe]).write(to: URL(filePath: folder + "/0001_comptes.sql"))
            let error = #expect(throws: MigrationError.self) {
                try MigrationSet.load(owner: "bank", bundleDirectory: folder)
            }
            #expect(error?.code == "migrations_missing")
        }
    }

    @Test func `a folder that is not there is an error that names it`() {
        let error = #expect(throws: MigrationError.self) {
            try MigrationSet.load(owner: "bank", bundleDirectory: "/nowhere/Migrations")
        }
        #expect(error?.message.contains("/nowhere/Migrations") == true)
    }
}
