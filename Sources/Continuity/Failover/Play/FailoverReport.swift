internal import Foundation

/// What the rounds of a failover drill measured.
public struct FailoverReport: Codable, Sendable {
    public struct Round: Codable, Sendable {
        public let number: Int
        public let fault: FailoverFault
        public let leader: String
        public let successor: String
        /// The longest time without an answered write, by libpq and through HAProxy and the servers.
        public let outageSeconds: Double
        public let apiOutageSeconds: Double?
        /// Until all three hosts were in step again.
        public let healedSeconds: Double
        public let acknowledged: Int
        public let lost: Int
        public let doubled: Int
        public let twoLeaders: [String]
        public let ledgerFaults: Int64

        public var isSound: Bool { lost == 0 && doubled == 0 && twoLeaders.isEmpty && ledgerFaults == 0 }
    }

    public var rounds: [Round] = []
    public var startSeconds = 0.0

    public var isSound: Bool { !rounds.isEmpty && rounds.allSatisfy(\.isSound) }

    /// Leaves the rounds as JSON in a folder.
    public func write(to directory: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let path = directory + "/rounds.json"
        try ContinuityFolder.write(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: path)
        return "rounds  \(path)"
    }

    static func line(_ round: Round) -> String {
        let api = round.apiOutageSeconds.map { ", by the servers \(DrillReport.seconds($0))" } ?? ""
        return "round \(round.number)  \(round.fault.rawValue)  \(round.leader) -> \(round.successor)  outage "
            + "\(DrillReport.seconds(round.outageSeconds))\(api), whole again in \(DrillReport.seconds(round.healedSeconds)); "
            + "\(round.acknowledged) acknowledged, \(round.lost) lost, \(round.doubled) doubled, "
            + (round.twoLeaders.isEmpty ? "one leader" : "TWO LEADERS: \(round.twoLeaders)")
            + (round.ledgerFaults == 0 ? "" : ", LEDGER BROKEN")
    }

    /// The figures of each fault, French first, as rows of a table.
    public func table() -> [String] {
        let head = [
            "| panne / fault | rounds | outage p50 | p95 | max | API p50 | p95 | lost | two leaders |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        return head
            + FailoverFault.allCases.compactMap { fault in
                let played = rounds.filter { $0.fault == fault }
                guard !played.isEmpty else { return nil }
                let outages = played.map(\.outageSeconds)
                let api = played.compactMap(\.apiOutageSeconds)
                let cells = [
                    fault.words, "\(played.count)", Self.quantile(0.5, outages), Self.quantile(0.95, outages),
                    Self.quantile(1, outages), Self.quantile(0.5, api), Self.quantile(0.95, api),
                    "\(played.reduce(0) { $0 + $1.lost })", "\(played.reduce(0) { $0 + $1.twoLeaders.count })",
                ]
                return "| " + cells.joined(separator: " | ") + " |"
            }
    }

    /// The nearest rank.
    static func quantile(_ share: Double, _ values: [Double]) -> String {
        guard !values.isEmpty else { return "—" }
        let rank = Int((share * Double(values.count)).rounded(.up))
        return DrillReport.seconds(values.sorted()[min(max(rank, 1), values.count) - 1])
    }
}
