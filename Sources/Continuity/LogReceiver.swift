internal import Foundation
internal import Postgres
internal import PostgresServer

/// Receives the log as it is written, to a folder of our own user's: what was acknowledged is in two places within
/// milliseconds; in synchronous mode before it is acknowledged.
public struct LogReceiver: Sendable {
    static let name = "digitalbank_receiver"

    let folder: ContinuityFolder
    let cluster: Cluster

    public init(dataDirectory: String) throws {
        folder = ContinuityFolder(dataDirectory: dataDirectory)
        cluster = try Cluster.attach(folder.cluster)
    }

    /// Receives until the task is cancelled, anew whenever the server ends or refuses. `report` gets each interruption.
    public func run(report: @escaping @Sendable (String) -> Void) async throws {
        var pause: Duration = .milliseconds(200)
        while true {
            try Task.checkCancellation()
            let begun = ContinuousClock.now
            do {
                try await receive()
            } catch {
                try Task.checkCancellation()
                report("the receiver stopped: \(error)")
            }
            pause = ContinuousClock.now - begun > .seconds(10) ? .milliseconds(200) : min(pause * 2, .seconds(5))
            try await Task.sleep(for: pause)
        }
    }

    private func receive() async throws {
        try await cluster.withSuperuser { connection in
            // One that a killed program of ours left behind.
            try await connection.run(ReceiverStore.endFormer)
            try await connection.run(ReceiverStore.makeSlot)
        }
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pg_receivewal"),
            [
                "--directory=\(folder.receivedLog)", "--slot=\(Self.name)", "--synchronous", "--no-loop",
                "--status-interval=1", "--no-password",
                "--dbname=host=\(cluster.socketDirectory) port=\(cluster.socketPort) user=\(cluster.options.superuser) "
                    + "application_name=\(Self.name)",
            ], environment: ["PGPASSFILE": cluster.passFile], timeMax: .seconds(365 * 86_400))
        throw ContinuityError(
            code: "receiver_stopped", message: run.errorText.split(separator: "\n").suffix(2).joined(separator: "; "),
            hint: "It begins again by itself; if it does not, look at the server.", exitStatus: .environment)
    }

    /// Makes each commit wait until the receiver has it on disk, or not.
    public func setSynchronous(_ isOn: Bool) async throws {
        try await cluster.withSuperuser { connection in
            try await connection.run(ContinuityStore.synchronous(isOn))
            try await connection.run(ContinuityStore.reload)
        }
    }

    /// Whether the receiver is connected and up to date.
    public func isStreaming() async throws -> Bool {
        try await cluster.withSuperuser { try await $0.one(ReceiverStore.isStreaming, as: Bool.self) }
    }

    /// Removes received log that `oldest`, the first segment of the oldest set to restore from, does not need.
    @discardableResult
    func prune(before oldest: LogSegment) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.receivedLog)) ?? []
        return names.filter { name in
            guard name.utf8.count == 24, let segment = LogSegment(name), segment.timeline == oldest.timeline,
                segment < oldest
            else { return false }
            return unlink(folder.receivedLog + "/" + name) == 0
        }.count
    }
}
