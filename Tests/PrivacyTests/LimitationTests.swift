import Analytics
import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

/// What an analyst reads, as the API's role with an analyst's claims.
@Suite("limitation and objection") struct LimitationTests {
    private static func seen(_ statement: Statement, _ stage: PrivacyStage, role: String = "analyst", user: UUID? = nil)
        async throws -> Int64
    {
        let claims: JSON = [
            "sub": .string((user ?? uuid(99, "8000")).uuidString.lowercased()), "role": "authenticated",
            "app_metadata": ["role": .string(role)],
        ]
        return try await stage.database.transaction { tx in
            try await tx.run("select set_config('request.jwt.claims', \(claims.text), true)")
            try await tx.run("set local role authenticated")
            let count = try await tx.one(statement, as: Int64.self)
            try await tx.run("reset role")
            return count
        }
    }

    private static let views: [(name: String, all: Statement)] = [
        ("persons", "select count(*) from analyse_clients"),
        ("operations", "select count(*) from analyse_transactions"),
        ("postings", "select count(*) from ecritures"), ("limits", "select count(*) from plafonds"),
        ("holds", "select count(*) from reservations"), ("captures", "select count(*) from captures"),
    ]

    @Test(
        "an analyst sees a client's rows before the limitation and none of them after; the client and admins still do")
    func limited() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run(
                "insert into plafonds (compte_id, canal, plafond_minor) values (1, 'carte', 5), (2, 'carte', 5)")
            try await stage.database.run(
                """
                insert into reservations (compte_id, cle_idempotence, empreinte, montant_minor, reste_minor, devise, expire_le)
                select n, 'A' || n, sha256('x'), 100, 100, 'EUR', now() + interval '1 day' from generate_series(1, 2) n
                """)
            var before: [String: Int64] = [:]
            for (name, all) in Self.views { before[name] = try await Self.seen(all, stage) }
            #expect(before["persons"] == Int64(clientCount) && before["holds"] == 2 && before["limits"] == 2)
            let own = try await stage.count("select count(*) from ecritures where compte_id = 1")
            try await stage.desk.restrict(
                clientID(1), ground: "accuracy_contested", reason: "solde contesté", by: admin)
            #expect(try await Self.seen("select count(*) from analyse_clients", stage) == Int64(clientCount - 1))
            // In the ring each client pays the next three times: six operations touch one, and one opens the books.
            let touched = try await stage.count(
                "select count(*) from transactions where compte_debit_id = 1 or compte_credit_id = 1")
            #expect(
                try await Self.seen("select count(*) from analyse_transactions", stage)
                    == (before["operations"] ?? 0) - touched)
            #expect(try await Self.seen("select count(*) from ecritures", stage) == (before["postings"] ?? 0) - own)
            #expect(try await Self.seen("select count(*) from ecritures where compte_id = 1", stage) == 0)
            #expect(try await Self.seen("select count(*) from plafonds", stage) == 1)
            #expect(try await Self.seen("select count(*) from reservations", stage) == 1)
            #expect(try await Self.seen("select count(*) from ecritures", stage, role: "client", user: user(1)) == own)
            #expect(
                try await Self.seen("select count(*) from ecritures where compte_id = 1", stage, role: "admin") == own)
            #expect(try await stage.desk.liftRestriction(of: clientID(1), by: admin))
            for (name, all) in Self.views { #expect(try await Self.seen(all, stage) == before[name], "\(name)") }
        }
    }

    @Test(
        "who objects to analysis or profiling is in no view of analysts, no set and no segment; marketing changes nothing",
        arguments: [("analysis", true), ("profiling", true), ("marketing", false)])
    func objected(purpose: String, isLeftOut: Bool) async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run("select bi.rafraichir_les_clients(1000)")
            func segment() async throws -> String {
                try await stage.database.one(
                    """
                    select m.segment from bi.clients_du_moment m where m.identifiant = \(clientID(1))
                    """, as: String.self)
            }
            #expect(try await segment() == "courant seul")
            try await stage.desk.object(clientID(1), purpose: purpose, reason: nil, by: admin)
            let left = Int64(clientCount - (isLeftOut ? 1 : 0))
            #expect(try await Self.seen("select count(*) from analyse_clients", stage) == left)
            #expect(try await segment() == (isLeftOut ? "sans profil" : "courant seul"))
            let persons = try await stage.database.transaction { tx in
                _ = try await tx.one(
                    "select privacy.prepare_export('test', 1, 1, '\\x00'::bytea)::text", as: String.self)
                return try await tx.one("select count(*) from export_people", as: Int64.self)
            }
            #expect(persons == left)
        }
    }
}
