internal import Cryptography
internal import Foundation
internal import Recovery
internal import Tokens
internal import Web

/// The secret that signs the project's two standing keys, and the password that the server connects with.
struct ApiKeys: Sendable {
    let secret: [UInt8]
    let createdAt: Int64
    let password: String

    private struct Record: Codable {
        let secret: String
        let createdAt: Int64
        let password: String
    }

    /// Reads the keys of a data directory, made on the first call.
    static func open(_ data: DataDirectory) throws -> ApiKeys {
        let path = data.keys + "/api.json"
        if let bytes = FileManager.default.contents(atPath: path) {
            guard let record = try? JSONDecoder().decode(Record.self, from: bytes), record.secret.utf8.count >= 32
            else {
                throw RecoveryError(
                    code: "api_keys_unreadable", message: "the file \(path) holds no API keys",
                    hint: "Bring it back from a backup, or remove it to make new keys; tokens of old keys end with it.",
                    exitStatus: .environment)
            }
            return ApiKeys(secret: Array(record.secret.utf8), createdAt: record.createdAt, password: record.password)
        }
        let record = Record(
            secret: try random(), createdAt: Int64(Date().timeIntervalSince1970), password: try random())
        try data.prepare()
        let written = FileManager.default.createFile(
            atPath: path, contents: try JSONEncoder().encode(record), attributes: [.posixPermissions: 0o600])
        guard written else {
            throw RecoveryError(
                code: "api_keys_unwritable", message: "the file \(path) can not be written",
                hint: "Check the folder's permissions and the room on its disk.", exitStatus: .environment)
        }
        return ApiKeys(secret: Array(record.secret.utf8), createdAt: record.createdAt, password: record.password)
    }

    private static func random() throws -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<6).map { _ in String(generator.next() as UInt64, radix: 36) }.joined()
    }

    var signingKey: TokenKey? { TokenKey(secret: secret) }

    /// A standing key of ten years for a role, as Supabase's `anon` and `service_role` keys are.
    func key(for role: String) throws -> String {
        let keys = KeySet(signingKey.map { [$0] } ?? [])
        let decade: Int64 = 10 * 365 * 86_400
        return try keys.token([
            "iss": "digitalbank", "role": .string(role), "iat": .integer(createdAt),
            "exp": .integer(createdAt + decade),
        ])
    }
}
