import NIOCore
import Testing

@testable import Automation

@Suite struct AddressTests {
    @Test(
        "inner addresses are refused in every coat that they come in",
        arguments: [
            "127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1",
            "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1", "198.18.0.1",
            "192.0.2.1",
        ])
    func inner(text: String) throws {
        let guardian = try AddressGuard(networks: [])
        #expect(try !guardian.permits(SocketAddress(ipAddress: text, port: 80)))
    }

    @Test("public addresses pass, and inner networks that the operator names")
    func allowed() throws {
        let guardian = try AddressGuard(networks: ["10.20.0.0/16", "::1/128"])
        for text in ["8.8.8.8", "172.15.0.1", "172.32.0.1", "2a01:e0a::1", "10.20.3.4", "::1", "64:ff9b::808:808"] {
            #expect(try guardian.permits(SocketAddress(ipAddress: text, port: 80)), "\(text)")
        }
        #expect(try !guardian.permits(SocketAddress(ipAddress: "10.21.0.1", port: 80)))
        for wrong in ["10.0.0.0/33", "nonsense", "10.0.0.0/x", ""] {
            #expect(throws: AutomationError.self, "\(wrong)") { try AddressGuard(networks: [wrong]) }
        }
    }

    @Test("a name that leads inside is refused when it is called, however it is written")
    func names() async throws {
        let resolver = Resolver(addressGuard: try AddressGuard(networks: []))
        for host in ["localhost", "127.1", "2130706433", "0x7f.1", "::1", "0"] {
            await #expect(throws: AutomationError.self, "\(host)") { try await resolver.address(of: host, port: 80) }
        }
    }

    @Test("addresses of HTTP: what may be and what may not")
    func addresses() {
        #expect(HTTPAddress("https://a.example/x?y=1") == HTTPAddress("https://a.example:443/x?y=1"))
        #expect(HTTPAddress("http://[::1]:8080")?.authority == "[::1]:8080")
        for wrong in [
            "ftp://a/", "http://user@a/", "http://", "https://a:0/", "https://a:70000/", "http://a/#x", "http://a b/",
            "a", "http://[::1/",
        ] {
            #expect(HTTPAddress(wrong) == nil, "\(wrong)")
        }
    }
}
