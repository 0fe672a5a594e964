import Testing

@testable import Gateway

@Suite struct TrustedProxyTests {
    @Test(
        "the client is the last hop that is no trusted proxy, whatever was written before it",
        arguments: [
            ("10.1.2.3", ["203.0.113.7"], "203.0.113.7"),
            ("10.1.2.3", ["198.51.100.1, 203.0.113.7, 10.9.9.9"], "203.0.113.7"),
            ("10.1.2.3", ["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
            ("10.1.2.3", ["203.0.113.7:4711"], "203.0.113.7"),
            ("10.1.2.3", ["[2001:db8::7]:4711"], "2001:db8::7"),
            ("2a06:98c0::1", ["2001:db8::7"], "2001:db8::7"),
            ("::ffff:10.1.2.3", ["203.0.113.7"], "203.0.113.7"),
            // Nobody who is trusted said so.
            ("203.0.113.9", ["203.0.113.7"], "203.0.113.9"),
            ("10.1.2.3", [], "10.1.2.3"),
            ("10.1.2.3", ["unknown"], "10.1.2.3"),
            ("10.1.2.3", ["203.0.113.0/24"], "10.1.2.3"),
            ("10.1.2.3", ["10.4.4.4"], "10.1.2.3"),
        ] as [(String, [String], String)])
    func client(peer: String, forwarded: [String], client: String) throws {
        let proxies = try #require(TrustedProxies(["10.0.0.0/8", "2a06:98c0::/29,172.16.0.1"]))
        #expect(proxies.client(of: peer) { forwarded } == client)
    }

    @Test("what is no address and no block is refused")
    func wrong() {
        for text in ["caddy", "10.0.0.0/33", "10.0.0", "10.0.0.0/8;1.1.1.1"] { #expect(TrustedProxies([text]) == nil) }
        #expect(TrustedProxies.none.client(of: "10.1.2.3") { ["203.0.113.7"] } == "10.1.2.3")
    }
}
