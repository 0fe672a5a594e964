import Auth
import Bank
import Cryptography
import Foundation
import HTTPTypes
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing
import Tokens
import Vault
import Web

let authTemplate = TestTemplate("auth", owner: .plain) { database in
    try await Migrator(database).apply([VaultMigrations.set(), BankMigrations.set(), AuthMigrations.set()])
}

let testSecret = Array("a secret for tests of thirty-two bytes".utf8)

/// Takes messages as a relay would, and lets a test wait for one.
final class Mailbox: MailSink {
    private let mails = Mutex<[Mail]>([])

    func deliver(_ mail: Mail) async throws { mails.withLock { $0.append(mail) } }

    var all: [Mail] { mails.withLock { $0 } }

    /// The newest message to `address` that `isWanted`; waits for it.
    func newest(to address: String, count: Int = 1) async throws -> Mail {
        for _ in 0..<500 {
            let found = all.filter { $0.recipient == address }
            if found.count >= count, let last = found.last { return last }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestFailure("no message to \(address); there are \(all.map(\.recipient))")
    }

    /// What was sent when the queue is empty: a message to nobody in particular has come through behind all others.
    func settle() async throws { try await Task.sleep(for: .milliseconds(300)) }
}

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Mail {
    var code: String {
        body.split(whereSeparator: \.isWhitespace).map(String.init).first { $0.count == 6 && $0.allSatisfy(\.isNumber) }
            ?? ""
    }

    var link: String {
        body.split(whereSeparator: \.isWhitespace).map(String.init).first { $0.contains("/verify?") } ?? ""
    }

    var linkItems: [String: String] {
        let query = link.split(separator: "?", maxSplits: 1).last ?? ""
        return Dictionary((QueryItems.parse(query) ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    }
}

/// An answer, read.
struct Answer {
    let response: ApiResponse
    var status: Int { response.status.code }
    var text: String { String(decoding: response.body, as: UTF8.self) }
    var json: JSON { (try? JSONReader.read(response.body)) ?? .null }
    subscript(name: String) -> JSON? { json[name] }
    func string(_ name: String) -> String { json[name]?.string ?? "" }
    func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { response.fields[$0] } }
}

/// The service over a database of its own, spoken to as the gateway does it.
struct TestAuth: Sendable {
    let service: AuthService
    let database: Database
    let mailbox: Mailbox
    let clock: TestClock

    static let redirect = "https://app.bank.example/back"

    func call(
        _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil, token: String? = nil,
        address: String = "192.0.2.1", form: String? = nil, version: String? = "2024-01-01", query: String = ""
    ) async -> Answer {
        let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
        var request = ApiRequest(
            method: method, path: parts[0], query: parts.count > 1 ? parts[1] : query, remoteAddress: address,
            id: "test")
        if let body {
            request.body = Array(body.text.utf8)
            request.fields[.contentType] = "application/json;charset=UTF-8"
        }
        if let form {
            request.body = Array(form.utf8)
            request.fields[.contentType] = "application/x-www-form-urlencoded"
        }
        if let version, let name = HTTPField.Name("X-Supabase-Api-Version") { request.fields[name] = version }
        guard let token else { return Answer(response: await service.handle(request, actor: nil)) }
        do {
            let clock = clock
            let actor = try TokenVerifier(keys: service.keys, audience: nil) { clock.now }.verify(token)
            if let session = actor.sessionID, service.sessions.isRevoked(session) {
                return Answer(response: ApiResponse(status: .unauthorized))
            }
            return Answer(response: await service.handle(request, actor: actor))
        } catch {
            return Answer(response: AuthService.refusal(of: error, for: request))
        }
    }

    func post(_ path: String, _ body: JSON = [:], token: String? = nil, address: String = "192.0.2.1") async -> Answer {
        await call(.post, path, body, token: token, address: address)
    }

    func get(_ path: String, token: String? = nil) async -> Answer { await call(.get, path, token: token) }

    var serviceToken: String {
        get throws {
            try KeySet([TokenKey(id: nil, .secret(testSecret))]).token(["role": "service_role", "iss": "supabase"])
        }
    }

    var anonToken: String {
        get throws { try KeySet([TokenKey(id: nil, .secret(testSecret))]).token(["role": "anon"]) }
    }

    /// A confirmed user with a password, as an administrator makes one.
    @discardableResult
    func addUser(_ email: String, password: String = "correct horse", more: [JSON.Member] = []) async throws -> String {
        let body = JSON.object(
            [
                .init("email", .string(email)), .init("password", .string(password)), .init("email_confirm", true),
            ] + more)
        let answer = await post("/admin/users", body, token: try serviceToken)
        guard answer.status == 200 else { throw TestFailure("no user: \(answer.text)") }
        return answer.string("id")
    }

    func signIn(_ email: String, password: String = "correct horse", address: String = "192.0.2.1") async -> Answer {
        await post(
            "/token?grant_type=password", ["email": .string(email), "password": .string(password)], address: address)
    }

    func refresh(_ token: String, address: String = "192.0.2.1") async -> Answer {
        await post("/token?grant_type=refresh_token", ["refresh_token": .string(token)], address: address)
    }
}

/// Seconds that a test moves.
final class TestClock: Sendable {
    private let offset = Mutex<Int64>(0)

    var now: Int64 { Int64(Date().timeIntervalSince1970) + offset.withLock { $0 } }
    func advance(_ seconds: Int64) { offset.withLock { $0 += seconds } }
}

func testSettings() -> AuthSettings {
    var settings = AuthSettings(
        externalURL: "https://bank.example/auth/v1", siteURL: "https://bank.example")
    settings.redirectAllowList = ["https://app.bank.example/**"]
    settings.isAnonymousEnabled = true
    settings.language = .english
    settings.limits.mailPauseSeconds = 0
    settings.argon2.memoryKiB = 64
    settings.argon2.passes = 1
    return settings
}

func withAuth(
    _ change: (inout AuthSettings) -> Void = { _ in }, keys: AuthKeys? = nil,
    _ body: @Sendable (TestAuth) async throws -> Void
) async throws {
    var settings = testSettings()
    change(&settings)
    let chosen = settings
    try await withTestDatabase(authTemplate) { database in
        let mailbox = Mailbox()
        let clock = TestClock()
        let keys = try #require(keys ?? AuthKeys(secret: testSecret))
        let service = try AuthService(
            database: database, settings: chosen, keys: keys, mail: mailbox, clock: { clock.now })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            try await service.prepare()
            try await body(TestAuth(service: service, database: database, mailbox: mailbox, clock: clock))
            group.cancelAll()
        }
    }
}

func claims(of token: String) throws -> JSON {
    let parts = token.split(separator: ".")
    return try JSONReader.read(try #require(Base64URL.decode(parts[1].utf8)))
}
