internal import Evidence
internal import Foundation
internal import Web

/// Where a report goes and in which state.
public enum IncidentReportKind: String, Sendable, CaseIterable {
    case doraInitial = "dora_initial"
    case doraIntermediate = "dora_intermediate"
    case doraFinal = "dora_final"
    case cnilInitial = "cnil_initial"
    case cnilFinal = "cnil_final"
}

public enum IncidentDocument: Sendable {
    case dora(DoraReport)
    case cnil(CnilNotification)

    public var jsonText: String {
        switch self {
        case .dora(let report): report.json.text
        case .cnil(let notification): notification.json.text
        }
    }

    public func page(language: String) -> HTMLPage {
        switch self {
        case .dora(let report): report.page(language: language)
        case .cnil(let notification): notification.page
        }
    }
}

extension PrivacyDesk {
    /// Opens an incident: the bank's size is measured, the classification made and both kept. Returns its reference.
    public func openIncident(
        _ given: IncidentFacts, titleFr: String, titleEn: String, source: String = "hand", sourceID: String? = nil,
        detected: String? = nil, by requester: Requester
    ) async throws -> String {
        var facts = given
        try facts.checkOrder()
        try await addTotals(to: &facts)
        if facts.recurring == 0 {
            facts.recurringAt = try await IncidentStore(database: database).recurring(
                before: facts.occurredAt, isMalicious: facts.isMalicious)
            facts.recurring = facts.recurringAt.count
            facts.isRecurrenceCounted = true
        }
        let measured = facts
        let verdict = IncidentVerdict(measured)
        let event = try EvidenceEvent(
            "privacy.incident.opened", titleEn,
            fields: ["major": "\(verdict.isMajor)", "breach": "\(verdict.isBreach)", "source": source],
            actor: requester.name)
        return try await journal.attempt(event) { tx in
            guard ["detection", "recovery", "hand"].contains(source), !titleFr.isEmpty, !titleEn.isEmpty else {
                throw PrivacyError.request("an incident has a title in both languages and a known source")
            }
            return try await IncidentStore(database: tx).open(
                measured, titleFr: titleFr, titleEn: titleEn, source: source, sourceID: sourceID,
                isMajor: verdict.isMajor, isBreach: verdict.isBreach, classification: verdict.document.text,
                detected: detected, by: requester.name)
        }
    }

    /// The bank's size where it is not given.
    func addTotals(to facts: inout IncidentFacts) async throws {
        let totals = try await IncidentStore(database: database).totals(before: facts.occurredAt)
        if facts.clientsTotal == 0 { facts.clientsTotal = Int(totals.clients) }
        if facts.counterpartsTotal == 0 { facts.counterpartsTotal = Int(totals.counterparts) }
        if facts.operationsPerDay == 0 { facts.operationsPerDay = totals.operationsPerDay }
        if facts.amountPerDayMinor == 0 { facts.amountPerDayMinor = totals.amountPerDay }
    }

    /// What the rows that were touched come to: persons and money, counted in the books.
    public func measure(
        _ facts: inout IncidentFacts, accounts: [Int64], operations: [Int64]
    ) async throws {
        let touched = try await IncidentStore(database: database).touched(accounts: accounts, operations: operations)
        facts.clientsAffected = Int(touched.clients)
        facts.amountAffectedMinor = touched.amount
        facts.operationsAffected = max(facts.operationsAffected, operations.count)
    }

    /// Makes a report of what is known now, and keeps it.
    public func report(
        _ reference: String, kind: IncidentReportKind, by requester: Requester
    ) async throws -> IncidentDocument {
        guard let known = try await IncidentStore(database: database).find(reference) else {
            throw PrivacyError.incident(reference)
        }
        let facts = try await current(try IncidentFacts(try JSONReader.read(known.facts)), of: reference)
        let map = DataMapStore(database: database)
        let controller = try await map.controller()
        let document: IncidentDocument
        switch kind {
        case .doraInitial, .doraIntermediate, .doraFinal:
            document = .dora(
                DoraReport(
                    stage: String(kind.rawValue.dropFirst("dora_".count)), reference: reference, facts: facts,
                    classification: DoraClassification(facts), classifiedAt: known.classifiedAt, controller: controller)
            )
        case .cnilInitial, .cnilFinal:
            let columns = try await map.columns().filter { $0.kind != "v" && $0.category != "none" }
            document = .cnil(
                CnilNotification(
                    reference: reference, facts: facts, controller: controller,
                    sealedColumns: Int64(columns.filter(\.isSealed).count), personal: columns.count))
        }
        let event = try EvidenceEvent(
            "privacy.incident.reported", reference, fields: ["kind": kind.rawValue], actor: requester.name)
        try await journal.attempt(event) { tx in
            _ = try await IncidentStore(database: tx).addReport(
                known.id, kind: kind.rawValue, document: document.jsonText, by: requester.name)
        }
        return document
    }

    /// Stops a clock: the report was handed in.
    public func markSent(_ reference: String, kind: IncidentReportKind, by requester: Requester) async throws {
        guard let known = try await IncidentStore(database: database).find(reference) else {
            throw PrivacyError.incident(reference)
        }
        let event = try EvidenceEvent(
            "privacy.incident.sent", reference, fields: ["kind": kind.rawValue], actor: requester.name)
        try await journal.attempt(event) { tx in
            guard try await IncidentStore(database: tx).markSent(known.id, kind: kind.rawValue) else {
                throw PrivacyError.request("there is no \(kind.rawValue) report of \(reference) that waits to be sent")
            }
        }
    }

    public func incidents() async throws -> String { try await IncidentStore(database: database).list() }

    public func breaches() async throws -> String { try await IncidentStore(database: database).breaches() }

    /// Clock, state and when it ends.
    public func clocks(_ reference: String) async throws -> [(clock: String, state: String, dueAt: String)] {
        try await IncidentStore(database: database).clocks(reference)
    }
}
