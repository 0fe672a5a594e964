internal import Postgres

/// Operations that stand where they should not: copies, rows written afterwards, transfers that nobody ordered.
extension Reconciler {
    private struct Copy: RowDecodable {
        let id: Int64
        let account: Int64
        let amount: Int64
        let at: String
        let original: Int64

        init(row: Row) throws {
            id = try row.decode(0)
            account = try row.decode(1)
            amount = try row.decode(2)
            at = try row.decode(3)
            original = try row.decode(4)
        }
    }

    private struct Operation: RowDecodable {
        let id: Int64
        let account: Int64
        let amount: Int64?
        let at: String?
        let hasNoBalance: Bool
        let iban: String

        init(row: Row) throws {
            id = try row.decode(0)
            account = try row.decode(1)
            amount = try row.decodeIfPresent(2)
            at = try row.decodeIfPresent(3)
            hasNoBalance = try row.decode(4)
            iban = try row.decode(5)
        }
    }

    private struct Share: RowDecodable {
        let all: Int64
        let ordered: Int64

        init(row: Row) throws {
            all = try row.decode(0)
            ordered = try row.decode(1)
        }

        /// Nearly each transfer has its order: one without is a sign.
        var isRule: Bool { all > 0 && ordered * 10 >= all * 8 }
    }

    mutating func findDuplicates() async throws {
        try await connection.run(ReconcileStore.withoutWorkers)
        facts.copies = try await connection.execute(ChainStore.makeDuplicates)
        try await connection.run(ChainStore.analyzeDuplicates)
        guard !profile(.transactions).knowsDaysOnly else { return }
        let hasChain = hasChain
        for copy in try await connection.all(ChainStore.duplicates(hasChain: hasChain), as: Copy.self) {
            add(
                .operationDuplicated, .transactionDuplicated, RoleTable.transactions.rawValue, String(copy.id),
                column: "montant", found: Hundredths.text(copy.amount), hasChain ? .certain : .likely, at: copy.at,
                note: "copy of \(copy.original)")
            propose(
                Repair(
                    .operationDuplicated, .transactions, String(copy.id), .exclude,
                    certainty: hasChain ? .certain : .likely,
                    fr: "copie de l’opération \(copy.original) : même compte, même instant, même montant, même solde",
                    en: "copy of operation \(copy.original): same account, instant, amount and running balance"))
        }
    }

    func makeWordings() async throws {
        for statement in ChainStore.makeWordings { try await connection.run(statement) }
    }

    func makeChain() async throws {
        let profile = profile(.transactions)
        try await connection.run(
            ChainStore.makeChain(hasLate: profile.isChronological && profile.late > 0, hasCopies: facts.copies != 0))
        try await connection.run(ChainStore.analyzeChain)
        try await connection.run(ChainStore.makeBreaks)
        try await connection.run(ChainStore.analyzeBreaks)
    }

    mutating func findForgedOperations() async throws {
        let share = try await connection.one(ChainStore.orderedShare, as: Share.self)
        let unordered =
            share.isRule && wholeTables.contains(.virements)
            ? try await connection.all(ChainStore.withoutOrder, as: Operation.self) : []
        let unorderedIDs = Set(unordered.map(\.id))
        let late = try await connection.all(
            ChainStore.outOfSequence(isChronological: profile(.transactions).isChronological, hasChain: hasChain),
            as: Operation.self)
        let lateIDs = Set(late.map(\.id))
        for operation in late {
            // A late booking that its client ordered is the bank's own doing.
            let isForged = operation.hasNoBalance || unorderedIDs.contains(operation.id)
            let isCertain = operation.hasNoBalance && (unorderedIDs.contains(operation.id) || !share.isRule)
            note(operation, .operationOutOfSequence, isForged, isCertain ? .certain : .likely)
            guard isForged else { continue }
            propose(
                Repair(
                    .operationOutOfSequence, .transactions, String(operation.id), .exclude,
                    certainty: isCertain ? .certain : .likely,
                    fr: "opération ajoutée après coup, hors de la chaîne des soldes, sans ordre",
                    en: "operation added afterwards, outside the running balances, without an order"))
        }
        for operation in unordered {
            note(operation, .operationWithoutOrder, true, .certain)
            guard !lateIDs.contains(operation.id) else { continue }
            propose(
                Repair(
                    .operationWithoutOrder, .transactions, String(operation.id), .none, certainty: .needsPerson,
                    fr: "virement sans ordre, mais les soldes le comptent : contrepasser après enquête",
                    en: "transfer without an order, yet the balances count it: reverse it after an inquiry"))
        }
    }

    private mutating func note(
        _ operation: Operation, _ rule: ReconciliationRule, _ isForged: Bool, _ confidence: RowFinding.Confidence
    ) {
        add(
            rule, isForged ? .transactionForged : nil, RoleTable.transactions.rawValue, String(operation.id),
            column: "montant", found: operation.amount.map(Hundredths.text), confidence, at: operation.at)
        guard isForged else { return }
        if !operation.iban.isEmpty { facts.collectors.insert(operation.iban) }
        if let at = operation.at { facts.forgedTimes.append(at) }
    }
}
