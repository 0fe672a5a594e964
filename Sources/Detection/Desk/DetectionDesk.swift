internal import Evidence
internal import Foundation
public import Postgres
internal import Web

/// Incidents and responses as the bank keeps them: every consequential act is an entry of the journal, in its transaction.
public struct DetectionDesk: Sendable {
    public static let pageMax = 200

    public enum Source: String, Sendable { case analysis, live, hand }
    public enum Status: String, Sendable, CaseIterable { case open, acknowledged, closed }

    let database: Database
    /// What is in force, as of the last look.
    public let measures = ActiveMeasures()
    /// Never banned.
    private let protected: [AddressBlock]

    /// - Parameter database: owns schema `detection`.
    public init(database: Database, protected: [AddressBlock] = []) {
        self.database = database
        self.protected = protected
    }

    public struct Recorded: Sendable, Hashable {
        public let reference: String
        public let id: String
        public let isNew: Bool
        /// Whom it concerns, by the bank's books; nil where nothing was named.
        public var persons: PersonsTouched?
    }

    /// Keeps incidents; what was recorded before is brought up to date.
    @discardableResult
    public func record(_ incidents: [Incident], source: Source) async throws -> [Recorded] {
        var recorded: [Recorded] = []
        for incident in incidents {
            let text = IncidentRecord.text(incident)
            let objects = incident.touched.isEmpty && incident.tampered.isEmpty ? nil : TouchedText.record(incident)
            let (made, persons) = try await database.transaction { tx in
                let made = try await DetectionStore(database: tx).record(text, source: source.rawValue)
                if made.isNew {
                    try await EvidenceJournal.append(
                        EvidenceEvent(
                            "detection.incident", incident.id,
                            fields: [
                                "id": made.id, "severity": incident.gravity.name, "source": source.rawValue,
                                "findings": "\(incident.findings.count)", "sha256": IncidentRecord.digest(text),
                            ], actor: "detection"), in: tx)
                }
                // Before this one was told of, it may have been told by parts that knew more.
                let persons = try await DetectionStore(database: tx).touch(made.id, objects ?? "[]")
                return (made, persons)
            }
            recorded.append(
                Recorded(reference: incident.id, id: made.id, isNew: made.isNew, persons: persons))
        }
        return recorded
    }

    /// Incidents as a JSON array: those that wait first, the gravest first.
    public func incidents(status: Status? = nil, limit: Int = 50) async throws -> String {
        try await DetectionStore(database: database).incidents(
            status: status?.rawValue, limit: min(max(limit, 1), Self.pageMax))
    }

    /// One incident with its timeline and responses.
    public func incident(_ id: String) async throws -> String {
        guard UUID(uuidString: id) != nil, let text = try await DetectionStore(database: database).incident(id) else {
            throw DetectionError.unknown("incident \(id.prefix(80))")
        }
        return text
    }

    /// Takes an incident in hand, or closes it for a reason.
    public func handle(_ id: String, as status: Status, reason: String?, by author: String) async throws {
        guard UUID(uuidString: id) != nil else { throw DetectionError.unknown("incident \(id.prefix(80))") }
        if status == .closed, (reason?.count ?? 0) < 10 || (reason?.count ?? 0) > 2_000 {
            throw DetectionError.response("an incident is closed for a reason of 10 to 2000 characters")
        }
        try await database.transaction { tx in
            let store = DetectionStore(database: tx)
            guard let before = try await store.hold(id) else { throw DetectionError.unknown("incident \(id)") }
            guard before.status != "closed" else { throw DetectionError.conflict("\(before.reference) is closed") }
            try await store.handle(id, status: status.rawValue, reason: reason, by: author)
            try await EvidenceJournal.append(
                EvidenceEvent(
                    "detection.incident_\(status.rawValue)", before.reference,
                    fields: ["id": id, "reason": reason ?? ""], actor: author), in: tx)
        }
    }

    public struct Done: Sendable, Hashable {
        public let id: Int64
        /// False when it was in force before and was prolonged.
        public let isNew: Bool
    }

    /// Does what is ordered, or writes down that it would be done.
    ///
    /// - Parameter isAutomatic: a rule decided, not a person: the hourly ceiling of freezes holds.
    public func respond(_ order: ResponseOrder, by author: String, isAutomatic: Bool = false) async throws -> Done {
        let order = try ResponseOrder(
            order.action, order.target, reason: order.reason, seconds: order.seconds, isDryRun: order.isDryRun,
            incident: order.incident, protected: protected)
        let done = try await refusing {
            try await database.transaction { tx in
                let done = try await DetectionStore(database: tx).respond(order, by: author, isAutomatic: isAutomatic)
                try await EvidenceJournal.append(
                    EvidenceEvent(
                        order.isDryRun ? "detection.response_planned" : "detection.response", "response \(done.id)",
                        fields: [
                            "action": order.action.rawValue, "reason": order.reason, "seconds": "\(order.seconds)",
                            "incident": order.incident ?? "", "prolonged": "\(!done.isNew)",
                        ], actor: author), in: tx)
                return done
            }
        }
        if !order.isDryRun { measures.add(order) }
        return Done(id: done.id, isNew: done.isNew)
    }

    /// Takes a response back; false when it had ended before.
    public func takeBack(_ id: Int64, by author: String) async throws -> Bool {
        let isBack = try await database.transaction { tx in
            let isBack = try await DetectionStore(database: tx).takeBack(id, by: author)
            if isBack {
                try await EvidenceJournal.append(
                    EvidenceEvent("detection.response_ended", "response \(id)", fields: [:], actor: author), in: tx)
            }
            return isBack
        }
        if isBack { try await refresh() }
        return isBack
    }

    /// The same by what it is about; for those who know the address and not the number.
    public func takeBack(_ action: ResponseOrder.Action, _ target: String, by author: String) async throws -> Bool {
        let order = try ResponseOrder(action, target, reason: "taken back")
        guard let id = try await DetectionStore(database: database).active(action.rawValue, order.target) else {
            return false
        }
        return try await takeBack(id, by: author)
    }

    public func responses(onlyActive: Bool = false, limit: Int = 100) async throws -> String {
        try await DetectionStore(database: database).responses(
            onlyActive: onlyActive, limit: min(max(limit, 1), Self.pageMax))
    }

    /// Ends what is past its time, and learns what other servers and people have decided.
    public func refresh() async throws {
        let store = DetectionStore(database: database)
        for id in try await store.past() { _ = try await takeBackPast(id) }
        measures.set(try await store.inForce())
    }

    private func takeBackPast(_ id: Int64) async throws -> Bool {
        try await database.transaction { tx in
            let isBack = try await DetectionStore(database: tx).takeBack(id, by: "time")
            if isBack {
                try await EvidenceJournal.append(
                    EvidenceEvent("detection.response_ended", "response \(id)", fields: [:], actor: "time"), in: tx)
            }
            return isBack
        }
    }

    /// The database's refusals in the words of the desk.
    private func refusing<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as PostgresError {
            switch error.sqlState {
            case "P0002": throw DetectionError.unknown("such target: " + error.message)
            case "55000", "53400": throw DetectionError.conflict(error.message)
            case "23503": throw DetectionError.unknown("such incident")
            default: throw error
            }
        }
    }
}
