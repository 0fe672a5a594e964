extension Attack {
    mutating func noteForgeries(_ bank: LegacyBank) {
        let collectors = Set(Self.mules.map(\.iban))
        for operation in bank.operations where operation.counterpart.map({ collectors.contains($0.iban) }) == true {
            note(.transactionForged, "transactions", String(operation.id), after: Self.decimal(operation.amount))
        }
    }

    mutating func alterBeneficiaries(_ bank: inout LegacyBank) {
        for row in random.sample(
            share(0.04, of: bank.beneficiaries.count, atLeast: 12), below: bank.beneficiaries.count)
        {
            let mule = random.below(Self.mules.count)
            note(
                .beneficiaryAltered, "beneficiaires", String(bank.beneficiaries[row].id), column: "iban",
                before: bank.beneficiaries[row].iban, after: Self.mules[mule].iban)
            bank.beneficiaries[row].iban = Self.mules[mule].iban
            bank.beneficiaries[row].bic = Self.muleBICs[mule]
        }
    }

    /// Accounts that nothing else was done to, with a history long enough to hold evidence.
    private mutating func freshAccounts(_ count: Int, _ byAccount: [Int: [Int]]) -> [Int] {
        var chosen: [Int] = []
        for _ in 0..<count * 20 where chosen.count < count {
            let account = random.below(byAccount.count)
            guard let rows = byAccount[account], rows.count >= 8, touched.insert(account).inserted else { continue }
            chosen.append(account)
        }
        return chosen
    }

    /// An operation that is neither the first nor the last of its account.
    private mutating func innerRow(_ rows: [Int]) -> Int { rows[random.within(1...rows.count - 3)] }

    mutating func alterAmounts(_ bank: inout LegacyBank, _ byAccount: [Int: [Int]]) {
        for account in freshAccounts(share(0.012, of: bank.accounts.count, atLeast: 6), byAccount) {
            guard let rows = byAccount[account] else { continue }
            let row = innerRow(rows)
            let before = bank.operations[row].amount
            let after = before * random.within(2...9) + random.within(1...99)
            bank.operations[row].amount = after
            note(
                .transactionAltered, "transactions", String(bank.operations[row].id), column: "montant",
                before: Self.decimal(before), after: Self.decimal(after))
        }
    }

    /// Copies of operations under new ids.
    mutating func duplicates(_ bank: LegacyBank, _ byAccount: [Int: [Int]]) -> [Addition] {
        freshAccounts(share(0.012, of: bank.accounts.count, atLeast: 6), byAccount).compactMap { account in
            guard let rows = byAccount[account] else { return nil }
            let candidates = rows.dropFirst().dropLast().filter { bank.operations[$0].reference == nil }
            guard !candidates.isEmpty else { return nil }
            return Addition(operation: bank.operations[random.pick(candidates)], kind: .transactionDuplicated)
        }
    }

    /// Transfers written by hand into the table: no order, no balance after, an id that is later than its time.
    mutating func crudeForgeries(_ bank: inout LegacyBank, _ byAccount: [Int: [Int]]) -> [Addition] {
        freshAccounts(share(0.008, of: bank.accounts.count, atLeast: 5), byAccount).map { account in
            let amount = -random.within(200...4800) * 100
            bank.accounts[account].balance += amount
            return Addition(
                operation: LegacyOperation(
                    account: account, at: theft.lowerBound + random.below(theft.count), kind: .virement_emis,
                    amount: amount, label: "VIR REGULARISATION", counterpart: random.pick(Self.mules)),
                kind: .transactionForged)
        }
    }

    mutating func removeOperations(_ bank: inout LegacyBank, _ byAccount: [Int: [Int]]) {
        var removed: Set<Int> = []
        for account in freshAccounts(share(0.012, of: bank.accounts.count, atLeast: 6), byAccount) {
            guard let rows = byAccount[account] else { continue }
            let candidates = rows.dropFirst().dropLast().filter { bank.operations[$0].reference == nil }
            guard !candidates.isEmpty else { continue }
            let row = random.pick(candidates)
            removed.insert(row)
            note(
                .transactionDeleted, "transactions", String(bank.operations[row].id), column: nil,
                before: Self.decimal(bank.operations[row].amount))
        }
        bank.operations = bank.operations.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
    }

    struct Addition {
        var operation: LegacyOperation
        let kind: GroundTruth.Tampered.Kind
    }

    /// New rows get the ids that the sequence would give: behind all others.
    mutating func append(_ additions: [Addition], to bank: inout LegacyBank) {
        var next = (bank.operations.last?.id ?? 0) + 1
        for addition in additions {
            var operation = addition.operation
            let original = operation.id
            operation.id = next
            next += 1
            note(
                addition.kind, "transactions", String(operation.id),
                before: addition.kind == .transactionDuplicated ? String(original) : nil,
                after: Self.decimal(operation.amount))
            bank.operations.append(operation)
        }
    }

    mutating func alterBalances(_ bank: inout LegacyBank) {
        for _ in 0..<share(0.01, of: bank.accounts.count, atLeast: 6) {
            let account = random.below(bank.accounts.count)
            guard touched.insert(account).inserted else { continue }
            let before = bank.accounts[account].balance
            bank.accounts[account].balance += random.within(500...9000) * 100
            note(
                .balanceAltered, "comptes", String(account + 1), column: "solde", before: Self.decimal(before),
                after: Self.decimal(bank.accounts[account].balance))
        }
    }

    mutating func addEmployee(_ bank: inout LegacyBank) {
        let id = bank.staff.count + 1
        bank.staff.append(
            LegacyEmployee(
                id: id, login: Self.intruderLogin, name: "Maintenance", role: "administrateur",
                createdAt: escalation.lowerBound + 900))
        note(.employeeAdded, "employes", String(id), after: Self.intruderLogin)
    }

    /// Revenge: some clients and cards are simply deleted; nothing in the legacy schema stops it.
    mutating func removePeopleAndCards(_ bank: inout LegacyBank) {
        let clients = random.sample(share(0.005, of: bank.clients.count, atLeast: 3), below: bank.clients.count)
        for row in clients.reversed() {
            note(.clientDeleted, "clients", String(bank.clients[row].id))
        }
        gone = Set(clients)
        let cards = Set(
            random.sample(share(0.01, of: bank.cards.count, atLeast: 3), below: max(0, bank.cards.count - 1)))
        for row in cards.sorted() { note(.cardDeleted, "cartes", String(bank.cards[row].id)) }
        bank.cards = bank.cards.enumerated().filter { !cards.contains($0.offset) }.map(\.element)
    }

    /// The stuffing shows in the bank's own log; then an hour of it is wiped.
    mutating func rewriteJournal(_ bank: inout LegacyBank) {
        var entries = bank.journal
        let tries = max(400, bank.clients.count * 2)
        for attempt in 0..<tries {
            let client = random.below(bank.clients.count)
            let hit = random.chance(0.006)
            entries.append(
                LegacyLogEntry(
                    at: stuffing.lowerBound + attempt * stuffing.count / tries, ip: addresses[attempt % 12],
                    client: client, user: bank.clients[client].email, action: hit ? .connexion : .echec_connexion,
                    object: "portail"))
        }
        for step in 0..<4 {
            entries.append(
                LegacyLogEntry(
                    at: exfiltration.lowerBound + step * 700, ip: addresses[15], client: nil, user: Self.intruderLogin,
                    action: .export, object: ["clients", "cartes", "comptes", "beneficiaires"][step]))
        }
        entries = BankGenerator.numbered(entries)
        let lost = entries.filter { wiped.contains($0.at) }
        bank.journal = entries.filter { !wiped.contains($0.at) }
        if let first = lost.first, let last = lost.last {
            note(.logWiped, "logs", first.id == last.id ? "\(first.id)" : "\(first.id)-\(last.id)")
        }
    }
}
