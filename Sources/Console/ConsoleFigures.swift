public import Web

/// The bank's figures as the dashboards show them, made of the measures, and the operations behind them.
public struct ConsoleFigures: Sendable {
    /// Operations that a figure is made of; nil leaves a part open.
    public struct Ask: Sendable, Hashable {
        /// Days as `2026-11-30`, both included.
        public var from: String
        public var to: String
        public var kind: String?
        public var hour: Int64?
        /// 1 is Monday.
        public var weekday: Int64?
        public var size: Int64?
        public var department: String?
        public var account: String?
        public var fromType: String?
        public var toType: String?
        /// Behind which operation a page begins.
        public var after: String?

        init(from: String, to: String) {
            self.from = from
            self.to = to
        }
    }

    /// Nil while they do not hold every operation.
    public var board: @Sendable (_ days: Int64, _ span: DaySpan?, _ kind: String?) async throws -> JSON?
    /// The newest first, one more than asked for when there are more.
    public var rows: @Sendable (Ask, _ most: Int64) async throws -> [JSON]

    public init(
        board: @escaping @Sendable (_ days: Int64, _ span: DaySpan?, _ kind: String?) async throws -> JSON?,
        rows: @escaping @Sendable (Ask, _ most: Int64) async throws -> [JSON]
    ) {
        self.board = board
        self.rows = rows
    }
}

/// Days, both included.
public struct DaySpan: Sendable, Hashable {
    public let from: String
    public let to: String

    /// A span longer than this is asked of OData.
    static let daysMax: Int64 = 1100

    /// Nil when one is no day, they stand the wrong way round, or there are too many.
    init?(_ from: String, _ to: String) {
        guard from.utf8.count == 10, to.utf8.count == 10, let first = CivilDay(from), let last = CivilDay(to) else {
            return nil
        }
        let days =
            CivilDay.number(last.year, last.month, last.day) - CivilDay.number(first.year, first.month, first.day)
        guard (0..<Self.daysMax).contains(days) else { return nil }
        self.from = first.iso
        self.to = last.iso
    }
}
