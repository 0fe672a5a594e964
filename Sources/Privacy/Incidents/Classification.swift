public import Web

/// Whether an incident is major (Delegated Regulation (EU) 2024/1772, articles 8 and 9), with the reasons.
public struct DoraClassification: Sendable, Hashable {
    public struct Criterion: Sendable, Hashable {
        public let code: String
        public let isMet: Bool
        public let reasonFr: String
        public let reasonEn: String
    }

    public let criteria: [Criterion]
    public let isMajor: Bool

    public func isMet(_ code: String) -> Bool { criteria.contains { $0.code == code && $0.isMet } }

    /// A critical service was touched, and either somebody came in with malice so that data may be lost, or two other
    /// thresholds were crossed.
    public init(_ facts: IncidentFacts) {
        criteria = Self.people(facts) + Self.time(facts) + Self.rest(facts)
        let critical = criteria.contains { $0.code == "critical_services" && $0.isMet }
        let unauthorised = criteria.contains { $0.code == "malicious_access" && $0.isMet }
        let others = criteria.filter { !["critical_services", "malicious_access"].contains($0.code) && $0.isMet }
        isMajor = critical && (unauthorised || others.count >= 2)
    }

    private static func percent(_ part: Double, _ whole: Double) -> String {
        guard whole > 0 else { return "0 %" }
        let tenths = Int((part / whole * 1000).rounded())
        return "\(tenths / 10),\(tenths % 10) %"
    }

    private static func people(_ facts: IncidentFacts) -> [Criterion] {
        let clients = Double(facts.clientsAffected), all = Double(facts.clientsTotal)
        let partners = Double(facts.counterpartsAffected), partnersAll = Double(facts.counterpartsTotal)
        let operations = Double(facts.operationsAffected)
        let share = percent(clients, all)
        let isOperations =
            facts.operationsPerDay > 0 && operations > 0.1 * facts.operationsPerDay
            || facts.amountPerDayMinor > 0 && Double(facts.amountAffectedMinor) > 0.1 * Double(facts.amountPerDayMinor)
        return [
            Criterion(
                code: "clients", isMet: all > 0 && clients > 0.1 * all || facts.clientsAffected > 100_000,
                reasonFr:
                    "\(facts.clientsAffected) clients sur \(facts.clientsTotal) (\(share)) ; seuil : 10 % ou 100 000",
                reasonEn:
                    "\(facts.clientsAffected) clients of \(facts.clientsTotal) (\(share)); threshold: 10 % or 100,000"),
            Criterion(
                code: "counterparts", isMet: partnersAll > 0 && partners > 0.3 * partnersAll,
                reasonFr: "\(facts.counterpartsAffected) contreparties sur \(facts.counterpartsTotal) ; seuil : 30 %",
                reasonEn: "\(facts.counterpartsAffected) counterparts of \(facts.counterpartsTotal); threshold: 30 %"),
            Criterion(
                code: "transactions", isMet: isOperations,
                reasonFr:
                    "\(facts.operationsAffected) opérations, \(Int(facts.operationsPerDay)) par jour en moyenne ; seuil : 10 %",
                reasonEn:
                    "\(facts.operationsAffected) transactions, \(Int(facts.operationsPerDay)) a day on average; threshold: 10 %"
            ),
        ]
    }

    private static func time(_ facts: IncidentFacts) -> [Criterion] {
        let end = facts.resolvedAt ?? facts.recoveredAt ?? facts.awareAt
        let length = Moment.between(facts.occurredAt, end) ?? 0
        return [
            Criterion(
                code: "duration", isMet: length > 86_400,
                reasonFr: "durée \(Moment.duration(length)) (JJ:HH:MM) ; seuil : 24 h",
                reasonEn: "duration \(Moment.duration(length)) (DD:HH:MM); threshold: 24 h"),
            Criterion(
                code: "downtime", isMet: facts.downtimeSeconds > 7200,
                reasonFr: "service arrêté \(Moment.duration(Int64(facts.downtimeSeconds))) ; seuil : 2 h",
                reasonEn: "service down \(Moment.duration(Int64(facts.downtimeSeconds))); threshold: 2 h"),
        ]
    }

    private static func rest(_ facts: IncidentFacts) -> [Criterion] {
        let lost = facts.dataLost.map(\.rawValue).sorted().joined(separator: ", ")
        let isCritical = facts.hasAccess || facts.operationsAffected > 0 || facts.downtimeSeconds > 0
        let euros = facts.directLossMinor / 100
        return [
            Criterion(
                code: "geography", isMet: facts.memberStates.count >= 2,
                reasonFr: "États touchés : \(facts.memberStates.sorted().joined(separator: ", ")) ; seuil : 2",
                reasonEn: "Member States touched: \(facts.memberStates.sorted().joined(separator: ", ")); threshold: 2"),
            Criterion(
                code: "data_losses", isMet: !facts.dataLost.isEmpty,
                reasonFr: lost.isEmpty ? "aucune perte mesurée" : "pertes mesurées : \(lost)",
                reasonEn: lost.isEmpty ? "no loss measured" : "losses measured: \(lost)"),
            Criterion(
                code: "economic", isMet: facts.directLossMinor > 10_000_000,
                reasonFr: "\(euros) € de pertes directes ; seuil : 100 000 €",
                reasonEn: "EUR \(euros) of direct losses; threshold: EUR 100,000"),
            Criterion(
                code: "critical_services", isMet: isCritical,
                reasonFr: isCritical ? "tenue de compte et paiements touchés" : "aucun service critique touché",
                reasonEn: isCritical ? "accounts and payments touched" : "no critical service touched"),
            Criterion(
                code: "malicious_access", isMet: facts.isMalicious && facts.hasAccess,
                reasonFr: facts.isMalicious && facts.hasAccess
                    ? "accès malveillant et non autorisé, pertes de données possibles (art. 9(5)(b))"
                    : "aucun accès malveillant",
                reasonEn: facts.isMalicious && facts.hasAccess
                    ? "malicious unauthorised access, data may be lost (art. 9(5)(b))" : "no malicious access"),
        ]
    }

    public var json: JSON {
        [
            "major": .bool(isMajor),
            "criteria": .array(
                criteria.map {
                    [
                        "code": .string($0.code), "met": .bool($0.isMet), "fr": .string($0.reasonFr),
                        "en": .string($0.reasonEn),
                    ]
                }),
        ]
    }
}

/// Help with articles 33 and 34 of the GDPR: must the CNIL be told, must the persons. The decision is a person's.
public struct BreachAdvice: Sendable, Hashable {
    public let isBreach: Bool
    public let tellsAuthority: Bool
    public let tellsPersons: Bool
    public let reasonsFr: [String]

    public init(_ facts: IncidentFacts) {
        isBreach = !facts.dataLost.isEmpty && (facts.clientsAffected > 0 || facts.recordsRead > 0)
        let grave = !facts.readCategories.isDisjoint(with: ["financial", "card", "credential", "person"])
        let wasRead = facts.dataLost.contains(.confidentiality) && facts.hasAccess
        var reasons: [String] = []
        if !isBreach {
            reasons.append("aucune donnée personnelle perdue, altérée ou lue : pas de violation (art. 4(12))")
        }
        if isBreach {
            reasons.append("données de \(facts.clientsAffected) personnes touchées : violation (art. 4(12))")
        }
        if wasRead {
            reasons.append(
                "lues par un tiers malveillant : catégories \(facts.readCategories.sorted().joined(separator: ", "))")
        }
        if facts.dataLost.contains(.integrity) { reasons.append("données altérées : risque de perte financière") }
        tellsAuthority = isBreach && (wasRead || facts.dataLost.contains(.integrity) || facts.downtimeSeconds > 86_400)
        tellsPersons = tellsAuthority && (wasRead && grave || facts.directLossMinor > 0)
        if tellsPersons { reasons.append("risque élevé pour les personnes : les informer (art. 34)") }
        reasonsFr = reasons
    }

    public var json: JSON {
        [
            "breach": .bool(isBreach), "tell_authority": .bool(tellsAuthority), "tell_persons": .bool(tellsPersons),
            "reasons": .array(reasonsFr.map { .string($0) }),
        ]
    }
}
