internal import Foundation
internal import Postgres

/// A client beside each database: whether its server acknowledges a write, when, and on which timeline. Two servers that
/// acknowledge in the same time are two leaders.
public struct FailoverWitness: Sendable {
    let host: String
    let log: String
    let database: Database

    public init(host: String, address: String, log: String) {
        self.host = host
        self.log = log
        var configuration = DatabaseConfiguration(address, password: ProcessInfo.processInfo.environment["PGPASSWORD"])
        configuration.limits.connectionsMax = 1
        configuration.limits.waitMax = .seconds(2)
        configuration.limits.reconnectPauseMax = .milliseconds(200)
        database = Database(configuration)
    }

    /// Until the process is ended.
    public func run() async throws {
        _ = FileManager.default.createFile(atPath: log, contents: nil, attributes: [.posixPermissions: 0o600])
        guard let handle = FileHandle(forWritingAtPath: log) else {
            throw ContinuityError.file("write", log, "it can not be opened")
        }
        let store = ClusterStore(database: database)
        var number: Int64 = 0
        while !Task.isCancelled {
            number += 1
            let begun = Acknowledgements.now()
            if let timeline = try? await store.witness(host, number) {
                let line = WitnessLine(
                    host: host, number: number, timeline: timeline, begun: begun, at: Acknowledgements.now())
                try handle.write(contentsOf: Data((line.text + "\n").utf8))
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// One acknowledged write of a witness.
struct WitnessLine: Sendable, Hashable {
    let host: String
    let number: Int64
    let timeline: String
    let begun: Double
    let at: Double

    var text: String { "\(host) \(number) \(timeline) \(begun) \(at)" }

    init(host: String, number: Int64, timeline: String, begun: Double, at: Double) {
        self.host = host
        self.number = number
        self.timeline = timeline
        self.begun = begun
        self.at = at
    }

    init?(_ text: Substring) {
        let words = text.split(separator: " ")
        guard words.count == 5, let number = Int64(words[1]), let begun = Double(words[3]), let at = Double(words[4])
        else { return nil }
        self.init(host: String(words[0]), number: number, timeline: String(words[2]), begun: begun, at: at)
    }

    static func read(_ path: String) -> [WitnessLine] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap(Self.init)
    }

    /// Times in which a host accepted writes, each from its first acknowledged write's answer to its last one's order; those
    /// of two hosts that overlap.
    static func overlaps(_ lines: [WitnessLine]) -> [String] {
        let terms = Dictionary(grouping: lines) { "\($0.host) on timeline \($0.timeline)" }
            .compactMap { name, lines -> (name: String, host: String, from: Double, to: Double)? in
                guard let first = lines.map(\.at).min(), let last = lines.map(\.begun).max() else { return nil }
                return (name, lines[0].host, first, last)
            }
            .sorted { $0.from < $1.from }
        var found: [String] = []
        for (index, earlier) in terms.enumerated() {
            for later in terms.dropFirst(index + 1)
            where later.host != earlier.host && later.from < earlier.to && earlier.from < later.to {
                found.append("\(earlier.name) and \(later.name)")
            }
        }
        return found
    }
}
