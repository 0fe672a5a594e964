internal import Postgres
internal import Salvage
internal import Synchronization

/// Two counts of a table's rows that should be one.
struct Imbalance: Codable, Sendable, Equatable {
    let table: String
    /// What was compared.
    let what: String
    let expected: Int64
    let found: Int64

    /// Nil when they agree.
    init?(_ table: String, _ what: String, expected: Int64, found: Int64) {
        guard expected != found else { return nil }
        (self.table, self.what, self.expected, self.found) = (table, what, expected, found)
    }

    var words: String { "\(table): \(what), \(expected) and \(found)" }
}

/// No row disappears: what was read is loaded or set aside, what was loaded is restored, set aside or left out by name.
enum Conservation {
    /// What the reader sent against what the loader took, and that against what it put into the clean room.
    static func reading(_ outcomes: [TableOutcome], _ report: ReadReport) -> [Imbalance] {
        var read: [String: Int64] = [:]
        for summary in report.tables {
            read[summary.table, default: 0] += Int64(
                summary.proven + summary.intact + summary.inferred + summary.suspect)
        }
        return outcomes.flatMap { table -> [Imbalance?] in
            let taken = table.proven + table.intact
            return [
                Imbalance(
                    table.name, "rows read and rows taken", expected: read[table.name] ?? 0,
                    found: taken + table.inferred + table.suspect),
                Imbalance(
                    table.name, "rows taken and rows loaded or refused", expected: taken,
                    found: table.loaded + table.refused),
            ]
        }
        .compactMap { $0 }
    }

    static let name = BilingualText(
        fr: "chaque ligne lue est restaurée, mise de côté ou écartée par son nom",
        en: "every row read is restored, set aside or left out by name")
}

extension RecoveryEngine {
    /// Counts the clean room's rows after the load.
    func imbalances(_ outcomes: [TableOutcome], _ report: ReadReport, _ database: Database) async throws -> [Imbalance]
    {
        var found = Conservation.reading(outcomes, report)
        for table in outcomes where table.loaded > 0 {
            let count = try await database.one(
                CleanRoomStore.countRows(CleanRoomStore.relation(table.name)), as: Int64.self)
            if let wrong = Imbalance(table.name, "rows loaded and rows there", expected: table.loaded, found: count) {
                found.append(wrong)
            }
        }
        return found
    }

    /// Follows the rows of each table from the clean room into the bank: repairs, refusals, and what went in.
    func conservation(
        _ salvaged: Salvaged, _ mapping: Mapping, _ rebuilder: Rebuilder, _ source: Database
    ) async throws -> CheckResult {
        let (rows, refused) = rebuilder.state.withLock { ($0.rows, $0.refused) }
        let hasRepairs = try await source.one(ReconcileStore.hasMarks, as: Bool.self)
        let hasUnreadable = try await source.one(BadRowsStore.exists, as: Bool.self)
        return try await timed(Conservation.name) {
            var wrong = salvaged.imbalances ?? []
            for table in salvaged.tables where table.loaded > 0 {
                let name = RoomName.table(table.name)
                var there = try await source.one(
                    CleanRoomStore.countRows(CleanRoomStore.relation(table.name)), as: Int64.self)
                if hasUnreadable { there += try await source.one(BadRowsStore.count(name), as: Int64.self) }
                let repaired = try await hasRepairs ? source.one(RepairStore.balance(name), as: Int64.self) : 0
                wrong += [
                    Imbalance(
                        table.name, "rows loaded and repaired, and rows there", expected: table.loaded + repaired,
                        found: there)
                ].compactMap { $0 }
                // A clause that joins tables may multiply rows: only plain ones are counted.
                let plain = mapping.targets.filter { target in
                    target.value.from.split(whereSeparator: \.isWhitespace).count <= 2
                        && SourceClause(target.value.from)?.relation == name
                }
                let places = plain.keys.sorted() + (rows["archive." + name] == nil ? [] : ["archive." + name])
                for place in places {
                    let aside = refused[place.hasPrefix("archive.") ? name : place] ?? 0
                    wrong += [
                        Imbalance(
                            table.name, "rows there and rows in \(place) or refused", expected: there,
                            found: (rows[place] ?? 0) + aside)
                    ].compactMap { $0 }
                }
            }
            return (wrong.isEmpty, wrong.isEmpty ? "none is missing" : wrong.map(\.words).joined(separator: "; "))
        }
    }
}
