internal import Bank
internal import Foundation
internal import Postgres
internal import Web

/// The caller's orders.
struct TransferStore: Sendable {
    let core: BankCore

    /// Nil when it is another's, or there is none.
    func find(_ id: UUID, _ caller: BankCaller) async throws -> JSON? {
        let rows = try await core.store.read(
            """
            select v.id, v.statut, v.compte_debit_id, v.compte_credit_id, v.montant_minor, v.devise, v.motif, v.canal,
                to_char(v.demande_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), v.transaction_id,
                to_char(t.booked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), t.date_comptable,
                t.date_valeur
            from public.virements v left join public.transactions t on t.id = v.transaction_id
            where v.id = \(id) and v.donneur_id in (
                select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))
            """, as: caller)
        guard let row = rows.first else { return nil }
        let code: String = try row.decode(5)
        guard let currency = Currency.known[code] else {
            throw PostgresError(kind: .decoding, message: "an order is in a currency that is not known here")
        }
        let status: String = try row.decode(1)
        return [
            "id": .string(id.uuidString.lowercased()), "status": .string(Self.statuses[status] ?? "pending"),
            "debit_account": .integer(try row.decode(2, as: Int64.self)),
            "payee_account": try row.decodeIfPresent(3, as: Int64.self).map { .integer($0) } ?? .null,
            "amount": Money(minor: try row.decode(4), currency: currency).json,
            "reason": .text(try row.decodeIfPresent(6)), "channel": .string(try row.decode(7)),
            "ordered_at": .string(try row.decode(8)),
            "operation": try row.decodeIfPresent(9, as: Int64.self).map { .integer($0) } ?? .null,
            "booked_at": .text(try row.decodeIfPresent(10)), "business_date": .text(try row.decodeIfPresent(11)),
            "value_date": .text(try row.decodeIfPresent(12)),
        ]
    }

    /// What the ledger knows an executed order of the caller's by; nil when there is none.
    func name(of id: UUID, _ caller: BankCaller) async throws -> (debit: AccountID, key: OrderKey)? {
        let rows = try await core.store.read(
            """
            select v.compte_debit_id, v.cle_idempotence from public.virements v
            where v.id = \(id) and v.statut = 'execute' and v.donneur_id in (
                select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))
            """, as: caller)
        return try rows.first.map { (AccountID(try $0.decode(0)), OrderKey(try $0.decode(1, as: String.self))) }
    }

    static let statuses = [
        "execute": "executed", "refuse": "refused", "en_attente": "pending", "annule": "cancelled",
    ]

    static let schema = Schema.named(
        "Transfer",
        .object([
            .init("id", .uuid), .init("status", .word(["executed", "refused", "pending", "cancelled"])),
            .init("debit_account", .id), .init("payee_account", .nullable(.id)), .init("amount", .money),
            .init("reason", .nullable(.text(TextRule()))), .init("channel", .text(TextRule())),
            .init("ordered_at", .time), .init("operation", .nullable(.id)), .init("booked_at", .nullable(.time)),
            .init("business_date", .nullable(.date)), .init("value_date", .nullable(.date)),
        ]))

    /// Orders of one client in one call, each judged as the client's own: the bank orders for them, as it does single orders.
    func batch(_ orders: [TransferOrder], _ mode: BatchMode) async throws -> [BatchItem] {
        guard mode == .allOrNothing else {
            return try await LedgerStore(BankExecutor(store: core.store)).transfer(
                batch: orders, mode: .continue, channel: orders.first?.channel ?? "api")
        }
        return try await core.store.transactionAsBank { tx in
            let items = try await LedgerStore(tx).transfer(
                batch: orders, mode: .continue, channel: orders.first?.channel ?? "api")
            // The error undoes those that were executed.
            if let refusal = Self.refusal(of: items) { throw refusal }
            return items
        }
    }

    private static func refusal(of items: [BatchItem]) -> BankProblem? {
        let details: [JSON] = items.enumerated().compactMap { index, item in
            guard case .refused(let error) = item.outcome else { return nil }
            return [
                "rang": .integer(index + 1), "cle": .string(item.key.rawValue), "code": .string(error.sqlState),
                "raison": .string(error.message),
            ]
        }
        guard !details.isEmpty else { return nil }
        return BankProblem(
            422, code: "ledger_batch_refused",
            message: "\(details.count) of \(items.count) orders cannot be executed, so none was",
            hint: "Correct the orders that the detail names, or send them in the mode continue.",
            details: .array(details))
    }

    /// What would become of an order whose giver proved who they are: done and taken back.
    func rehearse(_ order: TransferOrder) async throws -> BatchItem.Outcome {
        do {
            return try await core.store.database.transaction { tx in
                try await tx.run(BankStore.bankSettings)
                let items = try await LedgerStore(tx).transfer(
                    batch: [order], mode: .continue, channel: order.channel)
                guard let outcome = items.first?.outcome else {
                    throw PostgresError(kind: .decoding, message: "a batch of one got no answer")
                }
                throw Rehearsed(outcome: outcome)
            }
        } catch let rehearsed as Rehearsed {
            return rehearsed.outcome
        }
    }

    private struct Rehearsed: Error { let outcome: BatchItem.Outcome }

    func needsSecondFactor(_ order: TransferOrder) async throws -> Bool {
        let rows = try await core.store.asBank(
            """
            select public.authentification_requise(
                (select client_id from public.comptes where id = \(order.debit.rawValue)), \(order.credit.rawValue),
                \(order.amount.minor), \(order.amount.currency.code))
            """)
        return try rows.first?.decodeIfPresent(0) ?? true
    }

    /// Links an authorisation to an amount and a payee.
    func authorize(_ order: TransferOrder, _ caller: BankCaller) async throws -> JSON {
        let rows = try await core.store.write(
            """
            select id, to_char(expire_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from public.autoriser_virement(
                \(order.debit.rawValue), \(order.credit.rawValue), \(order.amount.minor), \(order.amount.currency.code))
            """, as: caller)
        guard let row = rows.first else { throw ProblemTable.unexpected }
        let id: UUID = try row.decode(0)
        return [
            "id": .string(id.uuidString.lowercased()), "debit_account": .integer(order.debit.rawValue),
            "payee_account": .integer(order.credit.rawValue), "amount": order.amount.json,
            "expires_at": .string(try row.decode(1)),
        ]
    }

    static let authorizationSchema = Schema.named(
        "Authorization",
        .object([
            .init("id", .uuid), .init("debit_account", .id), .init("payee_account", .id), .init("amount", .money),
            .init("expires_at", .time, "five minutes after it was given"),
        ]))
}
