internal import Foundation
public import Postgres
internal import PostgresServer

/// What a transaction did to many rows at once, read in the log itself.
public struct Destruction: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case dropped, truncated
        case databaseDropped = "database dropped"
        case deleted = "rows deleted"
        case updated = "rows updated"
    }

    public let kind: Kind
    public let transaction: String
    /// As the log writes it, in the server's zone (UTC).
    public let committedAt: String
    /// Where its commit begins, of a dropped database where its files go: a restore that stops before it has everything else.
    public let commit: LogPosition
    /// Files of relations: `tablespace/database/file`.
    public let files: [String]
    public let rows: Int
    /// Names of those relations, where they were remembered.
    public var names: [String] = []
}

/// Reads `pg_waldump`'s lines. Pure: lines in, acts out.
struct WalDump {
    private struct Pending {
        var deleted = 0
        var updated = 0
        var files: [String: Int] = [:]
        var created = 0
        var isTruncate = false
        /// Where the files of a database go: at this record, not at the commit.
        var databaseGone: LogPosition?

        /// What a part of a transaction did, to which its commit gives its parts back.
        mutating func add(_ part: Pending) {
            deleted += part.deleted
            updated += part.updated
            files.merge(part.files) { $0 + $1 }
            created += part.created
            isTruncate = isTruncate || part.isTruncate
            databaseGone = databaseGone ?? part.databaseGone
        }
    }

    /// Rows that one transaction may change before it counts as an act of destruction.
    let rowsMin: Int
    private var pending: [String: Pending] = [:]
    private(set) var found: [Destruction] = []

    private static let pendingMax = 1_000_000

    init(rowsMin: Int) { self.rowsMin = rowsMin }

    /// `rmgr: Heap  len … tx: 733, lsn: 0/0152E4C8, prev …, desc: DELETE off 1 …, blkref #0: rel 1663/16384/16389 blk 0`
    mutating func read(_ line: Substring) {
        guard let transaction = Self.word(after: "tx:", in: line), let manager = Self.word(after: "rmgr:", in: line),
            let description = line.range(of: "desc: ").map({ line[$0.upperBound...] })
        else { return }
        switch manager {
        case "Heap": heap(transaction, description)
        case "Storage":
            if description.hasPrefix("CREATE") { pending[transaction, default: Pending()].created += 1 }
        case "Database" where description.hasPrefix("DROP"):
            pending[transaction, default: Pending()].files["database " + description.dropFirst(5)] = 1
            guard pending[transaction]?.databaseGone == nil else { return }
            pending[transaction]?.databaseGone = Self.word(after: "lsn:", in: line).flatMap { LogPosition($0) }
        case "Transaction" where description.hasPrefix("COMMIT 2"):
            if let position = Self.word(after: "lsn:", in: line).flatMap({ LogPosition($0) }) {
                commit(transaction, position, description.dropFirst(7))
            }
        case "Transaction" where description.hasPrefix("COMMIT_PREPARED "):
            let rest = description.dropFirst(16)
            guard let position = Self.word(after: "lsn:", in: line).flatMap({ LogPosition($0) }),
                let colon = rest.firstIndex(of: ":")
            else { return }
            commit(String(rest[..<colon]), position, rest[colon...].dropFirst(2))
        case "Transaction" where description.hasPrefix("ABORT"):
            for part in [transaction] + Self.parts(description) { pending[part] = nil }
        default: break
        }
    }

    private mutating func heap(_ transaction: String, _ description: Substring) {
        let isDelete = description.hasPrefix("DELETE")
        let isUpdate = description.hasPrefix("UPDATE") || description.hasPrefix("HOT_UPDATE")
        if description.hasPrefix("TRUNCATE") { pending[transaction, default: Pending()].isTruncate = true }
        guard isDelete || isUpdate, pending.count < Self.pendingMax else { return }
        let file = Self.word(after: "rel", in: description) ?? ""
        pending[transaction, default: Pending()].deleted += isDelete ? 1 : 0
        pending[transaction, default: Pending()].updated += isUpdate ? 1 : 0
        pending[transaction, default: Pending()].files[file, default: 0] += 1
    }

    private mutating func commit(_ transaction: String, _ position: LogPosition, _ description: Substring) {
        var done = pending.removeValue(forKey: transaction) ?? Pending()
        // Savepoints, and blocks with EXCEPTION: each part wrote under a number of its own.
        for part in Self.parts(description) {
            if let part = pending.removeValue(forKey: part) { done.add(part) }
        }
        let at = description.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
        func add(_ kind: Destruction.Kind, _ files: [String], _ rows: Int, _ begin: LogPosition? = nil) {
            found.append(
                Destruction(
                    kind: kind, transaction: transaction, committedAt: at, commit: begin ?? position, files: files,
                    rows: rows))
        }
        let databases = done.files.keys.filter { $0.hasPrefix("database ") }
        if !databases.isEmpty {
            // A restore that stopped before the commit would have the database's name and none of its files.
            return add(.databaseDropped, databases.map { String($0.dropFirst(9)) }, 0, done.databaseGone)
        }
        if let list = description.range(of: "rels:").map({ description[$0.upperBound...] }) {
            let files = list.prefix { $0 != ";" }.split(separator: " ")
                .map { String($0).replacing("base/", with: "") }
            // A truncation gives the relation a new file; a drop gives none.
            add(done.isTruncate || done.created > 0 ? .truncated : .dropped, files, 0)
        }
        if done.deleted >= rowsMin || done.updated >= rowsMin {
            let files = done.files.sorted { $0.value > $1.value }.map(\.key)
            add(done.deleted >= done.updated ? .deleted : .updated, files, max(done.deleted, done.updated))
        }
    }

    /// `…; subxacts: 735 736; …`
    private static func parts(_ description: Substring) -> [String] {
        guard let list = description.range(of: "subxacts:") else { return [] }
        return description[list.upperBound...].prefix { $0 != ";" }.split(separator: " ").map(String.init)
    }

    static func word(after mark: String, in line: Substring) -> String? {
        guard let range = line.range(of: mark) else { return nil }
        let word = line[range.upperBound...].drop { $0 == " " }.prefix { $0 != " " && $0 != "," }
        return word.isEmpty ? nil : String(word)
    }
}
