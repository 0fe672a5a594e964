internal import Evidence
internal import Foundation
internal import Postgres

/// Accounts that were closed before anybody noted the day: what law counts from it is counted from the day on which the bank saw
/// that they are closed, which keeps longer and never too short, until a person states the true one.
extension PrivacyDesk {
    /// Former clients whose closing day has to be asked for, as a JSON array; `may_be_over`: the last operation is so long ago that
    /// law may ask for their end already.
    public func closings() async throws -> String {
        let store = RetentionStore(database: database)
        try await store.noteClosings()
        return try await store.closings()
    }

    /// How many former clients may have been kept too long, for want of a day.
    public func closingQuestions() async throws -> Int64 {
        try await RetentionStore(database: database).questions()
    }

    /// States the day on which an account was closed: not before its last operation, not after the bank saw it closed.
    public func stateClosing(account: Int64, on day: String, reason: String, by requester: Requester) async throws {
        let event = try EvidenceEvent(
            "privacy.closing.stated", "account \(account)", fields: ["day": String(day.prefix(40)), "reason": reason],
            actor: requester.name)
        try await journal.attempt(event) { tx in
            guard (10...500).contains(reason.count) else {
                throw PrivacyError.request("a reason has 10 to 500 characters: the paper that says the day")
            }
            let parts = day.split(separator: "-")
            guard day.count == 10, parts.map(\.count) == [4, 2, 2], parts.allSatisfy({ Int($0) != nil }) else {
                throw PrivacyError.request("a day is written 2021-03-31")
            }
            do {
                _ = try await RetentionStore(database: tx).stateClosing(account, day, by: requester.name, reason)
            } catch let error as PostgresError where ["22023", "22008", "23514"].contains(error.sqlState) {
                throw PrivacyError.request(error.message)
            }
        }
    }
}
