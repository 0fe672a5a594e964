internal import Foundation
internal import PostgresServer

/// Hosts played on one machine: a network namespace each, on two bridges. `10.77.1.x` is the cluster's own network, `10.77.2.x`
/// the one that servers and clients come by. Must run in a network namespace of its own, which `unshare` gives.
struct PlayedNetwork: Sendable {
    enum Wire: String, CaseIterable, Sendable {
        case cluster = "c"
        case front = "f"

        var bridge: String { "br-\(rawValue)" }
        var block: String { self == .cluster ? "10.77.1" : "10.77.2" }
    }

    static let programs = ["/usr/sbin/ip", "/usr/bin/nsenter", "/usr/bin/setpriv", "/usr/bin/unshare"]

    static func host(_ name: String, _ number: Int) -> ClusterPlan.Host {
        ClusterPlan.Host(name: name, address: "10.77.1.\(number)", front: "10.77.2.\(number)")
    }

    func make(_ hosts: [ClusterPlan.Host]) async throws {
        try await ip("link", "set", "lo", "up")
        for wire in Wire.allCases {
            try await ip("link", "add", wire.bridge, "type", "bridge")
            try await ip("addr", "add", wire.block + ".254/24", "dev", wire.bridge)
            try await ip("link", "set", wire.bridge, "up")
        }
        for host in hosts {
            try await ip("netns", "add", host.name)
            try await ip("-n", host.name, "link", "set", "lo", "up")
            for (wire, address) in [(Wire.cluster, host.address), (Wire.front, host.frontAddress)] {
                let outer = "\(wire.rawValue)-\(host.name)"
                try await ip(
                    "link", "add", outer, "type", "veth", "peer", "name", wire.rawValue, "netns", host.name)
                try await ip("link", "set", outer, "master", wire.bridge, "up")
                try await ip("-n", host.name, "addr", "add", address + "/24", "dev", wire.rawValue)
                try await ip("-n", host.name, "link", "set", wire.rawValue, "up")
            }
        }
    }

    /// Pulls the cable out of a host, or puts it back.
    func set(_ host: String, _ wire: Wire, isUp: Bool) async throws {
        try await ip("link", "set", "\(wire.rawValue)-\(host)", isUp ? "up" : "down")
    }

    /// Processes on a host whose program is one of these.
    func processes(_ host: String, _ programs: Set<String>) async throws -> [Int32] {
        let run = try await ToolRun.run("/usr/sbin/ip", ["netns", "pids", host])
        return run.outputText.split(separator: "\n").compactMap { Int32($0) }.filter { process in
            guard let name = FileManager.default.contents(atPath: "/proc/\(process)/comm") else { return false }
            return programs.contains(String(decoding: name, as: UTF8.self).trimmingCharacters(in: .newlines))
        }
    }

    static func entering(_ host: String, _ command: [String]) -> [String] {
        ["/usr/bin/nsenter", "--net=/run/netns/\(host)", "--"] + command
    }

    private func ip(_ arguments: String...) async throws {
        try await ToolRun.run("/usr/sbin/ip", arguments).checked("ip " + arguments.joined(separator: " "))
    }
}
