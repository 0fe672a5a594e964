internal import Postgres

/// What was booked before a moment, in the living bank and in the restored one: no later transaction changes it.
struct DrillReference: Sendable {
    /// Five seconds before the last moment restored no payment is under way any more; a long transaction that books early and
    /// commits late needs a longer way back.
    private static let distances = [5, 60, 600]

    /// - Parameter last: how far the restored bank came.
    static func compare(_ restored: Database, with living: Database, upTo last: String) async throws -> (Bool, String) {
        var difference = ""
        for distance in distances {
            let moment = try await living.one(DrillCheckStore.before(last, by: distance), as: String.self)
            let expected = try await read(living, moment)
            let found = try await read(restored, moment)
            if found == expected { return (true, "equal up to \(moment): \(found.first ?? "")") }
            difference = "\(found) where the living bank has \(expected), up to \(moment)"
        }
        return (false, difference)
    }

    private static func read(_ database: Database, _ moment: String) async throws -> [String] {
        var digests = [try await database.one(DrillCheckStore.digest(before: moment), as: String.self)]
        if try await database.one(DrillCheckStore.exists("evidence.entries"), as: Bool.self) {
            digests.append(try await database.one(DrillCheckStore.journalDigest(before: moment), as: String.self))
        }
        return digests
    }
}
