internal import Foundation
internal import HTTPTypes
internal import Web

/// Who asks, as far as the bank's operations need to know.
struct BankCaller: Sendable, Hashable {
    let user: UUID
    /// `aal1` or `aal2`.
    let level: String
    /// The channel whose limits the caller's orders count against.
    let channel: String
    /// What the token says; the database asks it itself.
    let isAdmin: Bool
    let actor: Actor
    /// Whence the call came.
    var origin: PaymentOrigin?

    init(_ actor: Actor) throws(BankProblem) {
        guard actor.role == "authenticated", let subject = actor.subject, let user = UUID(uuidString: subject) else {
            throw BankProblem(
                403, code: "clients_only", message: "the token's role \(actor.role) is no client's",
                hint: "Sign in as a client of the bank.")
        }
        let claims = (try? JSONReader.read(actor.claims)) ?? .null
        self.user = user
        level = claims["aal"]?.string ?? "aal1"
        let named = claims["app_metadata"]?["canal"]?.string ?? ""
        channel = named.isEmpty ? "api" : String(String.UnicodeScalarView(named.unicodeScalars.prefix(20)))
        isAdmin = claims["app_metadata"]?["role"]?.string == "admin"
        self.actor = actor
    }
}

/// A request that is read and checked against its route.
struct BankCall: Sendable {
    let core: BankCore
    let caller: BankCaller
    let request: ApiRequest
    /// Of path and query, checked.
    let values: [String: String]
    /// The body, checked; null when the route takes none or another type.
    let body: JSON

    init(_ core: BankCore, _ caller: BankCaller, _ request: ApiRequest, _ route: Route, _ path: [String: String]) throws
    {
        self.core = core
        self.caller = caller
        self.request = request
        var values = path
        for parameter in route.parameters where parameter.place == .path {
            guard let text = path[parameter.name], Self.fits(text, parameter.schema) else {
                throw BankProblem(
                    404, code: "not_found", message: "there is nothing of this name",
                    hint: "Take the id from the list of what is yours.")
            }
        }
        for (name, value) in try Self.query(request, route) { values[name] = value }
        self.values = values
        body = try Self.body(request, route)
    }

    private static func query(_ request: ApiRequest, _ route: Route) throws(BankProblem) -> [String: String] {
        guard let items = QueryItems.parse(request.query, itemsMax: 50) else {
            throw BankProblem(
                400, code: "query_unreadable", message: "the query string can not be read",
                hint: "Encode it as UTF-8 with percent signs.")
        }
        var values: [String: String] = [:]
        for item in items {
            guard
                let parameter = route.parameters.first(where: { $0.place == .query && $0.name == item.name }),
                values[item.name] == nil
            else {
                throw BankProblem(
                    400, code: "parameter_unknown",
                    message: "the parameter \(item.name.prefix(60)) is not known here, or stands twice",
                    hint: "See the parameters in /bank/v1/openapi.json.")
            }
            guard fits(item.value, parameter.schema) else {
                throw BankProblem(
                    400, code: "parameter_invalid", message: "the parameter \(item.name) has another form",
                    hint: "See its form in /bank/v1/openapi.json.")
            }
            values[item.name] = item.value
        }
        return values
    }

    private static func fits(_ text: String, _ schema: Schema) -> Bool {
        if case .integer = schema {
            // As JSON has numbers: no plus sign, no leading zero.
            guard let number = Int64(text), String(number) == text else { return false }
            return (try? schema.check(.number(text))) != nil
        }
        return (try? schema.check(.string(text))) != nil
    }

    private static func body(_ request: ApiRequest, _ route: Route) throws(BankProblem) -> JSON {
        guard let body = route.body else { return .null }
        let type = (request.fields[.contentType] ?? "").split(separator: ";").first?
            .filter { $0 != " " }.lowercased()
        guard type == body.type || (body.type == "application/xml" && type == "text/xml") else {
            throw BankProblem(
                415, code: "type_unsupported", message: "the body is not \(body.type)",
                hint: "Send it with Content-Type: \(body.type)")
        }
        guard body.type == "application/json" else { return .null }
        let value: JSON
        do {
            value = try JSONReader.read(request.body, depthMax: 16)
        } catch {
            throw BankProblem(
                400, code: "body_unreadable", message: "the body is no JSON: \(error.description)",
                hint: "Send one JSON object in UTF-8.")
        }
        do {
            try body.schema.check(value)
        } catch {
            throw BankProblem(
                422, code: "body_invalid",
                message: "\(error.place.isEmpty ? "the body" : String(error.place.prefix(200))) \(error.reason)",
                hint: "See its form in /bank/v1/openapi.json.", details: ["place": .string(error.place)])
        }
        return value
    }

    func integer(_ name: String) -> Int64? { values[name].flatMap { Int64($0) } }
    var path: String { request.path }
}
