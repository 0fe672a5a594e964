internal import Postgres

/// Incidents that the detection opened, as the register of incidents takes them over: high and critical ones, by
/// themselves, with their clocks. A person can still close what was none.
extension PrivacyDesk {
    /// How grave an incident of the detection is that the register must have.
    static let gravities = ["high", "critical"]
    static let watchEvery: Duration = .seconds(5)

    /// Returns the references of what was opened.
    @discardableResult
    public func openDetected() async throws -> [String] {
        let store = DetectedStore(database: database)
        guard try await store.isThere() else { return [] }
        var opened: [String] = []
        for incident in try await store.waiting(Self.gravities) {
            do {
                var facts = incident.facts
                facts.add(try await store.persons(incident.id))
                opened.append(
                    try await openIncident(
                        facts, titleFr: incident.titleFr, titleEn: incident.titleEn, source: "detection",
                        sourceID: incident.id, by: Requester(name: "detection", channel: .command)))
            } catch let error as PostgresError where error.sqlState == "23505" {
                // Another server was first.
                continue
            }
        }
        return opened
    }

    /// What is known now of an incident that the detection opened: persons come to light after it was registered.
    func current(_ facts: IncidentFacts, of reference: String) async throws -> IncidentFacts {
        let store = DetectedStore(database: database)
        guard try await store.isThere(), let incident = try await store.source(of: reference) else { return facts }
        var facts = facts
        facts.add(try await store.persons(incident))
        return facts
    }

    /// Works until the task is cancelled; what failed is tried again.
    public func watchDetection() async throws {
        while !Task.isCancelled {
            _ = try? await openDetected()
            try await Task.sleep(for: Self.watchEvery)
        }
    }
}

extension IncidentFacts {
    /// Counted persons, operations and money; what was known before and is more stays.
    mutating func add(_ persons: DetectedStore.Persons?) {
        guard let persons else { return }
        clientsAffected = max(clientsAffected, Int(clamping: persons.clients))
        operationsAffected = max(operationsAffected, Int(clamping: persons.operations))
        amountAffectedMinor = max(amountAffectedMinor, persons.amountMinor)
        recordsRead = max(recordsRead, Int(clamping: persons.reads))
        if persons.isChanged { dataLost.insert(.integrity) }
    }
}
