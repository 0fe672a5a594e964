/// Joins grave stories into incidents: those that share an actor, a target or the way in, within a pause. Two strangers
/// who attack different things in the same days are two incidents.
struct StoryJoiner {
    let pause: Int64

    /// - Parameter stories: by their first act.
    func campaigns(_ stories: [[Finding]]) -> [[Finding]] {
        var groups = UnionFind(stories.count)
        /// By what was seen: the last story that had it, and until when.
        var last: [Tie: (story: Int, until: Int64)] = [:]
        var entered: (story: Int, until: Int64)?
        for (index, story) in stories.enumerated() {
            let start = story.map(\.time).min() ?? 0
            let until = story.map(\.until).max() ?? 0
            for tie in Self.ties(story) {
                if let other = last[tie], start <= other.until + pause { groups.join(index, other.story) }
                last[tie] = (index, max(until, last[tie]?.until ?? 0))
            }
            if Self.isInside(story) {
                // What is done from inside had a way in: that of the last who came in.
                if let other = entered, start <= other.until + pause { groups.join(index, other.story) }
            } else {
                entered = (index, max(until, entered?.until ?? 0))
            }
        }
        return groups.groups().map { members in members.flatMap { stories[$0] } }
    }

    private enum Tie: Hashable {
        /// An IPv4 /24 or an IPv6 /48: what one attacker rents.
        case network(NetworkAddress)
        case account(String)
        case tool(String)
        case host(String)
        case database(String)
        /// A table, or the part of the portal: `/api` of `/api/connexion`.
        case target(String)
    }

    private static func ties(_ story: [Finding]) -> Set<Tie> {
        var ties: Set<Tie> = []
        for finding in story {
            if let address = finding.address, !address.isInside { ties.insert(.network(network(address))) }
            if let user = finding.user, !Correlator.shared.contains(user) { ties.insert(.account(user.lowercased())) }
            if let tool = finding.tool { ties.insert(.tool(tool)) }
            if let host = finding.host { ties.insert(.host(host)) }
            if let database = finding.database { ties.insert(.database(database)) }
            if let target = finding.target, let area = area(target) { ties.insert(.target(area)) }
        }
        return ties
    }

    private static func network(_ address: NetworkAddress) -> NetworkAddress {
        var network = address
        if address.isV4 {
            network.low &= ~0xFF
        } else {
            network.high &= ~0xFFFF
            network.low = 0
        }
        return network
    }

    private static func area(_ target: String) -> String? {
        guard target.hasPrefix("/") else { return target.contains(" ") ? nil : target.lowercased() }
        let parts = target.dropFirst().split(separator: "/", omittingEmptySubsequences: true)
        // The root alone is asked for by everybody.
        guard let first = parts.first, parts.count > 1 else { return nil }
        return "/" + first.lowercased()
    }

    /// Nobody from outside acts in it.
    private static func isInside(_ story: [Finding]) -> Bool {
        story.allSatisfy { $0.address.map(\.isInside) ?? true }
    }
}
