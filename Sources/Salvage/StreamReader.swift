internal import Foundation

/// Reads one table's stream: first as if it were intact, and when it is not, anew for what can be saved of it.
struct StreamReader {
    let table: String
    let columns: [String]
    let grammar: RowGrammar?
    /// The stream's name for people: `entry 12`, `3392.dat`.
    let source: String
    let codec: Codec
    let emit: (ReadEvent) throws -> Void
    /// True for archives whose bytes nothing checks: tar members, uncompressed data.
    var isChecked: Bool { codec == .zlib || codec == .gzip }

    /// Feeds a decoder the stream's bytes; returns what is broken in the way they are framed, nil when nothing is.
    /// An empty piece is a mark: of uncompressed chunks, broken bytes stand between two of them.
    typealias Feed = (_ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void) throws -> Damage?

    /// Stops a feed early; never leaves this file.
    private struct Stop: Error {}

    func read(_ feed: Feed) throws -> (summary: TableSummary, damage: [Damage]) {
        try emit(.begin(table: table, columns: columns))
        if let summary = try readIntact(feed) {
            try emit(.end(summary))
            return (summary, [])
        }
        try emit(.restart(table: table))
        let salvage = StreamSalvage(reader: self)
        let (summary, damage) = try salvage.read(feed)
        try emit(.end(summary))
        return (summary, damage)
    }

    /// Nil when the stream is damaged.
    private func readIntact(_ feed: Feed) throws -> TableSummary? {
        let decoder = try codec.decoder()
        let assembler = RowAssembler(
            table: table, columns: columns, grammar: grammar, isProvenAtEnd: decoder.hasChecksum, source: source,
            emit: emit)
        let damage: Damage?
        do {
            damage = try feed { bytes, _ in
                try decoder.decode(bytes) { try assembler.feed($0) }
            }
        } catch is CodecFailure {
            return nil
        } catch is RowAssembler.Violation {
            return nil
        }
        guard damage == nil, decoder.isFinished, assembler.sawTerminator || assembler.openLine.isEmpty else {
            return nil
        }
        try assembler.flush()
        var summary = TableSummary(table: table)
        summary.isProven = decoder.hasChecksum
        summary.proven = decoder.hasChecksum ? assembler.rowCount : 0
        summary.intact = decoder.hasChecksum ? 0 : assembler.rowCount
        return summary
    }
}
