internal import Bank
internal import Postgres
internal import Web

/// Payments of the caller's that were stopped or asked about.
struct AlertStore: Sendable {
    let core: BankCore

    struct Alert: Sendable {
        let json: JSON
        /// The desk's number of the payment.
        let payment: Int64
    }

    private static let verdicts = ["step-up": "proof_asked", "review": "held", "block": "refused"]

    /// The newest first; of one number only that one.
    func all(only id: Int64? = nil, _ caller: BankCaller) async throws -> [Alert] {
        let accounts = try await AccountStore(core: core).all(caller).map { String($0.id) }
        let isThere = try await core.store.asBank("select to_regclass('fraud.decisions') is not null").first
        guard !accounts.isEmpty, try isThere?.decode(0, as: Bool.self) == true else { return [] }
        let rows = try await core.store.asBank(
            """
            select d.rang, d.paiement, d.cles[1], d.montant_minor, c.devise, d.verdict,
                to_char(d.decide_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), e.fraude
            from fraud.decisions d join public.comptes c on c.id = d.cles[1]
            left join fraud.etiquettes e on e.paiement = d.paiement
            where d.cles[1] = any (\(SQLArray(accounts))::bigint[]) and d.verdict <> 'allow'
                and (\(id)::bigint is null or d.rang = \(id)) and d.decide_le > now() - interval '13 months'
            order by d.rang desc limit 100
            """)
        return try rows.compactMap(Self.alert)
    }

    private static func alert(_ row: Row) throws -> Alert? {
        guard let currency = Currency.known[try row.decode(4, as: String.self)] else { return nil }
        let isFraud: Bool? = try row.decodeIfPresent(7)
        let amount = Money(minor: try row.decode(3), currency: currency)
        return Alert(
            json: [
                "id": .integer(try row.decode(0, as: Int64.self)),
                "account": .integer(try row.decode(2, as: Int64.self)),
                "amount": ["amount": .string(amount.decimalText), "currency": .string(currency.code)],
                "outcome": .string(verdicts[try row.decode(5, as: String.self)] ?? "held"),
                "decided_at": .string(try row.decode(6)),
                "answer": isFraud.map { $0 ? "not_mine" : "mine" } ?? .null,
            ], payment: try row.decode(1))
    }

    static let schema = Schema.named(
        "Alert",
        .object([
            .init("id", .integer(1...Int64.max)), .init("account", .integer(1...Int64.max)), .init("amount", .payment),
            .init("outcome", .word(["held", "proof_asked", "refused"])), .init("decided_at", .time),
            .init("answer", .nullable(.word(["mine", "not_mine"])), "what was said of it last"),
        ]))
}
