internal import HTTPTypes
internal import Web

/// The forms of what is asked and answered, in the words of JSON Schema: the document's `components`.
enum FraudSchemas {
    private static let integer: JSON = ["type": "integer"]
    private static let text: JSON = ["type": "string"]
    private static let flag: JSON = ["type": "boolean"]
    private static let number: JSON = ["type": "number"]
    private static let time: JSON = ["type": "string", "format": "date-time"]
    private static let texts: JSON = ["type": "array", "items": text]
    private static let key: JSON = [
        "anyOf": [integer, ["type": "string", "minLength": 1]],
        "description": "a number, or a name that stands for one",
    ]
    private static let verdict: JSON = ["type": "string", "enum": ["allow", "step-up", "review", "block"]]
    private static let list: JSON = ["type": "string", "enum": ["block", "allow", "watch"]]

    private static func nullable(_ schema: JSON) -> JSON { ["anyOf": [schema, ["type": "null"]]] }

    private static func ref(_ name: String) -> JSON { ["$ref": .string("#/components/schemas/\(name)")] }

    private static func many(_ name: String) -> JSON { ["type": "array", "items": ref(name)] }

    /// Members that are all there, and no others; `optional` ones may be missing.
    private static func object(_ members: [(String, JSON)], optional: Set<String> = []) -> JSON {
        [
            "type": "object", "properties": .object(members.map { JSON.Member($0.0, $0.1) }),
            "required": .array(members.filter { !optional.contains($0.0) }.map { .string($0.0) }),
            "additionalProperties": false,
        ]
    }

    static let all: [(String, JSON)] = payments + models + cases + others

    private static let payments: [(String, JSON)] = [
        (
            "Payment",
            object(
                [
                    ("payment", integer), ("key", ["type": "string", "minLength": 1, "maxLength": 200]),
                    ("time_us", integer), ("amount_minor", ["type": "integer", "minimum": 0]),
                    (
                        "entities",
                        [
                            "type": "object", "properties": ["customer": key, "terminal": key],
                            "required": ["customer"],
                        ]
                    ),
                ], optional: ["key", "time_us"])
        ),
        (
            "Reason",
            object([
                ("column", text), ("contribution", nullable(number)), ("value", nullable(number)), ("fr", text),
                ("en", text),
            ])
        ),
        (
            "Decision",
            object([
                ("payment", integer), ("verdict", verdict), ("probability", nullable(number)),
                ("model", nullable(integer)), ("rules", texts), ("rules_version", nullable(text)), ("lists", texts),
                ("reasons", many("Reason")),
                ("fallback", ["enum": ["no_model", "late", "failed", .null]]), ("control", flag), ("replayed", flag),
                ("case", nullable(integer)),
            ])
        ),
        ("Explanation", object([("payment", integer), ("reasons", many("Reason"))])),
        (
            "Feedback",
            object(
                [
                    ("payment", integer), ("fraud", flag),
                    ("source", ["type": "string", "enum": ["client", "dispute", "analyst"]]),
                ], optional: ["source"])
        ),
        (
            "Row",
            object(
                [
                    ("columns", ["type": "object", "additionalProperties": nullable(number)]),
                    ("reasons", ["type": "integer", "minimum": 1, "maximum": .integer(FraudRoutes.reasonsMax)]),
                ], optional: ["reasons"])
        ),
        (
            "Prediction",
            object(
                [("model", integer), ("probability", nullable(number)), ("reasons", many("Reason"))],
                optional: ["reasons"])
        ),
        (
            "FeedbackAnswer",
            object([
                ("payment", integer), ("counts", flag),
                ("status", ["type": "string", "enum": ["counted", "proposed", "overruled"]]),
            ])
        ),
    ]

    private static let models: [(String, JSON)] = [
        (
            "Model",
            object([
                ("id", integer),
                ("status", ["type": "string", "enum": ["candidat", "challenger", "champion", "retire"]]),
                ("sha256", text), ("figures", ["type": "object"]), ("created_at", time),
                ("promoted_at", nullable(time)),
            ])
        ),
        (
            "Rules",
            object([
                ("version", text),
                (
                    "rules",
                    [
                        "type": "array",
                        "items": object([
                            ("name", text), ("verdict", verdict), ("shadow", flag), ("fr", text), ("en", text),
                        ]),
                    ]
                ),
            ])
        ),
        (
            "Drift",
            object([
                (
                    "columns",
                    [
                        "type": "array",
                        "items": object([("column", text), ("psi", number), ("alarm", flag)]),
                    ]
                ),
                ("control_judged", integer), ("control_genuine", integer),
                ("fallbacks", ["type": "object", "additionalProperties": integer]),
            ])
        ),
    ]

    private static let cases: [(String, JSON)] = [
        (
            "CaseLine",
            object([
                ("id", integer), ("client", integer), ("status", text), ("expected_loss", number), ("alerts", integer),
                ("largest_minor", integer), ("assigned_to", nullable(text)), ("proposed_by", nullable(text)),
                ("proposed_fraud", nullable(flag)), ("opened_at", text), ("age_seconds", integer),
            ])
        ),
        (
            "Case",
            object([
                ("id", integer), ("client", integer),
                ("status", ["type": "string", "enum": ["ouvert", "propose", "clos"]]), ("expected_loss", number),
                ("alerts", integer), ("assigned_to", nullable(text)), ("proposed_by", nullable(text)),
                ("decided_by", nullable(text)), ("fraud", nullable(flag)), ("reason", nullable(text)),
                ("opened_at", text),
                (
                    "payments",
                    nullable([
                        "type": "array",
                        "items": object([
                            ("payment", integer), ("amount_minor", integer), ("probability", nullable(number)),
                            ("verdict", verdict), ("rules", texts), ("reasons", many("Reason")),
                        ]),
                    ])
                ),
                (
                    "notes",
                    [
                        "type": "array",
                        "items": object([("author", text), ("note", text), ("written_at", text)]),
                    ]
                ),
            ])
        ),
        ("Note", object([("note", ["type": "string", "minLength": 1, "maxLength": 4_000])])),
        (
            "CaseDecision",
            object([("fraud", flag), ("reason", ["type": "string", "minLength": 1, "maxLength": 4_000])])
        ),
        ("CaseEnd", object([("case", integer), ("status", ["type": "string", "enum": ["closed", "proposed"]])])),
    ]

    private static let others: [(String, JSON)] = [
        (
            "ListEntry",
            object(
                [
                    ("list", list), ("entity", ["type": "string", "enum": ["customer", "terminal"]]), ("key", integer),
                    ("reason", ["type": "string", "minLength": 1, "maxLength": 1_000]),
                    ("expires_in_seconds", integer),
                ], optional: ["reason", "expires_in_seconds"])
        ),
        ("Listed", object([("listed", flag)])), ("Unlisted", object([("removed", flag)])),
        (
            "Refusal",
            object([("code", text), ("message", text), ("details", ["type": "null"]), ("hint", text)])
        ),
    ]

    /// By method and path: what is asked, and what is answered.
    private static let forms: [String: (request: JSON?, answer: JSON)] = [
        "POST /score": (
            [
                "anyOf": [
                    ref("Payment"),
                    [
                        "type": "array", "minItems": 1, "maxItems": .integer(FraudRoutes.batchMax),
                        "items": ref("Payment"),
                    ],
                ]
            ], ["anyOf": [ref("Decision"), many("Decision")]]
        ),
        "POST /predict": (
            [
                "anyOf": [
                    ref("Row"),
                    [
                        "type": "array", "minItems": 1, "maxItems": .integer(FraudRoutes.batchMax),
                        "items": ref("Row"),
                    ],
                ]
            ], ["anyOf": [ref("Prediction"), many("Prediction")]]
        ),
        "POST /explain": (object([("payment", integer)]), ref("Explanation")),
        "GET /explain/{id}": (nil, ref("Explanation")),
        "POST /feedback": (ref("Feedback"), ref("FeedbackAnswer")),
        "GET /models": (nil, many("Model")), "POST /models/{id}/promote": (nil, many("Model")),
        "POST /models/{id}/challenge": (nil, many("Model")), "POST /models/rollback": (nil, many("Model")),
        "GET /rules": (nil, ref("Rules")), "GET /drift": (nil, ref("Drift")), "GET /cases": (nil, many("CaseLine")),
        "GET /cases/{id}": (nil, ref("Case")), "POST /cases/{id}/assign": (nil, ref("Case")),
        "POST /cases/{id}/notes": (ref("Note"), ref("Case")),
        "POST /cases/{id}/decision": (ref("CaseDecision"), ref("CaseEnd")),
        "POST /lists": (ref("ListEntry"), ref("Listed")), "DELETE /lists": (ref("ListEntry"), ref("Unlisted")),
    ]

    static func request(_ route: FraudRoute) -> JSON? { forms["\(route.method.rawValue) \(route.path)"]?.request }

    /// Null for a route that nobody has described: a test looks for that.
    static func answer(_ route: FraudRoute) -> JSON { forms["\(route.method.rawValue) \(route.path)"]?.answer ?? .null }
}
