public import Foundation
public import Postgres
internal import Synchronization

/// Seals and opens what belongs to a client, with that client's data key.
///
/// Unwrapped keys are kept for `Limits.keyLifetime`, so that a value costs no question to the database; one destroyed here
/// is forgotten at once, one destroyed by another process when `forget` is called (the database tells it on the channel
/// `privacy_forgotten`), and after that time at the latest.
public final class Vault: Sendable {
    public struct Limits: Sendable {
        public var keysMax = 50_000
        public var keyLifetime: Duration = .seconds(30)

        public init() {}
    }

    private struct Held {
        let key: DataKey
        let until: ContinuousClock.Instant
    }

    private struct State {
        var keyring: Keyring
        /// By client, by version.
        var held: [UUID: [Int: Held]] = [:]
        /// How often something was forgotten: what was read before is not kept after.
        var forgettings = 0
    }

    private let database: Database
    private let limits: Limits
    private let reload: (@Sendable () async throws -> Keyring)?
    private let state: Mutex<State>

    /// - Parameter reload: reads the keyring anew when a key is met that is wrapped by an unknown key-encryption key: one
    ///   was rotated by another process.
    public init(
        database: Database, keyring: Keyring, limits: Limits = Limits(),
        reload: (@Sendable () async throws -> Keyring)? = nil
    ) {
        self.database = database
        self.limits = limits
        self.reload = reload
        state = Mutex(State(keyring: keyring))
    }

    /// Seals `value` with the client's newest key; makes the first one when there is none.
    public func seal(_ value: [UInt8], for clientID: UUID, at place: SealedPlace) async throws -> [UInt8] {
        try Sealer().seal(value, with: try await newestKey(of: clientID), at: place)
    }

    /// Opens a value sealed with any version of the client's key.
    public func open(_ sealed: [UInt8], of clientID: UUID, at place: SealedPlace) async throws -> [UInt8] {
        let key = try await key(of: clientID, version: try Sealer.version(of: sealed))
        return try Sealer().open(sealed, with: key, at: place)
    }

    /// The key that seals what is written from now on.
    public func newestKey(of clientID: UUID) async throws -> DataKey {
        if let held = fresh(clientID)?.max(by: { $0.key < $1.key })?.value { return held.key }
        for _ in 0..<2 {
            if let newest = try await load(clientID).first { return newest }
            let key = try DataKey(newFor: clientID)
            let wrapped = try await state.withLock { $0.keyring }.current.wrap([key])
            // Another process may be faster; then its key counts.
            try await VaultKeyStore(database: database).add(wrapped)
        }
        throw VaultError.destroyed(clientID)
    }

    /// The key of one version.
    public func key(of clientID: UUID, version: Int) async throws -> DataKey {
        if let held = fresh(clientID)?[version] { return held.key }
        guard let key = try await load(clientID).first(where: { $0.version == version }) else {
            throw VaultError(
                code: "vault_key_missing", message: "client \(clientID) has no key of version \(version)",
                hint: "The value belongs to another client, or the table of keys is older than the value.")
        }
        return key
    }

    /// Gives the client a new data key: what is written from now on is sealed with it, what stands stays readable.
    @discardableResult
    public func rotateDataKey(of clientID: UUID) async throws -> Int {
        let newest = try await VaultKeyStore(database: database).keys(of: clientID).first
        if let newest, newest.bytes.isEmpty { throw VaultError.destroyed(clientID) }
        let key = try DataKey(newFor: clientID, version: (newest?.version ?? 0) + 1)
        let wrapped = try await state.withLock { $0.keyring }.current.wrap([key])
        try await VaultKeyStore(database: database).add(wrapped)
        forget(clientID)
        return key.version
    }

    /// Destroys the client's keys in `executor`'s transaction: what they sealed can not be read any more. Returns how
    /// many versions were live.
    @discardableResult
    public func shred(_ clientID: UUID, in executor: any SQLExecutor) async throws -> Int {
        forget(clientID)
        return try await VaultKeyStore(database: executor).destroy(clientID)
    }

    public func forget(_ clientID: UUID) {
        state.withLock { state in
            state.held[clientID] = nil
            state.forgettings += 1
        }
    }

    private func fresh(_ clientID: UUID) -> [Int: Held]? {
        state.withLock { state in
            guard let held = state.held[clientID], held.values.allSatisfy({ $0.until > ContinuousClock.now }) else {
                state.held[clientID] = nil
                return nil
            }
            return held
        }
    }

    /// All live versions, the newest first; none when the client has no key yet.
    private func load(_ clientID: UUID) async throws -> [DataKey] {
        let forgettings = state.withLock { $0.forgettings }
        let wrapped = try await VaultKeyStore(database: database).keys(of: clientID)
        guard !wrapped.isEmpty else { return [] }
        let live = wrapped.filter { !$0.bytes.isEmpty }
        guard !live.isEmpty else { throw VaultError.destroyed(clientID) }
        var keyring = state.withLock { $0.keyring }
        if let reload, live.contains(where: { !keyring.holds($0.kekID) }) {
            keyring = try await reload()
            let renewed = keyring
            state.withLock { $0.keyring = renewed }
        }
        let keys = try await keyring.unwrap(live)
        let until = ContinuousClock.now + limits.keyLifetime
        state.withLock { state in
            // A key may have been destroyed since it was read: then it serves this once.
            guard state.forgettings == forgettings else { return }
            if state.held.count >= limits.keysMax { state.held.removeAll() }
            state.held[clientID] = Dictionary(
                keys.map { ($0.version, Held(key: $0, until: until)) }, uniquingKeysWith: { first, _ in first })
        }
        return keys
    }
}
