import Foundation
import Postgres
import TestSupport
import Testing

@testable import Analytics

@Suite(.enabled(if: Star.isThere, "\(Star.absent)")) struct RefreshTests {
    @Test("every operation is a fact once, whatever is run again")
    func idempotent() async throws {
        try await Star.with { bank in
            let operations = try await bank.number("select count(*) from transactions")
            #expect(operations > 7_900)
            #expect(try await bank.number("select count(*) from bi.fact_transaction") == operations)
            let again = try await BIRefresher(database: bank.database).refresh()
            #expect(again.total == 0, "\(again.lines)")
            #expect(
                try await bank.number(
                    """
                    select count(*) from (
                        select date_cle, type_operation_cle, canal_cle, count(*) n, sum(montant) s from bi.fact_transaction
                        group by 1, 2, 3) f
                    full join bi.agg_transaction_jour a using (date_cle, type_operation_cle, canal_cle)
                    where f.n is distinct from a.nombre or f.s is distinct from a.montant
                    """) == 0)
            #expect(
                try await bank.number("select sum(montant_minor)::bigint from transactions")
                    == bank.number("select (sum(montant) * 100)::bigint from bi.fact_transaction"))
            #expect(try await bank.number("select count(*) from bi.fact_solde_jour") > 1000)
            #expect(try await bank.number("select sum(nombre)::bigint from bi.fact_evenement_securite") == 500)
            #expect(try await bank.number("select count(*) from bi.fact_incident") == 12)
        }
    }

    @Test("dimensions come in lots however small, and what changes is found in its turn")
    func lots() async throws {
        try await Star.with { bank in
            let store = RefreshStore(database: bank.database)
            try await bank.database.run(
                "insert into clients (numero) select (select max(numero) from clients) + n from generate_series(1, 30) n"
            )
            try await bank.database.run(
                """
                insert into comptes (id, client_id, type)
                select (select max(id) from comptes) + row_number() over (), id, 'epargne' from clients c
                where not exists (select from comptes k where k.client_id = c.id)
                """)
            var lots = 0
            while try await store.dimensions(lot: 7).hasMore { lots += 1 }
            #expect(lots >= 4)
            for (table, link) in [("clients", "lien_client"), ("comptes", "lien_compte"), ("cartes", "lien_carte")] {
                #expect(
                    try await bank.number("select count(*) from public.\(table)")
                        == bank.number("select count(*) from bi.\(link)"), "\(table)")
            }
            // Of every account and every client something changes; no lot holds them all.
            try await bank.database.run("update comptes set statut = 'bloque' where client_id is not null")
            try await bank.database.run("update clients set statut = 'suspendu'")
            let size = try await bank.number("select count(*) from comptes") / 50 + 1
            for _ in 0..<52 { _ = try await store.dimensions(lot: size) }
            #expect(
                try await bank.number(
                    """
                    select count(*) from comptes k join bi.lien_compte l on l.compte_id = k.id
                    join bi.dim_compte d using (compte_cle) where d.statut <> k.statut
                    """) == 0)
            #expect(
                try await bank.number("select count(*) from bi.dim_client where est_courant and statut = 'suspendu'")
                    == bank.number("select count(*) from clients"))
            #expect(
                try await bank.number(
                    "select count(*) from (select client from bi.dim_client where est_courant group by 1 having count(*) > 1) d"
                ) == 0)
        }
    }

    @Test("an operation that is committed late is found, and nothing is counted twice")
    func late() async throws {
        try await Star.with { bank in
            let refresher = BIRefresher(database: bank.database)
            let insert = """
                insert into transactions (booked_at, date_valeur, date_comptable, type, montant_minor, compte_debit_id,
                    compte_credit_id) select '2018-04-03 12:00Z', '2018-04-03', '2018-04-03', 'virement', 4200, a.id, b.id
                    from (select min(id) id from comptes where type <> 'interne') a,
                        (select min(id) id from comptes where type = 'interne') b
                """
            let slow = try await Connection.connect(bank.database.configuration)
            try await slow.transaction { tx in
                try await tx.run(Statement(unchecked: insert))
                // Others overtake it, and refreshes go by.
                try await bank.database.run(Statement(unchecked: insert))
                #expect(try await refresher.refresh().total > 0)
                _ = try await refresher.refresh()
                try await bank.database.run(Statement(unchecked: insert))
                _ = try await refresher.refresh()
            }
            await slow.close()
            _ = try await refresher.refresh()
            #expect(
                try await bank.number("select count(*) from transactions")
                    == bank.number("select count(*) from bi.fact_transaction"))
            #expect(
                try await bank.number("select sum(nombre)::bigint from bi.agg_transaction_jour")
                    == bank.number("select count(*) from bi.fact_transaction"))
            #expect(try await refresher.refresh().total == 0)
            // What is sure is not read again, once nobody's transaction is older than it.
            var sure: Int64 = 0
            for _ in 0..<400 where sure < 100_000_000 {
                _ = try await refresher.refresh()
                sure = try await bank.number("select sur from bi.reperes where source = 'transactions'")
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(sure > 100_000_000)
        }
    }

    @Test("a client's states are kept, and each operation has the state of its moment")
    func states() async throws {
        try await Star.with { bank in
            let refresher = BIRefresher(database: bank.database)
            let client = try #require(
                try await bank.text(
                    "select l.client from bi.lien_client l join clients c on c.id = l.client_id where c.numero = 1"))
            let old = try await bank.number(
                "select client_cle from bi.dim_client where client = '\(client)' and est_courant")
            try await bank.database.run(
                "update pseudonymes.profils set departement = '59' where client_id = md5('c0')::uuid")
            try await bank.database.run(
                "insert into pseudonymes.profils values (md5('c0')::uuid, 1980, '59') on conflict (client_id) do nothing"
            )
            _ = try await refresher.refresh()
            let new = try await bank.number(
                "select client_cle from bi.dim_client where client = '\(client)' and est_courant and departement = '59'"
            )
            #expect(new != old)
            #expect(
                try await bank.number(
                    "select count(*) from bi.fact_transaction where client_cle = \(old)") > 0)
            try await bank.database.run(
                """
                insert into transactions (date_valeur, date_comptable, type, montant_minor, compte_debit_id, compte_credit_id)
                select current_date, current_date, 'virement', 100, 1, min(id) from comptes where type = 'interne'
                """)
            _ = try await refresher.refresh()
            #expect(try await bank.number("select count(*) from bi.fact_transaction where client_cle = \(new)") == 1)
            #expect(
                try await bank.number(
                    """
                    select count(*) from bi.dim_client a join bi.dim_client b
                        on a.client = b.client and a.client_cle < b.client_cle and a.valide_a > b.valide_de
                    """) == 0)
        }
    }

    @Test("an operation whose account is not known yet is made up for")
    func unknownMember() async throws {
        try await Star.with { bank in
            try await bank.database.run(
                "insert into comptes (id, client_id, type) values (70001, md5('c0')::uuid, 'courant')")
            try await bank.database.run(
                """
                insert into transactions (date_valeur, date_comptable, type, montant_minor, compte_debit_id, compte_credit_id)
                select current_date, current_date, 'virement', 700, 70001, min(id) from comptes where type = 'interne'
                """)
            // The facts come before the dimension.
            #expect(try await bank.number("select bi.rafraichir_les_transactions(1000)") == 1)
            #expect(try await bank.number("select count(*) from bi.fact_transaction where compte_cle = -1") == 1)
            _ = try await BIRefresher(database: bank.database).refresh()
            #expect(try await bank.number("select count(*) from bi.fact_transaction where compte_cle = -1") == 0)
        }
    }

    @Test("who reads the star schema sees pseudonyms, and nothing of who is behind them")
    func pseudonymous() async throws {
        try await Star.with { bank in
            let model = try await bank.analytics.model()
            #expect(model.entities.count >= 22)
            #expect(
                !model.entities.contains { $0.name.hasPrefix("lien_") || $0.name == "jetons" || $0.name == "secret" })
            for entity in model.entities {
                for column in entity.columns {
                    let words = ["nom_chiffre", "email", "iban", "pan", "telephone", "adresse", "libelle", "client_id"]
                    #expect(!words.contains { column.name.contains($0) }, "\(entity.name).\(column.name)")
                }
            }
            for table in [
                "bi.lien_client", "bi.lien_compte", "bi.jetons", "bi.secret", "bi.rapports", "public.clients",
            ] {
                let refused = try await bank.number(
                    "select (not has_table_privilege('bi_reader', '\(table)', 'select'))::integer::bigint")
                #expect(refused == 1, "\(table)")
            }
            #expect(
                try await bank.number(
                    """
                    select count(*) from pg_class where relnamespace = 'bi'::regnamespace and relkind = 'r'
                        and not relrowsecurity
                    """) == 0)
            #expect(
                try await bank.number(
                    """
                    select count(*) from pg_proc p where pronamespace = 'bi'::regnamespace
                        and has_function_privilege('bi_reader', p.oid, 'execute')
                    """) == 0)
        }
    }

    @Test("the calendar knows French holidays and the days of TARGET")
    func calendar() async throws {
        try await Star.with { bank in
            let cases: [(String, String?, Bool)] = [
                ("2018-04-02", "Lundi de Pâques", false), ("2018-05-10", "Ascension", true),
                ("2018-05-21", "Lundi de Pentecôte", true), ("2018-05-01", "Fête du Travail", false),
                ("2018-07-14", "Fête nationale", false), ("2018-03-30", nil, false), ("2018-04-03", nil, true),
                ("2018-12-26", nil, false),
            ]
            for (day, name, isOpen) in cases {
                let holiday = try await bank.text("select ferie from bi.dim_date where jour = '\(day)'")
                #expect(holiday == name, "\(day)")
                let open = try await bank.number(
                    "select target_ouvert::integer::bigint from bi.dim_date where jour = '\(day)'")
                #expect(open == (isOpen ? 1 : 0), "\(day)")
            }
            let holes = try await bank.number(
                "select max(jour) - min(jour) + 1 - count(*) from bi.dim_date where date_cle > 0")
            #expect(holes == 0)
        }
    }

    @Test("backups, requests and automations come in where their sources are")
    func others() async throws {
        try await Star.with { bank in
            let connection = try await Connection.connect(bank.database.configuration)
            try await connection.runScript(Self.sources)
            await connection.close()
            let report = try await BIRefresher(database: bank.database).refresh()
            #expect(report.lines.last?.count == 5, "\(report.lines)")
            #expect(try await BIRefresher(database: bank.database).refresh().total == 0)
            #expect(try await bank.analytics.measure("rto_max") == "90")
            #expect(try await bank.analytics.measure("taux_de_sauvegarde") == "0.5")
            #expect(try await bank.analytics.measure("demandes_en_retard") == "1")
            #expect(try await bank.analytics.measure("taux_de_reussite") == "0.5")
        }
    }

    private static let sources = """
        create schema continuity; create schema privacy; create schema automation;
        create table continuity.sets (label text, repository int, kind text, started_at timestamptz, stopped_at timestamptz,
            bytes bigint, state text);
        insert into continuity.sets values ('20180401F', 1, 'full', '2018-04-01 01:00Z', '2018-04-01 01:05Z', 1000, 'damaged');
        create table continuity.drills (id uuid default gen_random_uuid(), started_at timestamptz, ended_at timestamptz,
            passed boolean, restore_seconds double precision, recovery_seconds double precision,
            check_seconds double precision, rpo_seconds double precision);
        insert into continuity.drills values (default, '2018-04-02', '2018-04-02 00:02Z', true, 60, 20, 10, 1.5);
        create table privacy.requests (id uuid default gen_random_uuid(), kind text, status text, received_at timestamptz,
            due_at timestamptz, ended_at timestamptz);
        insert into privacy.requests values (default, 'access', 'received', '2018-04-01', '2018-05-01', null);
        create table automation.runs (id bigint, scenario text, outcome text, started_at timestamptz);
        create table automation.deliveries (run_id bigint, attempts int, settled_at timestamptz, status text);
        insert into automation.runs values (1, 'alerte', 'planned', '2018-04-02'), (2, 'alerte', 'failed', '2018-04-02');
        insert into automation.deliveries values (1, 2, '2018-04-02 00:01Z', 'sent');
        """
}
