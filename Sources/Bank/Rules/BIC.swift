/// Business identifier codes (ISO 9362): four letters of the party, two of the country, two characters of the place, and
/// three of the branch or none.
public struct BIC: Hashable, Sendable {
    /// Upper case, 8 or 11 characters.
    public let text: String

    public init?(_ text: String) {
        let compact = IBAN.compact(text)
        guard Self.isValid(compact) else { return nil }
        self.text = String(decoding: compact, as: UTF8.self)
    }

    public var country: String { String(text.dropFirst(4).prefix(2)) }

    /// Nil for the head office, which `XXX` names too.
    public var branch: String? {
        let branch = text.dropFirst(8)
        return branch.isEmpty || branch == "XXX" ? nil : String(branch)
    }

    public static func isValid(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        guard bytes.count == 8 || bytes.count == 11 else { return false }
        return bytes.enumerated().allSatisfy { place, byte in
            (65...90).contains(byte) || (place >= 6 && (48...57).contains(byte))
        }
    }
}
