internal import HTTPTypes
internal import Postgres
public import Web

/// Reads of a shape that was served before: no grammar, no plan, no SQL to write.
extension RestService {
    /// A request that a template answers, with its statements.
    struct Ready: Sendable {
        let template: ReadTemplate
        let statements: [Statement]
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
        return Ready(template: template, statements: template.statements(values, for: actor))
    }

    /// Answers without a task, or does nothing and gives nil.
    ///
    /// - Parameters:
    ///   - executor: runs the making of the answer, off the thread that drives the connections.
    ///   - then: called once, by the executor.
    /// - Returns: cancels the answer when nobody waits for it any more.
    public func answerQuickly(
        _ request: ApiRequest, actor: Actor, on executor: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        then: @escaping @Sendable (ApiResponse) -> Void
    ) -> (@Sendable () -> Void)? {
        guard let ready = ready(request, actor) else { return nil }
        return database.pipeline(ready.statements) { result in
            executor {
                do {
                    then(try ready.template.response(try result.get()))
                } catch {
                    then(refusal(error, actor))
                }
            }
        }
    }

    /// Makes a template when requests of this shape come again and again.
    func learn(_ context: RequestContext, _ name: QualifiedName) {
        guard let shape = QueryShape(context.request.query) else { return }
        let key = ReadTemplates.key(context.request, shape, context.actor.role, context.snapshot.generation)
        guard templates.wants(key) else { return }
        templates.keep((try? ReadTemplate.make(context, name, shape)) ?? nil, for: key)
    }
}
