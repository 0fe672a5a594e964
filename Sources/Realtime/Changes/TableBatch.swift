internal import Postgres

/// Changes of one table that are looked at together: their rows numbered from 1, as the server's answers count them.
struct TableBatch: Sendable {
    struct Row: Sendable {
        let values: ReplicatedRow
        /// The columns whose values came; nil for all of them.
        let known: Set<String>?
    }

    let table: FollowedTable
    let changes: [Change]
    private(set) var rows: [Row] = []
    /// The number of the new and of the old row of each change.
    private(set) var newNumbers: [Int?] = []
    private(set) var oldNumbers: [Int?] = []

    init(_ changes: [Change], of table: FollowedTable) {
        self.table = table
        self.changes = changes
        for change in changes {
            newNumbers.append(change.new.map { add($0, isKeyOnly: false) })
            switch change.old {
            case nil: oldNumbers.append(nil)
            case .full(let row): oldNumbers.append(add(row, isKeyOnly: false))
            case .key(let row): oldNumbers.append(add(row, isKeyOnly: true))
            }
        }
    }

    private mutating func add(_ row: ReplicatedRow, isKeyOnly: Bool) -> Int {
        var known: Set<String>?
        if isKeyOnly {
            known = table.identityNames
        } else if row.values.contains(.unchanged) || row.values.count != table.columns.count {
            known = Set(zip(table.columns, row.values).filter { $0.1 != .unchanged }.map { $0.0.name })
        }
        rows.append(Row(values: row, known: known))
        return rows.count
    }

    /// Large values that an update left alone stand in the old row when that is whole.
    static func filled(_ change: Change) -> Change {
        guard case .full(let old) = change.old, var new = change.new, new.values.contains(.unchanged),
            old.values.count == new.values.count
        else { return change }
        for index in new.values.indices where new.values[index] == .unchanged { new.values[index] = old.values[index] }
        var change = change
        change.new = new
        return change
    }
}
