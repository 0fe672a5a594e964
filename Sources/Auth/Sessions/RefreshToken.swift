internal import Cryptography
internal import Tokens

/// A refresh token: the session, the number of its refresh, and a proof that this server made it. It is computed, not
/// stored: a copy of the database gives none, and asking twice for the successor gives the same one.
struct RefreshToken: Sendable {
    let sessionID: String
    let counter: Int64

    private static let proofBytes = 24

    func text(_ key: [UInt8]) -> String {
        let message = Self.message(sessionID, counter)
        return Base64URL.encode(message + Self.proof(message, key))
    }

    init(sessionID: String, counter: Int64) {
        self.sessionID = sessionID
        self.counter = counter
    }

    /// Nil for what this server did not make.
    init?(_ text: String, key: [UInt8]) {
        guard text.utf8.count == 64, let bytes = Base64URL.decode(text), bytes.count == 24 + Self.proofBytes else {
            return nil
        }
        let message = Array(bytes.prefix(24))
        guard ConstantTime.areEqual(Array(bytes.suffix(Self.proofBytes)), Self.proof(message, key)) else { return nil }
        let hex = Array(Array(message.prefix(16)).hex)
        sessionID = [hex[0..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20..<32]]
            .map { String($0) }.joined(separator: "-")
        counter = message.suffix(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func message(_ sessionID: String, _ counter: Int64) -> [UInt8] {
        let id = [UInt8](hex: sessionID.replacing("-", with: "")) ?? []
        return id + withUnsafeBytes(of: counter.bigEndian) { Array($0) }
    }

    private static func proof(_ message: [UInt8], _ key: [UInt8]) -> [UInt8] {
        Array(HMACSHA256.code(message, key: key).prefix(proofBytes))
    }
}
