/// A text that flights run again and again, known by what it is rather than by how it reads: one object for one statement.
public final class LaneStatement: Sendable {
    let sql: String
    let types: [UInt32]

    /// Nil for statements that change their session, stream rows or cannot be sent.
    public init?(_ statement: Statement) {
        guard case .plain = StatementTrait(of: statement.sql) else { return nil }
        sql = statement.sql
        types = statement.values.map(\.type)
    }
}

/// Statements that only read, sent together and ended by one Sync: one implicit transaction.
public struct LaneFlight: Sendable {
    let parts: [(statement: LaneStatement, values: [BoundValue])]

    /// Nil when a value cannot be sent.
    public init?(_ parts: [(statement: LaneStatement, values: [BoundValue])]) {
        for part in parts where (try? ParameterBuffer.check(part.values)) == nil || part.values.count > Self.valuesMax {
            return nil
        }
        self.parts = parts
    }

    /// More than the protocol's signed count would carry goes through libpq.
    private static let valuesMax = 32_000
}

public enum LaneOutcome: Sendable {
    case results([QueryResult])
    case failed(PostgresError)
    /// It is not known what became of it; since it only reads, it may be sent again elsewhere.
    case again
}

/// Takes flights on its owner's thread, and answers on it.
public protocol FlightLane: AnyObject, Sendable {
    /// - Returns: cancels the flight; nil when there is no room, and then nothing happens.
    func send(_ flight: LaneFlight, then: @escaping @Sendable (LaneOutcome) -> Void) -> (@Sendable () -> Void)?
}
