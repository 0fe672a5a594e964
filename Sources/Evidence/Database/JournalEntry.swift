/// One row of `evidence.entries`, as it is hashed, exported and verified.
struct JournalEntry: Sendable, Hashable {
    var id: Int64
    /// The system identifier of the cluster that numbered the transaction.
    var cluster: Int64
    var xid: UInt64
    /// Microseconds since 1970, in decimal.
    var at: String
    var actor: String
    var kind: String
    var subject: String
    var outcome: String
    var body: String

    /// SHA-256 over every field, each with its length before it.
    var digest: [UInt8] {
        var hash = FieldHash(version: 3)
        hash.add(String(id))
        hash.add(String(cluster))
        hash.add(String(xid))
        hash.add(at)
        hash.add(actor)
        hash.add(kind)
        hash.add(subject)
        hash.add(outcome)
        hash.add(body)
        return hash.digest
    }
}

/// A signed seal over the entries of a range of transactions.
struct JournalBlock: Sendable, Hashable {
    /// From 1, without gaps.
    var number: Int64
    var cluster: Int64
    /// The block covers the transactions from the first up to, not including, the end.
    var firstXid: UInt64
    var endXid: UInt64
    var rowCount: Int
    /// Nil when it has no row.
    var firstID: Int64?
    var lastID: Int64?
    /// Microseconds since 1970, in decimal, of the row with the highest id.
    var lastAt: String?
    /// Merkle root (RFC 6962) of the rows' digests, by id.
    var root: [UInt8]
    /// The first 8 bytes of each row's digest, by id: shows which row was changed.
    var marks: [UInt8]
    var sealedAt: String
    /// `hash` of the block before; 32 zeros for the first.
    var previous: [UInt8]
    var hash: [UInt8] = []
    /// Ed25519 over `hash`.
    var signature: [UInt8] = []
    /// The public key.
    var key: [UInt8]

    static let firstPrevious = [UInt8](repeating: 0, count: 32)
    static let markBytes = 8

    /// SHA-256 over every field but the hash and the signature.
    var digest: [UInt8] {
        var fields = FieldHash(version: 4)
        fields.add(String(number))
        fields.add(String(cluster))
        fields.add(String(firstXid))
        fields.add(String(endXid))
        fields.add(String(rowCount))
        fields.add(firstID.map(String.init) ?? "")
        fields.add(lastID.map(String.init) ?? "")
        fields.add(lastAt ?? "")
        fields.add(root)
        fields.add(marks)
        fields.add(sealedAt)
        fields.add(previous)
        fields.add(key)
        return fields.digest
    }
}
