internal import Cryptography
internal import HTTPTypes
internal import Web

/// The cookie that binds a sign-in over a provider to the browser that began it.
struct FlowCookie: Sendable {
    private let name: String

    init(flow id: String) { name = "auth-flow-" + id.prefix(8) }

    /// Sent back to the callback alone. Providers may answer by a form of theirs, which only `None` lets pass, and that
    /// only over TLS.
    func text(_ value: String, settings: AuthSettings) -> String {
        let isSecure = settings.externalURL.hasPrefix("https://")
        let address = settings.externalURL.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        let path = (address.count > 3 ? "/" + address[3] : "") + "/callback"
        return "\(name)=\(value); Path=\(path); Max-Age=\(settings.flowSeconds); HttpOnly; "
            + (isSecure ? "Secure; SameSite=None" : "SameSite=Lax")
    }

    /// True also when the flow is bound to no browser.
    func isShown(_ value: String?, by request: ApiRequest) -> Bool {
        guard let value else { return true }
        for line in request.fields[values: .cookie] {
            for part in line.split(separator: ";") {
                let pair = part.split(separator: "=", maxSplits: 1)
                guard pair.count == 2, pair[0].drop(while: { $0 == " " }) == name[...] else { continue }
                if ConstantTime.areEqual(Array(pair[1].utf8), Array(value.utf8)) { return true }
            }
        }
        return false
    }
}
