internal import HTTPTypes
public import Postgres
internal import Synchronization
public import Web

/// Reads of a shape that was served before: no grammar, no plan, no SQL to write.
extension RestService {
    /// A request that a template answers.
    struct Ready: Sendable {
        let template: ReadTemplate
        let values: [String]
        let actor: Actor

        var statements: [Statement] { template.statements(values, for: actor) }
    }

    /// What a GET or HEAD needs to be answered by a template; nil when it has to go the long way.
    func ready(_ request: ApiRequest, _ actor: Actor) -> Ready? {
        guard request.method == .get || request.method == .head, let generation = try? cache.current().generation,
            let shape = QueryShape(request.query),
            let template = templates.find(ReadTemplates.key(request, shape, actor.role, generation))
        else { return nil }
        var values: [String] = []
        values.reserveCapacity(shape.values.count)
        for value in shape.values {
            guard let decoded = QueryItems.decodeValue(value) else { return nil }
            values.append(decoded)
        }
        return Ready(template: template, values: values, actor: actor)
    }

    /// What a lane for reads connects with.
    public var laneConfiguration: DatabaseConfiguration { database.configuration }

    /// Answers without a task, or does nothing and gives nil.
    ///
    /// - Parameters:
    ///   - lane: takes the flight on the caller's own thread, where it has room.
    ///   - executor: runs the making of the answer, off the thread that drives the connections.
    ///   - then: called once, by the executor, or by the lane on its thread.
    /// - Returns: cancels the answer when nobody waits for it any more.
    public func answerQuickly(
        _ request: ApiRequest, actor: Actor, lane: (any FlightLane)? = nil,
        on executor: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        then: @escaping @Sendable (ApiResponse) -> Void
    ) -> (@Sendable () -> Void)? {
        guard let ready = ready(request, actor), let ticket = ticket(ready, request) else { return nil }
        let done: @Sendable (ApiResponse) -> Void = { response in
            ticket.end()
            then(response)
        }
        if let lane, let flight = ready.template.flight(ready.values, for: actor) {
            let elsewhere = Elsewhere()
            let cancel = lane.send(flight) { outcome in
                switch outcome {
                case .results(let results): done(answer(ready, .success(results)))
                case .failed(let error): done(answer(ready, .failure(error)))
                case .again: elsewhere.began(pooled(ready, executor, done))
                }
            }
            if let cancel {
                return {
                    cancel()
                    elsewhere.cancel()
                }
            }
        }
        return pooled(ready, executor, done)
    }

    /// Whether a read may pass its person's other requests by: one that was fast and whose values make it no slower. Nil:
    /// it takes its turn among them, on the long way.
    private func ticket(_ ready: Ready, _ request: ApiRequest) -> Ticket? {
        let pace = ready.template.pace
        guard let limiter, !settings.rolesWithoutTurns.contains(ready.actor.role), !pace.isFast else {
            return Ticket(pace: pace, pass: nil)
        }
        return limiter.enterNow(SubjectLimiter.name(ready.actor, request)).map { Ticket(pace: pace, pass: $0) }
    }

    private struct Ticket: Sendable {
        let pace: ReadPace
        let pass: SubjectLimiter.Pass?
        let start = ContinuousClock.now

        func end() {
            pass?.leave()
            pace.note(ContinuousClock.now - start)
        }
    }

    private func pooled(
        _ ready: Ready, _ executor: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        _ then: @escaping @Sendable (ApiResponse) -> Void
    ) -> @Sendable () -> Void {
        database.pipeline(ready.statements) { result in
            executor { then(answer(ready, result)) }
        }
    }

    private func answer(_ ready: Ready, _ result: Result<[QueryResult], any Error>) -> ApiResponse {
        do {
            return try ready.template.response(try result.get())
        } catch {
            return refusal(error, ready.actor)
        }
    }

    /// What cancels a flight that a lane gave back.
    private final class Elsewhere: Sendable {
        private let state = Mutex<(cancel: (@Sendable () -> Void)?, isCancelled: Bool)>((nil, false))

        func began(_ cancel: @escaping @Sendable () -> Void) {
            let isLate = state.withLock { state in
                state.cancel = cancel
                return state.isCancelled
            }
            if isLate { cancel() }
        }

        func cancel() {
            let cancel = state.withLock { state in
                state.isCancelled = true
                return state.cancel
            }
            cancel?()
        }
    }

    /// Makes a template when requests of this shape come again and again.
    func learn(_ context: RequestContext, _ name: QualifiedName, took time: Duration) {
        guard let shape = QueryShape(context.request.query) else { return }
        let key = ReadTemplates.key(context.request, shape, context.actor.role, context.snapshot.generation)
        guard templates.wants(key) else { return }
        let template = (try? ReadTemplate.make(context, name, shape, templates)) ?? nil
        template?.pace.note(time)
        templates.keep(template, for: key)
    }
}
