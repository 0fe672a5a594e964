public import Diagnostics
public import Postgres

/// A refusal of the ledger: nothing was changed. The words are the database's own.
public struct LedgerError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String
    /// Of class LV: what callers of the SQL functions see.
    public let sqlState: String
    /// Of a refused batch: which orders were refused and why, as JSON.
    public let detail: String?

    /// What stands behind one SQLSTATE.
    public struct Kind: Sendable, Hashable {
        public let sqlState: String
        public let code: String
        public let message: String
        public let hint: String
    }

    /// Nil when `error` is none of the ledger's refusals.
    public init?(_ error: PostgresError) {
        guard let sqlState = error.sqlState, let kind = Self.kinds.first(where: { $0.sqlState == sqlState }) else {
            return nil
        }
        self.sqlState = sqlState
        code = kind.code
        message = error.message
        hint = error.serverHint ?? kind.hint
        detail = error.detail
    }

    /// A refusal that is told as a value: one order of a batch.
    init(sqlState: String, reason: String) {
        let kind = Self.kinds.first { $0.sqlState == sqlState }
        self.sqlState = sqlState
        code = kind?.code ?? "postgres_" + sqlState
        message = reason
        hint = kind?.hint ?? "See docs/reference/ledger.md."
        detail = nil
    }

    /// The ledger's own refusal where there is one, else the error as it was.
    static func told(_ error: any Error) -> any Error {
        guard let error = error as? PostgresError, let refusal = LedgerError(error) else { return error }
        return refusal
    }

    /// Every refusal, in the order of the SQLSTATEs.
    public static let kinds = money + accounts + requests + holds + clients

    private static let money = [
        Kind(
            sqlState: "LV001", code: "ledger_insufficient_funds", message: "account … has … available, … is needed",
            hint: "Order a smaller amount, or wait for money to come in."),
        Kind(
            sqlState: "LV006", code: "ledger_limit_exceeded", message: "the daily limit of account … does not allow …",
            hint: "Order a smaller amount, wait for the next business day, or ask for a higher limit."),
        Kind(
            sqlState: "LV009", code: "ledger_amount_invalid",
            message: "the amount … is not between 1 and 10^15 minor units",
            hint: "Give a positive amount in minor units: 12.34 € is 1234."),
        Kind(
            sqlState: "LV005", code: "ledger_currency_differs", message: "account … is in …, not in …",
            hint: "Transfer in the currency that both accounts have."),
    ]

    private static let accounts = [
        Kind(
            sqlState: "LV002", code: "ledger_account_unknown", message: "account … does not exist",
            hint: "Check the account's number."),
        Kind(
            sqlState: "LV003", code: "ledger_account_frozen", message: "account … is frozen",
            hint: "An employee of the bank has to lift the freeze."),
        Kind(
            sqlState: "LV004", code: "ledger_account_closed", message: "account … is closed",
            hint: "Use an account that is open."),
        Kind(
            sqlState: "LV010", code: "ledger_same_account", message: "both accounts are …", hint: "Give two accounts."),
        Kind(
            sqlState: "LV011", code: "ledger_not_your_account", message: "account … is not yours to debit",
            hint: "Order from an account of your own."),
    ]

    private static let requests = [
        Kind(
            sqlState: "LV007", code: "ledger_key_reused", message: "the idempotency key … stands for another request",
            hint: "Use a new key for a new order, and the same order with the same key."),
        Kind(
            sqlState: "LV008", code: "ledger_day_closed", message: "the business day … takes no bookings",
            hint: "Book on the open day, with the old date as value date."),
        Kind(
            sqlState: "LV017", code: "ledger_isolation", message: "the ledger books at READ COMMITTED, not at …",
            hint: "Begin the transaction with: begin isolation level read committed"),
        Kind(
            sqlState: "LV018", code: "ledger_batch_invalid", message: "a lot of … orders",
            hint: "Send 1 to 1000 orders in a lot."),
        Kind(
            sqlState: "LV019", code: "ledger_batch_refused", message: "… of … orders cannot be executed, so none was",
            hint: "Correct the orders that the detail names, or send them in the mode continuer."),
        Kind(
            sqlState: "LV020", code: "ledger_date_invalid",
            message: "the value date … is more than a year from the business date …",
            hint: "Give a value date within a year of today."),
        Kind(
            sqlState: "LV021", code: "ledger_text_invalid",
            message: "the idempotency key has … characters, not 1 to 200",
            hint: "Shorten it."),
        Kind(
            sqlState: "LV023", code: "ledger_out_of_balance", message: "the balances in … add up to …, not to zero",
            hint: "See: select * from verifier_le_grand_livre()"),
    ]

    private static let clients = [
        Kind(
            sqlState: "LV024", code: "insufficient_aal", message: "the amount … needs a second factor for this payee",
            hint: "Sign in with your second factor, or trust the payee as a beneficiary first."),
        Kind(
            sqlState: "LV025", code: "authorization_invalid",
            message: "the authorisation is not for this order, spent or past its time",
            hint: "Ask for a new authorisation of this amount and this payee."),
        Kind(
            sqlState: "LV026", code: "beneficiary_known", message: "this payee is trusted already",
            hint: "Use the payee that is there, or remove it first."),
        Kind(
            sqlState: "LV027", code: "card_stays_blocked", message: "card … stays blocked: …",
            hint: "Ask the bank for a new card."),
        Kind(
            sqlState: "LV028", code: "message_known", message: "the message … was sent before with other contents",
            hint: "Give each message an identification of its own."),
        Kind(
            sqlState: "LV029", code: "too_many_kept", message: "there are … already",
            hint: "Remove what is not needed any more."),
        Kind(
            sqlState: "LV030", code: "standing_order_ended", message: "the standing order is ended",
            hint: "Make a new one."),
    ]

    private static let holds = [
        Kind(
            sqlState: "LV012", code: "ledger_hold_unknown", message: "hold … does not exist",
            hint: "Check the hold's id."),
        Kind(
            sqlState: "LV013", code: "ledger_hold_ended", message: "hold … is …", hint: "Ask for a new hold."),
        Kind(
            sqlState: "LV014", code: "ledger_more_than_left", message: "hold … has … left, … is to be captured",
            hint: "Capture no more than was held."),
        Kind(
            sqlState: "LV015", code: "ledger_already_reversed", message: "operation … is reversed already",
            hint: "Look at the operations whose origine_id is this one."),
        Kind(
            sqlState: "LV016", code: "ledger_not_reversible", message: "operation … can not be reversed",
            hint: "Order a transfer the other way round."),
        Kind(
            sqlState: "LV022", code: "ledger_card_unusable", message: "card … is …",
            hint: "Use a card that is active and in date."),
    ]
}
