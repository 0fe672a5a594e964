internal import Postgres

/// Differences with an older dump: the surest evidence there is, and the surest source of repairs.
extension Reconciler {
    private struct Difference: RowDecodable {
        let key: Int64
        let now: String?
        let then: String?

        init(row: Row) throws {
            key = try row.decode(0)
            now = try row.decodeIfPresent(1)
            then = try row.decodeIfPresent(2)
        }
    }

    mutating func compareWithOlder() async throws {
        for role in OlderStore.roles {
            guard let source = sources[role], profile(role).rows > 0,
                try await connection.one(OlderStore.exists(source.relation), as: Bool.self)
            else { continue }
            try await connection.run(OlderStore.lookAtOlder)
            try await connection.run(OlderStore.layOut(source))
            try await connection.run(OlderStore.lookAtRows)
            let kind: RowFinding.Kind? = wholeTables.contains(role) ? Self.kindOfDeletion(role) : nil
            for missing in try await connection.all(OlderStore.missing(role), as: KeyCount.self) {
                add(.olderRowMissing, kind, role.rawValue, String(missing.key), .certain)
                var repair = Repair(
                    .olderRowMissing, role, String(missing.key), .insert,
                    // A client may remove a beneficiary; nobody removes an operation.
                    certainty: role == .beneficiaires ? .likely : .certain,
                    fr: "ligne entière de la sauvegarde antérieure", en: "the whole row of the older dump")
                repair.fromOlder = true
                propose(repair)
            }
            for column in OlderStore.constant[role] ?? [] where has(role, column) {
                let differences = try await connection.all(OlderStore.differing(role, column), as: Difference.self)
                for difference in differences { report(difference, role, column) }
            }
        }
    }

    private mutating func report(_ difference: Difference, _ role: RoleTable, _ column: String) {
        let isMoney = role.columns.contains { $0.name == column && $0.form == .money }
        func text(_ value: String?) -> String? {
            isMoney ? value.flatMap { Int64($0) }.map(Hundredths.text) : value
        }
        let (now, then) = (text(difference.now), text(difference.then))
        let kind: RowFinding.Kind =
            role == .transactions && column == "montant"
            ? .transactionAltered : role == .beneficiaires && column == "iban" ? .beneficiaryAltered : .rowAltered
        // A client may correct a beneficiary.
        let confidence: RowFinding.Confidence = role == .beneficiaires ? .likely : .certain
        add(
            .olderRowDiffers, kind, role.rawValue, String(difference.key), column: column, expected: then, found: now,
            confidence)
        guard sources[role]?.rawColumn(of: column) != nil else { return }
        propose(
            Repair(
                .olderRowDiffers, role, String(difference.key), .set,
                [.init(column: column, before: now, after: then)], certainty: .init(confidence),
                fr: "valeur de la sauvegarde antérieure", en: "value of the older dump"))
    }
}
