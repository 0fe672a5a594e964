import Bank
import Migrations
import Postgres
import TestSupport
import Testing

@Suite struct SchemaTests {
    private func withBank(_ body: @Sendable (Database) async throws -> Void) async throws {
        try await withTestDatabase { database in
            try await Migrator(database).apply([BankMigrations.set()])
            try await body(database)
        }
    }

    @Test func `taken-over balances are balanced and counted once`() async throws {
        try await withBank { database in
            try await database.run(
                """
                with c as (insert into clients (numero) select generate_series(1, 50) returning id, numero)
                insert into comptes (client_id, type, solde_minor, decouvert_minor)
                select id, 'courant', numero * 100 - 500, 1000 from c
                """)
            let taken = try await database.one("select reprendre_les_soldes()", as: Int64.self)
            #expect(taken == 49)
            let again = try await database.one("select reprendre_les_soldes()", as: Int64.self)
            #expect(again == 0)
            let sum = try await database.one("select sum(montant_minor)::bigint from ecritures", as: Int64.self)
            #expect(sum == 0)
            let wrong = try await database.one(
                """
                select count(*) from comptes k where solde_minor <>
                    coalesce((select sum(montant_minor) from ecritures e where e.compte_id = k.id), 0)
                """, as: Int64.self)
            #expect(wrong == 0)
        }
    }

    @Test(arguments: [
        "update ecritures set montant_minor = 1", "delete from ecritures", "truncate ecritures",
        "update transactions set libelle = 'x'", "delete from transactions",
    ])
    func `history does not change, not even for its owner`(statement: String) async throws {
        try await withBank { database in
            try await database.run(
                """
                with c as (insert into clients (numero) values (1) returning id)
                insert into comptes (client_id, type, solde_minor) select id, 'courant', 100 from c
                """)
            try await database.run("select reprendre_les_soldes()")
            try await database.run("select creer_partitions(current_date, current_date)")
            try await database.run(
                """
                insert into transactions (date_valeur, date_comptable, type, montant_minor, compte_debit_id, compte_credit_id)
                select current_date, current_date, 'frais', 1, min(id), max(id) from comptes
                """)
            let error = await #expect(throws: PostgresError.self) {
                try await database.run(Statement(unchecked: statement))
            }
            #expect(error?.sqlState == "42501")
        }
    }

    @Test(arguments: [
        "192.168.10.20", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeé", "",
        "j.dupont@ex.fr  ", "0123456789abcdeg",
    ])
    func `the log takes sixteen hexadecimal digits for a pseudonym and nothing else`(text: String) async throws {
        try await withBank { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.run(
                    "insert into logs (horodatage, action, adresse_jeton) values (now(), 'x', \(text))")
            }
            // Sixteen bytes that are no digits are refused where they are read as such.
            #expect(error?.constraint == "logs_adresse_anonyme" || error?.sqlState == "22023")
            try await database.run(
                """
                insert into logs (horodatage, action, adresse_jeton, acteur_jeton, objet_jeton)
                values (now(), 'x', '0123456789abcdef', null, 'ffffffffffffffff')
                """)
        }
    }

    @Test func `postings that do not balance are refused`() async throws {
        try await withBank { database in
            try await database.run("insert into comptes (type) values ('interne')")
            let error = await #expect(throws: PostgresError.self) {
                try await database.run(
                    """
                    insert into ecritures (compte_id, numero, transaction_id, montant_minor, solde_apres_minor)
                    select id, 1, 1, 5, 5 from comptes
                    """)
            }
            #expect(error?.sqlState == "23514")
        }
    }

    @Test func `euros do not balance dollars, whether one currency was there before or two`() async throws {
        try await withBank { database in
            try await database.run(
                "insert into comptes (id, type, devise) values (1, 'interne', 'EUR'), (2, 'interne', 'EUR')")
            let balanced: Statement = """
                insert into ecritures (compte_id, numero, transaction_id, montant_minor, solde_apres_minor)
                values (1, 1, 1, 5, 5), (2, 1, 1, -5, -5)
                """
            try await database.run(balanced)
            // The second currency comes in the same transaction as the postings that do not balance.
            let error = await #expect(throws: PostgresError.self) {
                try await database.withConnection { connection in
                    try await connection.runScript(
                        """
                        begin;
                        insert into comptes (id, type, devise) values (3, 'interne', 'USD');
                        insert into ecritures (compte_id, numero, transaction_id, montant_minor, solde_apres_minor)
                        values (1, 2, 2, 5, 10), (3, 1, 2, -5, -5);
                        commit
                        """)
                }
            }
            #expect(error?.sqlState == "23514")
            let kept = try await database.all("select devise::text from devises_tenues", as: String.self)
            #expect(kept == ["EUR"])
        }
    }

    @Test func `the ledger's functions never read a grown table whole`() async throws {
        try await withBank { database in
            let free = try await database.all(
                """
                select proname::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef
                    and proname in ('virer', 'virer_lot', 'reserver', 'capturer', 'liberer', 'contrepasser')
                    and not coalesce(proconfig::text like '%enable_seqscan=off%', false)
                """, as: String.self)
            #expect(free == [])
        }
    }

    @Test func `every table of the bank has row level security`() async throws {
        try await withBank { database in
            let open = try await database.all(
                """
                select relname::text from pg_class where relnamespace = 'public'::regnamespace
                    and relkind in ('r', 'p') and not relrowsecurity
                """, as: String.self)
            #expect(open.isEmpty)
        }
    }

    @Test func `an account below its overdraft limit can not be`() async throws {
        try await withBank { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.run(
                    """
                    with c as (insert into clients (numero) values (1) returning id)
                    insert into comptes (client_id, type, solde_minor, decouvert_minor) select id, 'courant', -101, 100 from c
                    """)
            }
            #expect(error?.constraint == "comptes_solde_au_dessus_du_decouvert")
        }
    }
}
