import ApiTestSupport
import Auth
import Foundation
import Gateway
import HTTPTypes
import Postgres
import Rest
import Synchronization
import TestSupport
import Testing
import Tokens
import Web

/// A server on a free port over a fresh copy of the films.
struct Served: Sendable {
    let port: Int
    let adminPort: Int
    let database: Database
    let keys: KeySet
    let mailFolder: String

    var url: String { "http://127.0.0.1:\(port)" }

    func token(_ claims: JSON) throws -> String { try keys.token(claims) }

    func key(_ role: String) throws -> String {
        try keys.token(["role": .string(role), "exp": .integer(Int(Date().timeIntervalSince1970) + 3600)])
    }

    static func run(
        _ change: @Sendable (inout GatewaySettings) -> Void = { _ in }, mounts extra: [Mount] = [],
        gateMounts: @escaping @Sendable (ApiGate) -> [Mount] = { _ in [] },
        _ body: @escaping @Sendable (Served) async throws -> Void
    ) async throws {
        var settings = GatewaySettings()
        settings.port = 0
        settings.adminPort = 0
        change(&settings)
        let fixed = settings
        try await withTestDatabase(servedCinema) { database in
            var rest = RestSettings()
            rest.servesUnguarded = true
            let cache = SchemaCache(database: database, schemas: rest.schemas)
            try await cache.reload()
            let service = RestService(database: database, cache: cache, settings: rest)
            let clock = { @Sendable in Int64(Date().timeIntervalSince1970) }
            let secret = try #require(AuthKeys(secret: Array("a secret of this test, long enough".utf8)))
            let folder = FileManager.default.temporaryDirectory.path + "/mail-\(UInt64.random(in: .min ... .max))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var accounts = AuthSettings(
                externalURL: "http://127.0.0.1/auth/v1", siteURL: "http://127.0.0.1:3000")
            accounts.isAnonymousEnabled = true
            accounts.argon2.memoryKiB = 1024
            let auth = try AuthService(
                database: database, settings: accounts, keys: secret,
                mail: FileMailSink(folder: folder, sender: "banque@localhost"), clock: clock)
            try await auth.prepare()
            let gate = ApiGate(
                verifier: TokenVerifier(keys: auth.keys, audience: nil, clock: clock), sessions: auth.sessions)
            let (ports, listening) = AsyncStream.makeStream(of: (Int, Int).self)
            let server = GatewayServer(
                settings: fixed, mounts: [gate.mount(service), gate.mount(auth)] + extra + gateMounts(gate),
                tokens: gate.check,
                anonymous: nil, onListening: { listening.yield(($0, $1 ?? 0)) })
            let keys = auth.keys
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run(beside: [{ try await auth.run() }]) }
                group.addTask {
                    for await (port, adminPort) in ports {
                        try await body(
                            Served(
                                port: port, adminPort: adminPort, database: database, keys: keys,
                                mailFolder: folder))
                        return
                    }
                }
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) { throw error }
                }
            }
        }
    }
}

/// Runs what blocks on a thread of its own, so that the server keeps those it needs.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { done in
        // Ends with the body.
        Thread { done.resume(with: Result { try body() }) }.start()
    }
}

/// A client that says what it is told, byte by byte.
final class RawClient {
    private let descriptor: Int32
    /// The server closed the connection; false while this client gave up waiting.
    private(set) var isEnded = false

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        var wait = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// What comes until the connection ends, or `enough` says so.
    func receive(until enough: (String) -> Bool = { _ in false }) -> String {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            isEnded = count == 0
            guard count > 0 else { break }
            received += buffer[..<count]
            if enough(String(decoding: received, as: UTF8.self)) { break }
        }
        return String(decoding: received, as: UTF8.self)
    }

    deinit { close(descriptor) }
}

/// One request on a connection of its own.
func ask(
    _ port: Int, _ method: String = "GET", _ target: String, _ headers: [String: String] = [:], body: String = ""
) async throws -> (status: Int, head: String, body: String) {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    let request = text + "\r\n" + body
    let answer = try await blocking {
        let client = try RawClient(port: port)
        client.send(request)
        return client.receive()
    }
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let status = Int(answer.split(separator: " ").dropFirst().first ?? "") ?? 0
    return (status, String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : "")
}
