internal import Web

/// A session in the part of an address that browsers keep to themselves.
struct SessionFragment: Sendable {
    private let text: String

    private static let names = [
        "access_token", "expires_at", "expires_in", "provider_token", "provider_refresh_token", "refresh_token",
        "token_type",
    ]

    /// - Parameter answer: what `SessionIssuer` gave.
    init(_ answer: String, type: VerificationType? = nil) throws {
        let json = try JSONReader.read(answer)
        var parts = Self.names.compactMap { name -> String? in
            switch json[name] {
            case .string(let value): "\(name)=\(PercentEncoding.encode(value))"
            case .number(let value): "\(name)=\(value)"
            default: nil
            }
        }
        if let type { parts.append("type=\(type.rawValue)") }
        text = parts.joined(separator: "&")
    }

    func address(_ place: RedirectURL?) -> String? { place?.text(fragment: text) }
}
