public import Postgres

/// Re-wraps every data key under the current key-encryption key, in batches, while the bank runs.
///
/// No sealed row is read or written. It can be stopped and begun again at any point: what is done is done, and a key that
/// was changed or destroyed meanwhile is left as it is now.
public struct KeyRotation: Sendable {
    public struct Progress: Sendable, Hashable {
        public var rewrapped = 0
        /// Replaced or destroyed by somebody else between reading and writing.
        public var passedOver = 0

        public init(rewrapped: Int = 0, passedOver: Int = 0) {
            self.rewrapped = rewrapped
            self.passedOver = passedOver
        }
    }

    private let database: Database
    private let keyring: Keyring
    private let batchSize: Int

    public init(database: Database, keyring: Keyring, batchSize: Int = KeyWrapping.batchMax) {
        self.database = database
        self.keyring = keyring
        self.batchSize = min(max(batchSize, 1), KeyWrapping.batchMax)
    }

    @discardableResult
    public func run(progress: @Sendable (Progress) -> Void = { _ in }) async throws -> Progress {
        // The lock is of a connection of its own, so that batches commit one by one beside it.
        try await database.withConnection { connection in
            guard try await VaultKeyStore.lockRotation(connection) else {
                throw VaultError(
                    code: "vault_rotation_runs", message: "another rotation of the vault's key is under way",
                    hint: "Wait for it, or end it; `digitalbank keys status` shows how far it is.")
            }
            return try await rewrap(progress)
        }
    }

    private func rewrap(_ progress: @Sendable (Progress) -> Void) async throws -> Progress {
        let store = VaultKeyStore(database: database)
        try await store.noteUse(of: keyring.current.kekID)
        var done = Progress()
        // A process that still holds the old keyring may add keys behind us: looked for again, a few times.
        for _ in 0..<Self.passesMax {
            guard try await pass(store, &done, progress) else { break }
        }
        try await store.noteRetired()
        return done
    }

    /// Once through all keys that are not under the current one; false when there were none.
    private func pass(
        _ store: VaultKeyStore, _ done: inout Progress, _ progress: @Sendable (Progress) -> Void
    ) async throws -> Bool {
        var last: WrappedKey?
        while true {
            try Task.checkCancellation()
            let batch = try await store.keys(notUnder: keyring.current.kekID, after: last, limit: batchSize)
            guard let end = batch.last else { return last != nil }
            let wrapped = try await keyring.current.wrap(try await keyring.unwrap(batch))
            let replaced = try await store.replace(batch, by: wrapped)
            done.rewrapped += replaced
            done.passedOver += batch.count - replaced
            last = end
            progress(done)
        }
    }

    private static let passesMax = 4
}
