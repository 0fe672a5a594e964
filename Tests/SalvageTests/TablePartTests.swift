import Foundation
import Postgres
import PostgresServer
import Salvage
import TestSupport
import Testing

/// Tables that a dump brings in several parts, and definitions that contradict what is known.
struct TablePartTests {
    static let template = TestTemplate("table_parts") { database in
        try await database.withConnection { connection in
            try await connection.runScript(
                """
                create table mesures (id integer not null, jour date not null, texte text) partition by range (jour);
                create table mesures_2023 partition of mesures for values from ('2023-01-01') to ('2024-01-01');
                create table mesures_2024 partition of mesures for values from ('2024-01-01') to ('2025-01-01');
                insert into mesures select n, date '2023-01-01' + n % 700, 'mesure' from generate_series(1, 3000) n;
                """)
        }
    }

    @Test(arguments: [SampleFormat.plain, .custom, .customPlain, .directory, .tar])
    func `a table that was dumped partition by partition through its root comes whole`(format: SampleFormat)
        async throws
    {
        try await withTestDatabase(Self.template) { database in
            let cluster = try await TestCluster.shared()
            let name: String = try await database.run("select current_database()")[0].decode(0)
            let target = cluster.configuration(database: name)
            try await withTemporaryDirectory { folder in
                let path = folder + "/dump"
                let run = try await ToolRun.run(
                    cluster.binaries.path(of: "pg_dump"),
                    format.arguments
                        + ["--load-via-partition-root", "--file=\(path)", "--dbname=\(target.connectionString)"],
                    environment: ["PGPASSWORD": target.password ?? ""])
                try run.checked("pg_dump")
                let report = try DumpReader(path: path).read(progress: { _ in }) { _ in }
                #expect(Set(report.tables.map(\.table)) == ["public.mesures"])
                #expect(report.tables.reduce(0) { $0 + $1.proven + $1.intact } == 3000)
                #expect(report.tables.allSatisfy { $0.suspect == 0 })
                #expect(report.damage.map(\.explanation) == [])
            }
        }
    }

    @Test func `a broken letter in a definition changes neither types nor columns of a table that is known`() throws {
        let known = try TableShape.parse(
            sql: "CREATE TABLE public.t (id bigint, solde numeric(15,2), quand timestamptz, nom text);")
        let script = """
            --
            -- PostgreSQL database dump
            --
            CREATE TABLE public.t (id bigint, sohde numeric(15,0), quand timestamp wiph time zone, nom varchar(00));
            COPY public.t (id, solde, qu`nd, nom) FROM stdin;
            """.replacing("qu`nd", with: "qu2nd") + "\n1\t12.34\t2024-01-01 10:00:00+02\tanne\n\\.\n"
        try withFile(script) { path in
            let reader = try DumpReader(path: path, shapes: known)
            let shape = try #require(reader.shape(of: "public.t"))
            #expect(shape.columns.map(\.name) == ["id", "solde", "quand", "nom"])
            #expect(shape.columns.map(\.type.safeSQL) == ["bigint", "numeric", "timestamptz", "text"])
            let columns = Columns()
            let report = try reader.read(progress: { _ in }) { event in
                if case .begin(_, let names) = event { columns.names = names }
            }
            #expect(columns.names == ["id", "solde", "quand", "nom"])
            #expect(report.tables.map(\.intact) == [1] && report.tables.map(\.suspect) == [0])
            let told = report.damage.map(\.explanation)
            #expect(told.contains { $0.contains("sohde") } && told.contains { $0.contains("qu2nd") }, "\(told)")
        }
    }

    @Test func `types of raw tables have no lengths, and what is not known is text`() throws {
        let shapes = try TableShape.parse(
            sql: """
                CREATE TABLE a.t (a numeric(15,0), b varchar(3), c character(2), d time with time zone, e statut,
                    f timestamp wiph time zone, g double precisiom, h numeric(00,2), i integer[]);
                """)
        #expect(
            shapes.first?.columns.map(\.type.safeSQL)
                == ["numeric", "text", "bpchar", "text", "text", "text", "text", "numeric", "text"])
    }

    private final class Columns { var names: [String] = [] }

    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "/parts-\(UUID().uuidString).sql"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        try body(path)
    }
}
