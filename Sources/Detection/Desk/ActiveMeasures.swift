internal import Synchronization

/// The bans and proofs that are in force, where each request and each payment can ask without a question to the database.
public final class ActiveMeasures: Sendable {
    private struct State {
        var addresses: Set<NetworkAddress> = []
        /// First halves of IPv6 addresses: each is a /64.
        var networks: Set<UInt64> = []
        var blocks: [AddressBlock] = []
        var accounts: Set<Int64> = []
    }

    private let state = Mutex(State())

    public init() {}

    /// - Parameter address: as the gateway has it, of a peer or of a trusted proxy's header.
    public func isBanned(_ address: String) -> Bool {
        state.withLock { state in
            guard !state.addresses.isEmpty || !state.networks.isEmpty || !state.blocks.isEmpty,
                let parsed = NetworkAddress(address)
            else { return false }
            if state.addresses.contains(parsed) || !parsed.isV4 && state.networks.contains(parsed.high) { return true }
            return state.blocks.contains { $0.contains(parsed) }
        }
    }

    /// Whether orders that debit this account need one more proof.
    public func needsProof(account: Int64) -> Bool { state.withLock { $0.accounts.contains(account) } }

    public var hasProofs: Bool { state.withLock { !$0.accounts.isEmpty } }

    public var bans: Int { state.withLock { $0.addresses.count + $0.networks.count + $0.blocks.count } }

    func set(_ measures: [(action: String, target: String)]) {
        var next = State()
        for (action, target) in measures { Self.add(action, target, to: &next) }
        state.withLock { $0 = next }
    }

    func add(_ order: ResponseOrder) { state.withLock { Self.add(order.action.rawValue, order.target, to: &$0) } }

    private static func add(_ action: String, _ target: String, to state: inout State) {
        switch action {
        case ResponseOrder.Action.banAddress.rawValue:
            guard let block = AddressBlock(target) else { return }
            if block.bits == 128 {
                state.addresses.insert(block.base)
            } else if block.bits == 64, !block.base.isV4 {
                state.networks.insert(block.base.high)
            } else {
                state.blocks.append(block)
            }
        case ResponseOrder.Action.requireStepUp.rawValue:
            if let account = Int64(target) { state.accounts.insert(account) }
        default: break
        }
    }
}
