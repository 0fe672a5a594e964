internal import HTTPTypes
internal import Web

/// One endpoint: what it takes, what it answers, what does it. The router and the OpenAPI document read the same value.
struct Route: Sendable {
    var method: HTTPRequest.Method
    /// `/accounts/{id}/holds`
    var path: String
    /// The document's operationId.
    var name: String
    var summary: String
    var tag: String
    var parameters: [Parameter] = []
    var body: Body?
    var answers: [Answer]
    /// What may be refused beyond what every endpoint may.
    var refusals: [Refusal] = []
    var run: @Sendable (BankCall) async throws -> ApiResponse

    struct Parameter: Sendable {
        enum Place: String, Sendable { case path, query, header }
        let name: String
        let place: Place
        let schema: Schema
        var isRequired = false
        var words = ""
        var example: JSON?

        static func path(_ name: String, _ schema: Schema, _ words: String) -> Parameter {
            Parameter(name: name, place: .path, schema: schema, isRequired: true, words: words)
        }

        static func query(_ name: String, _ schema: Schema, _ words: String) -> Parameter {
            Parameter(name: name, place: .query, schema: schema, words: words)
        }
    }

    struct Body: Sendable {
        var type = "application/json"
        var schema: Schema
        var example: JSON
    }

    struct Answer: Sendable {
        var status = 200
        var words: String
        /// By media type; none is an answer without a body.
        var contents: [(type: String, schema: Schema)] = []
        var example: JSON?

        static func json(_ schema: Schema, _ words: String, status: Int = 200, example: JSON? = nil) -> Answer {
            Answer(status: status, words: words, contents: [("application/json", schema)], example: example)
        }
    }

    struct Refusal: Sendable, Hashable {
        let status: Int
        let codes: [String]

        init(_ status: Int, _ codes: String...) {
            self.status = status
            self.codes = codes
        }
    }

    var segments: [Substring] { path.split(separator: "/") }

    /// The path's parameters when the address is this route's.
    func match(_ names: [String]) -> [String: String]? {
        let segments = self.segments
        guard segments.count == names.count else { return nil }
        var values: [String: String] = [:]
        for (segment, name) in zip(segments, names) {
            if segment.hasPrefix("{") {
                values[String(segment.dropFirst().dropLast())] = name
            } else if segment != name {
                return nil
            }
        }
        return values
    }
}
