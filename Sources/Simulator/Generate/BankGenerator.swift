/// Makes the clean bank: people, accounts, cards, and everything that happened on them.
struct BankGenerator {
    let clients: Int
    let days: Int
    let seed: UInt64
    let words: Words
    /// The day after the last of the history: fixed, so that the same seed gives the same bank at any time.
    static let endDay = CivilDate.day(2026, 10, 21)

    var bank = LegacyBank()
    var pool = EventPool()
    var accountsOfClient: [[Int]] = []
    /// Rows of `beneficiaries` by row of `clients`, and rows of `accounts` by IBAN.
    var beneficiariesOfClient: [[Int]] = []
    var accountNumbers: [String: Int] = [:]
    var companies: [(name: String, counterpart: Int32, label: Int32)] = []
    var landlords: [(counterpart: Int32, label: Int32)] = []
    var subscriptions: [(label: Int32, counterpart: Int32, day: Int, median: Double, share: Double)] = []

    init(clients: Int, days: Int, seed: UInt64, words: Words) {
        self.clients = clients
        self.days = days
        self.seed = seed
        self.words = words
        bank.start = (Self.endDay - days) * 86_400
        bank.end = Self.endDay * 86_400
    }

    /// `forgeries` are events of an attacker that pass through the bank's own books, so that every balance agrees.
    mutating func generate(forging forgeries: (inout EventPool, LegacyBank) -> Void = { _, _ in }) -> LegacyBank {
        makeEnvironment()
        makePeople()
        for client in 0..<clients { makeHistory(of: client) }
        forgeries(&pool, bank)
        play()
        makeStaff()
        makeJournal()
        return bank
    }

    private mutating func makeEnvironment() {
        var random = SeededRandom(seed: seed, stream: "environment")
        for index in 0..<max(8, clients / 25) {
            let name =
                "\(random.pick(words.families).uppercased()) \(["SA", "SARL", "ET FILS", "INDUSTRIE"][index % 4])"
            companies.append(
                (
                    name, pool.counterpart(name, AccountNumbers.foreignBank(index * 31 + 5)),
                    pool.label("VIR SALAIRE \(name)")
                ))
        }
        for index in 0..<max(5, clients / 40) {
            let name = "AGENCE \(random.pick(words.families).uppercased())"
            landlords.append(
                (
                    pool.counterpart(name, AccountNumbers.foreignBank(index * 17 + 90_001)),
                    pool.label("PRLV LOYER \(name)")
                ))
        }
        let contracts: [(String, Int, Double, Double)] = [
            ("PRLV ELECTRICITE DE L OUEST", 10, 68, 0.85), ("PRLV MOBILE SANS FIL", 12, 19, 0.95),
            ("PRLV BOX INTERNET", 8, 32, 0.8), ("PRLV ASSURANCE HABITATION", 5, 24, 0.75),
            ("PRLV MUTUELLE SANTE", 6, 54, 0.6), ("PRLV ASSURANCE AUTO", 15, 46, 0.5), ("PRLV IMPOTS", 16, 140, 0.4),
        ]
        for (index, contract) in contracts.enumerated() {
            let name = String(contract.0.dropFirst(5))
            subscriptions.append(
                (
                    pool.label(contract.0), pool.counterpart(name, AccountNumbers.foreignBank(index + 200_003)),
                    contract.1, contract.2, contract.3
                ))
        }
    }

    private mutating func makePeople() {
        accountsOfClient.reserveCapacity(clients)
        let startDay = Self.endDay - days
        for client in 0..<clients {
            var random = SeededRandom(seed: seed, stream: "people", index: client)
            bank.clients.append(person(client, &random, startDay))
            var accounts: [Int] = []
            func kinds(_ random: inout SeededRandom) -> [LegacyAccount.Kind] {
                [.courant] + (random.chance(0.55) ? [.epargne] : []) + (random.chance(0.15) ? [.joint] : [])
            }
            let since = bank.clients[client].createdAt / 86_400
            for kind in kinds(&random) {
                let id = bank.accounts.count + 1
                let overdraft = kind == .epargne ? 0 : random.pick([0, 20_000, 50_000, 50_000, 100_000, 150_000])
                bank.accounts.append(
                    LegacyAccount(
                        id: id, client: client + 1, kind: kind, iban: AccountNumbers.own(id), overdraft: overdraft,
                        openedOn: min(since + random.below(90), startDay)))
                accounts.append(id - 1)
                if kind != .epargne, random.chance(0.93) { addCard(account: id, &random, startDay) }
            }
            accountsOfClient.append(accounts)
        }
        makeBeneficiaries(startDay)
    }

    private func person(_ client: Int, _ random: inout SeededRandom, _ startDay: Int) -> LegacyClient {
        let isMale = random.chance(0.5)
        let first = random.pick(isMale ? words.men : words.women)
        let last = random.pick(words.families)
        let city = random.pick(words.cities)
        let birthDay = startDay - 365 * random.within(19...86) - random.below(365)
        let host = random.pick(["exemple.fr", "courriel.example", "boite.example", "poste.example"])
        return LegacyClient(
            id: client + 1, isMale: isMale, firstName: first, lastName: last,
            email: "\(Words.plain(first)).\(Words.plain(last))\(client + 1)@\(host)",
            phone: "+336" + String(30_000_000 + (client * 7919) % 60_000_000).leftPadded(8),
            street: "\(random.within(1...140)) \(random.pick(words.streets))", postcode: city.postcode, city: city.name,
            birthDay: birthDay,
            socialNumber: AccountNumbers.socialNumber(
                isMale: isMale, birthDay: birthDay, department: random.within(1...95), order: client),
            createdAt: (startDay - random.within(30...3000)) * 86_400 + random.within(32_000...64_000),
            ip:
                "\(random.pick([81, 82, 86, 90, 92, 109, 176])).\(random.within(1...254)).\(random.within(1...254)).\(random.within(2...254))"
        )
    }

    private mutating func addCard(account: Int, _ random: inout SeededRandom, _ startDay: Int) {
        let id = bank.cards.count + 1
        let network = random.chance(0.6) ? "VISA" : "MASTERCARD"
        let issued = startDay - random.within(0...900)
        bank.cards.append(
            LegacyCard(
                id: id, account: account, pan: AccountNumbers.card(network: network, serial: id),
                expiry: CivilDate.firstOfNextMonth(issued + 1200) - 1, cvv: random.within(0...999), network: network,
                ceiling: random.pick([100_000, 150_000, 200_000, 300_000]), issuedOn: issued))
    }

    /// At most one a day for a client, as the legacy bank's own rule was.
    private mutating func makeBeneficiaries(_ startDay: Int) {
        var drafts: [LegacyBeneficiary] = []
        for client in 0..<clients {
            var random = SeededRandom(seed: seed, stream: "beneficiaries", index: client)
            for index in 0..<random.within(1...5) {
                let isInside = clients > 1 && random.chance(0.4)
                let iban: String
                let name: String
                if isInside {
                    var other = random.below(clients)
                    if other == client { other = (other + 1) % clients }
                    iban = bank.accounts[accountsOfClient[other][0]].iban
                    name = "\(bank.clients[other].firstName) \(bank.clients[other].lastName)"
                } else {
                    iban = AccountNumbers.foreignBank(400_000 + client * 8 + index)
                    name = "\(random.pick(random.chance(0.5) ? words.women : words.men)) \(random.pick(words.families))"
                }
                let span = startDay - bank.clients[client].createdAt / 86_400
                let day = bank.clients[client].createdAt / 86_400 + 1 + index * max(1, span / 6)
                drafts.append(
                    LegacyBeneficiary(
                        id: 0, client: client + 1, name: name, iban: iban, bic: AccountNumbers.otherBIC(iban),
                        addedAt: day * 86_400 + random.within(28_000...79_000)))
            }
        }
        let order = drafts.indices.sorted { (drafts[$0].addedAt, $0) < (drafts[$1].addedAt, $1) }
        bank.beneficiaries = order.enumerated().map { number, draft in
            var beneficiary = drafts[draft]
            beneficiary.id = number + 1
            return beneficiary
        }
        beneficiariesOfClient = Array(repeating: [], count: clients)
        for (row, beneficiary) in bank.beneficiaries.enumerated() {
            beneficiariesOfClient[beneficiary.client - 1].append(row)
        }
        for (row, account) in bank.accounts.enumerated() { accountNumbers[account.iban] = row }
    }

    private mutating func makeStaff() {
        var random = SeededRandom(seed: seed, stream: "staff")
        let roles = ["conseiller", "conseiller", "conseiller", "analyste", "administrateur", "support"]
        for id in 1...max(6, min(60, clients / 100)) {
            let first = random.pick(random.chance(0.5) ? words.women : words.men)
            let last = random.pick(words.families)
            bank.staff.append(
                LegacyEmployee(
                    id: id, login: Words.plain(String(first.prefix(1)) + last) + String(id), name: "\(first) \(last)",
                    role: roles[(id - 1) % roles.count], createdAt: bank.start - (400 - id * 3) * 86_400))
        }
    }
}
