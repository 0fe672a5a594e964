internal import CCrypt
internal import Cryptography
internal import Glibc

/// A stored hash of a password, of whatever kind it is. All but Argon2id are accepted once and replaced.
enum StoredHash: Sendable, Hashable {
    case argon2(String)
    /// bcrypt, SHA-crypt, yescrypt and their like, by the system's crypt(3).
    case crypt(String)
    /// The unsalted hexadecimal digest of a former bank.
    case digest(hex: String)
    /// A kind that we do not verify.
    case unknown

    /// bcrypt's exponent above which a hash that came from elsewhere is not run.
    private static let bcryptCostMax = 14
    private static let cryptPrefixes = ["$5$", "$6$", "$y$", "$1$"]

    init(_ text: String) {
        if text.hasPrefix("$argon2i") {
            self = .argon2(text)
        } else if text.hasPrefix("$2a$") || text.hasPrefix("$2b$") || text.hasPrefix("$2y$"), text.utf8.count == 60 {
            self = .crypt(text)
        } else if Self.cryptPrefixes.contains(where: text.hasPrefix), text.utf8.count < 200 {
            self = .crypt(text)
        } else if [32, 40, 64, 128].contains(text.utf8.count), [UInt8](hex: text) != nil {
            self = .digest(hex: text.lowercased())
        } else {
            self = .unknown
        }
    }

    /// Whether a hash given by an administrator can ever match.
    var isVerifiable: Bool { self != .unknown && !isCostly }

    var isCurrent: Bool { if case .argon2 = self { true } else { false } }

    func matches(_ password: [UInt8]) -> Bool {
        switch self {
        case .argon2(let hash): return Argon2.matches(password, hash)
        case .crypt(let hash): return !isCostly && Self.crypt(password, hash)
        case .digest(let hex): return Self.digest(password, hex)
        case .unknown: return false
        }
    }

    private var isCostly: Bool {
        guard case .crypt(let hash) = self else { return false }
        let parts = hash.split(separator: "$")
        if hash.hasPrefix("$2") {
            return (parts.count > 1 ? Int(parts[1]) : nil).map { $0 > Self.bcryptCostMax } ?? true
        }
        if let rounds = parts.first(where: { $0.hasPrefix("rounds=") }) {
            return (Int(rounds.dropFirst(7)) ?? .max) > 500_000
        }
        return false
    }

    private static func crypt(_ password: [UInt8], _ hash: String) -> Bool {
        guard !password.contains(0), password.count < 512 else { return false }
        var data: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer { free(data) }
        let phrase = password.map { CChar(bitPattern: $0) } + [0]
        guard let made = crypt_ra(phrase, hash, &data, &size) else { return false }
        return ConstantTime.areEqual(Array(String(cString: made).utf8), Array(hash.utf8))
    }

    private static func digest(_ password: [UInt8], _ hex: String) -> Bool {
        let kind: LegacyDigest =
            switch hex.utf8.count {
            case 32: .md5
            case 40: .sha1
            case 64: .sha256
            default: .sha512
            }
        guard let made = try? kind.hash(password) else { return false }
        return ConstantTime.areEqual(Array(made.hex.utf8), Array(hex.utf8))
    }
}
