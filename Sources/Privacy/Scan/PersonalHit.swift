/// What a scan looks for.
public enum PersonalKind: String, Sendable, CaseIterable, Codable {
    case nir, siren, siret, phone, iban, card, email, name
}

/// One find: bytes of the text that was scanned.
public struct PersonalHit: Sendable, Hashable {
    public let kind: PersonalKind
    public let range: Range<Int>

    init(_ kind: PersonalKind, _ range: Range<Int>) {
        self.kind = kind
        self.range = range
    }
}
