internal import HTTPTypes
internal import Web

/// Several requests that are one transaction.
struct BatchRequest: Sendable {
    struct Item: Sendable {
        let id: String
        let method: HTTPRequest.Method
        let path: String
        let query: String
        let fields: HTTPFields
        let body: JSON?
    }

    let items: [Item]
    let isDryRun: Bool
    /// A request that fails is taken back alone, and the others go on.
    let continues: Bool

    static let itemsMax = 50
    private static let members: Set<String> = ["requests", "dry_run", "continue"]
    private static let itemMembers: Set<String> = ["id", "method", "path", "headers", "body"]
    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete]
    /// Everything else belongs to the batch: who asks, the key, the time zone.
    private static let headers: Set<String> = [
        "accept", "accept-profile", "content-profile", "content-type", "prefer", "range", "range-unit",
    ]

    static func read(_ body: [UInt8]) throws(RestError) -> BatchRequest {
        guard let json = try? JSONReader.read(body), let members = json.members,
            let requests = json["requests"]?.array
        else { throw refused("the body is no JSON object with an array requests") }
        if let unknown = members.first(where: { !Self.members.contains($0.name) }) {
            throw refused("there is no member \(unknown.name)")
        }
        guard (1...itemsMax).contains(requests.count) else {
            throw refused("a batch holds 1 to \(itemsMax) requests, not \(requests.count)")
        }
        var items: [Item] = []
        var ids: Set<String> = []
        for (index, request) in requests.enumerated() {
            let item = try item(request, index)
            guard ids.insert(item.id).inserted else { throw refused("two requests have the id \(item.id)") }
            items.append(item)
        }
        return BatchRequest(
            items: items, isDryRun: try flag(json["dry_run"], "dry_run"),
            continues: try flag(json["continue"], "continue"))
    }

    private static func flag(_ value: JSON?, _ name: String) throws(RestError) -> Bool {
        guard let value, !value.isNull else { return false }
        guard let flag = value.bool else { throw refused("\(name) is true or false") }
        return flag
    }

    private static func item(_ json: JSON, _ index: Int) throws(RestError) -> Item {
        guard let members = json.members else { throw refused("request \(index) is no object") }
        if let unknown = members.first(where: { !itemMembers.contains($0.name) }) {
            throw refused("request \(index) has a member \(unknown.name), which means nothing")
        }
        let id = json["id"]?.string ?? "\(index)"
        guard (1...64).contains(id.utf8.count), id.utf8.allSatisfy(BatchReference.isIdByte) else {
            throw refused("the id of request \(index) is not 1 to 64 letters, digits, - and _")
        }
        guard let word = json["method"]?.string, let method = methods.first(where: { $0.rawValue == word }) else {
            throw refused("the method of request \(id) is none of GET, HEAD, POST, PUT, PATCH, DELETE")
        }
        guard let target = json["path"]?.string, target.hasPrefix("/"), !target.contains("#") else {
            throw refused("the path of request \(id) does not begin with a slash")
        }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard !parts[0].contains("${"), !parts[0].contains("%24") else {
            throw refused("the path of request \(id) holds a reference; only values may")
        }
        let body = json["body"].flatMap { $0.isNull ? nil : $0 }
        return Item(
            id: id, method: method, path: parts[0], query: parts.count > 1 ? parts[1] : "",
            fields: try fields(json["headers"], id), body: body)
    }

    private static func fields(_ json: JSON?, _ id: String) throws(RestError) -> HTTPFields {
        var fields: HTTPFields = [:]
        guard let json, !json.isNull else { return fields }
        guard let members = json.members else { throw refused("the headers of request \(id) are no object") }
        for member in members {
            guard headers.contains(member.name.lowercased()), let name = HTTPField.Name(member.name),
                let value = member.value.string
            else {
                throw refused("request \(id) may not set the header \(member.name)")
            }
            fields[name] = value
        }
        let preferences = Preferences(fields[values: .prefer]) { _ in true }
        guard preferences.timeZone == nil, preferences.rollsBack == nil else {
            throw refused("request \(id) may not choose timezone or tx: they hold for the whole batch")
        }
        return fields
    }

    static func refused(_ words: String) -> RestError {
        RestError("DBR010", 400, "the batch can not be read: \(words)", hint: "See docs/reference/rest.md, Batch.")
    }
}

extension BatchRequest.Item {
    /// The request as it is when it stands alone, its references followed.
    func request(of batch: ApiRequest, answers: [String: JSON]) throws(RestError) -> ApiRequest {
        var resolver = BatchResolver(answers)
        var request = batch
        request.method = method
        request.path = path
        request.query = try resolver.query(query)
        request.fields = fields
        request.body = []
        guard let body else { return request }
        let type = fields[.contentType]?.lowercased() ?? ""
        if !type.isEmpty, !type.contains("json") {
            guard let text = body.string else {
                throw BatchRequest.refused("the body of request \(id) is no text, as its Content-Type says")
            }
            request.body = Array(text.utf8)
        } else {
            request.body = Array(try resolver.body(body).text.utf8)
        }
        return request
    }
}
