import Auth
import Bank
import Evidence
import Foundation
import Fraud
import Migrations
import Postgres
import TestSupport
import Vault

@testable import Analytics

/// A bank made of the handbook's transactions, with a fraud desk and sign-ins, its star schema filled.
enum Star {
    static let data =
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data/handbook").path
        + "/transactions.csv.gz"
    static let isThere = FileManager.default.fileExists(atPath: data)
    static let absent = "the handbook's transactions are not in ../shared/data/handbook"
    static let rows = 8_000

    static func with<Value: Sendable>(_ body: @Sendable (Star.Bank) async throws -> Value) async throws -> Value {
        try await withTestDatabase(starTemplate) { database in
            try await body(
                Bank(database: database, analytics: AnalyticsService(database: database, measures: .shipped())))
        }
    }

    struct Bank: Sendable {
        let database: Database
        let analytics: AnalyticsService

        func number(_ sql: String) async throws -> Int64 {
            try await database.one(Statement(unchecked: sql), as: Int64.self)
        }

        func text(_ sql: String) async throws -> String? {
            try await database.run(Statement(unchecked: sql)).first?.decodeIfPresent(0, as: String.self)
        }
    }

    /// The tables that the star schema is read from, with so many of the handbook's transactions.
    static func fill(_ database: Database, rows: Int) async throws {
        try await Migrator(database).apply([
            VaultMigrations.set(), BankMigrations.set(), AuthMigrations.set(), EvidenceMigrations.set(),
            FraudMigrations.set(), AnalyticsMigrations.set(),
        ])
        let connection = try await Connection.connect(database.configuration)
        for script in [load(rows), desk, signIns] { try await connection.runScript(script) }
        await connection.close()
        try await database.run("analyze")
    }

    private static func load(_ rows: Int) -> String {
        """
        create temporary table lu (id bigint, moment timestamp, client bigint, terminal bigint, montant numeric, fraude int,
            scenario int);
        copy lu from program 'gzip -dc \(data) 2>/dev/null | head -n \(rows + 1)' (format csv, header true);
        select creer_partitions('2018-04-01', '2018-10-31');
        insert into clients (id, numero, cree_le, statut)
        select md5('c' || c)::uuid, c + 1, '2010-01-01'::timestamptz + (c % 3000) * interval '1 day',
            case when c % 97 = 0 then 'suspendu' else 'actif' end
        from (select distinct client as c from lu) x;
        insert into pseudonymes.profils
        select id, case when numero % 11 <> 0 then 1940 + numero % 65 end,
            (array['75', '13', '69', '2A', '974', '33'])[numero % 6 + 1] from clients where numero % 7 <> 0;
        insert into comptes (id, client_id, type, ouvert_le)
        select numero, id, case when numero % 5 = 0 then 'joint' else 'courant' end, cree_le::date from clients;
        insert into comptes (id, client_id, type, ouvert_le)
        select 50000 + numero, id, 'epargne', cree_le::date from clients where numero % 3 = 0;
        insert into comptes (id, type) select 100000 + t, 'interne' from (select distinct terminal as t from lu) x;
        insert into cartes (id, compte_id, pan_fin, reseau, expire_le)
        select numero, numero, '4242', case when numero % 2 = 0 then 'CB' else 'Visa' end, '2020-06-30'
        from clients where numero % 4 <> 0;
        insert into transactions (id, booked_at, date_valeur, date_comptable, type, montant_minor, compte_debit_id,
            compte_credit_id, carte_id, historique)
        select l.id + 1, l.moment at time zone 'Europe/Paris', l.moment::date + (l.id % 3)::integer, l.moment::date,
            case when l.montant > 150 then 'virement' when l.montant < 10 then 'retrait' else 'carte' end,
            (l.montant * 100)::bigint, l.client + 1, 100000 + l.terminal, c.id, l.id % 10 = 0
        from lu l left join cartes c on c.compte_id = l.client + 1 where l.montant > 0;
        select setval('transactions_id_seq', 100000000);
        alter table ecritures disable trigger user;
        insert into ecritures (compte_id, numero, transaction_id, montant_minor, solde_apres_minor, booked_at)
        select k, n, 1, 100, 10000 * n - 15000 + k * 7, date_trunc('day', now()) - (5 - n) * interval '1 day'
        from generate_series(1, 400) k join comptes c on c.id = k, generate_series(1, 3) n;
        alter table ecritures enable trigger user;
        """
    }

    private static let desk = """
        insert into fraud.modeles (colonnes, fichier, empreinte, figures, statut)
        values ('own', '', 'x', '{}', 'champion');
        insert into fraud.decisions (paiement, cle, empreinte, horodatage, montant_minor, cles, modele_id, probabilite, verdict,
            regles, colonnes, decide_le)
        select t.id, 'k' || t.id, '', 0, t.montant_minor, array[t.compte_debit_id, t.compte_credit_id], 1,
            ((t.id * 37) % 1000) / 1000.0, (array['review', 'block', 'step-up', 'allow'])[t.id / 20 % 4 + 1],
            case when t.id / 20 % 3 = 0 then array['montant-inhabituel'] when t.id / 20 % 3 = 1 then array['nouveau-terminal']
                else '{}' end, '', t.booked_at
        from transactions t where t.id % 20 = 3;
        insert into fraud.etiquettes (paiement, fraude, source, auteur)
        select paiement, rang % 2 = 0, 'analyste', 'a' from fraud.decisions where rang % 5 <> 0;
        insert into fraud.dossiers (client, statut, ouvert_le, tranche_le, fraude, motif)
        select distinct on (cles[1]) cles[1], case when rang % 2 = 0 then 'clos' else 'ouvert' end, decide_le,
            case when rang % 2 = 0 then decide_le + interval '5 hours' end, rang % 2 = 0, 'm'
        from fraud.decisions order by cles[1], rang;
        insert into fraud.dossiers_paiements
        select d.id, x.paiement from fraud.dossiers d join fraud.decisions x on x.cles[1] = d.client;
        """

    private static let signIns = """
        insert into auth.audit_log_entries (payload, created_at)
        select jsonb_build_object('action', (array['login', 'logout', 'login_failed'])[g % 3 + 1], 'actor_id', 'secret'),
            '2018-04-02'::timestamptz + g * interval '17 minutes'
        from generate_series(1, 500) g;
        create schema detection;
        create table detection.incidents (id uuid default gen_random_uuid(), opened_at timestamptz, updated_at timestamptz,
            first_at timestamptz, last_at timestamptz, severity text, status text, title_fr text, title_en text,
            stages text[], document jsonb);
        insert into detection.incidents (opened_at, updated_at, first_at, last_at, severity, status, stages)
        select o, o + interval '3 hours', o - interval '20 minutes', o + interval '1 hour',
            (array['low', 'medium', 'high', 'critical'])[g % 4 + 1], (array['open', 'acknowledged', 'closed'])[g % 3 + 1],
            array['recon', 'exploit']
        from (select g, '2018-04-02'::timestamptz + g * interval '7 hours' as o from generate_series(1, 12) g) x;
        """
}

private let starTemplate = TestTemplate("star") { database in
    try await Star.fill(database, rows: Star.rows)
    // What alerts say of a client comes in with the refresh after them.
    for _ in 0..<2 { try await BIRefresher(database: database).refresh() }
    try await database.run("analyze")
}

/// A generator whose numbers are the same in each run of one seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
