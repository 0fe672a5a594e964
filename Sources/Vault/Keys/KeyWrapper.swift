public import Foundation

/// A data key as it is stored: under a key-encryption key.
public struct WrappedKey: Sendable, Hashable {
    public let clientID: UUID
    public let version: Int
    public let kekID: String
    /// Empty once the key was destroyed.
    public let bytes: [UInt8]

    public init(clientID: UUID, version: Int, kekID: String, bytes: [UInt8]) {
        self.clientID = clientID
        self.version = version
        self.kekID = kekID
        self.bytes = bytes
    }
}

/// Wraps and unwraps data keys under one key-encryption key, wherever that key lives: in this process, or with a keeper
/// that never gives it away.
public protocol KeyWrapper: Sendable {
    /// Says which key-encryption key it is without telling it.
    var kekID: String { get }

    /// At most `KeyWrapping.batchMax` at a time; the answers are in the same order.
    func wrap(_ keys: [DataKey]) async throws -> [WrappedKey]

    func unwrap(_ wrapped: [WrappedKey]) async throws -> [DataKey]
}

public enum KeyWrapping {
    /// Keys wrapped in one call.
    public static let batchMax = 500
    /// Wrappings under one key with random nonces, by NIST SP 800-38D (section 8.3): rotate long before.
    public static let wrapsMax: Int64 = 1 << 32
}

/// A key-encryption key that this process holds.
extension KeyEncryptionKey: KeyWrapper {
    public var kekID: String { id }

    public func wrap(_ keys: [DataKey]) async throws -> [WrappedKey] {
        let sealer = try Sealer()
        return try keys.map {
            WrappedKey(
                clientID: $0.clientID, version: $0.version, kekID: id, bytes: try sealer.wrap($0, under: self))
        }
    }

    public func unwrap(_ wrapped: [WrappedKey]) async throws -> [DataKey] {
        let sealer = try Sealer()
        return try wrapped.map {
            try sealer.unwrap($0.bytes, clientID: $0.clientID, version: $0.version, under: self)
        }
    }
}
