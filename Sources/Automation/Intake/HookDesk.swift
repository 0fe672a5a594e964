internal import Cryptography
internal import Foundation
public import Postgres
internal import Web

/// Takes messages from outside: proves the sender on the raw body, takes each message once, puts it into the outbox.
public struct HookDesk: Sendable {
    public enum Taking: Sendable, Hashable {
        case taken, known
    }

    static let bodyMax = 1 << 20
    /// How long an identical message without a number of its own counts as the same one.
    static let sameSeconds = 300

    private let database: Database
    private let library: ScenarioLibrary
    private let secrets: SecretBox
    /// Seconds since 1970.
    private let clock: @Sendable () -> Int64

    public init(
        database: Database, library: ScenarioLibrary, secrets: SecretBox, clock: @escaping @Sendable () -> Int64
    ) {
        self.database = database
        self.library = library
        self.secrets = secrets
        self.clock = clock
    }

    /// - Parameter header: the value of a header by its name in lower case.
    public func take(
        _ name: String, body: [UInt8], header: @Sendable (String) -> String?
    ) async throws -> Taking {
        let hooks = library.active.compactMap { scenario in
            if case .hook(let hook) = scenario.trigger, hook.name == name { hook } else { nil }
        }
        // Names are not told apart from wrong secrets.
        guard let hook = hooks.first, body.count <= Self.bodyMax else { throw AutomationError.hook("it is not known") }
        let store = HookStore(database: database)
        guard let sealed = try await store.secret(of: name) else { throw AutomationError.hook("it is not known") }
        let secret = String(decoding: try await secrets.open(sealed, "hook:" + name), as: UTF8.self)
        let message = try message(hook.scheme, secret, body, header)
        let payload: JSON
        do {
            payload = body.isEmpty ? .object([]) : try JSONReader.read(body, depthMax: 32)
        } catch {
            throw AutomationError.hook("its body is no JSON")
        }
        guard payload.members != nil else { throw AutomationError.hook("its body is no object") }
        return try await store.take(
            name, message: message.id, forSeconds: message.seconds, payload: payload.text) ? .taken : .known
    }

    /// What tells the message apart, and how long it is remembered.
    private func message(
        _ scheme: HookScheme, _ secret: String, _ body: [UInt8], _ header: (String) -> String?
    ) throws -> (id: String, seconds: Int) {
        let digest = SHA256.hash(body).hex
        switch scheme {
        case .standard:
            guard let id = header("webhook-id"), !id.isEmpty, id.utf8.count <= 256,
                let timestamp = header("webhook-timestamp").flatMap({ Int64($0) }),
                let signature = header("webhook-signature")
            else { throw AutomationError.hook("it is not signed") }
            guard StandardWebhook.isValid(signature, id: id, timestamp: timestamp, body: body, secrets: secret) else {
                throw AutomationError.hook("its signature is wrong")
            }
            guard abs(clock() - timestamp) <= StandardWebhook.toleranceSeconds else {
                throw AutomationError.hook("its time is not now")
            }
            return (id, Int(StandardWebhook.toleranceSeconds) * 288)
        case .bearer:
            let given = header("authorization") ?? ""
            guard given.lowercased().hasPrefix("bearer "), isSecret(String(given.dropFirst(7)), secret) else {
                throw AutomationError.hook("its token is wrong")
            }
        case .make:
            guard isSecret(header("x-make-apikey") ?? "", secret) else {
                throw AutomationError.hook("its key is wrong")
            }
        }
        if let key = header("idempotency-key"), !key.isEmpty, key.utf8.count <= 256 { return ("key:" + key, 86_400) }
        return (digest, Self.sameSeconds)
    }

    private func isSecret(_ given: String, _ secrets: String) -> Bool {
        secrets.split(separator: " ").contains {
            StandardWebhook.areEqual(SHA256.hash(Array(given.utf8)), SHA256.hash(Array($0.utf8)))
        }
    }
}
