internal import HTTPTypes
internal import Web

/// A request taken apart once: query, body, address.
struct Call: Sendable {
    let request: ApiRequest
    let actor: Actor?
    let query: [String: String]
    let body: JSON

    static let bodyBytesMax = 1_048_576
    static let textBytesMax = 4096
    static let metadataBytesMax = 8192

    init(_ request: ApiRequest, actor: Actor?) throws(AuthError) {
        self.request = request
        self.actor = actor
        guard let items = QueryItems.parse(request.query, itemsMax: 50) else {
            throw .validation("Could not read the query string")
        }
        query = Dictionary(items.map { ($0.name, $0.value) }) { first, _ in first }
        body = try Self.body(of: request)
    }

    private static func body(of request: ApiRequest) throws(AuthError) -> JSON {
        guard request.body.count <= bodyBytesMax else { throw AuthError(413, .badJSON, "Request body is too large") }
        guard !request.body.isEmpty else { return [:] }
        if request.fields[.contentType]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true {
            guard let text = String(validating: request.body, as: UTF8.self),
                let items = QueryItems.parse(text, itemsMax: 50)
            else { throw AuthError(400, .badJSON, "Could not parse request body as a form") }
            return .object(items.map { JSON.Member($0.name, .string($0.value)) })
        }
        guard let json = try? JSONReader.read(request.body, depthMax: 32), json.members != nil || json.isNull else {
            throw AuthError(400, .badJSON, "Could not parse request body as JSON")
        }
        return json
    }

    /// A text of the body: nil when it is absent, null or empty; an error when it is something else or too long.
    func text(_ name: String) throws(AuthError) -> String? {
        switch body[name] {
        case nil, .null, .string(""): return nil
        case .string(let value):
            guard value.utf8.count <= Self.textBytesMax, !value.utf8.contains(0) else {
                throw .validation("\(name) is too long or holds a zero byte")
            }
            return value
        default: throw .validation("\(name) must be a string")
        }
    }

    func required(_ name: String) throws(AuthError) -> String {
        guard let value = try text(name) else { throw .validation("\(name) is required") }
        return value
    }

    func flag(_ name: String) throws(AuthError) -> Bool? {
        switch body[name] {
        case nil, .null: return nil
        case .bool(let value): return value
        case .string("true"): return true
        case .string("false"): return false
        default: throw .validation("\(name) must be a boolean")
        }
    }

    /// An object of the body as JSON text for a jsonb column.
    func object(_ name: String) throws(AuthError) -> JSON? {
        guard let value = body[name], !value.isNull else { return nil }
        guard value.members != nil else { throw .validation("\(name) must be an object") }
        let text = value.text
        guard text.utf8.count <= Self.metadataBytesMax, !text.unicodeScalars.contains("\0"), !text.contains(#"\u0000"#)
        else { throw .validation("\(name) is larger than \(Self.metadataBytesMax) bytes or holds a zero byte") }
        return value
    }

    /// An address as it is stored: trimmed, in lower case.
    func email(_ name: String = "email") throws(AuthError) -> String? {
        guard let text = try text(name) else { return nil }
        guard let email = EmailAddress(text) else {
            throw AuthError(
                400, .validationFailed, "Unable to validate email address: invalid format")
        }
        return email.text
    }

    func requiredEmail() throws(AuthError) -> String {
        if try text("phone") != nil, try text("email") == nil {
            throw AuthError(400, .phoneProviderDisabled, "Unsupported phone provider")
        }
        guard let email = try email() else { throw .validation("An email address is required") }
        return email
    }

    /// Where the person asks to be sent back to.
    var redirectTo: String? { query["redirect_to"] ?? request.fields[.redirectTo] ?? body["redirect_to"]?.string }

    /// The challenge of a flow that ends in a code (RFC 7636), if there is one.
    func challenge() throws(AuthError) -> CodeChallenge? {
        guard let challenge = try text("code_challenge") else { return nil }
        return try CodeChallenge(challenge, method: text("code_challenge_method"))
    }

    var userAgent: String? { request.fields[.userAgent].map { String($0.prefix(300)) } }

    /// An id in a path or a body: typed before anything is done with it.
    static func id(_ text: some StringProtocol) throws(AuthError) -> String {
        guard let id = IDText(text) else {
            throw AuthError(404, .validationFailed, "an id must be a UUID")
        }
        return id.text
    }
}

/// A UUID in its canonical lower-case form.
struct IDText: Sendable, Hashable {
    let text: String

    init?(_ text: some StringProtocol) {
        let characters = Array(text.utf8)
        guard characters.count == 36 else { return nil }
        for (index, byte) in characters.enumerated() {
            switch index {
            case 8, 13, 18, 23: guard byte == UInt8(ascii: "-") else { return nil }
            default:
                guard (48...57).contains(byte) || (97...102).contains(byte) || (65...70).contains(byte) else {
                    return nil
                }
            }
        }
        self.text = text.lowercased()
    }
}

extension HTTPField.Name {
    static var apiVersion: HTTPField.Name { name("X-Supabase-Api-Version") }
    static var errorCode: HTTPField.Name { name("X-Sb-Error-Code") }
    static var totalCount: HTTPField.Name { name("X-Total-Count") }
    static var redirectTo: HTTPField.Name { name("Redirect-To") }
    static var link: HTTPField.Name { name("Link") }
    static var referrerPolicy: HTTPField.Name { name("Referrer-Policy") }

    /// The names here are tokens, so that none is refused.
    private static func name(_ text: String) -> HTTPField.Name { HTTPField.Name(text) ?? .contentType }
}
