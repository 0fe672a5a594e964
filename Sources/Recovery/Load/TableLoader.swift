internal import Cryptography
internal import Foundation
internal import Postgres
internal import Salvage

/// Loads the rows of one table into the clean room: one transaction a table, a savepoint every few megabytes.
///
/// A row that PostgreSQL refuses is set aside with the server's reason and the rest goes in: the server names the
/// line, so that each good row is sent at most twice.
struct TableLoader: ~Copyable {
    /// Enough for COPY to run at full speed, little enough to send twice.
    static let chunkBytesMax = 4 << 20

    let table: String
    private let connection: Connection
    private let copy: Statement
    /// Why no row of the table can be taken; nil when rows can.
    private let refusal: String?
    private let quarantine: QuarantineFile
    private var pending: [RowBatch] = []
    private var pendingBytes = 0
    private var hash: SHA256
    private(set) var outcome: TableOutcome
    private let startedAt = ContinuousClock.now

    init(
        table: String, columns: [String], into relation: Statement, connection: Connection, quarantine: QuarantineFile
    ) throws {
        self.table = table
        self.connection = connection
        self.quarantine = quarantine
        copy = CleanRoomStore.copy(into: relation, columns: columns)
        refusal = columns.isEmpty ? "a row of a table without columns" : nil
        outcome = TableOutcome(name: table)
        hash = try SHA256()
    }

    /// For a table that can not be made: its rows are set aside.
    init(table: String, refusing reason: String, connection: Connection, quarantine: QuarantineFile) throws {
        self.table = table
        self.connection = connection
        self.quarantine = quarantine
        copy = CleanRoomStore.begin
        refusal = reason
        outcome = TableOutcome(name: table)
        hash = try SHA256()
    }

    /// Takes a batch; rows that are not data go to quarantine at once.
    mutating func take(_ batch: RowBatch) async throws {
        switch batch.confidence {
        case .proven: outcome.proven += Int64(batch.rowCount)
        case .intact: outcome.intact += Int64(batch.rowCount)
        case .inferred(let score):
            outcome.inferred += Int64(batch.rowCount)
            return try quarantine.add(batch, kind: .inferred, reason: "deduced bytes, score \(score)")
        case .suspect(let reason):
            outcome.suspect += Int64(batch.rowCount)
            return try quarantine.add(batch, kind: .suspect, reason: reason)
        }
        if let refusal {
            outcome.refused += Int64(batch.rowCount)
            return try quarantine.add(batch, kind: .refused, reason: refusal)
        }
        pending.append(batch)
        pendingBytes += batch.text.count
        if pendingBytes >= Self.chunkBytesMax { try await flush() }
    }

    /// Sends what is pending and closes the table's account.
    mutating func finish() async throws -> TableOutcome {
        try await flush()
        outcome.digest = hash.finalize().hex
        outcome.seconds = (ContinuousClock.now - startedAt) / .seconds(1)
        return outcome
    }

    private mutating func flush() async throws {
        guard !pending.isEmpty else { return }
        let batches = pending
        pending = []
        pendingBytes = 0
        try await connection.run(CleanRoomStore.savepoint)
        do {
            let count = try await connection.copyIn(copy, from: ChunkSequence(batches.map(\.text)))
            outcome.loaded += Int64(count)
            for batch in batches { batch.text.withUnsafeBytes { hash.update($0) } }
        } catch let error as PostgresError where error.isAboutTheRow {
            try await connection.run(CleanRoomStore.rollbackToSavepoint)
            try await loadAround(RowList(batches))
        }
        try await connection.run(CleanRoomStore.releaseSavepoint)
    }

    /// Sends `rows` piece by piece, setting aside each row the server names.
    private mutating func loadAround(_ rows: RowList) async throws {
        var refusals: [(Int, PostgresError)] = []
        var pieces: [[UInt8]] = []
        var count = 0
        try await RowIsolation(connection: connection, copy: copy).load(
            rows.count, text: rows.text,
            loaded: {
                pieces.append($0)
                count += $1
            }, refused: { refusals.append(($0, $1)) })
        outcome.loaded += Int64(count)
        for piece in pieces { piece.withUnsafeBytes { hash.update($0) } }
        for (index, error) in refusals { try setAside(rows, index, error) }
    }

    private mutating func setAside(_ rows: RowList, _ index: Int, _ error: PostgresError) throws {
        outcome.refused += 1
        try quarantine.add(
            table: table, row: rows.text(index..<(index + 1)), kind: .refused, reason: error.message,
            place: rows.place(of: index))
    }
}

extension PostgresError {
    /// True when the server refused data (class 22, 23), a malformed COPY line (22P04) or a value beyond its limits (class
    /// 54: too long for an index, nested too deeply), not the statement or itself.
    var isAboutTheRow: Bool {
        guard kind == .server, let sqlState else { return false }
        return sqlState.hasPrefix("22") || sqlState.hasPrefix("23") || sqlState.hasPrefix("54")
    }

    /// The line of the COPY that the server stopped at, from `COPY clients, line 12, column email: …`.
    var copyLine: Int? {
        guard let context, let start = context.range(of: ", line ") else { return nil }
        return Int(context[start.upperBound...].prefix { $0.isNumber })
    }
}

/// The pending rows, addressed by number.
struct RowList {
    private let batches: [RowBatch]
    /// Number of the first row of each batch, and of the row after the last.
    private let starts: [Int]

    init(_ batches: [RowBatch]) {
        self.batches = batches
        starts = batches.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.rowCount) }
    }

    var count: Int { starts.last ?? 0 }

    func text(_ range: Range<Int>) -> [UInt8] {
        var out: [UInt8] = []
        for (index, batch) in batches.enumerated() {
            let first = max(range.lowerBound - starts[index], 0)
            let last = min(range.upperBound - starts[index], batch.rowCount)
            guard first < last else { continue }
            out += batch.text[batch.bytes(ofRows: first..<last)]
        }
        return out
    }

    func place(of row: Int) -> String {
        guard let index = starts.lastIndex(where: { $0 <= row }), index < batches.count else { return "" }
        return batches[index].place(ofRow: row - starts[index])
    }
}

/// Arrays as an asynchronous sequence.
struct ChunkSequence: AsyncSequence {
    let chunks: [[UInt8]]

    init(_ chunks: [[UInt8]]) { self.chunks = chunks }

    struct Iterator: AsyncIteratorProtocol {
        var rest: ArraySlice<[UInt8]>

        mutating func next() async -> [UInt8]? { rest.popFirst() }
    }

    func makeAsyncIterator() -> Iterator { Iterator(rest: chunks[...]) }
}
