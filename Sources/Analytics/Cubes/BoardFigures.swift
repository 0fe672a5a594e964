public import Web

/// A dashboard's figures of operations in euros, each made of the measures, out of sums that are kept ahead.
public struct BoardFigures: Sendable {
    /// Sums older than this are not shown: whoever asks reads the operations themselves.
    public static let secondsMax: Int64 = 900
    static let currency = "EUR"
    static let accountsMax: Int64 = 10

    private let store: CubeStore
    private let facts: FactStore
    private let measures: MeasureBook

    public init(_ analytics: AnalyticsService) {
        store = CubeStore(database: analytics.store.database)
        facts = FactStore(database: analytics.store.database)
        measures = analytics.measures
    }

    /// So many days up to the newest operation, or those asked for. Nil when the sums do not hold everything.
    ///
    /// - Parameter now: Unix seconds.
    public func board(
        days: Int64, span: (from: CivilDate, to: CivilDate)?, kind: String?, now: Int64
    ) async throws -> JSON? {
        guard let state = try await store.state(), now - state.readAt <= Self.secondsMax else { return nil }
        let filter = CubeFilter(
            from: span?.from ?? state.lastDay.adding(1 - days), to: span?.to ?? state.lastDay, kind: kind)
        let names = ["nombre_operations", "montant_operations", "montant_moyen", "montant_max"]
        let (count, amount, mean) = (Array(names[..<1]), Array(names[..<2]), Array(names[..<3]))
        guard let counted = measures.measure(names[0]), let summed = measures.measure(names[1]) else { return nil }
        // Beside each other: what is read of accounts is as much as all the rest.
        async let top = store.top(
            filter, (counted, summed), currency: Self.currency, periods: state.periods, most: Self.accountsMax)
        let answers = try await store.answers([
            ask([], names, filter, state), ask([.day], mean, filter, state), ask([.kind], amount, filter, state),
            ask([.weekday, .hour], count, filter, state), ask([.department], [names[1]], filter, state),
            ask([.from, .kind, .to], [names[1]], filter, state), ask([.size], count, filter, state),
        ])
        let accounts = try await top
        return .object(
            Self.whole(answers[0].first ?? [], accounts.first?.last ?? nil, state, filter, days)
                + Self.parts(answers, accounts, filter))
    }

    private static func whole(
        _ row: [String?], _ clients: String?, _ state: CubeStore.State, _ filter: CubeFilter, _ days: Int64
    ) -> [JSON.Member] {
        func value(_ place: Int) -> String? { row.indices.contains(place) ? row[place] : nil }
        return [
            .init("read_at", .integer(state.readAt)), .init("from", .string(filter.from.text)),
            .init("to", .string(state.lastMoment)), .init("until", .string(filter.to.text)),
            .init("days", .integer(days)), .init("operations", count(value(0))), .init("minor", minor(value(1))),
            .init("mean", minor(value(2))), .init("largest", minor(value(3))), .init("clients", count(clients)),
        ]
    }

    private static func parts(
        _ answers: [[[String?]]], _ accounts: [[String?]], _ filter: CubeFilter
    ) -> [JSON.Member] {
        [
            .init("by_day", days(answers[1], filter)),
            .init(
                "by_type", .array(largest(answers[2], at: 2).map { [text($0[0]), count($0[1]), minor($0[2])] })),
            .init("by_hour", .array(answers[3].map { [count($0[0]), count($0[1]), count($0[2])] })),
            .init(
                "by_department",
                .object(answers[4].filter { $0[0] != "inconnu" }.map { .init($0[0] ?? "", minor($0[1])) })),
            .init(
                "flows",
                .array(largest(answers[5], at: 3).map { [text($0[0]), text($0[1]), text($0[2]), minor($0[3])] })),
            .init("sizes", .array(answers[6].map { [count($0[0]), count($0[1])] })),
            .init("top", .array(accounts.map { [text($0[0]), count($0[1]), minor($0[2])] })),
        ]
    }

    /// The operations behind a figure; one more than asked for when there are more.
    public func rows(_ ask: FactAsk, most: Int64) async throws -> [JSON] {
        try await facts.rows(ask, limit: min(most + 1, FactAsk.rowsMax)).map { try JSONReader.read($0) }
    }

    private func ask(
        _ axes: [CubeAxis], _ names: [String], _ filter: CubeFilter, _ state: CubeStore.State
    ) -> CubeStore.Question {
        CubeStore.Question(
            axes: axes, measures: names.compactMap { measures.measure($0) }, filter: filter, periods: state.periods,
            currency: Self.currency)
    }

    // MARK: Values

    private static func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
    private static func count(_ value: String?) -> JSON { .integer(value.flatMap { Int64($0) } ?? 0) }

    /// Cents of an exact decimal; what is below a cent is rounded away from zero from a half on.
    static func minor(_ value: String?) -> JSON {
        guard let value else { return .integer(0) }
        let isNegative = value.first == "-"
        let parts = (isNegative ? value.dropFirst() : value[...]).split(
            separator: ".", omittingEmptySubsequences: false)
        let digits = Array((parts.count > 1 ? String(parts[1]) : "").padding(3).utf8.prefix(3)).map { Int64($0) - 48 }
        let whole = Int64(parts.first ?? "0") ?? 0
        let cents = whole * 100 + digits[0] * 10 + digits[1] + (digits[2] >= 5 ? 1 : 0)
        return .integer(isNegative ? -cents : cents)
    }

    private static func largest(_ rows: [[String?]], at column: Int) -> [[String?]] {
        func value(_ row: [String?]) -> Int64 { minor(row[column]).integer ?? 0 }
        return rows.sorted { value($0) > value($1) }
    }

    /// Each day of the span, those without operations too.
    private static func days(_ rows: [[String?]], _ filter: CubeFilter) -> JSON {
        let found = Dictionary(rows.map { ($0[0] ?? "", $0) }, uniquingKeysWith: { first, _ in first })
        var list: [JSON] = []
        var day = filter.from
        while day <= filter.to, list.count < Int(Periods.daysMax) {
            let row = found[day.text]
            list.append([.string(day.text), count(row?[1]), minor(row?[2]), row?[3] == nil ? .null : minor(row?[3])])
            day = day.adding(1)
        }
        return .array(list)
    }
}

extension String {
    fileprivate func padding(_ length: Int) -> String { self + String(repeating: "0", count: max(length - count, 0)) }
}
