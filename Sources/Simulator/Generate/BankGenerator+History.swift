extension BankGenerator {
    /// Everything that one client would do, as events; whether the money is there is seen when they are played.
    mutating func makeHistory(of client: Int) {
        var random = SeededRandom(seed: seed, stream: "history", index: client)
        let accounts = accountsOfClient[client]
        let main = accounts[0]
        let startDay = bank.start / 86_400
        let endDay = bank.end / 86_400
        let isRetired = startDay - bank.clients[client].birthDay > 365 * 64
        let salary = Int(random.amount(median: isRetired ? 1550 : 2080, spread: 0.38) * 100)
        for account in accounts {
            let balance = bank.accounts[account].kind == .epargne ? 420_000.0 : Double(salary) * 0.9
            add(
                .opening, main: account, at: bank.start + account % 3600,
                amount: Int(random.amount(median: balance, spread: 0.6)), label: pool.label("SOLDE A NOUVEAU"))
        }
        let saving = accounts.first { bank.accounts[$0].kind == .epargne }
        let rent = random.chance(0.62) ? Int(random.amount(median: 690, spread: 0.3)) * 100 : nil
        makeMonths(
            main, saving: saving, salary: salary, isRetired: isRetired, rent: rent, from: startDay, to: endDay, &random)
        makeDays(accounts, from: startDay, to: endDay, &random)
        makeTransfers(client, main, from: startDay, to: endDay, &random)
    }

    private mutating func makeMonths(
        _ main: Int, saving: Int?, salary: Int, isRetired: Bool, rent: Int?, from: Int, to: Int,
        _ random: inout SeededRandom
    ) {
        let company = random.below(companies.count)
        let landlord = random.below(landlords.count)
        let contracts = subscriptions.map {
            random.chance($0.share) ? Int(random.amount(median: $0.median, spread: 0.35) * 100) : 0
        }
        var month = CivilDate.firstOfMonth(from)
        let pension = pool.label("VIR CAISSE DE RETRAITE")
        let fee = pool.label("COTISATION CARTE ET COMPTE")
        let saved = pool.label("VIR EPARGNE")
        while month < to {
            let payday = isRetired ? CivilDate.nextOpenDay(from: month + 8) : CivilDate.lastOpenDay(ofMonthWith: month)
            add(
                .salary, main: main, at: payday * 86_400 + random.within(14_400...21_600), amount: salary,
                label: isRetired ? pension : companies[company].label, counterpart: companies[company].counterpart)
            if let rent {
                add(
                    .rent, main: main, at: CivilDate.nextOpenDay(from: month + 3) * 86_400 + 18_000, amount: -rent,
                    label: landlords[landlord].label, counterpart: landlords[landlord].counterpart)
            }
            for (index, amount) in contracts.enumerated() where amount > 0 {
                let contract = subscriptions[index]
                add(
                    .debit, main: main,
                    at: CivilDate.nextOpenDay(from: month + contract.day - 1) * 86_400 + 19_000 + index,
                    amount: -(amount + random.below(300)), label: contract.label, counterpart: contract.counterpart)
            }
            add(.fee, main: main, at: CivilDate.nextOpenDay(from: month) * 86_400 + 7_200, amount: -290, label: fee)
            if let saving, random.chance(0.7) {
                add(
                    .saving, main: main,
                    at: CivilDate.nextOpenDay(from: month + 1) * 86_400 + random.within(30_000...70_000),
                    amount: -random.within(2...20) * 2500, label: saved, partner: saving)
            }
            month = CivilDate.firstOfNextMonth(month)
        }
    }

    private mutating func makeDays(_ accounts: [Int], from: Int, to: Int, _ random: inout SeededRandom) {
        let cash = pool.label("RETRAIT DAB")
        for account in accounts where bank.accounts[account].kind != .epargne {
            guard let card = bank.cards.lastIndex(where: { $0.account == account + 1 }) else { continue }
            let taste = random.amount(median: bank.accounts[account].kind == .courant ? 0.85 : 0.3, spread: 0.5)
            for day in from..<to {
                for _ in 0..<random.count(mean: taste * Self.season(day)) {
                    let shops = shop(&random)
                    let cents = max(120, Int(random.amount(median: shops.median, spread: shops.spread) * 100))
                    add(
                        .card, main: account, at: Self.moment(day, shops.hours, &random), amount: -cents,
                        label: pool.label(random.pick(shops.names)), card: card)
                }
                if random.chance(0.06 * taste) {
                    add(
                        .cash, main: account, at: Self.moment(day, 7...23, &random),
                        amount: -random.pick([2000, 3000, 4000, 5000, 6000, 8000, 10_000, 20_000]), label: cash,
                        card: card)
                }
            }
        }
    }

    private mutating func makeTransfers(
        _ client: Int, _ main: Int, from: Int, to: Int, _ random: inout SeededRandom
    ) {
        let mine = beneficiariesOfClient[client]
        guard !mine.isEmpty else { return }
        let motives = [
            "Remboursement", "Anniversaire", "Vacances", "Participation", "Loyer colocation", "Cadeau", "Courses",
        ]
        for day in from..<to where random.chance(0.075 * Self.season(day)) {
            let number = random.pick(mine)
            let beneficiary = bank.beneficiaries[number]
            let amount = -max(5, Int(random.amount(median: 90, spread: 0.9))) * 100
            let label = pool.label("VIR \(random.pick(motives))")
            let at = day * 86_400 + random.within(26_000...82_000)
            let inside = accountNumbers[beneficiary.iban]
            add(
                inside == nil ? .transferOut : .transferInside, main: main, at: at, amount: amount, label: label,
                counterpart: inside == nil ? pool.counterpart(beneficiary.name, beneficiary.iban) : -1,
                partner: inside, beneficiary: number)
        }
    }

    private mutating func add(
        _ kind: Event.Kind, main account: Int, at: Int, amount: Int, label: Int32, counterpart: Int32 = -1,
        card: Int? = nil, partner: Int? = nil, beneficiary: Int? = nil
    ) {
        guard at >= bank.start, at < bank.end else { return }
        var event = Event(at: at, account: Int32(account), kind: kind, amount: amount, label: label)
        event.counterpart = counterpart
        if let card { event.card = Int32(card) }
        if let partner { event.partner = Int32(partner) }
        if let beneficiary { event.beneficiary = Int32(beneficiary) }
        pool.events.append(event)
    }

    private func shop(_ random: inout SeededRandom) -> Words.Shops {
        var share = random.unit() * words.shops.reduce(0) { $0 + $1.share }
        for shops in words.shops {
            share -= shops.share
            if share < 0 { return shops }
        }
        return words.shops[0]
    }

    /// People spend more on Saturdays, in December and in July, less in February.
    static func season(_ day: Int) -> Double {
        let month = [0.95, 0.88, 0.97, 1, 1, 1.03, 1.12, 1.05, 0.98, 1, 1.06, 1.35][CivilDate.parts(day).month - 1]
        return month * [0.9, 0.92, 0.97, 1, 1.15, 1.3, 0.7][CivilDate.weekday(day)]
    }

    private static func moment(_ day: Int, _ hours: ClosedRange<Int>, _ random: inout SeededRandom) -> Int {
        let hour = (random.within(hours) + random.within(hours)) / 2
        return day * 86_400 + hour * 3600 + random.below(3600)
    }
}
