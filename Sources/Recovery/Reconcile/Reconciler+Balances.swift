internal import Postgres

/// Balances of accounts and monthly statements, against the operations.
extension Reconciler {
    private struct Balance: RowDecodable {
        let account: Int64
        let balance: Int64?
        let expected: Int64
        let lastOperation: Int64
        /// What stands outside the chain of running balances.
        let outside: Int64

        init(row: Row) throws {
            account = try row.decode(0)
            balance = try row.decodeIfPresent(1)
            expected = try row.decode(2)
            lastOperation = try row.decodeIfPresent(3) ?? 0
            outside = try row.decodeIfPresent(4) ?? 0
        }

        init(resting row: Row) throws {
            account = try row.decode(0)
            balance = try row.decodeIfPresent(1)
            expected = try row.decode(2)
            (lastOperation, outside) = (0, 0)
        }
    }

    mutating func checkBalances() async throws {
        guard has(.comptes, "solde") else { return }
        guard hasChain else { return try await checkSums() }
        for found in try await connection.all(ChainStore.balances, as: Balance.self) {
            let difference = (found.balance ?? 0) &- found.expected
            let isForgery = found.outside != 0 && difference == found.outside
            if !isForgery, mayHaveLost(after: found.lastOperation) {
                add(
                    .balanceDiffers, nil, RoleTable.comptes.rawValue, String(found.account), column: "solde",
                    expected: Hundredths.text(found.expected), found: found.balance.map(Hundredths.text),
                    note: "the dump lost operations")
                continue
            }
            // An operation that nobody misses yet could be this account's last.
            let isDoubtful =
                facts.doubtfulAccounts.contains(found.account)
                || facts.missingOperations.subtracting(facts.explainedOperations).contains { $0 > found.lastOperation }
            report(found, isForgery, isDoubtful ? .likely : .certain)
        }
        guard wholeTables.contains(.transactions) else { return }
        for row in try await connection.run(ChainStore.restingBalances) {
            report(try Balance(resting: row), false, .certain)
        }
    }

    /// Whether the damage may have taken an operation later than `id`: at the table's end, or known by its number.
    private func mayHaveLost(after id: Int64) -> Bool {
        guard !wholeTables.contains(.transactions) else { return false }
        guard let last = lastIDs[.transactions], profile(.transactions).last >= last else { return true }
        return facts.lostOperations.contains { $0.upperBound > id }
    }

    private mutating func report(_ found: Balance, _ isForgery: Bool, _ confidence: RowFinding.Confidence) {
        let before = found.balance.map(Hundredths.text)
        let after = Hundredths.text(found.expected)
        if !isForgery {
            add(
                .balanceDiffers, .balanceAltered, RoleTable.comptes.rawValue, String(found.account), column: "solde",
                expected: after, found: before, confidence)
        }
        propose(
            Repair(
                isForgery ? .operationOutOfSequence : .balanceDiffers, .comptes, String(found.account), .set,
                [.init(column: "solde", before: before, after: after)], certainty: .init(confidence),
                fr: isForgery
                    ? "solde sans l’opération ajoutée après coup" : "solde après la dernière opération du compte",
                en: isForgery
                    ? "balance without the operation added afterwards" : "balance after the account's last operation"))
    }

    /// Without running balances: the sum of operations, when it holds for nearly all accounts.
    private mutating func checkSums() async throws {
        guard let source = sources[.comptes], source.rawColumn(of: "solde") != nil else { return }
        let rows = try await connection.run(ChainStore.sums)
        guard Int64(rows.count) * 20 <= profile(.comptes).rows else { return }
        for row in rows { report(try Balance(resting: row), false, .likely) }
    }

    mutating func checkStatements() async throws {
        for row in try await connection.run(ChainStore.statements) {
            let id: Int64 = try row.decode(0)
            let account: Int64 = try row.decode(1)
            let month: String = try row.decode(2)
            let printed: Int64? = try row.decodeIfPresent(3)
            let counted: Int64 = try row.decode(4)
            let note = "compte \(account), \(month.prefix(7))"
            if printed != counted {
                add(
                    .statementDiffers, nil, RoleTable.releves.rawValue, String(id), column: "nombre_operations",
                    expected: printed.map(String.init), found: String(counted), .certain, note: note)
            } else {
                add(.statementDiffers, nil, RoleTable.releves.rawValue, String(id), .certain, note: note)
            }
        }
    }
}
