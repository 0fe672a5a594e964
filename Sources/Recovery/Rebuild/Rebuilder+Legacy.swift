internal import Postgres
internal import Synchronization

/// Columns that come encrypted under the old bank's key: opened row by row on the way, sealed anew by each table's own
/// code. What does not open is kept as it is, in `archive.colonnes_non_ouvertes`, and found by the report.
extension Rebuilder {
    /// The positions among `columns` that the mapping calls legacy.
    func legacyFields(of source: Mapping.TargetTable, _ columns: [String]) -> [(field: Int, column: String)] {
        columns.enumerated().compactMap { field, column in
            if case .legacyEncrypted = source.columns[column] { (field, column) } else { nil }
        }
    }

    /// `transform` behind the opening of `fields`. A value that does not open becomes NULL.
    func opening(
        _ fields: [(field: Int, column: String)], of table: String,
        before transform: @escaping @Sendable (CopyLine, inout CopyTextWriter) throws -> Bool
    ) -> @Sendable (CopyLine, inout CopyTextWriter) throws -> Bool {
        guard !fields.isEmpty else { return transform }
        return { [self] line, out in
            var opened = CopyTextWriter()
            for field in 0..<line.fieldCount {
                guard let column = fields.first(where: { $0.field == field })?.column, let value = line.value(field)
                else {
                    if let raw = line.raw(field) { opened.raw(raw) }
                    continue
                }
                switch legacy.open(value) {
                case .success(let plaintext): opened.text(plaintext)
                case .failure(let closed):
                    opened.null()
                    keepClosed(line.string(0), table, column, closed.refusal)
                }
            }
            return try opened.bytes.withUnsafeBufferPointer {
                try transform(CopyLine($0, original: line.whole), &out)
            }
        }
    }

    private func keepClosed(_ row: String?, _ table: String, _ column: String, _ refusal: LegacyColumns.Refusal) {
        state.withLock { state in
            _ = state.closed[ClosedColumn(table: table, column: column, refusal: refusal.rawValue), default: []]
                .insert(row ?? "")
        }
    }

    /// Copies the values that did not open, still encrypted, beside the archived tables.
    func archiveClosedColumns() async throws {
        let closed = state.withLock { $0.closed }
        guard !closed.isEmpty else { return }
        for statement in RebuildStore.makeArchive + RebuildStore.makeClosedColumns { try await target.run(statement) }
        for (place, rows) in closed.sorted(by: { $0.key < $1.key }) {
            guard let source = mapping.targets[place.table] else { continue }
            let key = Self.keyColumn[place.table] ?? "id"
            let copy = RebuildStore.copy(
                "archive.colonnes_non_ouvertes", ["source", "colonne", "ligne", "motif", "chiffre"])
            let pump = Pump(source: room, target: target, copy: copy) { [self] in
                try refuse(place.table, $0, $1.message)
            }
            let count = try await pump.run(SourceQuery(target: source).statement([key, place.column])) { line, out in
                guard rows.contains(line.string(0) ?? ""), let value = line.raw(1), line.value(1) != nil else {
                    return false
                }
                out.text(place.table)
                out.text(place.column)
                out.text(line.string(0))
                out.text(place.refusal)
                out.raw(value)
                return true
            }
            state.withLock { $0.rows["archive.colonnes_non_ouvertes", default: 0] += count }
        }
    }

    /// Tables whose rows are not named by `id` in a mapping.
    private static let keyColumn = ["clients": "numero"]
}

/// Where values stayed closed, and why.
struct ClosedColumn: Codable, Hashable, Sendable, Comparable {
    let table: String
    let column: String
    let refusal: String

    static func < (left: ClosedColumn, right: ClosedColumn) -> Bool {
        (left.table, left.column, left.refusal) < (right.table, right.column, right.refusal)
    }
}

/// How many values of a column stayed closed.
struct ClosedCount: Codable, Sendable {
    let place: ClosedColumn
    let count: Int64

    var finding: DataFinding {
        DataFinding(
            rule: place.refusal.replacing("_", with: "-"), severity: "high", table: place.table, rowCount: count,
            samples: [],
            reason: BilingualText(
                fr:
                    "la colonne chiffrée \(place.column) ne s’ouvre pas \(words.fr) ; les valeurs restent chiffrées dans "
                    + "archive.colonnes_non_ouvertes",
                en: "the encrypted column \(place.column) does not open: \(words.en); the values stay encrypted in "
                    + "archive.colonnes_non_ouvertes"),
            repair: nil, repaired: 0)
    }

    private var words: BilingualText {
        switch LegacyColumns.Refusal(rawValue: place.refusal) {
        case .keyMissing:
            BilingualText(fr: "sans sa clé (--legacy-key-file)", en: "its key was not given (--legacy-key-file)")
        case .keyWrong: BilingualText(fr: "avec la clé donnée", en: "not with the key that was given")
        case .unknown: BilingualText(fr: "(procédé non lu)", en: "its cipher is not read")
        case .broken, nil: BilingualText(fr: "(valeur abîmée)", en: "the value is broken")
        }
    }
}
