internal import Postgres

/// Finds the rows over which a mapping's expressions fail, when one of them has made the whole query fail.
///
/// The rows are told by the table's first mapped column; ranges of it are halved until single values are left.
struct BadKeys {
    let source: Database
    let query: SourceQuery
    let columns: [String]
    /// More bad rows than this speak of a wrong mapping, not of bad rows.
    static let countMax = 1000

    /// The key values whose rows can not be read, with the server's words.
    func find(because error: PostgresError) async throws -> [(key: Int64, reason: String)] {
        guard let row = try await source.run(query.keyRange(columns)).first,
            let first = try row.decodeIfPresent(0, as: Int64.self),
            let last = try row.decodeIfPresent(1, as: Int64.self)
        else { throw error }
        var found: [(key: Int64, reason: String)] = []
        var open = [first...last]
        while let range = open.popLast() {
            try Task.checkCancellation()
            guard let failure = try await failure(in: range) else { continue }
            if range.lowerBound == range.upperBound {
                found.append((range.lowerBound, failure.message))
                guard found.count <= Self.countMax else { throw Self.tooMany(error) }
                continue
            }
            // Halves of an unsigned distance: the ends may be far apart.
            let half = Int64(bitPattern: UInt64(bitPattern: range.upperBound &- range.lowerBound) / 2)
            let middle = range.lowerBound + half
            open.append(range.lowerBound...middle)
            open.append((middle + 1)...range.upperBound)
        }
        return found
    }

    private func failure(in range: ClosedRange<Int64>) async throws -> PostgresError? {
        do {
            try await source.run(query.evaluation(columns, keys: range))
            return nil
        } catch let error as PostgresError where error.isAboutTheRow {
            return error
        }
    }

    private static func tooMany(_ error: PostgresError) -> RecoveryError {
        RecoveryError(
            code: "mapping_does_not_fit", message: "the mapping fails on more than \(countMax) rows: \(error.message)",
            hint: "Correct the expression in the mapping (docs/reference/mapping.md), then: digitalbank recover resume",
            exitStatus: .badInput)
    }
}
