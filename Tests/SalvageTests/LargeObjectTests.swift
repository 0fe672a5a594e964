import Foundation
import Postgres
import PostgresServer
import Salvage
import TestSupport
import Testing

/// Large objects of a real dump: counted, and never rows.
struct LargeObjectTests {
    static let template = TestTemplate("large_objects") { database in
        try await database.withConnection { connection in
            try await connection.runScript(
                """
                create table notes (id integer primary key, texte text not null);
                insert into notes select n, 'note ' || n from generate_series(1, 50) n;
                select lo_from_bytea(4242, decode(repeat('00ff10', 30000), 'hex'));
                select lo_from_bytea(4243, 'un objet');
                """)
        }
    }

    @Test(arguments: [SampleFormat.custom, .customPlain, .directory, .tar])
    func `large objects are counted and the rows beside them are whole`(format: SampleFormat) async throws {
        try await withTestDatabase(Self.template) { database in
            let cluster = try await TestCluster.shared()
            let name: String = try await database.run("select current_database()")[0].decode(0)
            let target = cluster.configuration(database: name)
            try await withTemporaryDirectory { folder in
                let path = folder + "/dump"
                let run = try await ToolRun.run(
                    cluster.binaries.path(of: "pg_dump"),
                    format.arguments + ["--file=\(path)", "--dbname=\(target.connectionString)"],
                    environment: ["PGPASSWORD": target.password ?? ""])
                try run.checked("pg_dump")
                let report = try DumpReader(path: path).read(progress: { _ in }) { _ in }
                #expect(report.largeObjects.count == 2 && report.largeObjects.bytes > 8)
                #expect(report.tables.map(\.table) == ["public.notes"])
                #expect(report.tables.reduce(0) { $0 + $1.proven + $1.intact } == 50)
                #expect(report.damage.map(\.explanation) == [])
            }
        }
    }
}
