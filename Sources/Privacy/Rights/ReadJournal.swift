internal import Cryptography
internal import Evidence
public import Foundation
internal import Postgres
internal import Synchronization

/// Reads of personal data, gathered in memory and written in batches: a read costs a lock and a dictionary, a batch one
/// transaction with one entry of the journal.
public final class ReadJournal: Sendable {
    struct Key: Hashable, Sendable {
        let reader: String
        let client: UUID
        let fields: String
        let reason: String
    }

    struct Entry: Sendable {
        let key: Key
        var count: Int
        let first: Int64
        var last: Int64
    }

    /// More waiting entries than this are written before others are taken.
    public static let waitingMax = 50_000
    static let batchMax = 2_000
    static let writeEvery: Duration = .seconds(2)

    private let database: Database
    private let waiting = Mutex<[Key: Entry]>([:])

    init(database: Database) { self.database = database }

    /// Who read whose data, which and why. False when too many wait: the caller must `flush` or refuse the read.
    @discardableResult
    public func note(reader: String, client: UUID, fields: [String], reason: String) -> Bool {
        let key = Key(
            reader: reader, client: client, fields: fields.sorted().joined(separator: ","),
            reason: String(reason.prefix(500)))
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        return waiting.withLock { waiting in
            if waiting[key] == nil, waiting.count >= Self.waitingMax { return false }
            waiting[key, default: Entry(key: key, count: 0, first: now, last: now)].count += 1
            waiting[key]?.last = now
            return true
        }
    }

    public var waitingCount: Int { waiting.withLock { $0.count } }

    /// Writes what waits. On an error it waits again.
    public func flush() async throws {
        while true {
            let batch = waiting.withLock { waiting in
                let batch = waiting.values.prefix(Self.batchMax)
                for entry in batch { waiting[entry.key] = nil }
                return Array(batch)
            }
            guard !batch.isEmpty else { return }
            do {
                try await database.transaction { tx in
                    try await RightsStore(database: tx).addReads(batch)
                    let readers = Set(batch.map(\.key.reader)).count
                    let lines = batch.map { "\($0.key.reader)|\($0.key.client)|\($0.key.fields)|\($0.count)" }.sorted()
                    let digest = SHA256.hash(Array(lines.joined(separator: "\n").utf8)).hex
                    try await EvidenceJournal.append(
                        EvidenceEvent(
                            "privacy.reads", "\(batch.count)", fields: ["readers": "\(readers)", "sha256": digest],
                            actor: "privacy"), in: tx)
                }
            } catch {
                waiting.withLock { waiting in
                    for entry in batch {
                        waiting[
                            entry.key, default: Entry(key: entry.key, count: 0, first: entry.first, last: entry.last)
                        ]
                        .count += entry.count
                    }
                }
                throw error
            }
        }
    }

    /// Writes every two seconds, and what is left at the end.
    public func run() async throws {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.writeEvery) } catch { break }
            // What could not be written waits for the next turn.
            try? await flush()
        }
        let rest = Task.detached { try await self.flush() }
        // Ends with its one batch: the task that runs this is cancelled already.
        _ = try? await rest.value
    }
}
