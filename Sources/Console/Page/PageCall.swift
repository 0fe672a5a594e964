internal import Charts
internal import Foundation
internal import HTTPTypes
internal import Web

/// One request of a browser: who asks, in which language, with which form.
struct PageCall: Sendable {
    let console: ConsoleCore
    let request: ApiRequest
    let session: ConsoleSession?
    let person: Person?
    let language: Language
    let theme: String
    /// What the path's pattern named.
    var values: [String: String] = [:]
    let query: [QueryItem]
    let form: [QueryItem]

    var words: Words { console.words(language) }
    var numbers: NumberText { NumberText(language) }
    var dates: DateText { DateText(language: language) }
    var now: Int64 { console.clock() }

    func asked(_ name: String) -> String? {
        query.last { $0.name == name }.flatMap { $0.value.isEmpty ? nil : String($0.value.prefix(200)) }
    }

    func sent(_ name: String) -> String {
        (form.last { $0.name == name }?.value ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The number in the path.
    func number(_ name: String = "id") throws -> Int64 {
        guard let number = values[name].flatMap({ Int64($0) }), number > 0 else { throw Refused.notFound }
        return number
    }

    // MARK: The bank's API

    /// Calls the API with the session's token; what is no success is thrown.
    @discardableResult
    func api(
        _ method: HTTPRequest.Method, _ path: String, query: String = "", body: JSON? = nil, fields: HTTPFields = [:]
    ) async throws -> JSON {
        let response = try await raw(method, path, query: query, body: body, fields: fields).success()
        return response.body.isEmpty ? .null : try JSONReader.read(response.body)
    }

    /// The same with the answer's bytes as they are.
    func raw(
        _ method: HTTPRequest.Method, _ path: String, query: String = "", body: JSON? = nil, fields: HTTPFields = [:],
        token: String? = nil
    ) async -> ApiResponse {
        var fields = fields
        fields[.userAgent] = request.fields[.userAgent]
        if let token = token ?? session?.access { fields[.authorization] = "Bearer " + token }
        if body != nil { fields[.contentType] = "application/json" }
        return await console.backend.send(
            ApiRequest(
                method: method, path: path, query: query, fields: fields, body: body.map { Array($0.text.utf8) } ?? [],
                remoteAddress: request.remoteAddress, id: request.id))
    }

    func fetch(_ path: String, query: String = "") async throws -> JSON {
        let response = try await raw(.get, path, query: query).success()
        return try JSONReader.read(response.body)
    }
}

extension ApiResponse {
    /// Itself, or its refusal thrown.
    func success() throws -> ApiResponse {
        guard status.code < 300 else { throw Refused(self) }
        return self
    }
}

/// One address of the console.
struct PageRoute: Sendable {
    let method: HTTPRequest.Method
    /// Segments; `:id` takes any.
    let pattern: [String]
    /// Who may: empty is everybody, signed in or not.
    let roles: Set<Person.Role>
    /// What its query may hold; anything else is a mistake that is told, since the page would show something else than was
    /// asked for.
    let asks: Set<String>
    let run: @Sendable (PageCall) async throws -> PageAnswer

    init(
        _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Person.Role>, asks: Set<String> = [],
        _ run: @escaping @Sendable (PageCall) async throws -> PageAnswer
    ) {
        self.method = method
        pattern = path.split(separator: "/").map(String.init)
        self.roles = roles
        self.asks = asks
        self.run = run
    }

    /// What was done before the page came is told on any page.
    func check(_ query: [QueryItem]) throws {
        guard method == .get, let odd = query.first(where: { $0.name != "fait" && !asks.contains($0.name) }) else {
            return
        }
        throw Refused(400, "parameter_unknown", "the page knows no parameter \(odd.name.prefix(40))")
    }

    func match(_ parts: [String]) -> [String: String]? {
        guard parts.count == pattern.count else { return nil }
        var values: [String: String] = [:]
        for (part, wanted) in zip(parts, pattern) {
            if wanted.first == ":" {
                values[String(wanted.dropFirst())] = part
            } else if part != wanted {
                return nil
            }
        }
        return values
    }
}

/// What a route gives: a page, another address, or a file.
enum PageAnswer: Sendable {
    case page(PageView, status: Int = 200)
    /// After a form: the browser gets the next page by GET.
    case see(String, session: SessionChange = .keep)
    /// Signed in elsewhere: a page of ours leads on, because a browser that comes from another host sends no strict cookie
    /// along a redirection.
    case enter(String, ConsoleSession)
    case file(ApiResponse)
}

enum SessionChange: Sendable {
    case keep
    case set(ConsoleSession)
    case end
}

/// A page: its template and what it shows.
struct PageView: @unchecked Sendable {
    // SAFETY: built by one task and read by the same; the dictionary is never shared while it changes.
    let template: String
    let title: String
    /// The entry of the navigation that is lit.
    let section: String
    let view: View
    /// Tables of the bank whose changes refresh the page; empty with a pause for polling.
    var watches: [String] = []
    var pollSeconds: Int?

    init(
        _ template: String, title: String, section: String = "", _ view: View, watches: [String] = [],
        pollSeconds: Int? = nil
    ) {
        self.template = template
        self.title = title
        self.section = section
        self.view = view
        self.watches = watches
        self.pollSeconds = pollSeconds
    }
}
