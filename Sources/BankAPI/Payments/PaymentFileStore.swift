internal import Bank
internal import Cryptography
internal import Foundation
internal import Postgres
internal import Web

/// Executes files of payments: the bank orders for the caller, in whose name the database judges each.
struct PaymentFileStore: Sendable {
    let core: BankCore

    struct Outcome: Sendable {
        /// From zero.
        let index: Int
        /// Nil when it was executed or scheduled; else a SQLSTATE of the ledger or a code of the reader.
        let refusal: String?
        let transfer: UUID?
        /// The standing order that pays it on its day.
        let scheduled: UUID?
    }

    /// One line of a file, with the accounts that were found for it.
    struct Line: Sendable {
        let payment: Pain001.Payment
        let debit: Int64?
        let credit: Int64?
        /// Why it is not even tried.
        var refusal: String?
    }

    func execute(
        _ message: String, digest: [UInt8], _ lines: [Line], _ caller: BankCaller
    ) async throws -> (isReplay: Bool, outcomes: [Outcome]) {
        let rows = try await core.store.asBank(
            """
            select rejoue, rang, code, virement_id, ordre_id
            from public.executer_fichier_pour(
                \(caller.actor.claims), \(message), \(digest), \(SQLArray(lines.map(\.refusal)))::text[],
                \(SQLArray(lines.map(\.payment.endToEndID)))::text[],
                \(SQLArray(lines.map { $0.debit.map(String.init) }))::bigint[],
                \(SQLArray(lines.map { $0.credit.map(String.init) }))::bigint[],
                \(SQLArray(lines.map { $0.payment.amount.map { String($0.minor) } }))::bigint[],
                \(SQLArray(lines.map(\.payment.reason)))::text[],
                \(SQLArray(lines.map(\.payment.amount?.currency.code)))::text[],
                \(SQLArray(lines.map(\.payment.executionDate)))::date[])
            """)
        let outcomes = try rows.map { row in
            Outcome(
                index: try row.decode(1, as: Int.self) - 1, refusal: try row.decodeIfPresent(2),
                transfer: try row.decodeIfPresent(3), scheduled: try row.decodeIfPresent(4))
        }
        return (try rows.first?.decode(0) ?? false, outcomes)
    }

    /// The open business day.
    func today() async throws -> String? {
        try await core.store.asBank("select jour::text from public.journees where close_le is null").first?.decode(0)
    }
}
