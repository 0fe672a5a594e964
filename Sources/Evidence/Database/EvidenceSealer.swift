internal import Cryptography
internal import Foundation
public import Postgres

/// What one sealing did.
public struct SealReport: Sendable {
    public var blockCount = 0
    public var entryCount = 0
    /// The newest block, also when this run made none; nil while there is no block at all.
    public var head: JournalHead?
    /// Entries that are left for later, since a transaction older than they are still runs; counted up to 10,000.
    public var unsealedCount = 0
    /// Another sealer was at work: nothing was done here.
    public var isElsewhere = false
}

/// Seals the journal in blocks, after the fact: writers never wait for it.
///
/// A block covers whole transactions, all below the oldest one that still runs. Each is signed with a key that is not
/// in the database, and its head is published outside of it.
public struct EvidenceSealer: Sendable {
    private let database: Database
    private let key: SigningKey
    private let publishers: [any HeadPublisher]
    private let rowsMax: Int

    /// - Parameter rowsMax: entries in one block; a transaction is never split, so a larger one makes a larger block.
    public init(database: Database, key: SigningKey, publishers: [any HeadPublisher], rowsMax: Int = 10_000) {
        self.database = database
        self.key = key
        self.publishers = publishers
        self.rowsMax = max(1, rowsMax)
    }

    /// Seals all that can be sealed now, then publishes the head, also one that an earlier run could not publish.
    @discardableResult
    public func seal() async throws -> SealReport {
        var report = try await sealBlocks()
        if let head = report.head, !report.isElsewhere {
            for publisher in publishers { try await publisher.publish(head) }
        }
        report.unsealedCount = try await EvidenceStore(database: database).unsealedCount(countMax: 10_000)
        return report
    }

    /// Seals until the task is cancelled. `report` gets each outcome; after a failure it tries again at the next turn.
    public func run(every pause: Duration, report: @Sendable (Result<SealReport, any Error>) -> Void) async throws {
        while true {
            do {
                report(.success(try await seal()))
            } catch {
                try Task.checkCancellation()
                report(.failure(error))
            }
            try await Task.sleep(for: pause)
        }
    }

    private func sealBlocks() async throws -> SealReport {
        try await database.withConnection { connection in
            var report = SealReport()
            let store = EvidenceStore(database: connection)
            guard try await store.tryLock() else {
                report.isElsewhere = true
                return report
            }
            while let rowCount = try await sealOne(connection) {
                report.blockCount += 1
                report.entryCount += rowCount
                try Task.checkCancellation()
            }
            report.head = try await head(store)
            return report
        }
    }

    /// Makes one block. The range, the entries and the block before are read in one snapshot.
    private func sealOne(_ connection: Connection) async throws -> Int? {
        try await connection.transaction(isolation: .repeatableRead) { tx in
            let store = EvidenceStore(database: tx)
            guard let range = try await store.nextRange(rowsMax: rowsMax) else { return nil }
            let before = try await store.lastBlock()
            var summary = EntrySummary()
            for try await row in connection.rows(EvidenceStore.entries(in: range)) {
                summary.add(try JournalEntry(row: row))
            }
            var block = JournalBlock(
                number: (before?.number ?? 0) + 1, cluster: range.cluster, firstXid: range.firstXid,
                endXid: range.endXid, rowCount: summary.count, firstID: summary.firstID, lastID: summary.lastID,
                lastAt: summary.lastAt, root: summary.tree.root, marks: summary.marks, sealedAt: range.now,
                previous: before?.hash ?? JournalBlock.firstPrevious, key: key.publicKey.raw)
            block.hash = block.digest
            block.signature = try key.key.signature(of: block.hash)
            try await store.add(block)
            return summary.count
        }
    }

    private func head(_ store: EvidenceStore) async throws -> JournalHead? {
        guard let last = try await store.lastBlock() else { return nil }
        return try JournalHead(of: last, entryCount: try await store.sealedCount(), signedBy: key)
    }
}

/// What a block says of its entries, gathered one by one in the order of their ids.
struct EntrySummary {
    var count = 0
    var firstID: Int64?
    var lastID: Int64?
    var lastAt: String?
    var marks: [UInt8] = []
    var tree = MerkleTree()

    mutating func add(_ entry: JournalEntry) {
        let digest = entry.digest
        count += 1
        firstID = firstID ?? entry.id
        lastID = entry.id
        lastAt = entry.at
        marks += digest.prefix(JournalBlock.markBytes)
        tree.add(digest)
    }
}
