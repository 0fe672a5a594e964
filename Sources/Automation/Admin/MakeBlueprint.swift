public import Web

/// A scenario as a blueprint of Make: a custom webhook that the bank calls, and one HTTP module for each step that
/// goes out.
/// What the bank does itself stays with the bank, behind its own webhook.
public enum MakeBlueprint {
    public static func blueprint(_ scenario: Scenario) -> JSON {
        var modules: [JSON] = [
            [
                "id": 1, "module": "gateway:CustomWebHook", "version": 1,
                "parameters": ["hook": .null, "maxResults": 1], "mapper": [:], "metadata": designer(0),
            ]
        ]
        for (index, act) in scenario.acts.enumerated() {
            modules.append(module(act, scenario, id: index + 2))
        }
        modules.append([
            "id": .integer(modules.count + 1), "module": "gateway:WebhookRespond", "version": 1, "parameters": [:],
            "mapper": ["status": "200", "body": "Accepted", "headers": []], "metadata": designer(modules.count),
        ])
        return [
            "name": .string("DigitalBank: " + scenario.french), "flow": .array(modules),
            "metadata": [
                "instant": true, "version": 1,
                "scenario": [
                    "roundtrips": 1, "maxErrors": 3, "autoCommit": true, "autoCommitTriggerLast": true,
                    "sequential": false, "confidential": true, "dataloss": false, "dlq": true, "freshVariables": false,
                ], "designer": ["orphans": []], "zone": "eu1.make.com",
            ],
        ]
    }

    private static func module(_ act: Act, _ scenario: Scenario, id: Int) -> JSON {
        let body =
            act.body.map { JSON.Member($0.name, mapped($0.value)) } + [
                JSON.Member("scenario", .string(scenario.name)), JSON.Member("step", .string(act.name)),
            ]
        return [
            "id": .integer(id), "module": "http:ActionSendData", "version": 3,
            "parameters": ["handleErrors": true],
            "mapper": [
                "url": "", "method": "post", "serializeUrl": false, "bodyType": "raw", "parseResponse": false,
                "contentType": "application/json",
                "headers": [["name": "idempotency-key", "value": .string("{{1.id}}-\(act.name)")]],
                "data": .string(JSON.object(body).text),
            ], "metadata": designer(id - 1),
        ]
    }

    /// Holes in Make's words: our event is the body of module 1.
    private static func mapped(_ body: Body) -> JSON {
        switch body {
        case .constant(let value): value
        case .list(let list): .array(list.map(mapped))
        case .object(let members): .object(members.map { JSON.Member($0.name, mapped($0.value)) })
        case .text(let template):
            .string(
                template.parts.reduce(into: "") { out, part in
                    switch part {
                    case .text(let text): out += text
                    case .hole(let path, _): out += "{{1." + path.parts.joined(separator: ".") + "}}"
                    }
                })
        }
    }

    private static func designer(_ place: Int) -> JSON { ["designer": ["x": .integer(place * 300), "y": 0]] }
}
