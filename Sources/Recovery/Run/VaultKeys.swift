public import Vault

/// The keys a rebuild seals with: read once, before anything else is done.
public struct VaultKeys: Sendable {
    /// Wraps the clients' data keys; may be rotated.
    public let wrapping: any KeyWrapper
    /// Root of blind indexes and pseudonyms; stays for the life of the database.
    public let indexing: KeyEncryptionKey

    public init(wrapping: any KeyWrapper, indexing: KeyEncryptionKey) {
        self.wrapping = wrapping
        self.indexing = indexing
    }
}
