internal import Cryptography
internal import Foundation

/// The cluster's pass words, in one file for our user only.
struct ClusterSecrets: Codable, Sendable {
    let superuser: String
    let replication: String
    let rewind: String
    let owner: String
    /// Of Patroni's own interface: switchovers, restarts.
    let patroni: String

    static func make() throws -> ClusterSecrets {
        func word() throws -> String { try String(SecureRandom.bytes(24).hex) }
        return ClusterSecrets(
            superuser: try word(), replication: try word(), rewind: try word(), owner: try word(),
            patroni: try word())
    }

    static func open(_ path: String) throws -> ClusterSecrets {
        guard let data = FileManager.default.contents(atPath: path),
            let secrets = try? JSONDecoder().decode(ClusterSecrets.self, from: data)
        else { throw ContinuityError.file("read", path, "it is not as cluster init wrote it") }
        return secrets
    }

    func save(_ path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try ContinuityFolder.write(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: path)
    }
}
