extension BankGenerator {
    /// Plays the events in the order of time: what the money allows becomes an operation, the rest is refused.
    mutating func play() {
        let events = pool.events
        let order = events.indices.map { events[$0].at << 32 | $0 }.sorted()
        bank.operations.reserveCapacity(events.count + events.count / 8)
        var books = MonthlyBooks(accounts: bank.accounts.count, day: bank.start / 86_400)
        for key in order {
            let event = events[key & 0xFFFF_FFFF]
            if event.at / 86_400 >= books.nextMonth { books.close(&bank) }
            let isAllowed =
                event.amount >= 0
                || bank.accounts[Int(event.account)].balance + event.amount >= -bank.accounts[Int(event.account)]
                    .overdraft
            if event.isOrdered { addOrder(event, isExecuted: isAllowed) }
            guard isAllowed else { continue }
            book(event, &books)
        }
        pool = EventPool()
    }

    private mutating func book(_ event: Event, _ books: inout MonthlyBooks) {
        let account = Int(event.account)
        let reference = event.partner >= 0 ? bank.operations.count + 100_001 : nil
        var counterpart = event.counterpart >= 0 ? pool.counterparts[Int(event.counterpart)] : nil
        if event.partner >= 0 { counterpart = self.counterpart(ofAccount: Int(event.partner)) }
        append(
            LegacyOperation(
                account: account, at: event.at, kind: Self.kind(of: event), amount: event.amount,
                label: label(of: event), counterpart: counterpart,
                card: event.card >= 0 ? Int(event.card) : nil, reference: reference), &books)
        guard event.partner >= 0 else { return }
        append(
            LegacyOperation(
                account: Int(event.partner), at: event.at, kind: .virement_recu, amount: -event.amount,
                label: label(of: event), counterpart: self.counterpart(ofAccount: account), reference: reference),
            &books)
    }

    private mutating func append(_ draft: LegacyOperation, _ books: inout MonthlyBooks) {
        var operation = draft
        operation.id = bank.operations.count + 1
        bank.accounts[operation.account].balance += operation.amount
        operation.balanceAfter = bank.accounts[operation.account].balance
        books.operations[operation.account] += 1
        bank.operations.append(operation)
    }

    private mutating func addOrder(_ event: Event, isExecuted: Bool) {
        let label = pool.labels[Int(event.label)]
        bank.orders.append(
            LegacyOrder(
                id: bank.orders.count + 1, account: Int(event.account),
                beneficiary: event.beneficiary >= 0 ? Int(event.beneficiary) : nil,
                amount: -event.amount, motive: String(label.dropFirst(4)), isExecuted: isExecuted, at: event.at,
                operation: isExecuted ? bank.operations.count + 1 : nil))
    }

    private func counterpart(ofAccount account: Int) -> Counterpart {
        let client = bank.clients[bank.accounts[account].client - 1]
        return Counterpart(name: "\(client.firstName) \(client.lastName)", iban: bank.accounts[account].iban)
    }

    private static func kind(of event: Event) -> LegacyOperation.Kind {
        switch event.kind {
        case .opening: .virement_recu
        case .salary: .salaire
        case .rent: .loyer
        case .debit: .prelevement
        case .card: .carte
        case .cash: .retrait
        case .fee: .frais
        case .transferOut, .transferInside, .saving, .forged: .virement_emis
        }
    }

    private func label(of event: Event) -> String { pool.labels[Int(event.label)] }
}

/// Balances at the turn of each month, as the bank prints them on statements.
struct MonthlyBooks {
    var operations: [Int]
    private(set) var nextMonth: Int
    private var month: Int
    private var opening: [Int]

    init(accounts: Int, day: Int) {
        operations = Array(repeating: 0, count: accounts)
        opening = operations
        month = CivilDate.firstOfMonth(day)
        nextMonth = CivilDate.firstOfNextMonth(day)
    }

    mutating func close(_ bank: inout LegacyBank) {
        for account in bank.accounts.indices {
            bank.statements.append(
                LegacyStatement(
                    id: bank.statements.count + 1, account: account + 1, month: month, opening: opening[account],
                    closing: bank.accounts[account].balance, operations: operations[account]))
            opening[account] = bank.accounts[account].balance
            operations[account] = 0
        }
        month = nextMonth
        nextMonth = CivilDate.firstOfNextMonth(month)
    }
}
