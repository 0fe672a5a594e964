internal import Evidence
internal import Postgres

extension FraudDesk {
    public static let pageMax = 200

    /// Open cases as a JSON array.
    public func cases(limit: Int) async throws -> String {
        try await CaseStore(database: database).queue(limit: min(max(limit, 1), Self.pageMax))
    }

    public func caseText(_ id: Int64) async throws -> String? { try await CaseStore(database: database).show(id) }

    /// Takes a case that is nobody's; one that is another analyst's only with `isForced`.
    public func assign(_ id: Int64, to analyst: String, isForced: Bool = false) async throws {
        switch try await CaseStore(database: database).assign(id, to: analyst, isForced: isForced) {
        case .done: return
        case .unknown: throw Self.unknownCase(id)
        case .taken(let owner):
            throw FraudError(
                code: "fraud_case_taken", message: "case \(id) is \(owner)'s",
                hint: "Take another case, or have an admin take this one over.")
        }
    }

    public func note(_ id: Int64, author: String, text: String) async throws {
        guard (1...4_000).contains(text.count) else { throw FraudError.request("a note has 1 to 4000 characters") }
        try await CaseStore(database: database).note(id, author: author, text: text)
    }

    public enum CaseEnd: String, Sendable {
        case closed
        /// A second person has to say the same.
        case proposed
    }

    /// An analyst's verdict on a case labels its payments at once. Above an amount a second analyst has to say the same;
    /// one who says otherwise proposes that instead, for another to confirm.
    public func decide(
        case id: Int64, isFraud: Bool, reason: String, analyst: String
    ) async throws -> CaseEnd {
        guard (1...4_000).contains(reason.count) else { throw FraudError.request("a verdict needs its reason") }
        return try await database.transaction { tx in
            let store = CaseStore(database: tx)
            guard let hold = try await store.hold(id) else { throw Self.unknownCase(id) }
            guard hold.status != "clos" else {
                throw FraudError(
                    code: "fraud_case_closed", message: "case \(id) is closed",
                    hint: "Say what is new of a single payment by its feedback.")
            }
            if hold.largestMinor >= self.settings.fourEyesMinor {
                guard let proposer = hold.proposedBy, hold.proposedFraud == isFraud else {
                    try await store.propose(id, isFraud: isFraud, by: analyst)
                    try await store.note(id, author: analyst, text: reason)
                    return .proposed
                }
                guard proposer != analyst else { throw Self.ownProposal("case \(id)", analyst) }
            }
            try await store.close(id, isFraud: isFraud, reason: reason, by: analyst)
            for payment in hold.payments {
                _ = try await self.label(payment, isFraud: isFraud, source: .analyst, author: analyst, in: tx)
            }
            try await EvidenceJournal.append(
                EvidenceEvent(
                    "fraude.dossier_clos", "dossier \(id)",
                    fields: ["fraude": "\(isFraud)", "paiements": "\(hold.payments.count)"], actor: analyst), in: tx)
            return .closed
        }
    }

    public enum LabelEnd: String, Sendable {
        case counted
        /// A second person has to say the same.
        case proposed
        /// Another word stands above it.
        case overruled
    }

    /// An analyst's word on a single payment. Above an amount it counts when a second analyst says the same.
    public func judge(_ payment: Int64, isFraud: Bool, analyst: String) async throws -> LabelEnd {
        try await database.transaction { tx in
            let store = CaseStore(database: tx)
            if let minor = try await store.amount(of: payment), minor >= self.settings.fourEyesMinor {
                guard let earlier = try await store.proposal(payment), earlier.isFraud == isFraud else {
                    try await store.propose(payment: payment, isFraud: isFraud, by: analyst)
                    return .proposed
                }
                guard earlier.author != analyst else { throw Self.ownProposal("payment \(payment)", analyst) }
                try await store.withdraw(payment: payment)
            }
            let counts = try await self.label(
                payment, isFraud: isFraud, source: .analyst, author: analyst, in: tx)
            return counts ? .counted : .overruled
        }
    }

    private static func ownProposal(_ what: String, _ analyst: String) -> FraudError {
        FraudError(
            code: "fraud_four_eyes", message: "\(what) was proposed by \(analyst) already",
            hint: "Another analyst has to confirm a verdict on this amount.")
    }

    static func unknownCase(_ id: Int64) -> FraudError {
        FraudError(
            code: "fraud_case_unknown", message: "there is no open case \(id)",
            hint: "See the open cases with GET /fraud/v1/cases.")
    }

    // MARK: lists, explanations, drift

    /// Puts an entity on a list: `block`, `allow` or `watch`.
    public func list(
        _ list: String, entity: String, key: Int64, reason: String, author: String, expiresInSeconds: Int64?
    ) async throws {
        guard ["block", "allow", "watch"].contains(list), plan.keyNames.contains(entity), !reason.isEmpty,
            reason.count <= 1_000
        else { throw FraudError.request("a list is block, allow or watch, of a known entity, with a reason") }
        try await database.transaction { tx in
            try await CaseStore(database: tx).put(
                list, entity: entity, key: key, reason: reason, author: author, expiresInSeconds: expiresInSeconds)
            try await EvidenceJournal.append(
                EvidenceEvent(
                    "fraude.liste", "\(entity) \(key)", fields: ["liste": list, "motif": reason], actor: author), in: tx
            )
        }
    }

    public func unlist(_ list: String, entity: String, key: Int64, author: String) async throws -> Bool {
        try await database.transaction { tx in
            guard try await CaseStore(database: tx).remove(list, entity: entity, key: key) else { return false }
            try await EvidenceJournal.append(
                EvidenceEvent("fraude.liste_retrait", "\(entity) \(key)", fields: ["liste": list], actor: author),
                in: tx)
            return true
        }
    }

    /// All reasons of a decision that was made, from the columns it was made with.
    public func explain(_ payment: Int64) async throws -> [Reason] {
        guard let found = try await CaseStore(database: database).decision(payment),
            let row = Self.row(found.columns), row.count == plan.columns.count
        else {
            throw FraudError(
                code: "fraud_payment_unknown", message: "no decision with features was made on payment \(payment)",
                hint: "Check the payment's number.")
        }
        let bench = current
        guard let id = found.model else { return [] }
        let scorer: Scorer
        if let champion = bench.champion, champion.id == id {
            scorer = champion.scorer
        } else {
            scorer = try await registry.open(id)
        }
        return scorer.reasons(row, count: plan.columns.count)
    }

    /// How far the last payments are from those that the champion was trained on, the farthest column first.
    public func drift(payments: Int = 10_000) async throws -> [(name: String, index: Double)] {
        guard let scorer = current.champion?.scorer else { return [] }
        let rows = try await CaseStore(database: database).recentColumns(limit: min(max(payments, 1), 100_000))
            .compactMap(Self.row).filter { $0.count == plan.columns.count }
        var matrix = FeatureMatrix(rows: rows.count, columns: plan.columns.count)
        for (index, row) in rows.enumerated() {
            matrix.withRow(index) { for column in row.indices { $0[column] = row[column] } }
        }
        return scorer.model.profile.drift(matrix, probabilities: scorer.probabilities(matrix))
    }

    public func controlGroup() async throws -> (judged: Int, genuine: Int) {
        try await CaseStore(database: database).controlGroup(labelDelaySeconds: plan.labelDelaySeconds)
    }
}
