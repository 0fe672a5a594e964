internal import Cryptography
internal import Evidence
internal import Foundation
public import Postgres
internal import Synchronization
public import Vault

/// What the pseudonyms of the bank's table `logs` stand for, sealed for two admins who break the glass together. Values wait here
/// until the transaction that writes their lines writes them too.
public final class LogIdentities: Sendable {
    private struct State {
        var waiting: [String: String] = [:]
        /// Tokens that were written within the day.
        var kept: Set<String> = []
        var since = ContinuousClock.now
    }

    private static let keptMax = 200_000
    private static let keptTime: Duration = .seconds(86_400)
    private static let batchMax = 5_000
    private let pseudonyms: LogPseudonyms
    private let state = Mutex(State())

    /// - Parameter indexing: the root of the blind indexes, as of `PrivacySecrets`.
    public init(indexing: KeyEncryptionKey) {
        pseudonyms = LogPseudonyms(key: PrivacySecrets.logKey(indexing))
    }

    /// A value as `privacy.log_identities` keeps it.
    public func seal(_ value: [UInt8], token: String) throws -> [UInt8] { try pseudonyms.seal(value, token: token) }

    /// Takes note of a value that has just got its token.
    public func note(_ value: String, token: String) {
        state.withLock { state in
            if state.kept.count >= Self.keptMax || state.since + Self.keptTime < .now {
                // So that what is seen every day keeps the date of its last day.
                state.kept.removeAll()
                state.since = .now
            }
            if !state.kept.contains(token) { state.waiting[token] = value }
        }
    }

    /// Writes what waits, in the caller's transaction.
    public func keep(in executor: any SQLExecutor) async throws {
        let waiting = state.withLock { $0.waiting }
        let tokens = waiting.keys.sorted()
        for start in stride(from: 0, to: tokens.count, by: Self.batchMax) {
            let part = Array(tokens[start..<min(start + Self.batchMax, tokens.count)])
            let sealed = try part.map { try pseudonyms.seal((waiting[$0] ?? "").utf8, token: $0).hex }
            try await RightsStore(database: executor).addTokens(part, sealed)
        }
        state.withLock { state in
            for token in tokens where state.waiting.removeValue(forKey: token) != nil { state.kept.insert(token) }
        }
    }

    /// To be called when a transaction may not have come to its end: everything is written again when it is seen again.
    public func forget() {
        state.withLock { state in
            state.waiting.removeAll()
            state.kept.removeAll()
        }
    }
}

extension PrivacyDesk {
    private static let identitiesBatch = 5_000

    /// Takes in what a recovery left of the pseudonyms of the logs from before it, and removes the file. Each identity keeps the
    /// date of the last line that shows its token, so that it is kept no longer than others.
    ///
    /// - Returns: how many there were; nil where there is no file.
    public func takeInIdentities(_ path: String) async throws -> Int? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        var count = 0
        var rest = Data()
        var (tokens, sealed): ([String], [String]) = ([], [])
        let began = try await RightsStore(database: database).now()
        while let block = try file.read(upToCount: 1 << 20), !block.isEmpty {
            var lines = (rest + block).split(separator: 0x0A, omittingEmptySubsequences: false)
            rest = Data(lines.removeLast())
            for line in lines {
                let parts = line.split(separator: 0x20)
                // A line that is none opens nothing; the others do.
                guard parts.count == 2 else { continue }
                tokens.append(String(decoding: parts[0], as: UTF8.self))
                sealed.append(String(decoding: parts[1], as: UTF8.self))
            }
            guard tokens.count >= Self.identitiesBatch else { continue }
            count += try await takeIn(&tokens, &sealed)
        }
        count += try await takeIn(&tokens, &sealed)
        let event = try EvidenceEvent(
            "privacy.identities.taken", "\(count)", fields: [:], actor: "privacy")
        try await database.transaction { tx in
            try await RightsStore(database: tx).dateTokens(since: began)
            try await EvidenceJournal.append(event, in: tx)
        }
        try FileManager.default.removeItem(atPath: path)
        return count
    }

    private func takeIn(_ tokens: inout [String], _ sealed: inout [String]) async throws -> Int {
        defer { (tokens, sealed) = ([], []) }
        return try await RightsStore(database: database).takeInTokens(tokens, sealed)
    }
}
