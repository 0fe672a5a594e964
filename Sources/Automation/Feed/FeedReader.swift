internal import Postgres
internal import Web

/// Makes changes for the outbox of what the log says. A pure fold: no database, no clock.
struct FeedReader: Sendable {
    struct Wanted: Sendable {
        let operations: Set<String>
        let columns: Set<String>
    }

    /// By `schema.table`.
    let wanted: [String: Wanted]
    private(set) var place: FeedPlace
    private(set) var changes: [JSON] = []
    /// Everything before it is either in `changes` or of no concern.
    private(set) var end: LogPosition?
    private var relations: [UInt32: ReplicatedRelation] = [:]
    private var current: ReplicationMessage.BeginMark?
    private var seen: Int64 = 0
    /// What was taken of the transaction before the reading began.
    private let skipped: FeedPlace

    init(wanted: [String: Wanted], place: FeedPlace) {
        self.wanted = wanted
        self.place = place
        skipped = place
    }

    /// Hands out what was gathered, for one transaction of the database.
    mutating func takeAll() -> [JSON] {
        defer { changes = [] }
        return changes
    }

    mutating func read(_ message: ReplicationMessage) {
        switch message {
        case .begin(let mark):
            current = mark
            seen = 0
        case .commit(let mark):
            if mark.commitPosition > place.commit { place = FeedPlace(commit: mark.commitPosition, taken: seen) }
            current = nil
            end = mark.endPosition
        case .relation(let relation): relations[relation.id] = relation
        case .insert(let id, let new): add("insert", id, new: new, old: nil)
        case .update(let id, let old, let new): add("update", id, new: new, old: old)
        case .delete(let id, let old): add("delete", id, new: old.row, old: nil)
        case .truncate: break
        case .progress(let position): if current == nil { end = position }
        }
    }

    private mutating func add(
        _ operation: String, _ id: UInt32, new: ReplicatedRow, old: ReplicationMessage.OldRow?
    ) {
        guard let mark = current, let relation = relations[id] else { return }
        seen += 1
        let name = relation.schema + "." + relation.name
        guard let wanted = wanted[name], wanted.operations.contains(operation),
            mark.commitPosition > skipped.commit || mark.commitPosition == skipped.commit && seen > skipped.taken
        else { return }
        let isKeyOnly = operation == "delete" && relation.identity != .full
        var change: [JSON.Member] = [
            .init("n", .integer(changes.count)), .init("source", .string(name)),
            .init("operation", .string(operation)),
            .init("row", Self.row(new, relation, wanted.columns, keysOnly: isKeyOnly)),
            .init("columns", .array(wanted.columns.sorted().map { .string($0) })),
            .init("at", .integer(Int(mark.commitMicroseconds + Self.epoch))),
        ]
        if let old {
            let isKey = if case .key = old { true } else { false }
            change.append(.init("old", Self.row(old.row, relation, wanted.columns, keysOnly: isKey)))
        }
        changes.append(.object(change))
        place = FeedPlace(commit: mark.commitPosition, taken: seen)
    }

    /// Microseconds between 1970 and 2000, the server's first moment.
    private static let epoch: Int64 = 946_684_800_000_000

    /// Types whose text is JSON itself: json, jsonb.
    private static let documents: Set<UInt32> = [114, 3802]

    /// The columns that scenarios ask for. What the log does not repeat is left out, and so is what it has no value of.
    private static func row(
        _ row: ReplicatedRow, _ relation: ReplicatedRelation, _ columns: Set<String>, keysOnly: Bool
    ) -> JSON {
        var members: [JSON.Member] = []
        for (column, value) in zip(relation.columns, row.values)
        where columns.contains(column.name) && (column.isKey || !keysOnly) {
            switch value {
            case .null: members.append(.init(column.name, .null))
            case .unchanged: break
            case .text(let text):
                let document = documents.contains(column.typeID) ? try? JSONReader.read(text) : nil
                members.append(.init(column.name, document ?? .string(text)))
            }
        }
        return .object(members)
    }
}
