import Bank
import Evidence
import Migrations
import Postgres
import TestSupport
import Testing

private let pseudonymBank = TestTemplate("pseudonym_bank") { database in
    try await prepareLedger(database)
    try await Migrator(database).apply([try EvidenceMigrations.set()])
    try await LedgerStore(database).transfer(order(1, 2, 100))
    try await database.run(
        """
        insert into pseudonymes.profils (client_id, annee_naissance, departement)
        select id, 1990, '75' from public.clients where numero = 1
        """)
}

private let analyst = "00000000-0000-0000-0000-0000000000aa"
private let admin = "00000000-0000-0000-0000-0000000000bb"

/// What the bank's people may learn of a person: analysts nobody's name, admins one datum at a time.
@Suite struct AnalystTests {
    private func with<Value: Sendable>(
        _ database: Database, _ role: String, subject: String, aal: String = "aal2",
        as databaseRole: String = "authenticated",
        _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        let claims =
            #"{"sub":"\#(subject)","role":"authenticated","aal":"\#(aal)","app_metadata":{"role":"\#(role)"}}"#
        return try await database.transaction { tx in
            try await tx.run(
                "select set_config('role', \(databaseRole), true), set_config('request.jwt.claims', \(claims), true)")
            return try await body(tx)
        }
    }

    private func count(_ tx: Transaction, _ table: String) async throws -> Int {
        try await tx.one("select count(*) from public.\(identifier: table)", as: Int.self)
    }

    @Test func `an analyst sees pseudonyms and none of the rows that lead to a person`() async throws {
        try await withTestDatabase(pseudonymBank) { database in
            try await with(database, "analyst", subject: analyst) { tx in
                // Also what would lead from an operation's number, which analysts see, to its account.
                for table in [
                    "clients", "comptes", "cartes", "transactions", "beneficiaires", "virements", "ecritures",
                    "plafonds", "reservations", "captures", "ordres_permanents", "executions_permanentes",
                ] {
                    let seen = try await count(tx, table)
                    #expect(seen == 0, "\(table)")
                }
                let clients = try await count(tx, "analyse_clients")
                #expect(clients == accountCount)
                let bands = try await tx.all(
                    "select tranche_age || departement from analyse_clients where departement is not null",
                    as: String.self)
                #expect(bands == ["35-4475"] || bands == ["45-5475"])
                let moved = try await tx.one(
                    """
                    select montant_minor from analyse_transactions
                    where type_debite <> 'interne' and type_credite <> 'interne'
                    """, as: Int64.self)
                #expect(moved == 100)
                let words = try await tx.one(
                    "select string_agg(c::text, ' ') from analyse_clients c", as: String.self)
                #expect(!words.contains("00000000-0000"))
            }
        }
    }

    @Test func `a pseudonym is stable, the same in both views, and its key is nobody's`() async throws {
        try await withTestDatabase(pseudonymBank) { database in
            let ask: @Sendable (Transaction) async throws -> [String] = { tx in
                try await tx.all("select client from analyse_clients order by client", as: String.self)
            }
            let first = try await with(database, "analyst", subject: analyst, ask)
            let second = try await with(database, "admin", subject: admin, ask)
            #expect(first == second && Set(first).count == accountCount)
            let joined = try await with(database, "analyst", subject: analyst) { tx in
                try await tx.one(
                    "select count(*) from analyse_transactions t join analyse_clients c on c.client = t.client_debite",
                    as: Int.self)
            }
            #expect(joined >= 1)
            for table in ["cle", "profils"] {
                for role in ["authenticated", "anon", "service_role"] {
                    let error = await #expect(throws: PostgresError.self) {
                        try await with(database, "admin", subject: admin, as: role) { tx in
                            try await tx.run("select * from pseudonymes.\(identifier: table)")
                        }
                    }
                    #expect(error?.sqlState == "42501")
                }
            }
        }
    }

    @Test func `a client sees no pseudonyms, and still their own rows`() async throws {
        try await withTestDatabase(pseudonymBank) { database in
            try await with(database, "client", subject: "00000000-0000-0000-0000-000000000001") { tx in
                for (table, wanted) in [
                    ("analyse_clients", 0), ("analyse_transactions", 0), ("clients", 1), ("comptes", 1),
                    ("virements", 1),
                    ("devises", 18), ("revelations", 0),
                ] {
                    let seen = try await count(tx, table)
                    #expect(seen == wanted, "\(table)")
                }
                let others = try await tx.one(
                    "select count(*) from transactions where compte_debit_id <> 1 and compte_credit_id <> 1",
                    as: Int.self)
                #expect(others == 0)
            }
            try await with(database, "admin", subject: admin) { tx in
                let clients = try await count(tx, "clients")
                #expect(clients == accountCount)
            }
            try await database.transaction { tx in
                try await tx.run("select set_config('role', 'service_role', true)")
                let currencies = try await count(tx, "devises")
                #expect(currencies == 18)
                let pseudonyms = try await count(tx, "analyse_clients")
                #expect(pseudonyms == accountCount)
            }
        }
    }

    private func reveal(
        _ database: Database, role: String = "admin", subject: String = admin, aal: String = "aal2",
        field: String = "nom",
        reason: String = "réclamation 4711"
    ) async throws -> String {
        let client = try await database.one("select id::text from public.clients where numero = 1", as: String.self)
        return try await with(database, role, subject: subject, aal: aal) { tx in
            try await tx.one(
                "select revelation::text from reveler(\(client)::uuid, \(field), \(reason))", as: String.self)
        }
    }

    @Test func `an admin reveals one datum for a quarter of an hour, and the journal keeps why`() async throws {
        try await withTestDatabase(pseudonymBank) { database in
            let id = try await reveal(database)
            let entry = try await database.one(
                "select actor || ' ' || body from evidence.entries where kind = 'donnee.revelee'", as: String.self)
            #expect(entry.hasPrefix(admin) && entry.contains("réclamation 4711") && entry.contains(id))
            let ask: @Sendable (Transaction) async throws -> [String] = { tx in
                try await tx.all("select champ from revelation_valide(\(id)::uuid)", as: String.self)
            }
            let own = try await with(database, "admin", subject: admin, ask)
            #expect(own == ["nom"])
            // Another admin's reveal is not mine; nor is it a client's or an analyst's.
            let other = try await with(database, "admin", subject: analyst, ask)
            let lower = try await with(database, "analyst", subject: admin, ask)
            #expect(other.isEmpty && lower.isEmpty)
            let minutes = try await with(database, "admin", subject: admin) { tx in
                try await tx.one(
                    "select extract(minute from expire_le - accordee_le)::bigint from revelations", as: Int64.self)
            }
            #expect(minutes == 15)
            try await database.run("alter table public.revelations disable trigger revelations_immuables")
            try await database.run(
                "update public.revelations set accordee_le = now() - interval '16 minutes', expire_le = now() - interval '1 minute'"
            )
            let late = try await with(database, "admin", subject: admin, ask)
            #expect(late.isEmpty)
        }
    }

    @Test func `a reveal without right, factor, reason or field is refused and leaves nothing`() async throws {
        try await withTestDatabase(pseudonymBank) { database in
            let refusals: [(String, @Sendable () async throws -> String)] = [
                ("42501", { try await reveal(database, role: "analyst") }),
                ("42501", { try await reveal(database, role: "client") }),
                ("42501", { try await reveal(database, aal: "aal1") }),
                ("22023", { try await reveal(database, reason: "  court    ") }),
                ("22023", { try await reveal(database, field: "solde") }),
            ]
            for (state, attempt) in refusals {
                let error = await #expect(throws: PostgresError.self) { _ = try await attempt() }
                #expect(error?.sqlState == state, "\(error?.message ?? "")")
            }
            let left = try await database.one("select count(*) from public.revelations", as: Int.self)
            #expect(left == 0)
            try await database.run("drop schema evidence cascade")
            let error = await #expect(throws: PostgresError.self) { _ = try await reveal(database) }
            #expect(error?.sqlState == "55000")
        }
    }
}
