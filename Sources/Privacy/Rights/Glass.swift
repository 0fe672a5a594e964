internal import Cryptography
internal import Evidence
public import Foundation
internal import Vault

/// Breaking the glass: one admin asks, another approves, and for a quarter of an hour the first one, and nobody else, can read
/// what a log's pseudonym stands for.
extension PrivacyDesk {
    public func askGlass(purpose: String, reason: String, by requester: Requester) async throws -> UUID {
        let event = try EvidenceEvent("privacy.glass.asked", purpose, fields: ["reason": reason], actor: requester.name)
        return try await journal.attempt(event) { tx in
            guard (10...2000).contains(reason.count) else {
                throw PrivacyError.request("a reason has 10 to 2,000 characters")
            }
            return try await RightsStore(database: tx).askGlass(purpose, reason: reason, by: requester.name)
        }
    }

    public func approveGlass(_ id: UUID, by requester: Requester) async throws {
        let event = try EvidenceEvent("privacy.glass.approved", id.uuidString, fields: [:], actor: requester.name)
        try await journal.attempt(event) { tx in
            let store = RightsStore(database: tx)
            guard let glass = try await store.glass(id) else { throw PrivacyError.request("there is no glass \(id)") }
            guard glass.askedBy != requester.name else {
                throw PrivacyError.secondAdmin("\(requester.name) asked for it and can not approve it")
            }
            guard !glass.isApproved else { throw PrivacyError.request("glass \(id) was approved before") }
            try await store.approveGlass(id, by: requester.name)
        }
    }

    /// What the pseudonym stands for; nil when nobody kept it.
    public func reveal(token: String, glass id: UUID, by requester: Requester) async throws -> String? {
        let event = try EvidenceEvent(
            "privacy.glass.used", token, fields: ["glass": id.uuidString], actor: requester.name)
        return try await journal.attempt(event) { tx in
            let store = RightsStore(database: tx)
            guard let glass = try await store.glass(id) else { throw PrivacyError.request("there is no glass \(id)") }
            guard glass.askedBy == requester.name else { throw PrivacyError.glassOfAnother(id.uuidString) }
            guard glass.isOpen else {
                throw PrivacyError.secondAdmin(
                    glass.isApproved ? "its quarter of an hour is over" : "nobody has approved it")
            }
            guard let sealed = try await store.sealedToken(token) else { return nil }
            return try LogPseudonyms(key: secrets.logs).open(sealed, token: token)
        }
    }
}
