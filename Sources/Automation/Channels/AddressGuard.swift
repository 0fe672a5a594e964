internal import NIOCore

/// Which addresses may be called: the public ones, and networks that the operator has named. Asked of the address
/// that the
/// connection is made to, behind all names, so that no name leads inside.
struct AddressGuard: Sendable {
    private let allowed: [Network]

    struct Network: Sendable, Hashable {
        let bytes: [UInt8]
        let bits: Int

        /// `10.0.0.0/8`, `::1/128`, `192.0.2.7`.
        init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let address = try? SocketAddress(ipAddress: String(parts[0]), port: 0),
                let bytes = AddressGuard.bytes(of: address)
            else { return nil }
            let whole = bytes.count * 8
            guard let bits = parts.count == 2 ? Int(parts[1]) : whole, (0...whole).contains(bits) else { return nil }
            self.bytes = bytes
            self.bits = bits
        }

        func contains(_ address: [UInt8]) -> Bool {
            guard address.count == bytes.count else { return false }
            var left = bits
            for (a, b) in zip(address, bytes) where left > 0 {
                let mask: UInt8 = left >= 8 ? 0xFF : ~(0xFF >> UInt8(left))
                if a & mask != b & mask { return false }
                left -= 8
            }
            return true
        }
    }

    /// Everything that IANA keeps for special use.
    private static let inner: [Network] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ].compactMap(Network.init)

    init(networks: [String]) throws(AutomationError) {
        var allowed: [Network] = []
        for text in networks {
            guard let network = Network(text) else { throw .address(text, "it is no network such as 10.0.0.0/8") }
            allowed.append(network)
        }
        self.allowed = allowed
    }

    func permits(_ address: SocketAddress) -> Bool {
        guard let bytes = Self.bytes(of: address) else { return false }
        return permits(bytes)
    }

    private func permits(_ bytes: [UInt8]) -> Bool {
        if allowed.contains(where: { $0.contains(bytes) }) { return true }
        // An IPv4 address in an IPv6 coat is judged as what it is: mapped, translated.
        if bytes.count == 16 {
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            let isTranslated = Array(bytes[..<12]) == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]
            let isCompatible = bytes[..<12].allSatisfy { $0 == 0 } && bytes[12] != 0
            if isMapped || isTranslated || isCompatible { return permits(Array(bytes[12...])) }
        }
        return !Self.inner.contains { $0.contains(bytes) }
    }

    /// 4 or 16 bytes; nil for a Unix socket.
    static func bytes(of address: SocketAddress) -> [UInt8]? {
        switch address {
        // Behind family and port; behind flow information, too, in version 6.
        case .v4(let four): withUnsafeBytes(of: four.address) { Array($0[4..<8]) }
        case .v6(let six): withUnsafeBytes(of: six.address) { Array($0[8..<24]) }
        case .unixDomainSocket: nil
        }
    }
}
