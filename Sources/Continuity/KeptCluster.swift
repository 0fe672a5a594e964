internal import Foundation
internal import PostgresServer

/// What is needed to start a restored cluster when the live one is gone: its options and its superuser's password, kept
/// with the keys.
struct KeptCluster: Codable, Sendable {
    let options: Cluster.Options
    let password: String

    private static func path(_ folder: ContinuityFolder) -> String { folder.keys + "/cluster.json" }

    static func save(_ cluster: Cluster, _ folder: ContinuityFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let kept = KeptCluster(options: cluster.options, password: cluster.superuserPassword)
        try ContinuityFolder.write(String(decoding: try encoder.encode(kept), as: UTF8.self) + "\n", to: path(folder))
    }

    static func load(_ folder: ContinuityFolder) throws -> KeptCluster {
        guard let data = FileManager.default.contents(atPath: path(folder)),
            let kept = try? JSONDecoder().decode(KeptCluster.self, from: data)
        else { throw ContinuityError.keyLost("\(path(folder)) is gone; it holds the superuser's password") }
        return kept
    }
}
