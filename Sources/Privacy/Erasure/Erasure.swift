internal import Evidence
public import Foundation
internal import Postgres
internal import Vault

/// What an erasure did, to be signed and given to the person.
public struct ErasureProof: Codable, Sendable, Hashable {
    public let format: String
    /// The entry in the ledger: no personal datum.
    public let entry: String
    public let stage: String
    public let decidedAt: String
    public let erased: [String]
    public let keptByLaw: [String]
    public let keptUntil: String

    static func archived(_ entry: String, until: String, at date: Date) -> ErasureProof {
        ErasureProof(
            format: "digitalbank.erasure/1", entry: entry, stage: "archived", decidedAt: date.formatted(.iso8601),
            erased: [
                "compte de connexion, sessions, facteurs", "numéros de carte", "bénéficiaires", "ordres permanents",
                "profil d'analyse", "index de recherche", "identité dans les tables de travail",
            ],
            keptByLaw: [
                "identité, scellée, en archive restreinte : 5 ans (CMF L.561-12)",
                "opérations : 5 ans (CMF L.561-12) ; écritures comptables : 10 ans (C. com. L.123-22)",
            ], keptUntil: until)
    }

    static func destroyed(_ entry: String, at date: Date) -> ErasureProof {
        ErasureProof(
            format: "digitalbank.erasure/1", entry: entry, stage: "destroyed", decidedAt: date.formatted(.iso8601),
            erased: [
                "clés de la personne", "archive d'identité", "libellés et contreparties", "consentements, lectures",
            ],
            keptByLaw: ["montants comptables sans personne (C. com. L.123-22)"], keptUntil: "")
    }
}

/// Somebody whom a restore had brought back.
public struct ReplayedErasure: Sendable, Hashable {
    public let client: UUID
    public let stage: String
}

extension PrivacyDesk {
    /// How long identity is kept after the last account was closed (CMF L.561-12).
    static let identityYears = 5

    /// Erases a client as far as law lets: the rest is archived until the hold ends.
    ///
    /// - Parameters:
    ///   - proof: of identity; nil for somebody signed in as the client with a second factor.
    ///   - closedOn: when the last account was closed; by default what is noted on the accounts or was stated, else the day
    ///     on which the bank saw that they are closed.
    public func erase(
        _ client: UUID, proof: IdentityProof?, closedOn: Date? = nil, by requester: Requester
    ) async throws -> ErasureProof {
        let now = clock()
        let noted = try await ErasureStore(database: database).closedOn(client)
        let known = closedOn ?? noted.map { Date(timeIntervalSince1970: Double($0.at)) }
        let until = try Self.day(min(known ?? now, now), plusYears: Self.identityYears)
        let closing = closedOn == nil && noted?.isDerived != false ? "derived" : "known"
        let event = try event(
            "privacy.erased", client, ["stage": "archived", "until": until, "closing": closing], requester)
        let entry = try await journal.attempt(event) { tx in
            let store = ErasureStore(database: tx)
            let obstacles = try await store.obstacles(client)
            if obstacles.first?.code != "already_erased", let proof { try await check(proof, of: client, in: tx) }
            if let first = obstacles.first {
                throw PrivacyError.obstacles(client.uuidString, first.code, obstacles.map(\.detail))
            }
            let entry = try await store.note(client, stage: "archived", until: until)
            try await store.archive(client, until: until)
            _ = try await RightsStore(database: tx).addRequest(
                client, kind: "erasure", status: "done", by: requester, reason: nil, outcome: "{\"entry\":\"\(entry)\"}"
            )
            return entry
        }
        try await synchroniseLedger()
        return .archived(entry, until: until, at: now)
    }

    /// Destroys the key of an erased client whose hold is over.
    public func destroy(_ client: UUID, by requester: Requester) async throws -> ErasureProof {
        let event = try event("privacy.erased", client, ["stage": "destroyed"], requester)
        let entry = try await journal.attempt(event) { tx in
            let store = ErasureStore(database: tx)
            try await store.lock(client)
            guard try await store.isErased(client) else {
                throw PrivacyError.request("client \(client) was not erased yet")
            }
            let obstacles = try await store.destructionObstacles(client)
            guard obstacles.isEmpty else {
                throw PrivacyError.destructionHeld(client.uuidString, obstacles.map(\.detail))
            }
            let entry = try await store.note(client, stage: "destroyed", until: try Self.day(clock(), plusYears: 0))
            _ = try await store.destroy(client)
            return entry
        }
        secrets.vault.forget(client)
        try await synchroniseLedger()
        // What an UPDATE leaves of the wrapped key goes now and not some day.
        try await VaultKeyStore(database: database).vacuum()
        return .destroyed(entry, at: clock())
    }

    /// After a restore: the file's entries come in, and whoever is in the ledger is erased again.
    @discardableResult
    public func replayErasures() async throws -> [ReplayedErasure] {
        let known = try ledger.read()
        try await ErasureStore.provide(secrets.erasure, database)
        let back = try await database.transaction { tx in
            let store = ErasureStore(database: tx)
            if !known.isEmpty { _ = try await store.add(known) }
            let back = try await store.replay()
            if !back.isEmpty {
                try await EvidenceJournal.append(
                    EvidenceEvent(
                        "privacy.erasures.replayed", "\(Set(back.map(\.0)).count)",
                        fields: ["ledger": "\(known.count)"], actor: "privacy"), in: tx)
            }
            return back
        }
        for (client, _) in back { secrets.vault.forget(client) }
        if !back.isEmpty { try await VaultKeyStore(database: database).vacuum() }
        try await synchroniseLedger()
        return back.map { ReplayedErasure(client: $0.0, stage: $0.1) }
    }

    /// What the database knows and the file does not goes into the file.
    func synchroniseLedger() async throws {
        let entries = try await ErasureStore(database: database).entries()
        let known = Set(try ledger.read().map(\.entry))
        try ledger.append(entries.filter { !known.contains($0.entry) })
    }

    /// Keeps a client from being erased, and the keys of an archived one from being destroyed: a running loan, a law suit.
    public func hold(
        _ client: UUID, kind: String, reason: String, until: String?, by requester: Requester
    ) async throws -> UUID {
        try await journal.attempt(try event("privacy.hold.placed", client, ["kind": kind], requester)) { tx in
            guard ["loan", "litigation", "judicial", "tracfin"].contains(kind), (5...2000).contains(reason.count) else {
                throw PrivacyError.request("a hold is loan, litigation, judicial or tracfin, with a reason")
            }
            if let until {
                guard until.count == 10, until >= "1900-01-01" else {
                    throw PrivacyError.request("\(until) is no date")
                }
                guard until >= (try Self.day(clock(), plusYears: 0)) else { throw PrivacyError.holdEnded(until) }
            }
            let store = ErasureStore(database: tx)
            try await store.lock(client)
            // Nothing is left that could be kept.
            if try await store.isDestroyed(client) { throw PrivacyError.keyDestroyed(client.uuidString) }
            return try await store.hold(client, kind: kind, reason: reason, until: until, by: requester.name)
        }
    }

    public func liftHold(_ id: UUID, by requester: Requester) async throws {
        try await journal.attempt(try event("privacy.hold.lifted", id, [:], requester)) { tx in
            guard try await ErasureStore(database: tx).liftHold(id, by: requester.name) else {
                throw PrivacyError.request("there is no running hold \(id)")
            }
        }
    }

    static func day(_ date: Date, plusYears years: Int) throws -> String {
        var calendar = Calendar(identifier: .gregorian)
        guard let paris = TimeZone(identifier: "Europe/Paris") else {
            throw PrivacyError.request("no time zone Europe/Paris")
        }
        calendar.timeZone = paris
        let moved = calendar.date(byAdding: .year, value: years, to: date) ?? date
        let parts = calendar.dateComponents([.year, .month, .day], from: moved)
        return String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
    }
}
