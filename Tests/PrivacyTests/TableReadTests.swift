import Detection
import Foundation
import HTTPTypes
import Postgres
import Rest
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

    /// With the API's own planner to tell what was shown, as the server has it.
    private static func planned(_ stage: PrivacyStage) async throws -> (Mount, TableReads) {
        let cache = SchemaCache(database: stage.database, schemas: ["public", "pseudonymes"])
        try await cache.reload()
        var rest = RestService(database: stage.database, cache: cache, settings: RestSettings())
        let reads = stage.desk.tableReads
        reads.explain { [rest] path, select, schema, actor in
            rest.shown(path: path, select: select, schema: schema, actor: actor)?.map {
                TableReads.Shown(relation: $0.relation, columns: $0.columns)
            }
        }
        @Sendable func note(_ answer: NotedAnswer) {
            reads.note(answer.request, answer.actor, range: answer.range, schema: answer.schema)
        }
        rest.onPart = { request, actor, response in if let one = NotedAnswer(request, actor, response) { note(one) } }
        let mount = Mount("/rest/v1") { [rest] request, actor in
            guard let actor else { return .json("{}", status: .unauthorized) }
            return await rest.handle(request, actor: actor)
        }
        return (mount.noting(note), reads)
    }

    @Test(
        "no way of asking hides which columns of which table were shown",
        arguments: [
            ("select=id,nom_chiffre", "clients person,technical"),
            // The last select counts, and what only looks like one does not.
            ("x=neq.select=id&select=nom_chiffre", "clients person"),
            ("select=id&select=nom_chiffre", "clients person"),
            ("sel%65ct=nom_chiffre", "clients person"), ("select=max:nom_chiffre", "clients person"),
            ("select=numero,comptes(iban_fin)", "clients technical, comptes financial"),
            ("select=numero,alias:comptes!inner(solde_minor)", "clients technical, comptes financial"),
            ("numero=eq.1", "clients contact,person,technical"),
        ])
    func evasion(query: String, expected: String) async throws {
        try await PrivacyStage.run { stage in
            let (mount, reads) = try await Self.planned(stage)
            let machine = Actor(
                role: "service_role", claims: #"{"role":"service_role","app_metadata":{"role":"admin"}}"#, subject: "a")
            let path = "/clients"
            let query = query.replacing("x=neq.", with: "statut=neq.")
            let answer = await mount.handle(ApiRequest(method: .get, path: path, query: query), machine)
            #expect(answer.status == .ok, "\(String(decoding: answer.body, as: UTF8.self))")
            try await reads.flush()
            #expect(try await Self.seen(stage) == expected)
        }
    }

    private static func seen(_ stage: PrivacyStage) async throws -> String {
        try await stage.database.all(
            """
            select replace(relation, 'public.', '') || ' ' || array_to_string(categories, ',')
            from privacy.table_reads order by 1
            """, as: String.self
        ).joined(separator: ", ")
    }

    @Test("an embedding by a key's column and a batch are what they show; a key asked for names the person")
    func embedded() async throws {
        try await PrivacyStage.run { stage in
            let (mount, reads) = try await Self.planned(stage)
            let claims = #"{"role":"service_role","app_metadata":{"role":"admin"}}"#
            let boss = Actor(role: "service_role", claims: claims, subject: "patron")
            let byKey = await mount.handle(
                ApiRequest(method: .get, path: "/comptes", query: "select=id,client_id(nom_chiffre)&id=eq.3"), boss)
            #expect(byKey.status == .ok, "\(String(decoding: byKey.body, as: UTF8.self))")
            try await reads.flush()
            #expect(try await Self.seen(stage) == "clients person, comptes technical")
            let persons = try await stage.database.all(
                "select reader || ' ' || reason || ' ' || count from privacy.reads where client_id = \(clientID(3))",
                as: String.self)
            #expect(persons == ["patron table API: public.comptes 1"])

            try await stage.database.run("delete from privacy.table_reads")
            let body = #"{"requests":[{"id":"a","method":"GET","path":"/clients?select=email_chiffre&numero=eq.4"}]}"#
            let batch = await mount.handle(
                ApiRequest(
                    method: .post, path: "/batch", query: "", fields: [.contentType: "application/json"],
                    body: Array(body.utf8)), boss)
            #expect(batch.status == .ok, "\(String(decoding: batch.body, as: UTF8.self))")
            try await reads.flush()
            #expect(try await Self.seen(stage) == "clients contact")
            #expect(try await stage.count("select count(*) from privacy.reads where client_id = \(clientID(4))") == 1)
        }
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
            // Nobody tells here what was selected: it counts as every column.
            #expect(lines.contains("ana analyst public.clients contact,person,technical 4 79"), "\(lines)")
            #expect(lines.contains("service_role service_role rpc/solde function 1 25"), "\(lines)")
            #expect(!lines.contains { $0.hasPrefix("c ") || $0.hasPrefix("authenticated") })
            #expect(
                try await stage.count("select count(*) from evidence.entries where kind = 'privacy.table_reads'") == 1)
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update privacy.table_reads set rows = 0")
            }
        }
    }

    @Test("a desk that shows an employee one person's data is noted with the person; a client's own look is not")
    func desks() async throws {
        try await PrivacyStage.run { stage in
            let reads = stage.desk.tableReads
            try await stage.database.run("insert into fraud.dossiers (client, statut) values (5, 'ouvert')")
            let number = try await stage.database.one("select id::text from fraud.dossiers", as: String.self)
            let analyst = Self.actor("ana", role: "analyst")
            reads.note(analyst, shown: "fraud.dossiers", by: "id", number)
            reads.note(analyst, shown: "public.comptes", by: "id", "6")
            reads.note(Self.actor("c", role: "client"), shown: "public.comptes", by: "id", "7")
            try await reads.flush()
            let seen = try await stage.database.all(
                "select c.numero || ' ' || r.reader || ' ' || r.reason from privacy.reads r join clients c on c.id = r.client_id order by 1",
                as: String.self)
            #expect(seen == ["5 ana console: fraud.dossiers", "6 ana console: public.comptes"])
            let told = try await stage.desk.readers(of: clientID(6))
            #expect(told.contains("console: public.comptes"))
        }
    }

    @Test("whoever looks at an incident is in the journal with each person it concerns, the incident and the field")
    func incident() async throws {
        try await PrivacyStage.run { stage in
            let id = try await Self.incident(stage, persons: [3, 5])
            let reads = stage.desk.tableReads
            let plain = try #require(DetectionRoutes(desk: DetectionDesk(database: stage.database)).mounts.first)
            let mount = plain.noting { answer in
                guard let shown = ShownPerson(path: answer.request.path) else { return }
                reads.note(answer.actor, shown: shown.relation, by: shown.column, shown.key)
            }
            func look(_ path: String, _ actor: Actor) async -> (status: Int, text: String) {
                let answer = await mount.handle(ApiRequest(method: .get, path: path, query: ""), actor)
                return (answer.status.code, String(decoding: answer.body, as: UTF8.self))
            }
            let analyst = Self.actor("ana", role: "analyst")
            let shown = await look("/incidents/\(id)", analyst)
            #expect(shown.status == 200 && shown.text.contains(clientID(3).uuidString.lowercased()))
            #expect(await look("/incidents/\(id.uppercased())", analyst).status == 200)
            #expect(await look("/incidents", analyst).status == 200)
            #expect(await look("/incidents/\(UUID().uuidString)", analyst).status == 404)
            #expect(await look("/incidents/\(id)", Self.actor("c", role: "client")).status == 403)
            _ = await look("/incidents/\(id)", Actor(role: "service_role", claims: #"{"role":"service_role"}"#))
            try await reads.flush()
            let lines = try await stage.database.all(
                """
                select c.numero || ' ' || r.reader || ' ' || array_to_string(r.fields, ',') || ' ' || r.reason || ' ' || r.count
                from privacy.reads r join clients c on c.id = r.client_id order by c.numero
                """, as: String.self)
            #expect(lines == ["3 ana incident console: incident D-7 2", "5 ana incident console: incident D-7 2"])
            #expect(try await stage.journaled("privacy.table_reads") == 1)
            // The person sees it; the machine is counted without persons.
            #expect(try await stage.desk.readers(of: clientID(5)).contains("console: incident D-7"))
            let machine = try await stage.count(
                "select count(*) from privacy.table_reads where reader = 'service_role' and relation = 'detection.persons'"
            )
            #expect(machine == 1)
        }
    }

    @Test("an incident of many persons is no curiosity; the same persons by name are") func incidentOfMany()
        async throws
    {
        try await PrivacyStage.run { stage in
            let reads = stage.desk.tableReads
            let id = try await Self.incident(stage, persons: Array(1...clientCount))
            reads.note(Self.actor("ana", role: "analyst"), shown: "detection.persons", by: "incident_id", id)
            for number in 1...clientCount {
                reads.note(Self.actor("bob", role: "analyst"), shown: "public.comptes", by: "id", "\(number)")
            }
            try await reads.flush()
            let found = try await stage.database.all(
                "select reader from privacy.snooping('1 day', \(Int64(clientCount)))", as: String.self)
            #expect(found == ["bob"])
        }
    }

    private static func incident(_ stage: PrivacyStage, persons: [Int]) async throws -> String {
        let id = try await stage.database.one(
            """
            insert into detection.incidents (reference, source, first_at, last_at, severity, title_fr, title_en, document)
            values ('D-7', 'live', clock_timestamp() - interval '10 minutes', clock_timestamp(), 'high', 'Intrusion',
                'Intrusion', '{}') returning id::text
            """, as: String.self)
        for number in persons {
            try await stage.database.run(
                """
                insert into detection.persons (incident_id, client_id, is_read, is_changed, is_tampered, first_at, last_at)
                values (\(id)::text::uuid, \(clientID(number)), true, false, false, clock_timestamp(), clock_timestamp())
                """)
        }
        return id
    }

    @Test("the addresses of the desks name whom they show")
    func addresses() {
        let id = "0B8E4C1E-0000-4000-8000-00000000000A"
        #expect(ShownPerson(path: "/accounts/12/holds")?.key == "12")
        #expect(ShownPerson(path: "/incidents/\(id)/close")?.key == id.lowercased())
        #expect(ShownPerson(path: "/cases/7")?.relation == "fraud.dossiers")
        for path in ["/accounts", "/accounts/x", "/incidents/7", "/responses/\(id)", "/", ""] {
            #expect(ShownPerson(path: path) == nil, "\(path)")
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
        }.noting { told.add("\($0.request.path) \($0.range ?? "-") \($0.schema ?? "-")") }
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
