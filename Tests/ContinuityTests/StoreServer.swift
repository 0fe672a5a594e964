import Foundation
import PostgresServer
import Synchronization
import TestSupport

@testable import Continuity

/// A real S3 server as a process of the test: versions, object lock, TLS with an authority of its own.
final class StoreServer: Sendable {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    let folder: String
    let store: ObjectStore
    private let process: Process
    private let input: Pipe

    struct NotStarted: Error {}

    init() async throws {
        folder =
            FileManager.default.temporaryDirectory.path + "/store-"
            + String(UInt32.random(in: .min ... .max), radix: 36)
        Litter.leave(folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/store-venv"])
        guard made.status == 0 else { throw NotStarted() }
        let python = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines) + "/bin/python"
        try await Self.certify(folder)
        try "bank\nbank-secret\n".write(toFile: folder + "/key", atomically: true, encoding: .utf8)
        process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [Self.root + "/Tests/Receivers/store.py", folder + "/server.pem", folder + "/server.key"]
        let output = Pipe()
        input = Pipe()
        process.standardOutput = output
        process.standardInput = input
        try process.run()
        let said = Said()
        output.fileHandleForReading.readabilityHandler = { said.take($0.availableData) }
        for _ in 0..<1200 where said.port == nil { try await Task.sleep(for: .milliseconds(50)) }
        guard let port = said.port else { throw NotStarted() }
        store = ObjectStore(
            endpoint: "localhost:\(port)", region: "eu-west-3", keyFile: folder + "/key",
            authorityFile: folder + "/ca.pem")
    }

    private final class Said: Sendable {
        private let text = Mutex("")
        func take(_ data: Data) { text.withLock { $0 += String(decoding: data, as: UTF8.self) } }
        var port: Int? { text.withLock { $0.split(separator: "\n").first.flatMap { Int($0) } } }
    }

    private static func certify(_ folder: String) async throws {
        let script = """
            set -e; cd '\(folder)'
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=store-ca
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' >ext
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem
            """
        try await ToolRun.run("/bin/sh", ["-c", script]).checked("openssl")
    }

    /// The bank's key, as somebody uses it who has stolen it.
    func client(_ repository: String) throws -> ObjectStoreClient {
        guard let place = BucketPlace(repository) else { throw NotStarted() }
        return ObjectStoreClient(
            store, place, key: try ObjectStoreKey.read(store), folder: folder, now: { Date() })
    }

    enum Care: Sendable { case nothing, versions, lock(days: Int) }

    /// Makes a bucket; returns a repository in it.
    func bucket(_ name: String, _ care: Care) async throws -> String {
        let repository = "s3://\(name)/bank"
        let client = try client(repository)
        var headers: [String: String] = [:]
        if case .lock = care { headers["x-amz-bucket-object-lock-enabled"] = "true" }
        let place = Array(
            "<CreateBucketConfiguration><LocationConstraint>eu-west-3</LocationConstraint></CreateBucketConfiguration>"
                .utf8)
        try await Self.done(client, .init(method: "PUT", headers: headers, body: place))
        switch care {
        case .nothing: break
        case .versions:
            let text = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            try await Self.done(client, .init(method: "PUT", query: [("versioning", "")], body: Array(text.utf8)))
        case .lock(let days):
            let text =
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
                + "<Mode>COMPLIANCE</Mode><Days>\(days)</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
            try await Self.done(client, .init(method: "PUT", query: [("object-lock", "")], body: Array(text.utf8)))
        }
        return repository
    }

    private static func done(_ client: ObjectStoreClient, _ request: ObjectStoreClient.Request) async throws {
        let answer = try await client.send(request)
        guard answer.isDone else { throw ContinuityError.storeAnswer("\(answer.status) \(answer.body)") }
    }

    func settings(_ repositories: [String]) -> BackupSettings {
        var settings = BackupSettings(repositories: repositories)
        let remote = repositories.filter { $0.hasPrefix("s3://") }
        settings.objectStores = Dictionary(uniqueKeysWithValues: remote.map { ($0, store) })
        return settings
    }

    func stop() {
        try? input.fileHandleForWriting.close()
        process.terminate()
    }
}
