import Foundation
import Postgres
import PostgresServer
import Salvage
import TestSupport

/// A small bank that uses what a dump can hold: keys, nulls, escapes, UTF-8, bytes, JSON, two tables of one shape.
enum SampleBank {
    static let tables = [
        "public.cartes", "public.clients", "public.comptes", "public.comptes_clos", "public.journal",
        "public.transactions", "public.vide",
    ]

    static let definitions = """
        create table clients (
            id bigint primary key, nom text not null, email varchar(120), ne_le date not null,
            actif boolean not null, fiche jsonb, photo bytea);
        create table comptes (
            id integer primary key, client_id bigint not null, iban text not null, solde numeric(14,2) not null,
            devise char(3) not null, ouvert_le timestamptz not null);
        create table comptes_clos (
            id integer primary key, client_id bigint not null, iban text not null, solde numeric(14,2) not null,
            devise char(3) not null, ouvert_le timestamptz not null);
        create table cartes (id integer primary key, compte_id integer not null, reseau text not null, expire date);
        create table transactions (
            id bigint primary key, compte_id integer not null, montant numeric(14,2) not null, libelle text,
            le timestamptz not null);
        create table journal (session uuid not null, quand timestamp not null, adresse inet, message text);
        create table vide (id integer primary key, rien text);
        """

    private static let rows = """
        insert into clients select n, 'Élodie N°' || n || case when n % 50 = 0 then E'\\t«\\\\.»\\n' else '' end,
            case when n % 7 > 0 then 'client' || n || '@exemple.fr' end, date '1950-01-01' + (n * 37 % 20000)::integer,
            n % 11 > 0, case when n % 3 = 0 then jsonb_build_object('ville', 'Angoulême', 'rang', n) end,
            case when n % 13 = 0 then decode(md5(n::text), 'hex') end from generate_series(1, 2000) n;
        insert into comptes select n, 1 + n % 2000, 'FR76' || lpad((n * 7919)::text, 23, '0'),
            ((n * 104729) % 1000000) / 100.0, 'EUR', timestamptz '2015-03-01 08:00:00+00' + n * interval '7 hours'
            from generate_series(1, 2500) n;
        insert into comptes_clos select n, 1 + n % 2000, 'FR76' || lpad((n * 6007)::text, 23, '0'), 0.00, 'EUR',
            timestamptz '2001-03-01 08:00:00+00' + n * interval '5 hours' from generate_series(1, 900) n;
        insert into cartes select n, 1 + n % 2500, case when n % 2 = 0 then 'VISA' else 'MASTERCARD' end,
            date '2026-01-31' + n % 900 from generate_series(1, 2600) n;
        insert into transactions select 1510000 + n, 1 + (n * 31) % 2500, ((n * 7907) % 900000) / 100.0 - 3000,
            case n % 5 when 0 then 'Loyer' when 1 then 'CB SUPERMARCHÉ ' || n % 97 when 2 then null
            when 3 then 'Virement ' || md5(n::text) else 'Salaire' end,
            timestamptz '2023-01-01 06:00:00+00' + n * interval '17 minutes' from generate_series(1, 9000) n;
        insert into journal select md5(n::text)::uuid, timestamp '2024-05-01 00:00:00' + n * interval '13 seconds',
            ('10.' || n % 200 || '.' || n % 250 || '.7')::inet, 'connexion ' || md5((n * 3)::text)
            from generate_series(1, 3000) n;
        """

    private static let surroundings = """
        create index on transactions (compte_id, le);
        alter table comptes add foreign key (client_id) references clients;
        create view soldes as select client_id, sum(solde) from comptes group by client_id;
        create function piege() returns text language plpgsql as $corps$ begin
        -- COPY public.clients (id) FROM stdin;
        return 'COPY public.clients (id) FROM stdin;'; end $corps$;
        create sequence numeros; select setval('numeros', 4711);
        grant select on clients to public;
        """

    static let template = TestTemplate("sample_bank") { database in
        try await database.withConnection { connection in
            try await connection.runScript(definitions)
            try await connection.runScript(rows)
            try await connection.runScript(surroundings)
        }
    }

    static var shapes: [TableShape] { (try? TableShape.parse(sql: definitions)) ?? [] }
}

/// The formats of the campaign.
enum SampleFormat: String, CaseIterable, Sendable {
    case custom, directory, tar, plain
    case customPlain = "custom -Z0"
    case plainGzip = "plain.gz"

    var arguments: [String] {
        switch self {
        case .custom: ["--format=custom"]
        case .directory: ["--format=directory"]
        case .tar: ["--format=tar"]
        case .plain: ["--format=plain"]
        case .customPlain: ["--format=custom", "--compress=0"]
        case .plainGzip: ["--format=plain", "--compress=6"]
        }
    }

    /// Whether a checksum covers its rows.
    var isChecked: Bool { self == .custom || self == .directory || self == .plainGzip }
}

/// The files of one dump, by name; a dump of one file has the name "".
struct DumpFiles: Sendable {
    var files: [(name: String, bytes: [UInt8])]

    var size: Int { files.reduce(0) { $0 + $1.bytes.count } }

    /// Writes them below `folder` and returns the dump's path.
    func write(to folder: String) throws -> String {
        let path = folder + "/dump"
        try? FileManager.default.removeItem(atPath: path)
        if files.count == 1, files[0].name.isEmpty {
            try Data(files[0].bytes).write(to: URL(filePath: path))
            return path
        }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for file in files { try Data(file.bytes).write(to: URL(filePath: path + "/" + file.name)) }
        return path
    }
}

/// Dumps of the sample bank by the real pg_dump, made once a process, and the truth as the server says it.
enum SampleDumps {
    struct All: Sendable {
        var dumps: [SampleFormat: DumpFiles] = [:]
        /// Rows of COPY text by table, in the table's order.
        var rows: [String: [[UInt8]]] = [:]
    }

    // Ends with its work; every test that needs the dumps waits for it.
    private static let making = Task { try await make() }

    static func all() async throws -> All { try await making.value }

    private static func make() async throws -> All {
        try await withTestDatabase(SampleBank.template) { database in
            let cluster = try await TestCluster.shared()
            let result = try await database.run("select current_database()")
            let name: String = try result[0].decode(0)
            let target = cluster.configuration(database: name)
            let environment = ["PGPASSWORD": target.password ?? ""]
            var all = All()
            try await withTemporaryDirectory { folder in
                for format in SampleFormat.allCases {
                    let path = folder + "/" + format.rawValue
                    let run = try await ToolRun.run(
                        cluster.binaries.path(of: "pg_dump"),
                        format.arguments + ["--file=\(path)", "--dbname=\(target.connectionString)"],
                        environment: environment)
                    try run.checked("pg_dump")
                    all.dumps[format] = try load(path)
                }
            }
            for table in SampleBank.tables {
                let run = try await ToolRun.run(
                    cluster.binaries.path(of: "psql"),
                    ["--no-psqlrc", "--dbname=\(target.connectionString)", "--command=copy \(table) to stdout"],
                    environment: environment)
                try run.checked("psql")
                all.rows[table] = run.output.split(separator: 10).map { Array($0) + [10] }
            }
            return all
        }
    }

    private static func load(_ path: String) throws -> DumpFiles {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard isFolder.boolValue else {
            return DumpFiles(files: [("", Array(try Data(contentsOf: URL(filePath: path))))])
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        return DumpFiles(
            files: try names.map { ($0, Array(try Data(contentsOf: URL(filePath: path + "/" + $0)))) })
    }
}
