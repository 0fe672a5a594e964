public import Vault

/// The keys a rebuild seals with: read once, before anything else is done.
public struct VaultKeys: Sendable {
    /// Seals what a log's pseudonym stands for.
    public typealias SealIdentity = @Sendable (_ value: [UInt8], _ token: String) throws -> [UInt8]

    /// Wraps the clients' data keys; may be rotated.
    public let wrapping: any KeyWrapper
    /// Root of blind indexes and pseudonyms; stays for the life of the database.
    public let indexing: KeyEncryptionKey
    /// Where what the logs' pseudonyms stand for is left, sealed, for whoever opens the bank first; nil: nowhere.
    public var identities: (path: String, seal: SealIdentity)?

    public init(
        wrapping: any KeyWrapper, indexing: KeyEncryptionKey, identities: (path: String, seal: SealIdentity)? = nil
    ) {
        self.wrapping = wrapping
        self.indexing = indexing
        self.identities = identities
    }
}
