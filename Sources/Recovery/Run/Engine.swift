internal import Diagnostics
internal import Evidence
internal import Foundation
public import Postgres
internal import PostgresServer

/// Runs the stages of one recovery in order, each at most once.
///
/// The engine owns what every stage needs (options, folder, journal, progress); a stage is a function in
/// `Stages/<Stage>.swift` that takes what earlier stages found and returns what it found.
public final class RecoveryEngine: Sendable {
    public let run: RunDirectory
    public let options: RecoveryOptions
    /// Of the server of `--into`, when it was given with its address.
    private let targetPassword: String?
    let binaries: PostgresBinaries
    let journal: FileJournal
    let key: SigningKey
    let vault: VaultKeys
    let progress: ProgressSink
    let now: @Sendable () -> Date

    init(
        run: RunDirectory, options: RecoveryOptions, targetPassword: String?, binaries: PostgresBinaries,
        journal: FileJournal, key: SigningKey,
        vault: VaultKeys, progress: @escaping ProgressSink, now: @escaping @Sendable () -> Date
    ) {
        self.run = run
        self.options = options
        self.targetPassword = targetPassword
        self.binaries = binaries
        self.journal = journal
        self.key = key
        self.vault = vault
        self.progress = progress
        self.now = now
    }

    /// The server of `--into`; nil for a cluster of our own.
    public var serverConfiguration: DatabaseConfiguration? {
        guard case .server(let connectionString) = options.target else { return nil }
        return DatabaseConfiguration(connectionString, password: targetPassword ?? ServerPassword.fromEnvironment)
    }

    /// What a finished stage left behind: its findings and how long it took.
    struct Record<Result: Codable & Sendable>: Codable, Sendable {
        var startedAt: Date
        var seconds: Double
        var result: Result
    }

    /// What a stage that has ended found.
    func earlier<Result: Codable & Sendable>(_ stage: Stage, as type: Result.Type) throws -> Result? {
        try run.result(of: stage, as: Record<Result>.self)?.result
    }

    static let stageFinished = "recovery.stage.finished"

    /// The stage's earlier result when it has ended before; else does the work, saves it and journals it.
    ///
    /// The result comes first: killed in between, the next run finds the result and only writes the missing entry.
    func perform<Result: Codable & Sendable>(
        _ stage: Stage, _ work: () async throws -> Result
    ) async throws -> Result {
        if let record = try run.result(of: stage, as: Record<Result>.self) {
            try await journalEnd(of: stage, record.result)
            return record.result
        }
        try Task.checkCancellation()
        progress(ProgressUpdate(stage: stage.rawValue, done: 0, total: nil, unit: ""))
        let startedAt = now()
        let result = try await work()
        let record = Record(startedAt: startedAt, seconds: now().timeIntervalSince(startedAt), result: result)
        try run.save(record, of: stage)
        try await journalEnd(of: stage, result)
        return result
    }

    private func journalEnd(of stage: Stage, _ result: some Codable) async throws {
        guard await !journal.holds(kind: Self.stageFinished, subject: stage.rawValue) else { return }
        let body = String(decoding: try RunDirectory.encoder.encode(result), as: UTF8.self)
        try await journal.append(kind: Self.stageFinished, subject: stage.rawValue, body: body, at: now())
    }

    func timings() throws -> [StageTiming] {
        struct Times: Codable {
            var startedAt: Date
            var seconds: Double
        }
        return try Stage.allCases.compactMap { stage in
            try run.result(of: stage, as: Times.self).map {
                StageTiming(stage: stage, startedAt: $0.startedAt, seconds: $0.seconds)
            }
        }
    }
}
