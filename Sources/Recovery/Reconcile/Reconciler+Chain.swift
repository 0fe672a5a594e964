internal import Postgres

/// Breaks of the running balances, balances of accounts, monthly statements.
extension Reconciler {
    private struct Wording: RowDecodable {
        let name: String
        let spread: AmountSpread

        init(row: Row) throws {
            name = try row.decode(0)
            let count: Int64 = try row.decode(1)
            spread = AmountSpread(
                count: count, mean: try row.decode(2), deviation: try row.decode(3),
                isRoundToTens: try row.decode(4, as: Int64.self) * 50 >= count * 49 && count >= 20,
                isRoundToUnits: try row.decode(5, as: Int64.self) * 50 >= count * 49 && count >= 20)
        }
    }

    private struct Siblings: RowDecodable {
        let id: Int64
        let spread: AmountSpread

        init(row: Row) throws {
            id = try row.decode(0)
            spread = AmountSpread(count: try row.decode(1), mean: try row.decode(2), deviation: try row.decode(3))
        }
    }

    private struct Mix: RowDecodable {
        let credits: Double
        let debits: AmountSpread

        init(row: Row) throws {
            credits = try row.decode(0)
            debits = AmountSpread(count: 0, mean: try row.decode(1), deviation: try row.decode(2))
        }
    }

    private struct MonthCount: RowDecodable {
        let account: Int64
        let month: String
        let missing: Int64

        init(row: Row) throws {
            account = try row.decode(0)
            month = try row.decode(1)
            missing = try row.decode(2)
        }
    }

    /// An executed order whose operation is gone.
    struct LostOrder: RowDecodable {
        let id: Int64
        let account: Int64
        let amount: Int64?
        let operation: Int64
        let at: String?
        let motive: String
        let iban: String
        let name: String

        init(row: Row) throws {
            id = try row.decode(0)
            account = try row.decode(1)
            amount = try row.decodeIfPresent(2)
            operation = try row.decode(3)
            at = try row.decodeIfPresent(4)
            motive = try row.decode(5)
            iban = try row.decode(6)
            name = try row.decode(7)
        }
    }

    mutating func judgeBreaks() async throws {
        let orders = Dictionary(
            try await connection.all(ChainStore.withoutOperation, as: LostOrder.self).map { ($0.operation, $0) },
            uniquingKeysWith: { first, _ in first })
        if hasChain {
            let all = try await connection.all(ChainStore.breaks, as: ChainBreak.self)
            // The damage took an operation there: the chain has nothing more to say.
            let breaks = all.filter { item in
                !facts.lostOperations.contains { $0.upperBound > item.previousID && $0.lowerBound < item.id }
            }
            facts.doubtfulAccounts.formUnion(Set(all.map(\.account)).subtracting(breaks.map(\.account)))
            if !breaks.isEmpty {
                let verdicts = BreakJudge.verdicts(on: breaks, try await evidence(orders))
                for (item, verdict) in zip(breaks, verdicts) { report(item, verdict, orders) }
            }
        } else if has(.transactions, "solde_apres") {
            for day in try await connection.all(ChainStore.brokenDays, as: BrokenDay.self) {
                add(
                    .runningBalanceBreak, nil, RoleTable.comptes.rawValue, String(day.account), column: "solde_apres",
                    expected: Hundredths.text(day.expected), found: Hundredths.text(day.found), at: day.day)
            }
        }
        for id in facts.missingOperations.subtracting(facts.explainedOperations).sorted() {
            add(
                .missingRow, .transactionDeleted, RoleTable.transactions.rawValue, String(id), .likely,
                note: "no account's balances miss it")
        }
        for (id, order) in orders.sorted(by: { $0.key < $1.key }) {
            let kind: RowFinding.Kind? = wholeTables.contains(.transactions) ? .transactionDeleted : nil
            add(
                .orderWithoutOperation, kind, RoleTable.transactions.rawValue, String(id), column: "montant",
                expected: order.amount.map { Hundredths.text(0 &- $0) }, .certain, at: order.at,
                note: "order \(order.id)")
        }
    }

    private struct BrokenDay: RowDecodable {
        let account: Int64
        let day: String
        let expected: Int64
        let found: Int64

        init(row: Row) throws {
            account = try row.decode(0)
            day = try row.decode(1)
            expected = try row.decode(2)
            found = try row.decode(3)
        }
    }

    /// Whether each missing operation is known by its id.
    private var hasKnownGaps: Bool {
        profile(.transactions).isDense || !facts.lostOperations.isEmpty && profile(.transactions).isChronological
    }

    private func evidence(_ orders: [Int64: LostOrder]) async throws -> ChainEvidence {
        try await connection.run(ReconcileStore.withoutWorkers)
        var evidence = ChainEvidence()
        evidence.missingIDs = hasKnownGaps ? facts.missingOperations.sorted() : nil
        for (id, order) in orders {
            evidence.orders[id] = order.amount.map { ChainEvidence.Order(account: order.account, amount: $0) }
        }
        for count in try await connection.all(ChainStore.statementCounts, as: MonthCount.self) {
            // With rows lost, a statement that misses some proves nothing.
            guard facts.lostOperations.isEmpty || count.missing <= 0 else { continue }
            evidence.missingByMonth[count.account, default: [:]][count.month] = count.missing
        }
        for wording in try await connection.all(ChainStore.wordings, as: Wording.self) {
            evidence.spreads[wording.name] = wording.spread
        }
        for siblings in try await connection.all(ChainStore.siblings, as: Siblings.self) {
            evidence.siblings[siblings.id] = siblings.spread
        }
        let mix = try await connection.one(ChainStore.mix, as: Mix.self)
        evidence.creditShare = mix.credits
        evidence.debits = mix.debits
        return evidence
    }

    private mutating func report(_ item: ChainBreak, _ verdict: BreakVerdict, _ orders: [Int64: LostOrder]) {
        let key = String(item.id)
        let table = RoleTable.transactions.rawValue
        switch verdict {
        case .amountAltered(let expected, let confidence):
            let sure = wholeTables.contains(.transactions) ? confidence : .likely
            let (before, after) = (Hundredths.text(item.amount), Hundredths.text(expected))
            add(
                .amountAltered, .transactionAltered, table, key, column: "montant", expected: after, found: before,
                sure, at: item.at)
            propose(
                Repair(
                    .amountAltered, .transactions, key, .set,
                    [.init(column: "montant", before: before, after: after)], certainty: .init(sure),
                    fr: "montant qui mène du solde précédent au solde de l’opération",
                    en: "the amount that leads from the balance before to the operation's balance"))
        case .operationMissing(let id, let amount, let confidence):
            if let id { facts.explainedOperations.insert(id) }
            // In a damaged table an operation without a number is the damage's.
            let isDeleted = id != nil || wholeTables.contains(.transactions)
            add(
                .operationMissing, isDeleted ? .transactionDeleted : nil, table,
                id.map(String.init) ?? "compte \(item.account) avant \(key)",
                column: "montant", expected: Hundredths.text(amount), confidence, at: item.at,
                note: "compte \(item.account)")
            if let id { proposeOperation(id, item, amount, confidence, orders[id]) }
        case .balanceAltered(let expected):
            guard expected != item.balance else { return }
            add(
                .runningBalanceAltered, .rowAltered, table, key, column: "solde_apres",
                expected: Hundredths.text(expected), found: Hundredths.text(item.balance), .certain, at: item.at)
            propose(
                Repair(
                    .runningBalanceAltered, .transactions, key, .set,
                    [
                        .init(
                            column: "solde_apres", before: Hundredths.text(item.balance),
                            after: Hundredths.text(expected))
                    ], certainty: .certain, fr: "solde précédent plus le montant", en: "balance before plus the amount")
            )
        case .unexplained:
            facts.doubtfulAccounts.insert(item.account)
            add(
                .runningBalanceBreak, nil, table, key, column: "solde_apres",
                expected: Hundredths.text(item.previousBalance &+ item.amount), found: Hundredths.text(item.balance),
                at: item.at)
        }
    }

    /// The row before in the order of ids lends its dates: it was booked within seconds of the missing one.
    private mutating func proposeOperation(
        _ id: Int64, _ item: ChainBreak, _ amount: Int64, _ confidence: RowFinding.Confidence, _ order: LostOrder?
    ) {
        var neighbour = id - 1
        while neighbour > 0, facts.missingOperations.contains(neighbour) { neighbour -= 1 }
        func change(_ column: String, _ value: String?) -> Repair.Change {
            .init(column: column, before: nil, after: value)
        }
        let isSure = confidence == .certain && wholeTables.contains(.transactions)
        propose(
            Repair(
                order == nil ? .operationMissing : .orderWithoutOperation, .transactions, String(id), .insert,
                [
                    change("id", String(id)), change("compte_id", String(item.account)),
                    change("montant", Hundredths.text(amount)),
                    change("solde_apres", Hundredths.text(item.previousBalance &+ amount)),
                    change("type", order == nil ? "divers" : "virement_emis"),
                    change("libelle", order.map { "VIR \($0.motive)" } ?? "ECRITURE RETABLIE (RAPPROCHEMENT)"),
                    change("contrepartie_nom", order?.name), change("contrepartie_iban", nil),
                    change("carte_id", nil), change("reference", nil),
                ], like: String(neighbour), certainty: isSure ? .certain : .likely,
                fr: isSure
                    ? "les soldes et les numéros donnent le compte, l’instant et le montant ; le libellé est perdu"
                    : "les soldes donnent le compte et le montant ; le numéro et l’instant ne sont que probables",
                en: isSure
                    ? "balances and ids give the account, the time and the amount; the wording is lost"
                    : "balances give the account and the amount; the id and the time are only likely"))
    }
}
