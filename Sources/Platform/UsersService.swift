internal import Auth
internal import Evidence
internal import Foundation
internal import HTTPTypes
internal import Migrations
internal import Postgres
internal import PostgresServer
internal import Recovery
internal import Web

/// Accounts that people sign in with.
public enum UsersService {
    public static let roles = ["client", "analyst", "admin"]

    /// Makes a confirmed account and says its password, which is shown once. A client's account is tied to the client.
    public static func add(
        email: String, role: String, client: Int64?, password: String?, dataDirectory: String,
        database named: String? = nil
    ) async throws -> [String] {
        guard roles.contains(role) else {
            throw refusal(
                "unknown_role", "there is no role \(role)", "Choose one of: \(roles.joined(separator: ", ")).")
        }
        guard role != "client" || client != nil else {
            throw refusal("client_missing", "an account of a client needs the client's number", "Add --client NUMBER.")
        }
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data, database: named) { database in
            let keys = try SigningKeys(data, try ApiKeys.open(data)).load()
            try await Migrator(database).apply([try AuthMigrations.set()])
            if let client, try await !UsersStore(database: database).exists(client: client) {
                throw refusal(
                    "client_not_found", "there is no client \(client)",
                    "Choose a number of the column clients.numero.")
            }
            let secret = password ?? Self.password()
            let user = try await make(email, role, secret, keys, database)
            if let client { _ = try await UsersStore(database: database).tie(client: client, to: user) }
            var lines = ["account      \(user)", "email        \(email)"]
            if password == nil { lines.append("password     \(secret)") }
            lines.append("role         \(role)\(client.map { ", client \($0)" } ?? "")")
            return lines
        }
    }

    /// Makes the file that `serve --breached-passwords` reads, from a list of passwords or of their SHA-1 digests.
    public static func breachedPasswords(from source: String, to path: String) throws -> [String] {
        let count = try BreachedPasswords.build(from: source, to: path)
        return [
            "passwords    \(count)", "file         \(path)",
            "use          digitalbank serve --breached-passwords \(path)",
        ]
    }

    private static func make(
        _ email: String, _ role: String, _ password: String, _ keys: AuthKeys, _ database: Database
    ) async throws -> String {
        let service = try AuthService(
            database: database, settings: AuthSettings(externalURL: "http://127.0.0.1", siteURL: "http://127.0.0.1"),
            keys: keys, mail: FileMailSink(folder: NSTemporaryDirectory(), sender: "banque@localhost"),
            clock: { Int64(Date().timeIntervalSince1970) })
        let body: JSON = [
            "email": .string(email), "password": .string(password), "email_confirm": true,
            "app_metadata": ["role": .string(role)],
        ]
        let response = await service.handle(
            ApiRequest(
                method: .post, path: "/admin/users", fields: [.contentType: "application/json"],
                body: Array(body.text.utf8)),
            actor: Actor(role: "service_role", claims: #"{"role":"service_role"}"#))
        let answer = try? JSONReader.read(response.body)
        guard response.status.code < 300, let id = answer?["id"]?.string else {
            let words = answer?["msg"]?.string ?? answer?["message"]?.string ?? "status \(response.status.code)"
            throw refusal("account_refused", "the account \(email) was not made: \(words)", "Choose another address.")
        }
        return id
    }

    private static func refusal(_ code: String, _ message: String, _ hint: String) -> RecoveryError {
        RecoveryError(code: code, message: message, hint: hint, exitStatus: .badInput)
    }

    /// Four groups of letters and digits that are not mistaken for each other.
    private static func password() -> String {
        let letters = Array("abcdefghjkmnpqrstuvwxyz23456789")
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            String((0..<5).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
        }.joined(separator: "-")
    }
}
