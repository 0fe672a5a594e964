internal import Bank
internal import Foundation
internal import Postgres
internal import Web

/// What a standing order is to be, or to become.
struct StandingOrderWish: Sendable {
    let debit: Int64
    let credit: Int64
    let amount: Money
    let reason: String?
    let frequency: String
    let first: String
    let last: String?
    let isAtMonthsEnd: Bool
}

/// The caller's standing orders and what became of each due date.
struct StandingOrderStore: Sendable {
    let core: BankCore

    private static let columns: Statement = """
        o.id, o.compte_debit_id, o.compte_credit_id, o.payee_fin, o.montant_minor, o.devise, o.motif, o.frequence,
            o.premiere_le, o.derniere_le, o.fin_de_mois, o.statut, o.prochaine_le, (
                select coalesce(json_agg(json_build_object(
                    'due_on', e.echeance, 'attempt', e.essai, 'business_date', e.jour, 'status', e.statut,
                    'code', e.code, 'message', e.raison, 'transfer', e.virement_id) order by e.echeance desc, e.essai desc),
                    '[]')
                from (
                    select * from public.executions_permanentes x where x.ordre_id = o.id
                    order by x.echeance desc, x.essai desc limit 24) e)
        """

    func all(_ caller: BankCaller) async throws -> [JSON] {
        try await core.store.read(
            """
            select \(fragment: Self.columns)
            from public.ordres_permanents o
            where o.client_id in (select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))
            order by o.statut in ('actif', 'suspendu') desc, o.cree_le desc, o.id limit 200
            """, as: caller
        ).map(Self.view)
    }

    func create(_ wish: StandingOrderWish, _ caller: BankCaller) async throws -> JSON {
        let rows = try await core.store.write(
            """
            select \(fragment: Self.columns)
            from public.creer_ordre_permanent(
                \(wish.debit), \(wish.credit), \(wish.amount.minor), \(wish.amount.currency.code), \(wish.reason),
                \(wish.frequency), \(wish.first)::date, \(wish.last)::date, \(wish.isAtMonthsEnd)) o
            """, as: caller)
        guard let row = rows.first else { throw ProblemTable.unexpected }
        return try Self.view(row)
    }

    /// Nil when it is another's, or there is none.
    func change(
        _ id: UUID, minor: Int64?, reason: String?, last: String?, isPaused: Bool?, _ caller: BankCaller
    ) async throws -> JSON? {
        try await core.store.write(
            """
            select \(fragment: Self.columns)
            from public.modifier_ordre_permanent(\(id), \(minor), \(reason), \(last)::date, \(isPaused)) o
            """, as: caller
        ).first.map(Self.view)
    }

    func currency(_ id: UUID, _ caller: BankCaller) async throws -> Currency? {
        let rows = try await core.store.read(
            """
            select o.devise from public.ordres_permanents o
            where o.id = \(id) and o.client_id in (
                select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))
            """, as: caller)
        return try rows.first.flatMap { Currency.known[try $0.decode(0)] }
    }

    /// False when it is another's, or ended already.
    func end(_ id: UUID, _ caller: BankCaller) async throws -> Bool {
        try await core.store.write("select public.annuler_ordre_permanent(\(id))", as: caller).first?.decode(0) ?? false
    }

    static let frequencies = [
        "once": "unique", "weekly": "hebdomadaire", "monthly": "mensuelle", "quarterly": "trimestrielle",
        "yearly": "annuelle",
    ]
    private static let statuses = [
        "actif": "active", "suspendu": "paused", "termine": "finished", "annule": "cancelled",
    ]
    private static let outcomes = ["execute": "executed", "refuse": "refused", "abandonne": "given_up"]

    private static func view(_ row: Row) throws -> JSON {
        let code: String = try row.decode(5)
        guard let currency = Currency.known[code] else {
            throw PostgresError(kind: .decoding, message: "a standing order is in a currency that is not known here")
        }
        let id: UUID = try row.decode(0)
        let frequency: String = try row.decode(7)
        let executions = (try? JSONReader.read(try row.decode(13, as: String.self)))?.array ?? []
        return [
            "id": .string(id.uuidString.lowercased()), "debit_account": .integer(try row.decode(1, as: Int64.self)),
            "payee_account": .integer(try row.decode(2, as: Int64.self)),
            "payee_iban_last4": .text(try row.decodeIfPresent(3)),
            "amount": Money(minor: try row.decode(4), currency: currency).json,
            "reason": .text(try row.decodeIfPresent(6)),
            "frequency": .string(frequencies.first { $0.value == frequency }?.key ?? "monthly"),
            "first_on": .string(try row.decode(8)), "last_on": .text(try row.decodeIfPresent(9)),
            "month_end": .string(try row.decode(10, as: Bool.self) ? "last_day" : "same_day"),
            "status": .string(statuses[try row.decode(11, as: String.self)] ?? "paused"),
            "next_on": .text(try row.decodeIfPresent(12)), "executions": .array(executions.map(execution)),
        ]
    }

    private static func execution(_ json: JSON) -> JSON {
        let state = json["code"]?.string
        return [
            "due_on": json["due_on"] ?? .null, "attempt": json["attempt"] ?? .null,
            "business_date": json["business_date"] ?? .null,
            "status": .string(outcomes[json["status"]?.string ?? ""] ?? "refused"),
            "code": .text(
                state.map { state in LedgerError.kinds.first { $0.sqlState == state }?.code ?? "unexpected" }),
            "message": json["message"] ?? .null, "transfer": json["transfer"] ?? .null,
        ]
    }

    static let schema = Schema.named(
        "StandingOrder",
        .object([
            .init("id", .uuid), .init("debit_account", .id), .init("payee_account", .id),
            .init("payee_iban_last4", .nullable(.text(TextRule()))), .init("amount", .money),
            .init("reason", .nullable(.text(TextRule()))), .init("frequency", .word(frequencies.keys.sorted())),
            .init("first_on", .date), .init("last_on", .nullable(.date)),
            .init("month_end", .word(["same_day", "last_day"])),
            .init("status", .word(["active", "paused", "finished", "cancelled"])),
            .init("next_on", .nullable(.date)),
            .init(
                "executions",
                .list(
                    .named(
                        "Execution",
                        .object([
                            .init("due_on", .date), .init("attempt", .integer(1...4)), .init("business_date", .date),
                            .init("status", .word(["executed", "refused", "given_up"])),
                            .init("code", .nullable(.text(TextRule()))), .init("message", .nullable(.text(TextRule()))),
                            .init("transfer", .nullable(.uuid)),
                        ])), 0...24), "the newest first"),
        ]))
}
