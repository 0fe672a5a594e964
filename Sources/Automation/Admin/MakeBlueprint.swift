public import Web

/// A scenario as a blueprint of Make: a custom webhook that the bank calls, and behind it what goes out, with the routers,
/// filters, iterators and error handlers that mean the same there.
///
/// What the bank does itself stays with the bank: `relay` is the scenario that does it there and sends Make the event.
public enum MakeBlueprint {
    /// Fails when a condition has more cases than a filter of Make should have.
    public static func blueprint(_ scenario: Scenario) throws -> JSON {
        var writer = MakeWriter(scenario: scenario)
        // Events that are gathered have passed the condition one by one.
        let filter = try MakeFilter(scenario.gather == nil ? scenario.when : .constant(true), in: writer.scope)
        let steps = try writer.flow(scenario.steps, when: filter, in: writer.scope)
        let head: [JSON] = [
            [
                "id": 1, "module": "gateway:CustomWebHook", "version": 1,
                "parameters": ["hook": .null, "maxResults": 1], "mapper": [:], "metadata": MakeWriter.designer(1, ""),
            ],
            // It answers first, so that no step keeps the bank waiting.
            [
                "id": 2, "module": "gateway:WebhookRespond", "version": 1, "parameters": [:],
                "mapper": ["status": "200", "body": "Accepted", "headers": []],
                "metadata": MakeWriter.designer(2, ""),
            ],
        ]
        return [
            "name": .string("DigitalBank: " + scenario.french), "flow": .array(head + steps),
            "metadata": [
                "instant": true, "version": 1,
                "scenario": [
                    "roundtrips": 1, "maxErrors": 3, "autoCommit": true, "autoCommitTriggerLast": true,
                    "sequential": false, "confidential": true, "dataloss": false, "dlq": true, "freshVariables": false,
                ], "designer": ["orphans": []], "zone": "eu1.make.com",
            ],
        ]
    }

    /// The scenario that stays with the bank: the same trigger and condition, the bank's own acts, and one webhook of the
    /// whole event to the destination `make`. JSON, which is YAML too.
    public static func relay(document: String) throws -> String {
        let scenario = try ScenarioReader.read(document)
        let json: JSON
        do { json = try ScenarioDocument.read(document) } catch {
            throw AutomationError.scenario(scenario.name, error.words)
        }
        let own = zip(scenario.steps, json["steps"]?.array ?? []).filter { $0.0.isOfTheBank }.map(\.1)
        let call: JSON = [
            "name": "make", "do": "webhook", "to": "make",
            "with": [
                "type": .string("digitalbank." + scenario.name.replacing("-", with: "_")), "data": "{{ event }}",
            ],
        ]
        let relay = json.with("steps", .array(own + [call])).text
        _ = try ScenarioReader.read(relay)
        return relay
    }
}

extension Step {
    /// The bank does it, or part of it: Make has no way to.
    var isOfTheBank: Bool {
        switch self {
        case .act(let act): act.action.isInner
        case .route(let branches): branches.contains { $0.steps.contains(where: \.isOfTheBank) }
        case .each(_, _, _, let steps): steps.contains(where: \.isOfTheBank)
        }
    }
}

/// Writes modules, each with a number of its own.
struct MakeWriter {
    /// What the roots of templates are called in Make.
    struct Scope {
        /// `event` to `1.data`, an item to its iterator's number.
        var roots: [String: String]
        let scenario: String
        let title: String
        /// The step whose error branch this is.
        var failed = ""
        /// Tells one item from the next.
        var index = ""

        /// Tells one run from the next: the same event gives the same.
        var run: String { "{{1.timestamp}}-{{sha256(toString(1.data))}}" + index }
    }

    let scenario: Scenario
    private var last = 2

    init(scenario: Scenario) { self.scenario = scenario }

    var scope: Scope {
        Scope(roots: ["event": "1.data"], scenario: scenario.name, title: scenario.french)
    }

    static func designer(_ place: Int, _ name: String) -> JSON {
        ["designer": ["x": .integer((place - 1) * 300), "y": 0, "name": .string(name)]]
    }

    private mutating func next() -> Int {
        last += 1
        return last
    }

    /// Steps that stand beside each other depend on nothing of each other: each is a route.
    mutating func flow(_ steps: [Step], when filter: MakeFilter, in scope: Scope) throws -> [JSON] {
        let steps = steps.filter { !$0.isOfTheBank }
        guard !filter.isNever, let first = steps.first else { return [] }
        guard steps.count > 1 else { return try flow(first, when: filter, in: scope) }
        let id = next()
        let routes = try steps.map { try flow($0, when: .always, in: scope) }
        return [router(id, routes, filter)]
    }

    private mutating func flow(_ step: Step, when filter: MakeFilter, in scope: Scope) throws -> [JSON] {
        switch step {
        case .act(let act):
            let all = try filter.and(MakeFilter(act.when, in: scope), in: scope)
            guard !all.isNever else { return [] }
            return [try module(act, all, scope)]
        case .route(let branches):
            // Make follows every route whose filter holds, we the first: the others' conditions are asked to fail.
            let id = next()
            var before = Condition.constant(false)
            var routes: [[JSON]] = []
            for branch in branches {
                let only = try MakeFilter(.both(.not(before), branch.when), in: scope)
                routes.append(try flow(branch.steps, when: only, in: scope))
                before = .either(before, branch.when)
            }
            return [router(id, routes, filter)]
        case .each(let path, let name, let most, let steps):
            let id = next()
            var inner = scope
            inner.roots[name] = "\(id)"
            inner.index = scope.index + "-{{\(id).__IMTINDEX__}}"
            let few = MakeFilter(cases: [
                [.init(a: "{{\(id).__IMTINDEX__}}", b: "\(most)", o: "number:lessorequal")]
            ])
            let feeder: JSON = [
                "id": .integer(id), "module": "builtin:BasicFeeder", "version": 1, "parameters": [:],
                "mapper": ["array": .string("{{" + MakeText.path(path, scope) + "}}")],
                "metadata": Self.designer(id, name),
            ]
            return [filter.put(on: feeder)] + (try flow(steps, when: few, in: inner))
        }
    }

    private func router(_ id: Int, _ routes: [[JSON]], _ filter: MakeFilter) -> JSON {
        filter.put(on: [
            "id": .integer(id), "module": "builtin:BasicRouter", "version": 1, "mapper": .null,
            "metadata": Self.designer(id, ""),
            "routes": .array(routes.filter { !$0.isEmpty }.map { ["flow": .array($0)] }),
        ])
    }

    private mutating func module(_ act: Act, _ filter: MakeFilter, _ scope: Scope) throws -> JSON {
        let id = next()
        let body =
            act.body.map { JSON.Member($0.name, MakeText.mapped($0.value, scope)) } + [
                JSON.Member("scenario", .string(scenario.name)), JSON.Member("step", .string(act.name)),
            ]
        var failed = scope
        failed.roots["error"] = "\(id).error"
        failed.failed = act.name
        let told = try flow(act.onError, when: .always, in: failed)
        let directive = next()
        // Without an error branch it is tried again; behind one the failure has been dealt with.
        let end: JSON =
            told.isEmpty
            ? [
                "id": .integer(directive), "module": "builtin:Break", "version": 1,
                "mapper": ["count": "3", "retry": true, "interval": "15"], "metadata": Self.designer(directive, ""),
            ]
            : [
                "id": .integer(directive), "module": "builtin:Ignore", "version": 1, "mapper": [:],
                "metadata": Self.designer(directive, ""),
            ]
        // Make ends a flow with its directive; behind a router it stands in a route of its own.
        let handler = told.isEmpty || told.last?["routes"] == nil ? told + [end] : Self.ended(told, end)
        return filter.put(on: [
            "id": .integer(id), "module": "http:ActionSendData", "version": 3, "parameters": ["handleErrors": true],
            "mapper": [
                "url": "", "method": "post", "serializeUrl": false, "bodyType": "raw", "parseResponse": false,
                "contentType": "application/json",
                "headers": [
                    [
                        "name": "idempotency-key",
                        "value": .string(scope.run + "-" + act.name),
                    ]
                ], "data": .string(MakeText.raw(.object(body))),
            ], "onerror": .array(handler), "metadata": Self.designer(id, act.name),
        ])
    }

    private static func ended(_ flow: [JSON], _ end: JSON) -> [JSON] {
        guard let router = flow.last else { return [end] }
        let routes = (router["routes"]?.array ?? []) + [["flow": [end]]]
        return flow.dropLast() + [router.with("routes", .array(routes))]
    }
}
