internal import Auth
internal import Cryptography
internal import Foundation
internal import Recovery
internal import Tokens

/// The keys that sign access tokens: ES256, in `keys/tokens.sealed`. The project's secret goes on verifying the two
/// standing keys.
struct SigningKeys: Sendable {
    private let file: SigningKeyFile
    private let path: String
    private let standing: TokenKey

    init(_ data: DataDirectory, _ keys: ApiKeys) throws {
        guard let standing = keys.signingKey else {
            throw RecoveryError(
                code: "api_keys_unreadable", message: "the API secret is shorter than 32 bytes",
                hint: "Remove keys/api.json to make new keys; tokens of old keys end with it.",
                exitStatus: .environment)
        }
        self.standing = standing
        path = data.keys + "/tokens.sealed"
        file = SigningKeyFile(
            path: path,
            sealingKey: HKDF.derive(
                key: keys.secret, salt: Array("digitalbank".utf8), info: Array("signing-keys".utf8)))
    }

    func load() throws -> AuthKeys { try file.load().verifying(also: standing) }

    /// The key that was published next signs from now on; running servers see it within seconds.
    func rotate() throws -> String {
        _ = try file.load()
        return try file.rotate().tokens.active?.id ?? ""
    }

    /// Takes over a rotation by another process, until the task is cancelled.
    func watch(_ auth: AuthService, _ verifier: TokenVerifier) async throws {
        var stamp = modified
        while true {
            try await Task.sleep(for: .seconds(2))
            guard modified != stamp else { continue }
            stamp = modified
            // The verifier first: no token may come back that it does not know.
            guard let keys = try? load() else { continue }
            verifier.replace(keys: keys.tokens)
            auth.replace(keys: keys)
        }
    }

    private var modified: Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
}
