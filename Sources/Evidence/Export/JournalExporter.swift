internal import Foundation
public import Postgres

/// What an export holds.
public struct ExportReport: Sendable {
    public var blockCount = 0
    public var sealedCount = 0
    public var unsealedCount = 0
}

/// Writes the journal to a file from which it can be verified without the database.
///
/// One snapshot, block by block, in memory that does not grow with the journal. The file appears whole or not at all.
public struct JournalExporter: Sendable {
    private let database: Database

    private static let blocksPerPage = 8

    public init(database: Database) { self.database = database }

    public func export(to path: String) async throws -> ExportReport {
        let partial = path + ".partial"
        let file = try ExportFile(path: partial)
        do {
            let report = try await database.transaction(isolation: .repeatableRead) { tx in
                try await write(tx, to: file)
            }
            try file.finish(as: path)
            return report
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw error
        }
    }

    private func write(_ tx: Transaction, to file: ExportFile) async throws -> ExportReport {
        var report = ExportReport()
        let store = EvidenceStore(database: tx)
        let now = Date().formatted(.iso8601)
        try file.write(ExportLine.header(exportedAt: now))
        var last = Int64.min
        while true {
            let blocks = try await store.blocks(after: last, countMax: Self.blocksPerPage)
            for block in blocks {
                try file.write(ExportLine.block(block))
                report.blockCount += 1
                let range = SealRange(cluster: block.cluster, firstXid: block.firstXid, endXid: block.endXid)
                report.sealedCount += try await copy(EvidenceStore.entries(in: range), tx, to: file)
                last = block.number
            }
            if blocks.isEmpty { break }
        }
        try file.write(ExportLine.unsealed())
        report.unsealedCount = try await copy(EvidenceStore.unsealedEntries, tx, to: file)
        try file.write(
            ExportLine.end(blocks: report.blockCount, entries: report.sealedCount + report.unsealedCount))
        return report
    }

    private func copy(_ statement: Statement, _ tx: Transaction, to file: ExportFile) async throws -> Int {
        var count = 0
        for try await row in tx.connection.rows(statement) {
            try file.write(ExportLine.entry(JournalEntry(row: row)))
            count += 1
        }
        return count
    }
}

/// A file being written, flushed in pieces of a quarter MiB.
private final class ExportFile: Sendable {
    private let path: String
    private let buffer: Buffer

    private final class Buffer: @unchecked Sendable {
        // SAFETY: one export writes it, one line after the other.
        var bytes: [UInt8] = []
        var descriptor: Int32
        init(descriptor: Int32) { self.descriptor = descriptor }
        deinit { if descriptor >= 0 { close(descriptor) } }
    }

    init(path: String) throws {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw EvidenceError.notWritable(path, String(cString: strerror(errno))) }
        buffer = Buffer(descriptor: descriptor)
    }

    func write(_ line: JSONLine) throws {
        buffer.bytes += line.finished
        if buffer.bytes.count >= 256 << 10 { try flush() }
    }

    /// On disk, then under its name.
    func finish(as name: String) throws {
        try flush()
        guard fsync(buffer.descriptor) == 0, rename(path, name) == 0 else {
            throw EvidenceError.notWritable(name, String(cString: strerror(errno)))
        }
    }

    private func flush() throws {
        var done = 0
        while done < buffer.bytes.count {
            let count = buffer.bytes[done...].withUnsafeBytes {
                Foundation.write(buffer.descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 || errno == EINTR else {
                throw EvidenceError.notWritable(path, String(cString: strerror(errno)))
            }
            done += max(0, count)
        }
        buffer.bytes.removeAll(keepingCapacity: true)
    }
}
