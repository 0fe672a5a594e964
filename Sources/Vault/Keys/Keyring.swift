/// The key-encryption key that wraps new data keys, and older ones that still unwrap what they wrapped.
public struct Keyring: Sendable {
    public let current: any KeyWrapper
    private let others: [any KeyWrapper]
    /// A keeper that unwraps whatever it wrapped under any of its own earlier keys.
    private let keeper: (any KeyWrapper)?

    public init(current: any KeyWrapper, others: [any KeyWrapper] = [], keeper: (any KeyWrapper)? = nil) {
        self.current = current
        self.others = others
        self.keeper = keeper
    }

    public var heldIDs: [String] { [current.kekID] + others.map(\.kekID) }

    public func holds(_ kekID: String) -> Bool { heldIDs.contains(kekID) || keeper != nil }

    func wrapper(of kekID: String) throws(VaultError) -> any KeyWrapper {
        if current.kekID == kekID { return current }
        if let found = others.first(where: { $0.kekID == kekID }) ?? keeper { return found }
        throw VaultError(
            code: "vault_key_unknown",
            message: "a data key is wrapped by the key-encryption key \(kekID), which is not here",
            hint: "Put its file back into the folder of old keys; `digitalbank keys status` lists what is in use.")
    }

    /// Unwraps keys of any of the key-encryption keys, in order.
    public func unwrap(_ wrapped: [WrappedKey]) async throws -> [DataKey] {
        if let destroyed = wrapped.first(where: \.bytes.isEmpty) { throw VaultError.destroyed(destroyed.clientID) }
        var opened: [DataKey?] = Array(repeating: nil, count: wrapped.count)
        for (kekID, places) in Dictionary(grouping: wrapped.indices, by: { wrapped[$0].kekID }) {
            let keys = try await wrapper(of: kekID).unwrap(places.map { wrapped[$0] })
            guard keys.count == places.count else {
                throw VaultError.keeperAnswer("\(keys.count) keys for \(places.count)")
            }
            for (place, key) in zip(places, keys) { opened[place] = key }
        }
        return opened.compactMap { $0 }
    }
}
