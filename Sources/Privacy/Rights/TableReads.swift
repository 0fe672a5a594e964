internal import Cryptography
internal import Evidence
internal import Foundation
internal import Postgres
internal import Synchronization
public import Web

/// Reads of employees and machines through the table API, gathered in memory and written in batches: off the hot path, at
/// the price that a server which is killed loses what it had not written, a second's worth at most.
public final class TableReads: Sendable {
    struct Key: Hashable, Sendable {
        let reader: String
        let claims: String
        let schema: String
        /// Path below the API: `/clients`, `/rpc/solde`.
        let path: String
        /// What stands behind `select=`, as it came.
        let columns: String
    }

    struct Entry: Sendable {
        let key: Key
        var requests = 0
        var rows = 0
        let first: Int64
        var last: Int64
    }

    /// What is written of one entry and one relation.
    struct Line: Sendable, Hashable {
        let reader: String
        let role: String
        let relation: String
        /// Nil: every column.
        let columns: [String]?
        let requests: Int
        let rows: Int
        let first: Int64
        let last: Int64
    }

    /// More shapes of reads within a second than this are counted as one of their reader.
    static let waitingMax = 10_000
    static let writeEvery: Duration = .seconds(1)
    private static let selectBytesMax = 2_000

    private let database: Database
    private let waiting = Mutex<[Key: Entry]>([:])

    init(database: Database) { self.database = database }

    /// Takes note of a read that was answered. Clients see rows of their own; they are not noted.
    ///
    /// - Parameter range: the answer's `Content-Range`.
    public func note(_ request: ApiRequest, _ actor: Actor, range: String?, schema: String?) {
        guard Self.isStaff(actor) else { return }
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        var key = Key(
            reader: actor.subject ?? actor.role, claims: actor.claims, schema: schema ?? "public", path: request.path,
            columns: Self.select(request.query))
        let rows = Self.rows(range)
        waiting.withLock { waiting in
            if waiting[key] == nil, waiting.count >= Self.waitingMax {
                key = Key(reader: key.reader, claims: key.claims, schema: key.schema, path: "/", columns: "")
            }
            var entry = waiting[key] ?? Entry(key: key, first: now, last: now)
            entry.requests += 1
            entry.rows += rows
            entry.last = now
            waiting[key] = entry
        }
    }

    /// Cheap and generous: what looks like one is judged by its claims when it is written.
    static func isStaff(_ actor: Actor) -> Bool {
        if actor.role == "service_role" { return true }
        guard !actor.isAnonymous else { return false }
        return actor.claims.contains("\"admin\"") || actor.claims.contains("\"analyst\"")
    }

    static func select(_ query: String) -> String {
        guard !query.isEmpty, let start = query.range(of: "select=") else { return "" }
        let text = query[start.upperBound...].prefix { $0 != "&" }
        return text.utf8.count <= selectBytesMax ? String(text) : "*"
    }

    /// `0-24/300` are 25 rows, `*/0` none.
    static func rows(_ range: String?) -> Int {
        guard let span = range?.split(separator: "/").first else { return 0 }
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
        let lines = batch.flatMap(Self.lines)
        guard !lines.isEmpty else { return }
        do {
            try await database.transaction { tx in
                let kept = try await TableReadStore(database: tx).add(lines)
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
                    var now = waiting[entry.key] ?? Entry(key: entry.key, first: entry.first, last: entry.last)
                    now.requests += entry.requests
                    now.rows += entry.rows
                    waiting[entry.key] = now
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

    /// The relations that a read touches: its own, and those that its select embeds.
    static func lines(_ entry: Entry) -> [Line] {
        let claims = try? JSONReader.read(entry.key.claims)
        let role = claims?["app_metadata"]?["role"]?.string ?? claims?["role"]?.string ?? ""
        guard ["admin", "analyst", "service_role"].contains(role) else { return [] }
        let path = entry.key.path.dropFirst()
        guard !path.isEmpty else {
            return [line(entry, role, "\(entry.key.schema).*", nil)]
        }
        if path.hasPrefix("rpc/") { return [line(entry, role, String(path), nil)] }
        let text = QueryItems.parse("select=" + entry.key.columns)?.first?.value ?? "*"
        var found: [(name: String, columns: [String]?)] = []
        SelectNames.read(text, of: String(path), into: &found)
        return found.map { line(entry, role, entry.key.schema + "." + $0.name, $0.columns) }
    }

    private static func line(_ entry: Entry, _ role: String, _ relation: String, _ columns: [String]?) -> Line {
        Line(
            reader: entry.key.reader, role: role, relation: relation, columns: columns, requests: entry.requests,
            rows: entry.rows, first: entry.first, last: entry.last)
    }
}

/// Which columns a `select` names, table by table: `id,nom:nom_chiffre,comptes!fk(solde,cartes(*))`. It was answered, so it
/// can be read; what is not understood counts as every column.
enum SelectNames {
    private static let depthMax = 16

    static func read(
        _ text: String, of relation: String, into found: inout [(name: String, columns: [String]?)], depth: Int = 0
    ) {
        var columns: [String]? = text.isEmpty || depth > depthMax ? nil : []
        for item in depth > depthMax ? [] : items(text) {
            guard let open = item.firstIndex(of: "(") else {
                let name = bare(item)
                if name.hasSuffix("*") || name.isEmpty { columns = nil } else { columns?.append(name) }
                continue
            }
            let name = bare(String(item[..<open]))
            let inner = item[item.index(after: open)...]
            // An aggregate has nothing between its parentheses, and shows no row.
            guard inner.hasSuffix(")"), inner.count > 1 else { continue }
            read(
                String(inner.dropLast()), of: name.hasPrefix("...") ? String(name.dropFirst(3)) : name, into: &found,
                depth: depth + 1)
        }
        found.append((relation, columns))
    }

    /// Without alias, cast, hint and path into JSON.
    private static func bare(_ item: String) -> String {
        var name = Substring(item)
        // `a:b` renames, `a::text` casts.
        if let cast = name.range(of: "::") { name = name[..<cast.lowerBound] }
        if let colon = name.firstIndex(of: ":") { name = name[name.index(after: colon)...] }
        if let arrow = name.range(of: "->") { name = name[..<arrow.lowerBound] }
        if let hint = name.firstIndex(of: "!") { name = name[..<hint] }
        return name.trimmingCharacters(in: CharacterSet(charactersIn: "\" "))
    }

    private static func items(_ text: String) -> [String] {
        var items: [String] = []
        var current = ""
        var depth = 0
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if !isQuoted, character == "(" { depth += 1 }
            if !isQuoted, character == ")" { depth -= 1 }
            if !isQuoted, character == ",", depth == 0 {
                items.append(current)
                current = ""
            } else {
                current.append(character)
            }
        }
        return items + [current]
    }
}
