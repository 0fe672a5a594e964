internal import Bank
internal import Cryptography
internal import Diagnostics
internal import Foundation
internal import Migrations
internal import Postgres
internal import Synchronization
internal import Vault

/// Makes the canonical bank out of the clean room's rows: sealed, keyed, booked.
///
/// One file per family of tables adds its part in an extension; this one holds what they share.
final class Rebuilder: Sendable {
    let mapping: Mapping
    let room: Database
    let target: Database
    let keys: VaultKeys
    let quarantine: QuarantineFile
    let legacy: LegacyColumns
    let progress: ProgressSink
    let state = Mutex(State())

    /// What earlier tables leave for later ones.
    struct State {
        /// The client's new id by its number in the source.
        var clients: [Int64: UUID] = [:]
        var dataKeys: [UUID: DataKey] = [:]
        var accounts: Set<Int64> = []
        var accountOwners: [Int64: Int64] = [:]
        var cards: Set<Int64> = []
        var beneficiaries: Set<Int64> = []
        /// Beneficiaries that a person has to check before they are used.
        var unverifiedBeneficiaries: Set<Int64> = []
        var rows: [String: Int64] = [:]
        var refused: [String: Int64] = [:]
        var notes: [String: Int64] = [:]
        /// Archived rows with card data in them, by table.
        var masked: [String: Int64] = [:]
        /// Sum of all amounts that went in, in minor units: what the ledger adds up must fit its numbers.
        var bookedMinor: Int64 = 0
        /// Rows whose legacy encrypted column did not open.
        var closed: [ClosedColumn: Set<String>] = [:]
    }

    init(
        mapping: Mapping, room: Database, target: Database, keys: VaultKeys, quarantine: QuarantineFile,
        legacy: LegacyColumns, progress: @escaping ProgressSink
    ) {
        self.mapping = mapping
        self.room = room
        self.target = target
        self.keys = keys
        self.quarantine = quarantine
        self.legacy = legacy
        self.progress = progress
    }

    /// Copies one canonical table when the mapping has it.
    func copy(
        _ table: String, columns: [String], into targetColumns: [String],
        _ transform: @escaping @Sendable (CopyLine, inout CopyTextWriter) throws -> Bool
    ) async throws {
        guard let source = mapping.targets[table] else { return }
        progress(ProgressUpdate(stage: Stage.rebuild.rawValue, subject: table, done: 0, total: nil, unit: "rows"))
        let query = SourceQuery(target: source)
        let opened = opening(legacyFields(of: source, columns), of: table) { [self] line, out in
            guard let key = line.integer(0), key > Self.keyMax else { return try transform(line, &out) }
            try refuse(table, line, "its key leaves no room for others behind it")
            return false
        }
        let pump = Pump(
            source: room, target: target, emptying: RebuildStore.empty(table),
            copy: RebuildStore.copy(table, targetColumns)
        ) { [self] in
            withdraw(table, $0)
            try refuse(table, $0, $1.message)
        }
        let quarantineStart = try quarantine.end()
        let bad = BadRows(source: room, target: source, table: table, columns: columns)
        let count: Int64
        do {
            count = try await pump.run(query.statement(columns), transform: opened)
        } catch let failure as Pump.SourceRefused {
            try forget(table, quarantineStart)
            try await bad.setAside(because: failure.error)
            count = try await pump.run(query.statement(columns), transform: opened)
        }
        try await bad.each { [self] row, reason in
            try refuse(table, row, "its values do not fit the mapping: \(reason)")
        }
        state.withLock { $0.rows[table] = count }
    }

    /// Asks the clean room about a canonical table's rows; rows that can not be read are set aside, and it is asked again.
    func readable<Answer: Sendable>(
        _ table: String, _ source: Mapping.TargetTable, _ columns: [String],
        _ ask: () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await ask()
        } catch let error as PostgresError where error.isAboutTheRow {
            try await BadRows(source: room, target: source, table: table, columns: columns).setAside(because: error)
            return try await ask()
        }
    }

    /// Sets a row aside that can not stand in the canonical bank, with the reason.
    func refuse(_ table: String, _ line: CopyLine, _ reason: String) throws {
        try refuse(table, line.whole, reason)
    }

    func refuse(_ table: String, _ row: [UInt8], _ reason: String) throws {
        state.withLock { $0.refused[table, default: 0] += 1 }
        try quarantine.add(table: table, row: row, kind: .refused, reason: reason, place: "rebuild")
    }

    /// The target refused a row that later tables were to refer to: they must not.
    private func withdraw(_ table: String, _ row: [UInt8]) {
        let key = row.withUnsafeBufferPointer { CopyLine($0).integer(0) }
        guard let key else { return }
        state.withLock { state in
            switch table {
            case "clients":
                if let id = state.clients.removeValue(forKey: key) { state.dataKeys[id] = nil }
            case "comptes":
                state.accounts.remove(key)
                state.accountOwners[key] = nil
            case "cartes": state.cards.remove(key)
            case "beneficiaires": state.beneficiaries.remove(key)
            default: break
            }
        }
    }

    /// A table is copied anew: what was noted of its rows comes again.
    private func forget(_ table: String, _ quarantineStart: UInt64) throws {
        try quarantine.cut(to: quarantineStart)
        state.withLock { state in
            state.refused[table] = nil
            state.closed = state.closed.filter { $0.key.table != table }
            switch table {
            case "clients":
                state.clients = [:]
                state.dataKeys = [:]
            case "comptes":
                state.accounts = []
                state.accountOwners = [:]
                state.notes = [:]
            case "cartes": state.cards = []
            case "beneficiaires": state.beneficiaries = []
            default: break
            }
        }
    }

    /// Adds what another one copied beside this one, its quarantine too.
    func take(_ other: Rebuilder) throws {
        let theirs = other.state.withLock { $0 }
        state.withLock { state in
            state.rows.merge(theirs.rows) { $0 + $1 }
            state.refused.merge(theirs.refused) { $0 + $1 }
            state.notes.merge(theirs.notes) { $0 + $1 }
            state.masked.merge(theirs.masked) { $0 + $1 }
            state.closed.merge(theirs.closed) { $0.union($1) }
        }
        try quarantine.take(other.quarantine)
    }

    func note(_ what: String) { state.withLock { $0.notes[what, default: 0] += 1 } }

    /// The same client number gives the same id in every run with the same keys, so that a resumed rebuild is the same.
    func clientID(_ number: Int64) -> UUID {
        let index = BlindIndex(root: keys.indexing, purpose: "clients.id")
        return Self.uuid(index.code(Array(String(number).utf8)))
    }

    /// A version 8 UUID (RFC 9562) of the first 16 bytes.
    static func uuid(_ bytes: [UInt8]) -> UUID {
        var raw = Array(bytes.prefix(16))
        raw[6] = raw[6] & 0x0F | 0x80
        raw[8] = raw[8] & 0x3F | 0x80
        return raw.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}

extension CopyLine {
    var whole: [UInt8] {
        if let original { return original }
        return (0..<fieldCount).map { Array(raw($0) ?? .init(start: nil, count: 0)) }.joined(separator: [9]) + [10]
    }

    /// An amount in minor units; nil when it is NULL or no decimal of the currency.
    func money(_ field: Int, _ currency: Currency) -> Int64? {
        if let raw = raw(field), let minor = CopyLine.plainDecimal(raw, currency.exponent) { return minor }
        return string(field).flatMap { Money(decimal: $0, currency: currency)?.minor }
    }

    /// The usual form, `-123.45` with exactly the currency's decimals and at most 15 digits; nil for any other.
    private static func plainDecimal(_ raw: UnsafeBufferPointer<UInt8>, _ exponent: Int) -> Int64? {
        let isNegative = raw.first == UInt8(ascii: "-")
        let first = isNegative ? 1 : 0
        let point = raw.count - exponent - 1
        guard exponent > 0, raw.count <= 17, point > first, raw[point] == UInt8(ascii: ".") else { return nil }
        var value: Int64 = 0
        for position in first..<raw.count where position != point {
            guard raw[position] >= 48, raw[position] <= 57 else { return nil }
            value = value * 10 + Int64(raw[position] - 48)
        }
        return isNegative ? -value : value
    }

    /// The field when it is one of `allowed`, else `other`.
    func word(_ field: Int, among allowed: Set<String>, else other: String) -> String {
        guard let text = string(field)?.lowercased(), allowed.contains(text) else { return other }
        return text
    }
}
