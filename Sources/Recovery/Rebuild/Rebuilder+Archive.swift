internal import Postgres
internal import Synchronization
internal import Salvage

extension Rebuilder {
    /// Source tables without a canonical place, kept as they are. Returns their names.
    func archive(_ tables: [String], types: (String) -> [(name: String, type: String)]) async throws {
        for statement in RebuildStore.makeArchive { try await target.run(statement) }
        for table in tables {
            let name = RoomName.table(table)
            guard mapping.targets.values.allSatisfy({ $0.from != name }), mapping.discarded[name] == nil,
                !isSource(name)
            else { continue }
            let columns = types(table)
            for statement in RebuildStore.createArchived(name, columns: columns) { try await target.run(statement) }
            let relation = CleanRoomStore.relation(table)
            let copy = CleanRoomStore.copy(into: "archive.\(identifier: name)", columns: columns.map(\.name))
            let pump = Pump(source: room, target: target, copy: copy) { [self] in try refuse(name, $0, $1.message) }
            let count = try await pump.run(CleanRoomStore.everything(of: relation)) { [self] line, out in
                if Self.copyMasked(line, columns, to: &out) { try withhold("archive." + name, line) }
                return true
            }
            state.withLock { $0.rows["archive." + name] = count }
        }
    }

    /// Whether a canonical table is made of this source table.
    private func isSource(_ name: String) -> Bool {
        guard mapping.archived[name] == nil else { return false }
        return mapping.targets.values.contains { target in
            target.from.split { !($0.isLetter || $0.isNumber || $0 == "_") }.contains { $0 == name }
        }
    }
}
