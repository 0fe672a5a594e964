internal import CArgon2
internal import Cryptography

/// How much work a password's hash takes (RFC 9106).
public struct Argon2Parameters: Sendable, Hashable {
    /// The second of the choices that OWASP names: 19 MiB, two passes, one lane.
    public var memoryKiB: UInt32 = 19_456
    public var passes: UInt32 = 2

    /// What a stored hash may ask of us: a hash that came from elsewhere is not run without a bound.
    static let memoryKiBMax: UInt32 = 262_144
    static let passesMax: UInt32 = 16
    static let lanesMax: UInt32 = 8

    public init() {}
}

/// Argon2 by the reference library. Each call takes tens of milliseconds: only `PasswordWorkers` calls it.
enum Argon2 {
    static func hash(_ password: [UInt8], _ parameters: Argon2Parameters) throws -> String {
        let salt = try SecureRandom.bytes(16)
        let memory = min(max(parameters.memoryKiB, 8), Argon2Parameters.memoryKiBMax)
        let passes = min(max(parameters.passes, 1), Argon2Parameters.passesMax)
        var encoded = [CChar](repeating: 0, count: 160)
        let outcome = argon2id_hash_encoded(
            passes, memory, 1, password, password.count, salt, salt.count, 32, &encoded, encoded.count)
        guard outcome == ARGON2_OK.rawValue else { throw AuthError.unavailable }
        return String(decoding: encoded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func matches(_ password: [UInt8], _ hash: String) -> Bool {
        guard let stored = Stored(hash), stored.isBounded else { return false }
        let type = stored.isID ? Argon2_id : Argon2_i
        return argon2_verify(hash, password, password.count, type) == ARGON2_OK.rawValue
    }

    /// Whether a hash takes less work than we ask of new ones.
    static func isWeaker(_ hash: String, than parameters: Argon2Parameters) -> Bool {
        guard let stored = Stored(hash) else { return true }
        return !stored.isID || stored.memory < parameters.memoryKiB || stored.passes < parameters.passes
    }

    /// The parameters in `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
    private struct Stored {
        let isID: Bool
        var memory: UInt32 = 0
        var passes: UInt32 = 0
        var lanes: UInt32 = 0

        init?(_ hash: String) {
            let parts = hash.split(separator: "$")
            guard hash.utf8.count < 512, parts.count == 5, parts[0] == "argon2id" || parts[0] == "argon2i" else {
                return nil
            }
            isID = parts[0] == "argon2id"
            for setting in parts[2].split(separator: ",") {
                let pair = setting.split(separator: "=")
                guard pair.count == 2, let value = UInt32(pair[1]) else { return nil }
                switch pair[0] {
                case "m": memory = value
                case "t": passes = value
                case "p": lanes = value
                default: return nil
                }
            }
        }

        var isBounded: Bool {
            memory <= Argon2Parameters.memoryKiBMax && passes <= Argon2Parameters.passesMax
                && (1...Argon2Parameters.lanesMax).contains(lanes)
        }
    }
}
