internal import Diagnostics
internal import Foundation
public import Postgres

/// One thing that was done or refused.
public struct EvidenceEvent: Sendable, Hashable {
    public enum Outcome: String, Sendable {
        case done, refused
    }

    /// What happened: `keys.rotated`, `virement.execute`.
    public var kind: String
    /// To what: an id, never personal data in clear.
    public var subject: String
    public var outcome: Outcome
    /// JSON text; hashed as it stands.
    public var body: String
    /// Who; the database session's user when nil.
    public var actor: String?

    public init(
        _ kind: String, _ subject: String, _ outcome: Outcome = .done, body: String = "{}", actor: String? = nil
    ) {
        self.kind = kind
        self.subject = subject
        self.outcome = outcome
        self.body = body
        self.actor = actor
    }

    /// With a flat JSON object as its body.
    public init(_ kind: String, _ subject: String, fields: [String: String], actor: String? = nil) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self.init(kind, subject, body: String(decoding: try encoder.encode(fields), as: UTF8.self), actor: actor)
    }
}

/// The journal in the database, schema `evidence`. Appending takes no lock; `EvidenceSealer` seals afterwards.
public struct EvidenceJournal: Sendable {
    private let database: Database

    public init(database: Database) { self.database = database }

    /// Appends in a transaction of its own. Returns the entry's id.
    @discardableResult
    public func append(_ event: EvidenceEvent) async throws -> Int64 {
        try await Self.append(event, in: database)
    }

    /// Appends in the caller's transaction: the entry stands when what it tells of stands.
    @discardableResult
    public static func append(_ event: EvidenceEvent, in executor: any SQLExecutor) async throws -> Int64 {
        try await EvidenceStore(database: executor).append(event)
    }

    /// The same in one line: `EvidenceJournal.append("carte.bloquée", "\(id)", #"{"motif": "vol"}"#, in: tx)`.
    @discardableResult
    public static func append(
        _ kind: String, _ subject: String, _ body: String = "{}", in executor: any SQLExecutor
    ) async throws -> Int64 {
        try await append(EvidenceEvent(kind, subject, body: body), in: executor)
    }

    /// Runs `work` and journals it in the same transaction; when it fails, its changes are undone and the refusal is
    /// journaled, with the error's code, in a transaction of its own. The error goes on to the caller.
    public func attempt<Value: Sendable>(
        _ event: EvidenceEvent, _ work: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        do {
            return try await database.transaction { tx in
                let value = try await work(tx)
                try await Self.append(event, in: tx)
                return value
            }
        } catch {
            let code = (error as? any Fault)?.code ?? String(describing: type(of: error))
            var refusal = try EvidenceEvent(event.kind, event.subject, fields: ["refused": code, "asked": event.body])
            refusal.outcome = .refused
            refusal.actor = event.actor
            try await append(refusal)
            throw error
        }
    }
}
