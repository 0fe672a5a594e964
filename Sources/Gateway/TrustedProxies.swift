internal import Detection

/// Proxies whose `X-Forwarded-For` is believed: addresses and blocks of addresses.
public struct TrustedProxies: Sendable {
    private let blocks: [AddressBlock]

    public static let none = TrustedProxies(blocks: [])

    private init(blocks: [AddressBlock]) { self.blocks = blocks }

    /// Nil when one is no address and no block such as `10.0.0.0/8`. Each text may name several, apart by commas.
    public init?(_ texts: [String]) {
        var blocks: [AddressBlock] = []
        for text in texts.flatMap({ $0.split(separator: ",") }) {
            let word = text.filter { $0 != " " }
            guard !word.isEmpty else { continue }
            guard let block = AddressBlock(word) else { return nil }
            blocks.append(block)
        }
        self.blocks = blocks
    }

    func contains(_ address: String) -> Bool { blocks.contains { $0.contains(address: address) } }

    /// The peer, or whom a proxy that is trusted names: the last address that is not itself a trusted proxy. What is no
    /// address was written by nobody who is trusted.
    func client(of peer: String, forwarded: () -> [String]) -> String {
        guard !blocks.isEmpty, contains(peer) else { return peer }
        let hops = forwarded().joined(separator: ",").split(separator: ",").map { Self.plain($0.filter { $0 != " " }) }
        guard let hop = hops.last(where: { !contains($0) }), AddressBlock(hop) != nil, !hop.contains("/") else {
            return peer
        }
        return hop
    }

    /// Without the port that some proxies add.
    private static func plain(_ hop: String) -> String {
        if hop.hasPrefix("["), let end = hop.firstIndex(of: "]") {
            return String(hop[hop.index(after: hop.startIndex)..<end])
        }
        let parts = hop.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? String(parts[0]) : hop
    }
}
