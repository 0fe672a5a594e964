internal import Foundation
internal import Postgres

/// What a cluster's bootstrap and its drills say in SQL.
struct ClusterStore: Sendable {
    let database: any SQLExecutor

    /// For psql, on the first leader.
    static func bootstrap(password: String) -> String {
        """
        create role \(ClusterPlan.ownerName) login createrole replication password '\(password)';
        create database \(ClusterPlan.databaseName) owner \(ClusterPlan.ownerName);
        \\connect \(ClusterPlan.databaseName)
        create extension if not exists pgcrypto;
        alter schema public owner to \(ClusterPlan.ownerName);
        """
    }

    /// Which server answers, on which timeline: a new leader begins a new one.
    static let origin: Statement =
        "select host(coalesce(inet_server_addr(), '127.0.0.1')) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)"

    /// Moves a cent; sent again with the same key it is the same order.
    func transfer(_ debit: Int64, _ credit: Int64, _ key: String) async throws {
        try await database.run("select virement_id from public.virer(\(debit), \(credit), 1, \(key))")
    }

    /// The witnesses' table: what each host acknowledged to a client beside it.
    static let prepareWitnesses: [Statement] = [
        "create schema if not exists continuity",
        """
        create table if not exists continuity.witnesses (
            host text not null, number bigint not null, at timestamptz not null default clock_timestamp(),
            primary key (host, number))
        """,
        "alter table continuity.witnesses enable row level security",
    ]

    /// Writes one line and says on which timeline it was written.
    func witness(_ host: String, _ number: Int64) async throws -> String {
        try await database.one(
            """
            with written as (insert into continuity.witnesses (host, number) values (\(host), \(number)) returning 1)
            select left(pg_walfile_name(pg_current_wal_lsn()), 8) from written
            """, as: String.self)
    }

    func witnessed() async throws -> Set<String> {
        Set(try await database.all("select host || ' ' || number from continuity.witnesses", as: String.self))
    }

    /// A client with accounts, for the transfers of a drill in a cluster that is played.
    func furnish(client: UUID, name: [UInt8], accounts: ClosedRange<Int64>, minor: Int64) async throws {
        try await database.run(
            """
            insert into clients (id, numero, utilisateur_id, nom_chiffre)
            values (\(client), 1, \(UUID()), \(name))
            """)
        for account in accounts {
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor) values (\(account), \(client), 'courant', \(minor))
                """)
        }
        try await database.run("select setval('comptes_id_seq', 1000)")
        try await database.run("select reprendre_les_soldes()")
    }

    /// Keys of the orders that are booked, once for each time.
    func booked(_ prefix: String) async throws -> [String] {
        try await database.all(
            """
            select v.cle_idempotence from transactions t join virements v on v.id = t.virement_id
            where starts_with(v.cle_idempotence, \(prefix))
            """, as: String.self)
    }

    /// Zero when the ledger is whole: the sum of all postings, and what its own check finds.
    func faults() async throws -> Int64 {
        try await database.one(
            """
            select (select abs(coalesce(sum(montant_minor), 0)) from ecritures)::bigint
                + (select count(*) from verifier_le_grand_livre())
            """, as: Int64.self)
    }
}
