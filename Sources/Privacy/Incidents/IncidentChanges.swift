internal import Evidence
internal import Foundation
public import Web

/// What an incident is by its facts.
public struct IncidentVerdict: Sendable, Hashable {
    public let isMajor: Bool
    public let isBreach: Bool
    let document: JSON

    init(_ facts: IncidentFacts) {
        let classification = DoraClassification(facts)
        let advice = BreachAdvice(facts)
        isMajor = classification.isMajor
        isBreach = advice.isBreach
        document = ["dora": classification.json, "gdpr": advice.json]
    }
}

extension PrivacyDesk {
    /// Takes in what became known: the members that are given replace those that stand, null takes one away. The incident is
    /// classified anew; what it newly is starts its clocks now.
    @discardableResult
    public func updateIncident(_ reference: String, facts changes: JSON, by requester: Requester) async throws
        -> IncidentVerdict
    {
        guard let given = changes.members, !given.isEmpty else {
            throw PrivacyError.request("no fact is given: an object with the members that change")
        }
        return try await change(reference, by: requester) { known in
            var members = known.json.members ?? []
            for member in given {
                guard let place = members.firstIndex(where: { $0.name == member.name }) else {
                    throw PrivacyError.request("\(member.name) is no fact of an incident")
                }
                members[place] = member
            }
            return try IncidentFacts(.object(members))
        }
    }

    /// What changed and who changed it, the oldest first, as JSON.
    public func incidentChanges(_ reference: String) async throws -> String {
        try await IncidentStore(database: database).changes(reference)
    }

    /// - Parameter detected: what the detection measured, kept so that the same is not taken in twice.
    @discardableResult
    func change(
        _ reference: String, detected: String? = nil, by requester: Requester,
        _ make: @Sendable (IncidentFacts) throws -> IncidentFacts
    ) async throws -> IncidentVerdict {
        let event = try EvidenceEvent(
            "privacy.incident.updated", reference, fields: ["source": detected == nil ? "hand" : "detection"],
            actor: requester.name)
        return try await journal.attempt(event) { tx in
            let store = IncidentStore(database: tx)
            guard let known = try await store.find(reference, holds: true) else {
                throw PrivacyError.incident(reference)
            }
            guard !known.isFalseAlarm else { throw PrivacyError.request("\(reference) was closed as a false alarm") }
            var facts = try make(try IncidentFacts(try JSONReader.read(known.facts)))
            try facts.checkOrder()
            try await addTotals(to: &facts)
            let verdict = IncidentVerdict(facts)
            try await store.change(
                known, to: facts, isMajor: verdict.isMajor, isBreach: verdict.isBreach,
                classification: verdict.document.text, detected: detected, by: requester.name)
            return verdict
        }
    }

    /// Ends the record: the incident is over, or was none. Reports that are due stay due, but for a false alarm.
    public func closeIncident(
        _ reference: String, note: String, resolvedAt: String? = nil, isFalseAlarm: Bool = false,
        by requester: Requester
    ) async throws {
        let now = clock().formatted(.iso8601)
        let event = try EvidenceEvent(
            "privacy.incident.closed", reference, fields: ["false_alarm": "\(isFalseAlarm)"], actor: requester.name)
        try await journal.attempt(event) { tx in
            guard (10...2000).contains(note.count) else {
                throw PrivacyError.request("a note on how it ended has 10 to 2,000 characters")
            }
            let store = IncidentStore(database: tx)
            guard let known = try await store.find(reference, holds: true) else {
                throw PrivacyError.incident(reference)
            }
            guard !known.isClosed else { throw PrivacyError.request("\(reference) is closed") }
            var facts = try IncidentFacts(try JSONReader.read(known.facts))
            facts.resolvedAt = resolvedAt ?? facts.resolvedAt ?? max(now, facts.awareAt)
            try facts.checkOrder()
            let verdict = IncidentVerdict(facts)
            try await store.change(
                known, to: facts, isMajor: verdict.isMajor, isBreach: verdict.isBreach,
                classification: verdict.document.text, detected: nil, by: requester.name)
            try await store.close(known, note: note, isFalseAlarm: isFalseAlarm, by: requester.name)
        }
    }
}

extension IncidentFacts {
    /// Nothing is seen before it happened, known before it was seen, or over before it began.
    func checkOrder() throws {
        func seconds(_ moment: String) throws -> Int64 {
            guard let seconds = Moment.seconds(moment) else {
                throw PrivacyError.request("\(moment) is no moment such as 2026-10-12T01:00:00Z")
            }
            return seconds
        }
        let start = try seconds(occurredAt)
        let seen = try seconds(detectedAt)
        guard start <= seen, seen <= (try seconds(awareAt)) else {
            throw PrivacyError.request("an incident occurs, is detected and known in that order")
        }
        for end in [recoveredAt, resolvedAt].compactMap({ $0 }) where try seconds(end) < start {
            throw PrivacyError.request("an incident is not over before it occurred")
        }
    }
}
