internal import Postgres
internal import Web

/// Writes the `data` of changes, once for all who see the same columns.
struct ChangeWriter {
    private struct Shape: Hashable {
        let index: Int
        let columns: Set<String>
        let isOldSeen: Bool
    }

    private let batch: TableBatch
    private let bytesMax: Int
    /// By row number.
    private var rendered: [Int: JSON] = [:]
    private var written: [Shape: String] = [:]

    /// Has the rows of the `needed` changes put into JSON by the server.
    init(_ batch: TableBatch, _ store: ChangeStore, _ limits: RealtimeSettings.Limits, needed: Set<Int>) async throws {
        self.batch = batch
        bytesMax = limits.changeBytesMax
        let numbers = needed.sorted().flatMap { [batch.newNumbers[$0], batch.oldNumbers[$0]].compactMap { $0 } }
        do {
            let values = try await store.render(numbers.map { batch.rows[$0 - 1].values }, of: batch.table)
            for (number, value) in zip(numbers, values) { rendered[number] = value }
        } catch let error as PostgresError where error.isAboutTheQuestion {
            // The table was altered or dropped since: the values as the log has them.
            for number in numbers { rendered[number] = Self.plain(batch.rows[number - 1].values, batch.table) }
        }
    }

    private static func plain(_ row: ReplicatedRow, _ table: FollowedTable) -> JSON {
        .object(
            zip(table.columns, row.values).map { column, value in
                if case .text(let text) = value { .init(column.name, .string(text)) } else { .init(column.name, .null) }
            })
    }

    mutating func data(_ index: Int, columns: Set<String>, isOldSeen: Bool) -> String {
        let shape = Shape(index: index, columns: columns, isOldSeen: isOldSeen)
        if let text = written[shape] { return text }
        var text = compose(shape, valueBytesMax: .max)
        if text.utf8.count > bytesMax { text = compose(shape, valueBytesMax: 64) }
        written[shape] = text
        return text
    }

    private func compose(_ shape: Shape, valueBytesMax: Int) -> String {
        let change = batch.changes[shape.index]
        let table = batch.table
        let shown = table.columns.filter { shape.columns.contains($0.name) }
        var members: [JSON.Member] = [
            .init("schema", .string(table.schema)), .init("table", .string(table.name)),
            .init("commit_timestamp", .string(TimeText.iso(change.commitMicroseconds))),
            .init("type", .string(change.kind.rawValue)),
            .init("id", .string(change.id.description)),
            .init("errors", valueBytesMax == .max ? .null : ["Error 413: Payload Too Large"]),
            .init("columns", .array(shown.map { ["name": .string($0.name), "type": .string($0.typeName)] })),
        ]
        if let number = batch.newNumbers[shape.index] {
            members.append(.init("record", row(number, shape.columns, valueBytesMax)))
        }
        if change.kind != .insert {
            members.append(.init("old_record", old(shape, valueBytesMax)))
        }
        return JSON.object(members).text
    }

    /// The old row if it may be seen; else the key of the new one, which may.
    private func old(_ shape: Shape, _ valueBytesMax: Int) -> JSON {
        if shape.isOldSeen, let number = batch.oldNumbers[shape.index] {
            return row(number, shape.columns, valueBytesMax)
        }
        guard batch.oldNumbers[shape.index] == nil, let number = batch.newNumbers[shape.index] else {
            return .object([])
        }
        return row(number, shape.columns.intersection(batch.table.identityNames), valueBytesMax)
    }

    private func row(_ number: Int, _ columns: Set<String>, _ valueBytesMax: Int) -> JSON {
        let known = batch.rows[number - 1].known
        let members = (rendered[number]?.members ?? []).filter { member in
            columns.contains(member.name) && known?.contains(member.name) ?? true
                && (valueBytesMax == .max || member.value.text.utf8.count <= valueBytesMax)
        }
        return .object(members)
    }
}
