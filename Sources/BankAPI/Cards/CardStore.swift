internal import Bank
internal import Foundation
internal import Postgres
internal import Web

/// The caller's cards. A number is never shown: four digits of it are.
struct CardStore: Sendable {
    let core: BankCore

    private static let columns: Statement = """
        k.id, k.compte_id, k.pan_fin, k.reseau, k.expire_le, k.plafond_minor, k.statut, k.blocage_motif,
            to_char(k.bloquee_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            (select c.devise from public.comptes c where c.id = k.compte_id)
        """

    func all(_ caller: BankCaller) async throws -> [JSON] {
        try await core.store.read(
            """
            select \(fragment: Self.columns)
            from public.cartes k where k.compte_id in (select public.mes_comptes()) order by k.id limit 200
            """, as: caller
        ).map(Self.view)
    }

    /// Nil when it is another's, or there is none; so below.
    func block(_ id: Int64, reason: String, _ caller: BankCaller) async throws -> JSON? {
        try await change("select \(fragment: Self.columns) from public.bloquer_carte(\(id), \(reason)) k", caller)
    }

    func unblock(_ id: Int64, _ caller: BankCaller) async throws -> JSON? {
        try await change("select \(fragment: Self.columns) from public.debloquer_carte(\(id)) k", caller)
    }

    func limit(_ id: Int64, minor: Int64, _ caller: BankCaller) async throws -> JSON? {
        try await change("select \(fragment: Self.columns) from public.fixer_plafond_carte(\(id), \(minor)) k", caller)
    }

    /// The currency of a card of the caller's.
    func currency(_ id: Int64, _ caller: BankCaller) async throws -> Currency? {
        let rows = try await core.store.read(
            """
            select c.devise from public.cartes k join public.comptes c on c.id = k.compte_id
            where k.id = \(id) and k.compte_id in (select public.mes_comptes())
            """, as: caller)
        return try rows.first.flatMap { Currency.known[try $0.decode(0)] }
    }

    private func change(_ statement: Statement, _ caller: BankCaller) async throws -> JSON? {
        try await core.store.write(statement, as: caller).first.map(Self.view)
    }

    private static let statuses = [
        "active": "active", "bloquee": "blocked", "expiree": "expired", "remplacee": "replaced",
    ]
    static let reasons = ["lost": "perdue", "stolen": "volee", "fraud": "fraude", "temporary": "temporaire"]

    private static func view(_ row: Row) throws -> JSON {
        let code: String = try row.decode(9)
        guard let currency = Currency.known[code] else {
            throw PostgresError(kind: .decoding, message: "a card is in a currency that is not known here")
        }
        let last: String? = try row.decodeIfPresent(2)
        let limit: Int64 = try row.decode(5)
        let motive: String? = try row.decodeIfPresent(7)
        let network: String? = try row.decodeIfPresent(3)
        return [
            "id": .integer(try row.decode(0, as: Int64.self)), "account": .integer(try row.decode(1, as: Int64.self)),
            "number": .text(last.map { "•••• •••• •••• " + $0 }), "network": .text(network),
            "expires_on": .text(try row.decodeIfPresent(4)),
            "limit_30_days": limit > 0 ? Money(minor: limit, currency: currency).json : .null,
            "status": .string(statuses[try row.decode(6, as: String.self)] ?? "blocked"),
            "blocked_for": .text(motive.flatMap { motive in reasons.first { $0.value == motive }?.key }),
            "blocked_at": .text(try row.decodeIfPresent(8)),
        ]
    }

    static let schema = Schema.named(
        "Card",
        .object([
            .init("id", .id), .init("account", .id), .init("number", .nullable(.text(TextRule())), "masked"),
            .init("network", .nullable(.text(TextRule()))), .init("expires_on", .nullable(.date)),
            .init("limit_30_days", .nullable(.money), "null is none"),
            .init("status", .word(["active", "blocked", "expired", "replaced"])),
            .init("blocked_for", .nullable(.word(reasons.keys.sorted()))), .init("blocked_at", .nullable(.time)),
        ]))
}
