import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@testable import Gateway
@testable import Privacy

@Suite("reads through the table API") struct TableReadTests {
    private static func actor(_ name: String, role: String) -> Actor {
        let claims: JSON = [
            "sub": .string(name), "role": "authenticated", "app_metadata": ["role": .string(role)],
        ]
        return Actor(role: "authenticated", claims: claims.text, subject: name)
    }

    private static func read(_ reads: TableReads, _ path: String, _ query: String, _ actor: Actor, rows: Int = 25) {
        reads.note(
            ApiRequest(method: .get, path: path, query: query), actor, range: "0-\(rows - 1)/*", schema: nil)
    }

    @Test(
        "which tables and columns a select shows",
        arguments: [
            ("", "clients", "clients:*"), ("*", "clients", "clients:*"), ("id,numero", "clients", "clients:id,numero"),
            (
                "n:nom_chiffre::text,comptes!fk(solde:solde_minor,cartes(*))", "clients",
                "cartes:* comptes:solde_minor clients:nom_chiffre"
            ),
            ("id,count()", "comptes", "comptes:id"), ("a->b->>c,...clients(\"numero\")", "t", "clients:numero t:a"),
            ("id,clients(*,comptes(id", "x", "x:id"),
        ])
    func selects(text: String, relation: String, expected: String) {
        var found: [(name: String, columns: [String]?)] = []
        SelectNames.read(text, of: relation, into: &found)
        #expect(
            found.map { "\($0.name):\($0.columns?.joined(separator: ",") ?? "*")" }.joined(separator: " ") == expected)
    }

    @Test("employees' reads of personal data are written with table, class, rows and reader; clients' own are not")
    func written() async throws {
        try await PrivacyStage.run { stage in
            let reads = stage.desk.tableReads
            let analyst = Self.actor("ana", role: "analyst")
            for _ in 0..<3 { Self.read(reads, "/clients", "select=id,email_chiffre&numero=gt.3", analyst) }
            Self.read(reads, "/clients", "select=numero,comptes(iban_fin)", analyst, rows: 4)
            Self.read(reads, "/clients", "select=id,nom_chiffre", Self.actor("c", role: "client"))
            Self.read(reads, "/rpc/solde", "", Actor(role: "service_role", claims: #"{"role":"service_role"}"#))
            // A claim that only looks like one.
            Self.read(
                reads, "/clients", "",
                Actor(role: "authenticated", claims: #"{"user_metadata":{"role":"admin"},"role":"authenticated"}"#))
            try await reads.flush()
            let lines = try await stage.database.all(
                """
                select reader || ' ' || role || ' ' || relation || ' ' || array_to_string(categories, ',') || ' '
                    || requests || ' ' || rows
                from privacy.table_reads order by 1
                """, as: String.self)
            #expect(lines.contains("ana analyst public.clients contact,technical 3 75"), "\(lines)")
            #expect(lines.contains { $0.hasPrefix("ana analyst public.comptes ") && $0.hasSuffix(" 1 4") }, "\(lines)")
            #expect(lines.contains("service_role service_role rpc/solde function 1 25"), "\(lines)")
            #expect(!lines.contains { $0.hasPrefix("c ") || $0.hasPrefix("authenticated") })
            #expect(
                try await stage.count("select count(*) from evidence.entries where kind = 'privacy.table_reads'") == 1)
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update privacy.table_reads set rows = 0")
            }
        }
    }

    @Test("an answer that went well is told, a refused one and an empty one are not")
    func noting() async throws {
        let told = Told()
        let mount = Mount("/rest/v1") { request, _ in
            switch request.path {
            case "/empty": ApiResponse(status: .noContent)
            case "/no": .json("{}", status: .forbidden)
            default: ApiResponse(status: .ok, fields: [.contentRange: "0-6/*"], body: [91, 93])
            }
        }.noting { request, actor, range, schema in told.add("\(request.path) \(range ?? "-") \(schema ?? "-")") }
        let analyst = Self.actor("ana", role: "analyst")
        for path in ["/clients", "/no", "/empty"] {
            _ = await mount.handle(
                ApiRequest(
                    method: .get, path: path, query: "",
                    fields: HTTPField.Name("Accept-Profile").map { [$0: "bi"] } ?? [:]), analyst)
        }
        #expect(told.lines == ["/clients 0-6/* bi"])
    }

    @Test("who reads many persons' data without a case stands out; a case explains it, a machine is not judged")
    func snooping() async throws {
        try await PrivacyStage.run { stage in
            let reads = stage.desk.tableReads
            for name in ["curieux", "enqueteur"] {
                for page in 0..<30 {
                    Self.read(
                        reads, "/clients", "select=nom_chiffre&offset=\(page)", Self.actor(name, role: "analyst"))
                }
            }
            Self.read(reads, "/clients", "select=nom_chiffre", Self.actor("calme", role: "analyst"))
            Self.read(
                reads, "/clients", "", Actor(role: "service_role", claims: #"{"role":"service_role"}"#), rows: 100_000)
            try await reads.flush()
            try await stage.database.run("insert into fraud.dossiers (client, confie_a) values (1, 'enqueteur')")
            let found = try await TableReadStore(database: stage.database).snooping()
            #expect(found.map(\.reader) == ["curieux"] && found.first?.rows == 750)
            #expect(
                try await stage.database.one(
                    "select value from privacy.indicators where name = 'digitalbank_privacy_snooping_readers'",
                    as: Double.self) == 1)
        }
    }

    private final class Told: @unchecked Sendable {
        // SAFETY: one test appends, one after the other.
        private(set) var lines: [String] = []

        func add(_ line: String) { lines.append(line) }
    }
}
