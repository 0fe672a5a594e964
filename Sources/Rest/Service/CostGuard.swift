internal import Postgres
internal import Synchronization

/// Statements that were found cheap enough for a role, by their shape.
///
/// The planner's estimate is for the values of the first request of a shape; `statement_timeout` bounds the others. What
/// is refused is never remembered: with other values the same shape may be cheap.
final class CostGuard: Sendable {
    struct Shape: Hashable {
        /// Role and generation of the schema.
        let scope: String
        let sql: String
        /// How large limits and offsets are, as powers of two.
        let sizes: [Int]
    }

    static let shapesMax = 2_000
    /// Tables grow: an estimate is asked for again after a while.
    static let ageMax: Duration = .seconds(600)
    private let passed = Mutex<[Shape: ContinuousClock.Instant]>([:])

    func knows(_ shape: Shape, at now: ContinuousClock.Instant) -> Bool {
        passed.withLock { $0[shape].map { now - $0 < Self.ageMax } ?? false }
    }

    func pass(_ shape: Shape, at now: ContinuousClock.Instant) {
        passed.withLock { passed in
            if passed.count >= Self.shapesMax { passed.removeAll() }
            passed[shape] = now
        }
    }

    /// The estimate itself stays here: it tells how many rows there are that the role does not see.
    static func tooCostly(_ role: String) -> RestError {
        RestError(
            "DBR020", 400, "the query is estimated to cost more than the role \(role) may ask for",
            hint: "Add a filter on a column with an index, or a smaller limit; the bank may add an index.")
    }
}
