internal import HTTPTypes
public import Web

/// The mounts of a server as a value: how a page calls the bank's API without a socket. The token is checked and the mount
/// found as for a request from outside; nothing is passed over.
public struct Loopback: Sendable {
    private let mounts: [Mount]
    private let tokens: TokenCheck

    public init(mounts: [Mount], tokens: @escaping TokenCheck) {
        self.mounts = mounts.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
        self.tokens = tokens
    }

    /// - Parameter request: with its path whole, as it stands behind the host.
    public func answer(_ request: ApiRequest) async -> ApiResponse {
        for mount in mounts {
            guard let rest = mount.rest(of: request.path[...]) else { continue }
            var actor: Actor?
            if let header = request.fields[.authorization], header.prefix(7).lowercased() == "bearer " {
                switch tokens(String(header.dropFirst(7))) {
                case .success(let found): actor = found
                case .failure(let refusal): if mount.needsToken { return refusal.response }
                }
            }
            guard !mount.needsToken || actor != nil else {
                return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
            }
            var request = request
            request.path = rest
            return await mount.handle(request, actor)
        }
        return .problem("not_found", "nothing is served at this address", status: .notFound)
    }
}
