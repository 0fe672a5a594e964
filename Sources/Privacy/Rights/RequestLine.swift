public import Foundation
public import Postgres

/// A request of a person, as a list shows it.
public struct RequestLine: Sendable, Hashable, RowDecodable {
    public let id: UUID
    public let kind: String
    /// received, done or refused.
    public let status: String
    /// The client's number; zero for one whom the bank no longer has.
    public let client: Int64
    public let channel: String
    /// `2026-11-29`
    public let receivedOn: String
    public let dueOn: String
    /// Whole days until it is due; below zero when they are over.
    public let daysLeft: Int
    public let isOverdue: Bool

    public init(row: Row) throws {
        id = try row.decode(0)
        kind = try row.decode(1)
        status = try row.decode(2)
        client = try row.decode(3)
        channel = try row.decode(4)
        receivedOn = try row.decode(5)
        dueOn = try row.decode(6)
        daysLeft = try row.decode(7)
        isOverdue = try row.decode(8)
    }
}

extension PrivacyDesk {
    /// Those that wait, the most urgent first; then, where all are asked for, those that were answered.
    public func requestLines(all: Bool) async throws -> [RequestLine] {
        try await RightsStore(database: database).requestLines(all: all)
    }
}
