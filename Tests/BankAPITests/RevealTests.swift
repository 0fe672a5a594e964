import BankAPI
import Evidence
import Foundation
import HTTPTypes
import Migrations
import Postgres
import Testing
import Web

@Suite struct RevealTests {
    private func client(_ stage: BankStage, _ number: Int) async throws -> String {
        try await stage.database.run("select id::text from clients where numero = \(number)").first?.decode(0) ?? ""
    }

    private func ask(
        _ stage: BankStage, _ client: String, _ field: String = "last_name",
        reason: String = "Call back about case 4711",
        level: String = "aal2", role: String = "admin"
    ) async -> Answer {
        await stage.ask(
            .post, "/reveals", as: 9, level: level, role: role,
            body: ["client": .string(client), "field": .string(field), "reason": .string(reason)])
    }

    @Test func `an admin sees one datum with a reason, and the journal says so`() async throws {
        try await BankStage.run { stage in
            try await Migrator(stage.database).apply([try EvidenceMigrations.set()])
            let dupont = try await client(stage, 2)
            let shown = await ask(stage, dupont)
            #expect(shown.status == 201 && shown.json["value"]?.string == "Dupont", "\(shown.text)")
            let id = try #require(shown.json["id"]?.string)
            #expect(shown.fields[.location] == "/bank/v1/reveals/\(id)" && shown.fields[.cacheControl] == "no-store")
            #expect(await ask(stage, dupont, "first_name").json["value"]?.string == "Jean-Pierre")
            // Nothing is sealed there.
            #expect(await ask(stage, dupont, "phone").json["value"] == .null)
            let again = await stage.ask(.get, "/reveals/\(id)", as: 9, level: "aal2", role: "admin")
            #expect(again.json["value"]?.string == "Dupont" && again.json["field"]?.string == "last_name")
            let entries = try await stage.database.run(
                "select subject, body from evidence.entries where kind = 'donnee.revelee' order by id")
            #expect(entries.count == 3)
            #expect(try entries.first?.decode(0, as: String.self) == dupont)
            #expect(try entries.first?.decode(1, as: String.self).contains("case 4711") == true)
            // The value itself is nowhere in the journal.
            for entry in entries { #expect(!(try entry.decode(1, as: String.self)).contains("Dupont")) }
        }
    }

    @Test func `nobody else sees it, and nobody after its end`() async throws {
        try await BankStage.run { stage in
            try await Migrator(stage.database).apply([try EvidenceMigrations.set()])
            let dupont = try await client(stage, 2)
            let id = try #require(await ask(stage, dupont).json["id"]?.string)
            // The client, another admin, the same person as analyst.
            #expect(await stage.ask(.get, "/reveals/\(id)", as: 2).code == "reveal_not_found")
            #expect(await stage.ask(.get, "/reveals/\(id)", as: 8, level: "aal2", role: "admin").status == 404)
            #expect(await stage.ask(.get, "/reveals/\(id)", as: 9, level: "aal2", role: "analyst").status == 404)
            for (level, role, code) in [
                ("aal1", "admin", "insufficient_aal"), ("aal2", "analyst", "forbidden"),
                ("aal2", "client", "forbidden"),
            ] {
                let refused = await ask(stage, dupont, level: level, role: role)
                #expect(refused.status == 403 && refused.code == code, "\(refused.text)")
            }
            #expect(await ask(stage, UUID().uuidString.lowercased()).code == "client_not_found")
            #expect(await ask(stage, dupont, reason: "why not").status == 422)
            #expect(await ask(stage, dupont, "password").status == 422)
            try await stage.database.run("alter table revelations disable trigger revelations_immuables")
            try await stage.database.run(
                "update revelations set accordee_le = now() - interval '20 minutes', expire_le = now() - interval '5 minutes'"
            )
            #expect(await stage.ask(.get, "/reveals/\(id)", as: 9, level: "aal2", role: "admin").status == 404)
        }
    }

    @Test func `without a journal nothing is revealed`() async throws {
        try await BankStage.run { stage in
            let refused = await ask(stage, try await client(stage, 2))
            #expect(refused.status == 503 && !refused.text.contains("Dupont"), "\(refused.text)")
        }
    }
}
