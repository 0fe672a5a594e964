internal import Foundation
public import Postgres

/// The ledger's SQL: every call is one function of the database, which decides alone. Refusals are `LedgerError`.
///
/// On a pool each call is a transaction of its own, pipelined with others. After `.connectionLost` nobody knows whether
/// an order was executed: send it again with the same key.
public struct LedgerStore: Sendable {
    let database: any SQLExecutor

    public init(_ database: any SQLExecutor) { self.database = database }

    /// Moves money once: the same key and order again give the same answer, marked as a replay.
    @discardableResult
    public func transfer(_ order: TransferOrder) async throws -> LedgerEntry {
        guard order.caller == nil else {
            throw LedgerError(sqlState: "LV018", reason: "an order for a caller travels in a batch")
        }
        return try await one(
            """
            select transaction_id, virement_id, numero, solde_apres_minor, numero_credit, booked_at, date_comptable,
                date_valeur, rejoue
            from public.virer(
                \(order.debit.rawValue), \(order.credit.rawValue), \(order.amount.minor), \(order.key.rawValue),
                \(order.amount.currency.code), \(order.reason), \(order.channel), \(order.valueDay?.description)::date,
                \(order.businessDay?.description)::date, \(order.reference))
            """)
    }

    /// Executes up to 1000 orders of one currency, as if called one after the other. A batch that met another with the
    /// same keys is sent again.
    @discardableResult
    public func transfer(
        batch orders: [TransferOrder], mode: BatchMode, channel: String = "lot"
    ) async throws -> [BatchItem] {
        guard let currency = orders.first?.amount.currency else { return [] }
        guard orders.allSatisfy({ $0.amount.currency == currency }) else {
            throw LedgerError(sqlState: "LV005", reason: "the orders of a batch have several currencies")
        }
        let callers = orders.compactMap(\.caller)
        guard callers.isEmpty || (callers.count == orders.count && mode == .continue) else {
            throw LedgerError(
                sqlState: "LV018", reason: "orders of several callers are executed each on its own, all with a caller")
        }
        let statement = callers.isEmpty ? batch(orders, mode, channel) : batch(orders, for: callers, channel)
        var attempt = 1
        while true {
            do {
                return try await database.run(statement).map(BatchItem.init)
            } catch let error as PostgresError where error.sqlState == "40001" && attempt < Self.attemptsMax {
                attempt += 1
            } catch {
                throw LedgerError.told(error)
            }
        }
    }

    private func batch(_ orders: [TransferOrder], _ mode: BatchMode, _ channel: String) -> Statement {
        """
        select cle, code, raison, virement_id, transaction_id, numero, solde_apres_minor, rejoue
        from public.virer_lot(
            \(SQLArray(orders.map(\.key.rawValue)))::text[], \(SQLArray(orders.map(\.debit.rawValue)))::bigint[],
            \(SQLArray(orders.map(\.credit.rawValue)))::bigint[], \(SQLArray(orders.map(\.amount.minor)))::bigint[],
            \(mode.rawValue), \(SQLArray(orders.map(\.reason)))::text[],
            \(orders.first?.amount.currency.code), \(channel))
        """
    }

    private func batch(_ orders: [TransferOrder], for callers: [OrderCaller], _ channel: String) -> Statement {
        """
        select cle, code, raison, virement_id, transaction_id, numero, solde_apres_minor, rejoue
        from public.virer_pour(
            \(SQLArray(callers.map(\.user.uuidString)))::uuid[], \(SQLArray(callers.map(\.level)))::text[],
            \(SQLArray(callers.map(\.authorization?.uuidString)))::uuid[],
            \(SQLArray(orders.map(\.key.rawValue)))::text[], \(SQLArray(orders.map(\.debit.rawValue)))::bigint[],
            \(SQLArray(orders.map(\.credit.rawValue)))::bigint[], \(SQLArray(orders.map(\.amount.minor)))::bigint[],
            \(SQLArray(orders.map(\.reason)))::text[], \(orders.first?.amount.currency.code), \(channel))
        """
    }

    /// Gives an operation back, wholly or, with `amount`, in part. All reversals together never pass it.
    @discardableResult
    public func reverse(
        _ operation: OperationID, key: OrderKey, amount: Money? = nil, reason: String? = nil
    ) async throws -> LedgerEntry {
        try await one(
            """
            select transaction_id, virement_id, numero, solde_apres_minor, numero_credit, booked_at, date_comptable,
                date_valeur, rejoue
            from public.contrepasser(\(operation.rawValue), \(key.rawValue), \(amount?.minor), \(reason))
            """)
    }

    /// Holds an amount for a card payment until it is captured, released or past its time.
    @discardableResult
    public func hold(
        _ amount: Money, on account: AccountID, key: OrderKey, card: Int64? = nil,
        for duration: Duration = .seconds(604_800),
        merchant: String? = nil
    ) async throws -> Hold {
        let row = try await row(
            """
            select reservation_id, compte_id, reste_minor, disponible_minor, rejoue
            from public.reserver(
                \(account.rawValue), \(amount.minor), \(key.rawValue), \(card),
                make_interval(secs => \(Double(duration.components.seconds))), \(amount.currency.code), \(merchant))
            """)
        return Hold(
            id: HoldID(try row.decode(0)), account: AccountID(try row.decode(1)), remainingMinor: try row.decode(2),
            availableMinor: try row.decode(3), isReplay: try row.decode(4))
    }

    /// Books what was held to `credit`: all that is left, or `amount` of it. When it is not the last, the rest stays held.
    @discardableResult
    public func capture(
        _ hold: HoldID, to credit: AccountID, key: OrderKey, amount: Money? = nil, isLast: Bool = true
    ) async throws -> LedgerEntry {
        try await one(
            """
            select transaction_id, virement_id, numero, solde_apres_minor, numero_credit, booked_at, date_comptable,
                date_valeur, rejoue
            from public.capturer(\(hold.rawValue), \(credit.rawValue), \(key.rawValue), \(amount?.minor), \(isLast))
            """)
    }

    /// Gives back what is still held; false when the hold had ended already.
    @discardableResult
    public func release(_ hold: HoldID) async throws -> Bool {
        try await row("select public.liberer(\(hold.rawValue))").decode(0)
    }

    /// Ends holds that are past their time; says how many.
    @discardableResult
    public func expireHolds() async throws -> Int64 {
        try await row("select public.expirer_reservations()").decode(0)
    }

    /// A page of the statement: the lines behind `number`, oldest first; with `newestFirst` those before it.
    public func statement(
        of account: AccountID, after number: Int64? = nil, size: Int = 50, newestFirst: Bool = false
    ) async throws -> [StatementLine] {
        do {
            return try await database.run(
                """
                select numero, transaction_id, booked_at, date_comptable, date_valeur, type, montant_minor,
                    solde_apres_minor, libelle, contrepartie_id
                from public.releve(\(account.rawValue), \(number), \(size)::integer, \(newestFirst))
                """
            ).map(StatementLine.init)
        } catch { throw LedgerError.told(error) }
    }

    /// The balance at this moment, in minor units; nil when there is no such account, or it is not the caller's to see.
    public func balance(of account: AccountID) async throws -> Int64? {
        try await row("select public.solde_du_compte(\(account.rawValue))").decodeIfPresent(0)
    }

    /// An order that met another at the worst moment is sent this often.
    private static let attemptsMax = 5

    func row(_ statement: Statement) async throws -> Row {
        do {
            guard let row = try await database.run(statement).first else {
                throw PostgresError(kind: .decoding, message: "a function of the ledger returned no row")
            }
            return row
        } catch { throw LedgerError.told(error) }
    }

    private func one(_ statement: Statement) async throws -> LedgerEntry {
        var attempt = 1
        while true {
            do {
                return try LedgerEntry(row: try await row(statement))
            } catch let error as PostgresError where error.sqlState == "40001" && attempt < Self.attemptsMax {
                attempt += 1
            }
        }
    }
}

/// Days and proofs: what the bank's operations run.
extension LedgerStore {
    /// Opens a business day, today when none is named, and makes room for its operations.
    @discardableResult
    public func openDay(_ day: LedgerDay? = nil) async throws -> LedgerDay {
        try LedgerDay(column: try await row("select public.ouvrir_journee(\(day?.description)::date)"), 0)
    }

    /// Closes the open day, once every booking under way has ended.
    @discardableResult
    public func closeDay() async throws -> LedgerDay {
        try LedgerDay(column: try await row("select public.clore_journee()"), 0)
    }

    /// The bank's own account of a role whose postings are only added: transfers to it never wait for each other.
    public func hotAccount(_ role: String, _ currency: Currency = .eur) async throws -> AccountID {
        AccountID(try await row("select public.ouvrir_compte_chaud(\(role), \(currency.code))").decode(0))
    }

    /// How much may leave an account in a day through a channel, `*` for all together; nil takes the channel's default.
    public func setLimit(of account: AccountID, channel: String, minor: Int64?) async throws {
        _ = try await row("select public.fixer_plafond(\(account.rawValue), \(channel), \(minor))")
    }

    /// Reads the whole ledger; empty is the proof that it keeps its rules.
    public func verify() async throws -> [LedgerFinding] {
        try await database.run("select regle, objet, attendu, trouve from public.verifier_le_grand_livre()").map {
            row in
            LedgerFinding(
                rule: try row.decode(0), object: try row.decode(1), expected: try row.decode(2),
                found: try row.decode(3))
        }
    }
}
