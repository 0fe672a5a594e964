public import Postgres
internal import Web

/// Lines that a follower read, in the bank's table `logs`, in one transaction with the follower's position: each line is
/// there once, whatever is killed when.
extension DetectionDesk {
    private static let rowsAtOnce = 5_000

    /// - Parameters:
    ///   - name: of the follower; each has a position of its own.
    ///   - token: the pseudonyms that the bank's table `logs` has.
    ///   - beside: what else is written in the lines' transaction.
    public func intake(
        _ name: String, beside: @escaping @Sendable (Transaction) async throws -> Void = { _ in },
        token: @escaping @Sendable (String) -> String
    ) -> FollowKeep {
        FollowKeep(
            token: token,
            load: { try await LogIntakeStore(database: self.database).position(name) },
            commit: { lines, position in
                try await self.database.transaction { tx in
                    let store = LogIntakeStore(database: tx)
                    for start in stride(from: 0, to: lines.count, by: Self.rowsAtOnce) {
                        let part = lines[start..<min(start + Self.rowsAtOnce, lines.count)]
                        try await store.add(JSON.array(part.compactMap(Self.row)).text)
                    }
                    try await beside(tx)
                    try await store.keep(name, position)
                }
            })
    }

    /// Nil for a line without a time, which the table can not hold.
    private static func row(_ line: AnonymousLine) -> JSON? {
        guard line.time > 0 else { return nil }
        func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
        return [
            "t": .integer(line.time), "a": text(line.address), "u": text(line.actor), "x": .string(line.action),
            "o": text(line.object),
        ]
    }
}
