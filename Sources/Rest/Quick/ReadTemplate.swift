internal import Postgres
internal import Web

/// A read that was planned and printed once: the same statements serve every request of its shape.
final class ReadTemplate: Sendable {
    enum Slot: Sendable {
        case fixed(BoundValue)
        /// The value of the shape's comparison at this place.
        case given(Int)
    }

    /// The context of the request that it was made for, without what is that request's own.
    let context: RequestContext
    let settings: Statement
    let main: Statement
    let slots: [Slot]
    let flight: Flight
    let range: RowRange
    let format: Format
    /// A ceiling on costs is asked about anew after a while.
    let end: ContinuousClock.Instant?
    /// The same for a lane, whose session only reads; nil when a lane cannot carry it.
    private let lane: (settings: LaneStatement, values: [BoundValue], main: LaneStatement)?

    let pace: ReadPace

    /// About what it holds: the SQL for the pool and for a lane, and its values.
    var bytes: Int { 2 * (main.sql.utf8.count + settings.sql.utf8.count) + slots.count * 64 + 1024 }

    private init(
        context: RequestContext, settings: Statement, main: Statement, slots: [Slot], flight: Flight, range: RowRange,
        format: Format, end: ContinuousClock.Instant?,
        lane: (settings: LaneStatement, values: [BoundValue], main: LaneStatement)?
    ) {
        self.context = context
        self.settings = settings
        self.main = main
        self.slots = slots
        self.flight = flight
        self.range = range
        self.format = format
        self.end = end
        self.lane = lane
        pace = ReadPace(isSteady: ReadPace.isSteady(main.sql))
    }

    /// Nil for reads that need more than two statements in a flight.
    ///
    /// The request is planned once more with marks for its values: where the SQL is the same and a mark comes out bound,
    /// any value may stand in the mark's place.
    static func make(
        _ context: RequestContext, _ name: QualifiedName, _ shape: QueryShape, _ templates: ReadTemplates
    ) throws -> ReadTemplate? {
        guard context.settings.preRequest == nil, !context.settings.setsRequestDetails, !context.rollsBack,
            context.roleSettings.isolation == nil
        else { return nil }
        // Not to be guessed: a client's own word must not pass for one.
        let marks = shape.values.map { _ in "mark" + String(UInt64.random(in: .min ... .max), radix: 36) }
        var marked = context.request
        marked.query = shape.query(with: marks)
        let real = try context.planRead(name)
        let twin = try context.replacing(marked).planRead(name)
        guard real.flight.counted == nil, real.flight.plan == nil, real.flight.main.sql == twin.flight.main.sql else {
            return nil
        }
        var slots: [Slot] = []
        var seen: Set<Int> = []
        for (value, mark) in zip(real.flight.main.values, twin.flight.main.values) {
            if let place = marks.firstIndex(where: { $0.boundValue == mark }) {
                slots.append(.given(place))
                seen.insert(place)
            } else if value == mark {
                slots.append(.fixed(value))
            } else {
                return nil
            }
        }
        guard seen.count == marks.count else { return nil }
        let scrubbed = context.replacing(
            ApiRequest(method: context.request.method, path: context.request.path), claims: "")
        let main = real.flight.main.statement(scope: context.planScope)
        let quiet = Runner.quietSettings(scrubbed)
        var lane: (LaneStatement, [BoundValue], LaneStatement)?
        if let own = templates.shared(quiet), let statement = LaneStatement(main) {
            lane = (own, quiet.values, statement)
        }
        return ReadTemplate(
            context: scrubbed, settings: Runner.settings(scrubbed, isReadOnly: true, isShared: false),
            main: main, slots: slots, flight: real.flight, range: real.node.range, format: real.format,
            end: context.settings.costMaxByRole[context.actor.role] == nil ? nil : .now + CostGuard.ageMax, lane: lane)
    }

    /// The statements of one request.
    func statements(_ values: [String], for actor: Actor) -> [Statement] {
        var bound = settings.values
        bound[Runner.claimsPlace] = actor.claims.boundValue
        return [Statement(settings, values: bound), Statement(main, values: parameters(values))]
    }

    /// The same for a lane; nil when only the pool can carry it.
    func flight(_ values: [String], for actor: Actor) -> LaneFlight? {
        guard let lane else { return nil }
        var bound = lane.values
        bound[Runner.claimsPlace] = actor.claims.boundValue
        return LaneFlight([(lane.settings, bound), (lane.main, parameters(values))])
    }

    private func parameters(_ values: [String]) -> [BoundValue] {
        slots.map { slot in
            switch slot {
            case .fixed(let value): value
            case .given(let place): values[place].boundValue
            }
        }
    }

    func response(_ results: [QueryResult]) throws -> ApiResponse {
        let answer = try Runner.read(results, at: 1, flight)
        return try context.finish(context.rows(answer, range, format), answer)
    }
}
