internal import Web

/// Conditions as `automation.watch` takes them: a tree of JSON, from which the database makes the `when` of its trigger.
/// Only what the trigger's row holds is named; everything else is unknown there, and left to the planner.
enum PushedFilter {
    /// For each operation the conditions of the scenarios that take it; one of them must be able to hold.
    static func of(_ scenarios: [(trigger: TableTrigger, when: Condition)]) -> JSON {
        .object(
            ["insert", "update"].map { operation in
                JSON.Member(
                    operation,
                    .array(
                        scenarios.filter { $0.trigger.operations.contains(operation) }.map {
                            node($0.when, Set($0.trigger.fields.map(\.name)))
                        }))
            })
    }

    private static func node(_ condition: Condition, _ columns: Set<String>) -> JSON {
        switch condition {
        case .constant(let value): ["constant", .bool(value)]
        case .not(let inner): ["not", node(inner, columns)]
        case .both(let a, let b): ["both", node(a, columns), node(b, columns)]
        case .either(let a, let b): ["either", node(a, columns), node(b, columns)]
        case .exists(let path): ["exists", side(.path(path), columns)]
        case .compare(let a, let how, let b): ["compare", .string(how.rawValue), side(a, columns), side(b, columns)]
        case .isOneOf(let a, let list): ["in", side(a, columns), .array(list.map { side($0, columns) })]
        }
    }

    private static func side(_ operand: Condition.Operand, _ columns: Set<String>) -> JSON {
        switch operand {
        // A text with a NUL is no text of PostgreSQL.
        case .value(.string(let text)) where text.utf8.contains(0): ["unknown"]
        case .value(let value): ["value", value]
        case .path(let path):
            switch path.parts {
            case ["event", "operation"]: ["operation"]
            case let parts where parts.count == 2 && parts[0] == "event" && columns.contains(parts[1]):
                ["column", .string(parts[1])]
            case let parts
            where parts.count == 3 && parts[0] == "event" && parts[1] == "old" && columns.contains(parts[2]):
                ["old", .string(parts[2])]
            default: ["unknown"]
            }
        }
    }
}
