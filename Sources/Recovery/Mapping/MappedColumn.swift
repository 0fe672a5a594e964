/// Where a canonical column's value comes from.
public enum MappedColumn: Decodable, Sendable {
    /// An SQL expression over the raw tables.
    case expression(String)
    /// A bytea column written with pgcrypto's `pgp_sym_encrypt` under the bank's old key.
    case legacyEncrypted(column: String)

    private enum CodingKeys: String, CodingKey {
        case plain, legacy
    }

    public init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            self = .expression(text)
            return
        }
        let keyed = try decoder.container(keyedBy: CodingKeys.self)
        if let column = try keyed.decodeIfPresent(String.self, forKey: .legacy) {
            self = .legacyEncrypted(column: column)
        } else {
            self = .expression(try keyed.decode(String.self, forKey: .plain))
        }
    }
}
