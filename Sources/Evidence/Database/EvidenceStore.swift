internal import Foundation
internal import Postgres

/// The SQL of schema `evidence`.
struct EvidenceStore: Sendable {
    let database: any SQLExecutor

    func append(_ event: EvidenceEvent) async throws -> Int64 {
        try await database.one(
            """
            select evidence.append(\(event.kind), \(event.subject), \(event.body), \(event.outcome.rawValue),
                \(event.actor))
            """, as: Int64.self)
    }

    // MARK: Sealing

    /// `digitale` in ASCII: one sealer at a time per database.
    private static let lockKey: Int64 = 0x6469_6769_7461_6c65

    /// False when another sealer is at work. The lock ends with the connection's loan.
    func tryLock() async throws -> Bool {
        try await database.one("select pg_try_advisory_lock(\(Self.lockKey))", as: Bool.self)
    }

    /// The transactions the next block covers, in the caller's snapshot, and the time.
    func nextRange(rowsMax: Int) async throws -> SealRange? {
        try await database.first(
            """
            select cluster, first_xid::text, end_xid::text, evidence.micros(clock_timestamp())
            from evidence.next_range(\(rowsMax))
            """, as: SealRange.self)
    }

    func lastBlock() async throws -> JournalBlock? {
        try await database.first(
            "\(fragment: Self.selectBlocks) order by number desc limit 1", as: JournalBlock.self)
    }

    func add(_ block: JournalBlock) async throws {
        try await database.run(
            """
            insert into evidence.blocks (number, cluster, first_xid, end_xid, row_count, first_id, last_id,
                last_recorded_at, root, marks, sealed_at, previous, hash, signature, key)
            values (\(block.number), \(block.cluster), \(String(block.firstXid))::xid8, \(String(block.endXid))::xid8,
                \(block.rowCount), \(block.firstID), \(block.lastID),
                (select recorded_at from evidence.entries where id = \(block.lastID)), \(block.root), \(block.marks),
                'epoch'::timestamptz + \(block.sealedAt)::bigint * interval '1 microsecond', \(block.previous),
                \(block.hash), \(block.signature), \(block.key))
            """)
    }

    /// Entries that no block covers yet, counted up to `countMax`.
    func unsealedCount(countMax: Int) async throws -> Int {
        try await database.one(
            """
            select count(*) from (
                select from evidence.clusters() c
                cross join lateral (
                    select from evidence.entries e where e.cluster = c and e.xid >= evidence.sealed_end(c)) u
                limit \(countMax)) counted
            """, as: Int.self)
    }

    /// Rows in all blocks together.
    func sealedCount() async throws -> Int {
        try await database.one("select coalesce(sum(row_count), 0)::bigint from evidence.blocks", as: Int.self)
    }

    // MARK: Reading

    private static let selectEntries: Statement = """
        select id, cluster, xid::text, evidence.micros(recorded_at), actor, kind, subject, outcome, body
        from evidence.entries
        """

    private static let selectBlocks: Statement = """
        select number, cluster, first_xid::text, end_xid::text, row_count, first_id, last_id,
            evidence.micros(last_recorded_at), root, marks, evidence.micros(sealed_at), previous, hash, signature, key
        from evidence.blocks
        """

    static func entries(in range: SealRange) -> Statement {
        """
        \(fragment: selectEntries)
        where cluster = \(range.cluster) and xid >= \(String(range.firstXid))::xid8
            and xid < \(String(range.endXid))::xid8
        order by id
        """
    }

    /// Entries whose transactions no block covers.
    static var unsealedEntries: Statement {
        """
        select e.id, e.cluster, e.xid::text, evidence.micros(e.recorded_at), e.actor, e.kind, e.subject, e.outcome,
            e.body
        from evidence.clusters() c
        join evidence.entries e on e.cluster = c and e.xid >= evidence.sealed_end(c)
        order by e.id
        """
    }

    /// The next blocks by number; two of the same number, which is a fork, are never parted by a page.
    func blocks(after number: Int64, countMax: Int) async throws -> [JournalBlock] {
        try await database.all(
            """
            \(fragment: Self.selectBlocks) where number > \(number)
            order by number fetch first \(countMax) rows with ties
            """, as: JournalBlock.self)
    }
}

/// A range of one cluster's transactions.
struct SealRange: RowDecodable {
    let cluster: Int64
    let firstXid: UInt64
    let endXid: UInt64
    /// When it was asked for, microseconds since 1970.
    let now: String

    init(cluster: Int64, firstXid: UInt64, endXid: UInt64) {
        self.cluster = cluster
        self.firstXid = firstXid
        self.endXid = endXid
        now = ""
    }

    init(row: Row) throws {
        cluster = try row.decode(0)
        firstXid = try row.transactionID(1)
        endXid = try row.transactionID(2)
        now = try row.decode(3)
    }
}

extension JournalEntry: RowDecodable {
    init(row: Row) throws {
        id = try row.decode(0)
        cluster = try row.decode(1)
        xid = try row.transactionID(2)
        at = try row.decode(3)
        actor = try row.decode(4)
        kind = try row.decode(5)
        subject = try row.decode(6)
        outcome = try row.decode(7)
        body = try row.decode(8)
    }
}

extension JournalBlock: RowDecodable {
    init(row: Row) throws {
        number = try row.decode(0)
        cluster = try row.decode(1)
        firstXid = try row.transactionID(2)
        endXid = try row.transactionID(3)
        rowCount = try row.decode(4)
        firstID = try row.decodeIfPresent(5)
        lastID = try row.decodeIfPresent(6)
        lastAt = try row.decodeIfPresent(7)
        root = try row.decode(8)
        marks = try row.decode(9)
        sealedAt = try row.decode(10)
        previous = try row.decode(11)
        hash = try row.decode(12)
        signature = try row.decode(13)
        key = try row.decode(14)
    }
}

extension Row {
    fileprivate func transactionID(_ column: Int) throws -> UInt64 {
        let text = try decode(column, as: String.self)
        guard let number = UInt64(text) else { throw EvidenceError.unreadable("evidence", "\(text) is no transaction") }
        return number
    }
}
