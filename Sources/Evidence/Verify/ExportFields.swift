internal import Cryptography

extension JournalEntry {
    /// From a line of an export; nil when a field is missing, malformed or one too many.
    init?(fields: [String: String]) {
        guard fields.count == 9, let id = fields["entry"].flatMap({ Int64($0) }),
            let cluster = fields["cluster"].flatMap({ Int64(exactText: $0) }),
            let xid = fields["xid"].flatMap({ UInt64(exactText: $0) }), let at = fields["at"],
            let actor = fields["actor"], let kind = fields["kind"], let subject = fields["subject"],
            let outcome = fields["outcome"], let body = fields["body"]
        else { return nil }
        self.init(
            id: id, cluster: cluster, xid: xid, at: at, actor: actor, kind: kind, subject: subject, outcome: outcome,
            body: body)
    }
}

extension JournalBlock {
    /// From a line of an export; nil when a field is missing, malformed or one too many.
    init?(fields: [String: String]) {
        func bytes(_ name: String) -> [UInt8]? { fields[name].flatMap { [UInt8](hex: $0) } }
        let isEmpty = fields["first_id"] == nil && fields["last_id"] == nil && fields["last_at"] == nil
        let firstID = fields["first_id"].flatMap({ Int64($0) })
        let lastID = fields["last_id"].flatMap({ Int64($0) })
        guard fields.count == (isEmpty ? 12 : 15), isEmpty || (firstID != nil && lastID != nil),
            let number = fields["block"].flatMap({ Int64($0) }), number > 0, number < .max,
            let cluster = fields["cluster"].flatMap({ Int64(exactText: $0) }),
            let firstXid = fields["first_xid"].flatMap({ UInt64(exactText: $0) }),
            let endXid = fields["end_xid"].flatMap({ UInt64(exactText: $0) }),
            let rowCount = fields["rows"].flatMap({ Int($0) }), (0...(1 << 40)).contains(rowCount),
            let sealedAt = fields["sealed_at"], let root = bytes("root"), let marks = bytes("marks"),
            let previous = bytes("previous"), let hash = bytes("hash"), let signature = bytes("signature"),
            let key = bytes("key")
        else { return nil }
        self.init(
            number: number, cluster: cluster, firstXid: firstXid, endXid: endXid, rowCount: rowCount, firstID: firstID,
            lastID: lastID, lastAt: fields["last_at"], root: root, marks: marks, sealedAt: sealedAt,
            previous: previous, hash: hash, signature: signature, key: key)
    }
}

extension FixedWidthInteger {
    /// Reads the one way to write the number: no sign or zero too many.
    fileprivate init?(exactText text: String) {
        guard let value = Self(text), String(value) == text else { return nil }
        self = value
    }
}
