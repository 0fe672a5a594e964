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

    /// Reads the keys of a data directory, made on the first call: of servers that start at once over one folder, the first
    /// makes them and the others read them.
    static func open(_ data: DataDirectory) throws -> ApiKeys {
        let path = data.keys + "/api.json"
        if let found = try read(path) { return found }
        let record = Record(
            secret: try random(), createdAt: Int64(Date().timeIntervalSince1970), password: try random())
        try data.prepare()
        let isOurs = try place(try JSONEncoder().encode(record), at: path)
        guard isOurs else {
            guard let found = try read(path) else { throw unwritable(path) }
            return found
        }
        return ApiKeys(secret: Array(record.secret.utf8), createdAt: record.createdAt, password: record.password)
    }

    /// Nil when there is no file.
    private static func read(_ path: String) throws -> ApiKeys? {
        guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
        guard let record = try? JSONDecoder().decode(Record.self, from: bytes), record.secret.utf8.count >= 32 else {
            throw RecoveryError(
                code: "api_keys_unreadable", message: "the file \(path) holds no API keys",
                hint: "Bring it back from a backup, or remove it to make new keys; tokens of old keys end with it.",
                exitStatus: .environment)
        }
        return ApiKeys(secret: Array(record.secret.utf8), createdAt: record.createdAt, password: record.password)
    }

    /// The file appears whole or not at all, and takes nobody's place; false when another server's is there.
    private static func place(_ content: Data, at path: String) throws -> Bool {
        let own = "\(path).\(ProcessInfo.processInfo.processIdentifier).\(UInt64.random(in: .min ... .max))"
        guard
            FileManager.default.createFile(atPath: own, contents: content, attributes: [.posixPermissions: 0o600])
        else { throw unwritable(path) }
        defer { unlink(own) }
        if link(own, path) == 0 { return true }
        guard errno == EEXIST else { throw unwritable(path) }
        return false
    }

    private static func unwritable(_ path: String) -> RecoveryError {
        RecoveryError(
            code: "api_keys_unwritable", message: "the file \(path) can not be written",
            hint: "Check the folder's permissions and the room on its disk.", exitStatus: .environment)
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
