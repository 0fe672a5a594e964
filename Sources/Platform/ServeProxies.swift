internal import Gateway
internal import Recovery

extension ServeRequest {
    /// Read before anything is served: a proxy that is misspelt would make all clients one.
    func believedProxies() throws -> TrustedProxies {
        guard let proxies = TrustedProxies(trustedProxies) else {
            throw RecoveryError(
                code: "trusted_proxy_invalid",
                message: "--trusted-proxy \(trustedProxies.joined(separator: ",")) names no addresses",
                hint: "Give an address or a block such as 10.0.0.0/8; several apart by commas.", exitStatus: .badInput)
        }
        return proxies
    }
}
