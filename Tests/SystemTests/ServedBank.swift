import Foundation
import Postgres
import TestSupport

@testable import PostgresServer

/// A bank recovered from a small dump, and the program that serves it: as a process that can be killed.
final class ServedBank: @unchecked Sendable {
    // SAFETY: `process` is changed by the test that owns the bank, between its own steps.
    let data: String
    let port: Int
    let cluster: Cluster
    private(set) var keys: [String: String] = [:]
    private var process: ChildProcess?

    static func run(_ body: @Sendable (ServedBank) async throws -> Void) async throws {
        let files = try await SmallBank.files()
        let data = FileManager.default.temporaryDirectory.path + "/served-\(UInt64.random(in: .min ... .max))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        let recovered = try await Program.run(
            "recover", files.dump, "--data-dir", data, "--legacy-key-file", files.key, "--baseline", files.baseline,
            "--yes", "--no-pdf")
        // A dump that lost rows ends with a status of its own; the bank is there all the same.
        guard FileManager.default.fileExists(atPath: data + "/bank/data/PG_VERSION") else {
            throw Failure(words: recovered.output + recovered.error)
        }
        let bank = try ServedBank(data: data)
        let result: Result<Void, any Error>
        do {
            try await bank.start()
            result = .success(try await body(bank))
        } catch {
            result = .failure(error)
        }
        bank.kill(SIGKILL)
        try? await bank.cluster.stop(.immediate)
        try result.get()
    }

    private init(data: String) throws {
        self.data = data
        cluster = try Cluster.attach(data + "/bank")
        port = try Loopback.freePort()
    }

    /// Starts the server and waits until it answers.
    func start(_ more: String...) async throws { try await start(more) }

    func start(_ more: [String]) async throws {
        let command =
            [Program.path, "serve", "--data-dir", data, "--port", "\(port)"]
            + (more.contains("--admin-port") ? [] : ["--admin-port", "0"]) + more
        process = try ChildProcess.spawn(
            command, environment: ProcessInfo.processInfo.environment, directory: nil, streams: ChildProcess.Streams())
        // A machine that does much else takes its time for the first start.
        for _ in 0..<1_200 {
            if try await answers() { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        if keys.isEmpty {
            let said = try await Program.run("keys", "api", "--data-dir", data).output
            for line in said.split(separator: "\n") {
                let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
                if parts.count == 2 { keys[parts[0]] = parts[1] }
            }
        }
    }

    var processIdentifier: Int32? { process?.identifier }

    func answers() async throws -> Bool { (try? await ask(port, "GET", "/auth/v1/health"))?.status == 200 }

    /// Sends the signal and waits until the process is gone.
    func kill(_ signal: Int32) {
        guard let process else { return }
        process.end(by: signal)
        self.process = nil
    }

    /// The server's processes, all at once and without warning.
    func killPostgres() async throws {
        let text = try String(contentsOfFile: data + "/bank/data/postmaster.pid", encoding: .utf8)
        guard let identifier = text.split(separator: "\n").first.flatMap({ Int32($0) }), identifier > 1 else { return }
        Foundation.kill(identifier, SIGKILL)
        while Foundation.kill(identifier, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }

    func request(
        _ method: String, _ target: String, body: String = "", headers: [String: String] = [:]
    ) async throws -> (status: Int, head: String, body: String) {
        var fields = ["apikey": keys["SUPABASE_SERVICE_ROLE_KEY"] ?? "", "Content-Type": "application/json"]
        fields.merge(headers) { $1 }
        return try await ask(port, method, target, fields, body: body)
    }

    struct Failure: Error {
        let words: String
    }
}
