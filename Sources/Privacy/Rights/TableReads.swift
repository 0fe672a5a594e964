internal import Cryptography
internal import Evidence
internal import Foundation
internal import Postgres
internal import Synchronization
public import Web

/// Reads of employees and machines through the table API, gathered in memory and written in batches: off the hot path, at
/// the price that a server which is killed loses what it had not written, a second's worth at most.
public final class TableReads: Sendable {
    /// What was asked, as it came: looked into when it is written, once for all reads that are the same.
    struct Asked: Hashable, Sendable {
        let reader: String
        let claims: String
        let schema: String
        /// Path below the API: `/clients`, `/rpc/solde`; of a desk its relation behind a sign.
        let path: String
        /// The query as it came; of a desk the row's key: `id=4711`.
        let query: String

        /// Claims are as many as readers: they are compared, and tell nothing apart.
        func hash(into hasher: inout Hasher) {
            hasher.combine(reader)
            hasher.combine(path)
            hasher.combine(query)
        }
    }

    /// What is told of it.
    struct Key: Hashable, Sendable {
        let reader: String
        let claims: String
        let schema: String
        let path: String
        /// What was selected, decoded; nil where nothing was said.
        let select: String?
        /// The one row's key that was asked for, where one was: `numero=4711`.
        let subject: String
    }

    /// What an answer shows of one relation; nil: every column.
    public struct Shown: Hashable, Sendable {
        let relation: String
        let columns: [String]?

        public init(relation: String, columns: [String]?) {
            self.relation = relation
            self.columns = columns
        }
    }

    /// Tells what an answer shows; nil when it can not be told.
    public typealias Explain =
        @Sendable (_ path: String, _ select: String?, _ schema: String?, _ actor: Actor) -> [Shown]?

    struct Entry<Name: Hashable & Sendable>: Sendable {
        let key: Name
        var requests = 0
        var rows = 0
        var first: Int64
        var last: Int64

        mutating func take(_ rows: Int, _ now: Int64) {
            requests += 1
            self.rows += rows
            last = now
        }

        mutating func add<Other>(_ other: Entry<Other>) {
            requests += other.requests
            rows += other.rows
            first = min(first, other.first)
            last = max(last, other.last)
        }
    }

    /// What is written of one entry and one relation.
    struct Line: Sendable, Hashable {
        let reader: String
        let role: String
        let relation: String
        /// Nil: every column.
        let columns: [String]?
        let subject: String
        /// Through a desk that shows one person at a time, not through the table API.
        let isDesk: Bool
        let requests: Int
        let rows: Int
        let first: Int64
        let last: Int64
    }

    /// More shapes of reads within a second than this are counted as one of their reader.
    static let waitingMax = 10_000
    static let writeEvery: Duration = .seconds(1)
    private static let selectBytesMax = 2_000
    private static let subjectBytesMax = 60

    private let database: Database
    private let waiting = Mutex<[Asked: Entry<Asked>]>([:])
    private let explain = Mutex<Explain?>(nil)

    init(database: Database) { self.database = database }

    /// Who plans the reads tells what they show. Without, a read counts as one of every column of its relation.
    public func explain(_ how: @escaping Explain) { explain.withLock { $0 = how } }

    /// Takes note of a read that was answered. Clients see rows of their own; they are not noted.
    ///
    /// - Parameter range: the answer's `Content-Range`.
    public func note(_ request: ApiRequest, _ actor: Actor, range: String?, schema: String?) {
        // The description of the interface shows nobody.
        guard Self.isStaff(actor), request.path.utf8.count > 1 else { return }
        add(
            Asked(
                reader: actor.subject ?? actor.role, claims: actor.claims, schema: schema ?? "public",
                path: request.path, query: request.query), rows: Self.rows(range))
    }

    private func add(_ asked: Asked, rows: Int) {
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        waiting.withLock { waiting in
            var asked = asked
            if waiting.count >= Self.waitingMax, waiting[asked] == nil {
                asked = Asked(reader: asked.reader, claims: asked.claims, schema: asked.schema, path: "/", query: "")
            }
            waiting[asked, default: Entry(key: asked, first: now, last: now)].take(rows, now)
        }
    }

    private static let desk: Character = "="

    /// Takes note that a desk showed an employee one person's data: the account with this number, the case, the payment.
    public func note(_ actor: Actor, shown relation: String, by column: String, _ key: String) {
        guard Self.isStaff(actor), key.utf8.count <= Self.subjectBytesMax else { return }
        add(
            Asked(
                reader: actor.subject ?? actor.role, claims: actor.claims, schema: "", path: "\(Self.desk)\(relation)",
                query: column + "=" + key), rows: 1)
    }

    /// Cheap and generous: what looks like one is judged by its claims when it is written.
    static func isStaff(_ actor: Actor) -> Bool {
        if actor.role == "service_role" { return true }
        guard !actor.isAnonymous else { return false }
        // On the way of every read of every client: searched by the library's own loop.
        return actor.claims.withCString { strstr($0, "\"admin\"") != nil || strstr($0, "\"analyst\"") != nil }
    }

    /// The same reads under one name, whatever else their addresses said.
    private static func keyed(_ batch: [Entry<Asked>]) -> [Entry<Key>] {
        var found: [Key: Entry<Key>] = [:]
        for entry in batch {
            let asked = entry.key
            let isDesk = asked.path.first == desk
            let (select, subject) = isDesk ? (nil, asked.query) : Self.asked(asked.query)
            let key = Key(
                reader: asked.reader, claims: asked.claims, schema: asked.schema, path: asked.path, select: select,
                subject: subject)
            found[key, default: Entry(key: key, first: entry.first, last: entry.last)].add(entry)
        }
        return Array(found.values)
    }

    /// What is selected, as the API reads it: the last `select` counts. And the one key that is asked for.
    static func asked(_ query: String) -> (select: String?, subject: String) {
        guard !query.isEmpty, let items = QueryItems.parse(query) else { return (nil, "") }
        var select: String?
        var subject = ""
        for item in items {
            if item.name == "select" {
                select = item.value.utf8.count <= selectBytesMax ? item.value : "*"
            } else if item.value.hasPrefix("eq."), item.value.utf8.count <= subjectBytesMax,
                TableReadStore.subjects.contains(item.name)
            {
                subject = item.name + "=" + item.value.dropFirst(3)
            }
        }
        return (select, subject)
    }

    /// `0-24/300` are 25 rows, `*/0` none; where nothing is counted, one at least was shown.
    static func rows(_ range: String?) -> Int {
        guard let span = range?.split(separator: "/").first else { return 1 }
        let ends = span.split(separator: "-")
        guard ends.count == 2, let from = Int(ends[0]), let to = Int(ends[1]), to >= from else { return 0 }
        return to - from + 1
    }

    /// Writes what waits. On an error it waits again.
    public func flush() async throws {
        let batch = waiting.withLock { waiting in
            defer { waiting = [:] }
            return Array(waiting.values)
        }
        let explain = Self.once(explain.withLock { $0 })
        let lines = Self.keyed(batch).flatMap { Self.lines($0, explain) }
        guard !lines.isEmpty else { return }
        do {
            try await database.transaction { tx in
                let store = TableReadStore(database: tx)
                let kept = try await store.add(lines) + store.addSubjects(lines)
                guard !kept.isEmpty else { return }
                try await EvidenceJournal.append(
                    EvidenceEvent(
                        "privacy.table_reads", "\(kept.count)",
                        fields: ["sha256": SHA256.hash(Array(kept.sorted().joined(separator: "\n").utf8)).hex],
                        actor: "privacy"), in: tx)
            }
        } catch {
            waiting.withLock { waiting in
                for entry in batch where waiting.count < Self.waitingMax {
                    waiting[entry.key, default: Entry(key: entry.key, first: entry.first, last: entry.last)].add(entry)
                }
            }
            throw error
        }
    }

    /// Writes every second, and what is left at the end.
    public func run() async throws {
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.writeEvery) } catch { break }
            try? await flush()
        }
        let rest = Task.detached { try await self.flush() }
        // Ends with its one batch: the task that runs this is cancelled already.
        _ = try? await rest.value
    }

    /// Reads that differ in nothing but the row they ask for show the same columns: the plan is asked for once.
    private static func once(_ explain: Explain?) -> Explain? {
        guard let explain else { return nil }
        let known = Mutex<[[String]: [Shown]?]>([:])
        return { path, select, schema, actor in
            let name = [path, select ?? "", select == nil ? "-" : "", schema ?? "", actor.role, actor.claims]
            if let shown = known.withLock({ $0[name] }) { return shown }
            let shown = explain(path, select, schema, actor)
            known.withLock { $0[name] = .some(shown) }
            return shown
        }
    }

    /// The relations that a read shows: its own, and those that it embeds.
    static func lines(_ entry: Entry<Key>, _ explain: Explain?) -> [Line] {
        let claims = try? JSONReader.read(entry.key.claims)
        let role = claims?["app_metadata"]?["role"]?.string ?? claims?["role"]?.string ?? ""
        guard ["admin", "analyst", "service_role"].contains(role) else { return [] }
        let path = String(entry.key.path.dropFirst())
        guard !path.isEmpty else {
            return [line(entry, role, Shown(relation: "\(entry.key.schema).*", columns: nil))]
        }
        if entry.key.path.first == Self.desk {
            return [line(entry, role, Shown(relation: path, columns: nil), subject: entry.key.subject)]
        }
        let actor = Actor(role: role, claims: entry.key.claims, subject: entry.key.reader)
        // What can not be told counts as every column.
        let shown =
            explain?(entry.key.path, entry.key.select, entry.key.schema, actor)
            ?? [Shown(relation: path.hasPrefix("rpc/") ? path : entry.key.schema + "." + path, columns: nil)]
        // The relation that was asked comes last, behind what it embeds; the key is its own.
        return shown.enumerated().map { index, each in
            line(entry, role, each, subject: index == shown.count - 1 ? entry.key.subject : "")
        }
    }

    private static func line(_ entry: Entry<Key>, _ role: String, _ shown: Shown, subject: String = "") -> Line {
        Line(
            reader: entry.key.reader, role: role, relation: shown.relation, columns: shown.columns,
            subject: subject, isDesk: entry.key.path.first == Self.desk, requests: entry.requests, rows: entry.rows,
            first: entry.first,
            last: entry.last)
    }
}
