internal import Cryptography
internal import Evidence
public import Foundation
internal import Vault
internal import Web

/// Rectification, restriction, objection, consent. Each is one transaction with its entry in the journal and its line in the
/// register of requests.
extension PrivacyDesk {
    private static let lengthMax = 500

    /// Puts a datum right; what it was is kept, sealed.
    ///
    /// - Parameter proof: of identity, by what the bank knew before; nil for somebody signed in as the client with a second
    ///   factor.
    public func rectify(
        _ client: UUID, field: String, to value: String, reason: String, proof: IdentityProof? = nil,
        by requester: Requester
    ) async throws {
        let value = value.trimmingCharacters(in: .whitespacesAndNewlines)
        let event = try event("privacy.rectified", client, ["field": field, "reason": reason], requester)
        try await journal.attempt(event) { tx in
            try Self.check(field, value)
            let store = RightsStore(database: tx)
            guard let known = try await store.identity(of: client) else {
                throw PrivacyError.clientUnknown(client.uuidString)
            }
            guard known.status != "efface" else { throw PrivacyError.keyDestroyed(client.uuidString) }
            if let proof { try await check(proof, of: client, in: tx) }
            let place = SealedPlace(table: "clients", column: field, row: client.uuidString)
            var old = known.fields.first { $0.0 == field }?.1
            if field == "civilite", let title = known.title {
                // Stands in clear in its column; what it was is nobody's business any more.
                old = try await secrets.vault.seal(Array(title.utf8), for: client, at: place)
            }
            let sealed = try await secrets.vault.seal(Array(value.utf8), for: client, at: place)
            let index: [UInt8]? =
                switch field {
                case "email": secrets.emails.code(Normaliser.email(value))
                case "telephone": secrets.telephones.code(Normaliser.telephone(value))
                default: nil
                }
            try await store.seal(
                client, field: field, field == "civilite" ? nil : sealed, plain: value, index: index)
            try await store.addRectification(
                client, field: field, old: old, new: sealed, reason: reason, by: requester.name)
            _ = try await store.addRequest(
                client, kind: "rectification", status: "done", by: requester, reason: reason,
                outcome: JSON.object([.init("field", .string(field))]).text)
        }
    }

    private static func check(_ field: String, _ value: String) throws {
        guard field == "civilite" || RightsStore.sealedFields.contains(field) else {
            throw PrivacyError.request("there is no personal datum \(field)")
        }
        guard !value.isEmpty, value.count <= lengthMax, !value.contains(where: \.isNewline) || field == "adresse" else {
            throw PrivacyError.request("\(field) has \(value.count) characters, not 1 to \(lengthMax) in one line")
        }
        let bytes = Array(value.utf8)
        let isRight: Bool =
            switch field {
            case "email": PersonalScanner().scan(bytes).contains { $0.kind == .email && $0.range == 0..<bytes.count }
            case "nir": PersonalScanner().scan(bytes).contains { $0.kind == .nir && $0.range == 0..<bytes.count }
            case "date_naissance": isDate(value)
            case "civilite": ["M.", "Mme"].contains(value)
            default: true
            }
        guard isRight else { throw PrivacyError.request("the new \(field) is not well formed") }
    }

    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.map(\.count) == [4, 2, 2], let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2])
        else { return false }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1880...2200).contains(year) && (1...12).contains(month) && (1...days[month - 1]).contains(day)
    }

    public func restrict(
        _ client: UUID, ground: String, reason: String, by requester: Requester
    ) async throws {
        let event = try event("privacy.restricted", client, ["ground": ground], requester)
        try await journal.attempt(event) { tx in
            guard ["accuracy_contested", "unlawful", "legal_claims", "objection_pending"].contains(ground) else {
                throw PrivacyError.request("\(ground) is no ground of article 18")
            }
            guard (5...2000).contains(reason.count) else {
                throw PrivacyError.request("a reason has 5 to 2,000 characters")
            }
            let store = RightsStore(database: tx)
            guard try await store.isKnown(client) else { throw PrivacyError.clientUnknown(client.uuidString) }
            try await store.restrict(client, ground: ground, reason: reason, by: requester.name)
            _ = try await store.addRequest(
                client, kind: "restriction", status: "done", by: requester, reason: reason, outcome: "{}")
        }
    }

    /// False when there was none.
    public func liftRestriction(of client: UUID, by requester: Requester) async throws -> Bool {
        try await journal.attempt(try event("privacy.restriction.lifted", client, [:], requester)) { tx in
            try await RightsStore(database: tx).liftRestriction(client)
        }
    }

    /// The client's data are left out of what serves this purpose from now on.
    public func object(
        _ client: UUID, purpose: String, reason: String?, by requester: Requester
    ) async throws {
        try await journal.attempt(try event("privacy.objection", client, ["purpose": purpose], requester)) { tx in
            guard ["analysis", "marketing", "profiling"].contains(purpose) else {
                throw PrivacyError.request("\(purpose) is no purpose that one may object to; law asks for the others")
            }
            let store = RightsStore(database: tx)
            try await store.object(client, purpose: purpose, reason: reason.map { String($0.prefix(2000)) })
            _ = try await store.addRequest(
                client, kind: "objection", status: "done", by: requester, reason: nil,
                outcome: JSON.object([.init("purpose", .string(purpose))]).text)
        }
    }

    /// - Parameter text: what was shown to the person, word by word; its digest is the proof.
    public func consent(
        _ client: UUID, purpose: String, isGiven: Bool, version: String, text: String, proof: String = "{}",
        by requester: Requester
    ) async throws {
        let digest = SHA256.hash(Array(text.utf8))
        let event = try event(
            isGiven ? "privacy.consent.given" : "privacy.consent.withdrawn", client,
            ["purpose": purpose, "version": version, "text_sha256": digest.hex], requester)
        try await journal.attempt(event) { tx in
            guard (1...100).contains(purpose.count), (1...50).contains(version.count), isGiven == false || !text.isEmpty
            else {
                throw PrivacyError.request("a consent has a purpose, a version and the text that was shown")
            }
            try await RightsStore(database: tx).addConsent(
                client, purpose: purpose, isGiven: isGiven, version: version, sha256: digest, by: requester,
                proof: proof)
        }
    }

    /// As JSON; of all clients when nil.
    public func requests(of client: UUID? = nil) async throws -> String {
        try await RightsStore(database: database).requests(of: client)
    }

    public func consents(of client: UUID) async throws -> String {
        try await RightsStore(database: database).consents(of: client)
    }

    public func readers(of client: UUID) async throws -> String {
        try await reads.flush()
        return try await RightsStore(database: database).readers(of: client)
    }

    /// A request that somebody has to answer within a month: asked by the client, done by an admin.
    public func file(
        _ client: UUID, kind: String, reason: String, by requester: Requester
    ) async throws -> UUID {
        try await journal.attempt(try event("privacy.request.filed", client, ["kind": kind], requester)) { tx in
            guard ["access", "portability", "rectification", "restriction", "objection", "erasure"].contains(kind)
            else {
                throw PrivacyError.request("there is no request of kind \(kind)")
            }
            return try await RightsStore(database: tx).addRequest(
                client, kind: kind, status: "received", by: requester, reason: String(reason.prefix(2000)),
                outcome: "{}")
        }
    }

    public func answer(_ request: UUID, isDone: Bool, note: String, by requester: Requester) async throws {
        let event = try event("privacy.request.answered", request, ["done": "\(isDone)"], requester)
        try await journal.attempt(event) { tx in
            let outcome = JSON.object([.init("note", .string(String(note.prefix(2000))))]).text
            guard
                try await RightsStore(database: tx).endRequest(
                    request, status: isDone ? "done" : "refused", outcome: outcome)
            else { throw PrivacyError.request("request \(request) does not wait for an answer") }
        }
    }

    /// Two months more, once, with a reason that is told to the person (article 12(3)).
    public func extend(_ request: UUID, because reason: String, by requester: Requester) async throws {
        try await journal.attempt(try event("privacy.request.extended", request, ["reason": reason], requester)) { tx in
            guard (10...2000).contains(reason.count),
                try await RightsStore(database: tx).extendRequest(request, because: reason)
            else {
                throw PrivacyError.request(
                    "request \(request) can not be extended: it is ended, extended, or no reason is given")
            }
        }
    }
}
