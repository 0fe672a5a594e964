public import Postgres
internal import Synchronization

/// The bank's figures: the star schema, the measures over it, and the ways to ask for them.
public final class AnalyticsService: Sendable {
    public static let groupsMax: Int64 = 10_000

    public let measures: MeasureBook
    let store: ODataStore
    private let models: ModelStore
    private let known = Mutex<(model: Model, secret: [UInt8])?>(nil)

    /// - Parameter database: logs in as whoever owns schema `bi`; reads are made as `bi_reader`.
    public init(database: Database, measures: MeasureBook) {
        self.measures = measures
        store = ODataStore(database: database)
        models = ModelStore(database)
    }

    /// The star schema, read once: tables change with the program's version only.
    public func model() async throws -> Model { try await base().model }

    func base() async throws -> (model: Model, secret: [UInt8]) {
        if let known = known.withLock({ $0 }) { return known }
        let model = try await models.read()
        let faults = measures.faults(in: model)
        guard faults.isEmpty else { throw AnalyticsError.measures(faults.joined(separator: "; ")) }
        let base = (model, try await store.secret())
        known.withLock { $0 = base }
        return base
    }

    /// One figure, exact to six decimals; nil when there is nothing to make it of.
    ///
    /// - Parameter filter: an OData expression over the measure's table and what it leads to:
    ///   `date/annee eq 2026 and client/segment eq 'courant seul'`.
    public func measure(_ name: String, filter: String? = nil) async throws -> String? {
        try await rows(name, filter: filter, by: []).first?.value
    }

    /// The figure for each value of the columns `by`: `date/annee_mois`, in their order.
    public func measure(_ name: String, filter: String? = nil, by columns: [String]) async throws -> [MeasureRow] {
        try await rows(name, filter: filter, by: columns)
    }

    private func rows(_ name: String, filter: String?, by columns: [String]) async throws -> [MeasureRow] {
        let model = try await base().model
        guard let measure = measures.measure(name), let entity = model.entity(measure.table) else {
            throw AnalyticsError.unknownMeasure(name)
        }
        guard columns.count <= 8 else { throw ODataProblem.invalid("a figure is split by at most 8 columns") }
        var query = ODataQuery()
        var grouping = Grouping()
        grouping.items = [.measure(name, alias: name)]
        if let filter { grouping.before = [try ExpressionParser.expression(filter)] }
        for column in columns {
            let parts = column.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard (1...2).contains(parts.count) else { throw ODataProblem.invalid("\(column) is no column") }
            grouping.paths.append(parts)
        }
        query.grouping = grouping
        let plan = try ReadPlan(query, entity, model, measures)
        return try await store.values(plan, most: Self.groupsMax).map {
            MeasureRow(by: Array($0.dropLast()), value: $0.last ?? nil)
        }
    }
}

/// A figure and what it is the figure of.
public struct MeasureRow: Sendable, Hashable {
    public let by: [String?]
    public let value: String?
}
