internal import Foundation
internal import Synchronization

/// Hashes and verifies passwords on a few threads of their own, so that neither Swift's threads nor the machine's memory
/// go to them. More work than the queue holds is refused at once.
final class PasswordWorkers: Sendable {
    static let waitingMax = 200

    private let queue: OperationQueue
    private let parameters: Argon2Parameters
    private let waiting = Atomic<Int>(0)
    private let compared = Atomic<Int>(0)
    /// Nobody's hash: what a password is compared with when there is no account.
    private let decoy = Mutex<String?>(nil)

    init(_ parameters: Argon2Parameters, threads: Int = max(1, ProcessInfo.processInfo.activeProcessorCount / 2)) {
        self.parameters = parameters
        queue = OperationQueue()
        queue.name = "digitalbank.auth.passwords"
        queue.maxConcurrentOperationCount = threads
    }

    /// Comparisons under Argon2 so far: each answer to a password takes one, whatever the account.
    var comparisons: Int { compared.load(ordering: .relaxed) }

    func hash(_ password: String) async throws -> String {
        let bytes = Self.bytes(password)
        let parameters = parameters
        return try await perform { try Argon2.hash(bytes, parameters) }
    }

    struct Verdict: Sendable {
        let isMatch: Bool
        /// The hash to store instead, when the old one is of another kind or takes less work than new ones.
        let replacement: String?
    }

    /// Compares with the account's hash, or with nobody's when there is none: the same work for both.
    func verify(_ password: String, against hash: String?) async throws -> Verdict {
        let bytes = Self.bytes(password)
        let parameters = parameters
        return try await perform { [self] in
            let stored = hash.map { StoredHash($0) }
            if let stored, stored.isCurrent {
                compared.wrappingAdd(1, ordering: .relaxed)
                guard stored.matches(bytes) else { return Verdict(isMatch: false, replacement: nil) }
            } else {
                // No account, no password, or an old hash that is quicker to compare: nobody's hash takes the time.
                compared.wrappingAdd(1, ordering: .relaxed)
                _ = StoredHash(try decoyHash()).matches(bytes)
                guard let stored, stored.matches(bytes) else { return Verdict(isMatch: false, replacement: nil) }
            }
            guard let hash, let stored else { return Verdict(isMatch: false, replacement: nil) }
            let isWeak = !stored.isCurrent || Argon2.isWeaker(hash, than: parameters)
            return Verdict(isMatch: true, replacement: isWeak ? try Argon2.hash(bytes, parameters) : nil)
        }
    }

    /// Made by the first who needs it, from a password that nobody knows.
    private func decoyHash() throws -> String {
        try decoy.withLock { decoy in
            if let decoy { return decoy }
            let made = try Argon2.hash(Array(UUID().uuidString.utf8), parameters)
            decoy = made
            return made
        }
    }

    /// Equal for equal texts, however their accents were typed.
    private static func bytes(_ password: String) -> [UInt8] {
        Array(password.precomposedStringWithCanonicalMapping.utf8)
    }

    private func perform<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.waitingMax else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            throw AuthError.unavailable
        }
        defer { waiting.wrappingSubtract(1, ordering: .relaxed) }
        return try await withUnsafeThrowingContinuation { continuation in
            queue.addOperation { continuation.resume(with: Result { try work() }) }
        }
    }
}
