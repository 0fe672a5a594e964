internal import Postgres

/// A table of the publication, as the catalogue and the log describe it.
final class FollowedTable: Sendable, Hashable {
    struct Column: Sendable {
        let name: String
        /// `int8`, `text`, `timestamptz`.
        let typeName: String
        /// json or jsonb, below any domain.
        let isJSON: Bool
        /// Part of the replica identity.
        let isIdentity: Bool
        let isPrimaryKey: Bool
    }

    let id: UInt32
    let schema: String
    let name: String
    let columns: [Column]

    init(id: UInt32, schema: String, name: String, columns: [Column]) {
        self.id = id
        self.schema = schema
        self.name = name
        self.columns = columns
    }

    var identityNames: Set<String> { Set(columns.filter(\.isIdentity).map(\.name)) }
    var fullName: String { "\(schema).\(name)" }

    static func == (left: FollowedTable, right: FollowedTable) -> Bool { left === right }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// One row that was inserted, updated or deleted.
struct Change: Sendable {
    enum Kind: String, Sendable {
        case insert = "INSERT"
        case update = "UPDATE"
        case delete = "DELETE"
    }

    let id: ChangeID
    let transactionID: UInt32
    let commitMicroseconds: Int64
    let table: FollowedTable
    let kind: Kind
    var new: ReplicatedRow?
    let old: ReplicationMessage.OldRow?

    var byteCount: Int { (new?.byteCount ?? 0) + (old?.row.byteCount ?? 0) + 96 }
}

/// The row of a change as JSON text for `jsonb_populate_record`: values as the strings their types read.
enum RecordText {
    static func of(_ row: ReplicatedRow, _ table: FollowedTable) -> String {
        var out = "{"
        for (column, value) in zip(table.columns, row.values) {
            guard case .text(let text) = value else { continue }
            if out.utf8.count > 1 { out += "," }
            out += JSONText.quoted(column.name)
            out += ":"
            // json is taken as it stands: it comes from a column of that type.
            out += column.isJSON ? text : JSONText.quoted(text)
        }
        return out + "}"
    }

    static func list(_ rows: [(row: ReplicatedRow, table: FollowedTable)]) -> String {
        "[" + rows.map { of($0.row, $0.table) }.joined(separator: ",") + "]"
    }
}
