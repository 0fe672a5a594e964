internal import Postgres
internal import Web

/// Incidents that the detection opened, as the register of incidents takes them over: high and critical ones, by
/// themselves, with their clocks. A person can still close what was none.
extension PrivacyDesk {
    /// How grave an incident of the detection is that the register must have.
    static let gravities = ["high", "critical"]
    static let watchEvery: Duration = .seconds(5)
    private static let detection = Requester(name: "detection", channel: .command)

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
                        sourceID: incident.id, detected: facts.json.text, by: Self.detection))
            } catch let error as PostgresError where error.sqlState == "23505" {
                // Another server was first.
                continue
            }
        }
        return opened
    }

    /// What the detection measured since is taken in: more clients, a further stage. Returns the references of what changed.
    @discardableResult
    public func followDetected() async throws -> [String] {
        let store = DetectedStore(database: database)
        guard try await store.isThere() else { return [] }
        var changed: [String] = []
        for (reference, id, last) in try await store.linked() {
            guard var measured = try await store.detected(id)?.facts else { continue }
            measured.add(try await store.persons(id))
            let known = try last.map { try IncidentFacts(try JSONReader.read($0)) }
            guard known != measured else { continue }
            let found = measured
            try await change(reference, detected: found.json.text, by: Self.detection) { $0.joined(found) }
            changed.append(reference)
        }
        return changed
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
            _ = try? await followDetected()
            try await Task.sleep(for: Self.watchEvery)
        }
    }
}

extension IncidentFacts {
    /// With what was found besides: nothing that is known gets less by it.
    func joined(_ found: IncidentFacts) -> IncidentFacts {
        func union(_ known: [String], _ new: [String]) -> [String] {
            Array((known + new.filter { !known.contains($0) }).prefix(200))
        }
        var all = self
        all.occurredAt = min(occurredAt, found.occurredAt)
        all.clientsAffected = max(clientsAffected, found.clientsAffected)
        all.operationsAffected = max(operationsAffected, found.operationsAffected)
        all.amountAffectedMinor = max(amountAffectedMinor, found.amountAffectedMinor)
        all.recordsRead = max(recordsRead, found.recordsRead)
        all.isMalicious = isMalicious || found.isMalicious
        all.hasAccess = hasAccess || found.hasAccess
        all.dataLost.formUnion(found.dataLost)
        all.readCategories.formUnion(found.readCategories)
        all.addresses = union(addresses, found.addresses)
        all.techniques = union(techniques, found.techniques)
        all.stages = union(stages, found.stages)
        return all
    }

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
