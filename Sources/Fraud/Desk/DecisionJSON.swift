public import Web

/// Decisions as JSON, for the API, for files and for the database.
public enum DecisionJSON {
    public static func reasons(_ reasons: [Reason]) -> JSON {
        .array(
            reasons.map { reason in
                [
                    "column": .string(reason.column), "contribution": number(reason.contribution),
                    "value": number(reason.value), "fr": .string(reason.french), "en": .string(reason.english),
                ]
            })
    }

    public static func decision(_ decision: FraudDecision) -> JSON {
        [
            "payment": .integer(decision.payment), "verdict": .string(decision.verdict.rawValue),
            "probability": decision.probability.map(number) ?? .null,
            "model": decision.model.map { .integer($0) } ?? .null,
            "rules": .array(decision.rules.map { .string($0) }),
            "rules_version": decision.rulesVersion.map { .string($0) } ?? .null,
            "lists": .array(decision.lists.map { .string($0) }),
            "reasons": reasons(decision.reasons), "fallback": decision.fallback.map { .string($0.rawValue) } ?? .null,
            "control": .bool(decision.isControl), "replayed": .bool(decision.isReplay),
            "case": decision.caseNumber.map { .integer($0) } ?? .null,
        ]
    }

    static func number(_ value: Float) -> JSON { value.isFinite ? .number("\(value)") : .null }
}
