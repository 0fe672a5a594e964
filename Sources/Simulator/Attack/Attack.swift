/// Five days in October: stuffed credentials, an injected search form, stolen rights, trojans, then the money and the traces.
struct Attack {
    /// Accounts abroad that collect the money.
    static let mules: [Counterpart] = [
        Counterpart(name: "BALTIC TRADE UAB", iban: AccountNumbers.withCheckDigits("LT", "9910000071122334")),
        Counterpart(name: "K. HOLZER", iban: AccountNumbers.withCheckDigits("DE", "999001000123456789")),
        Counterpart(name: "INVERSIONES SOLANA", iban: AccountNumbers.withCheckDigits("ES", "99990001500123456789")),
        Counterpart(name: "GLOBEX SERVICES", iban: AccountNumbers.withCheckDigits("BE", "999123456744")),
    ]
    static let muleBICs = ["BTRDLT22XXX", "HLZRDEFFXXX", "INVSESMMXXX", "GLBXBEBBXXX"]
    static let intruderLogin = "svc_maintenance"

    let seed: UInt64
    let start: Int
    var random: SeededRandom
    /// Rows of `accounts` that were touched: each at most once, so that every finding has one cause.
    var touched: Set<Int> = []
    var truth: GroundTruth
    /// Rows of `clients` that the attacker deleted: kept in memory, because accounts refer to them by place.
    var gone: Set<Int> = []

    /// The addresses that it comes from.
    let addresses: [String]
    let stuffing: Range<Int>
    let injection: Range<Int>
    let escalation: Range<Int>
    let theft: Range<Int>
    let wiped: Range<Int>
    let exfiltration: Range<Int>

    init(seed: UInt64, truth: GroundTruth) {
        self.seed = seed
        self.truth = truth
        random = SeededRandom(seed: seed, stream: "attack")
        start = (BankGenerator.endDay - 5) * 86_400
        var random = SeededRandom(seed: seed, stream: "attack addresses")
        addresses = (0..<16).map { _ in
            "\(random.pick([45, 91, 103, 185, 193, 194])).\(random.within(1...254)).\(random.within(1...254)).\(random.within(2...254))"
        }
        func hours(_ day: Int, _ from: Double, _ to: Double) -> Range<Int> {
            let midnight = (BankGenerator.endDay - 5 + day) * 86_400
            return midnight + Int(from * 3600)..<midnight + Int(to * 3600)
        }
        stuffing = hours(0, 1, 4.5)
        injection = hours(1, 22, 23.6)
        escalation = hours(2, 2.1, 3.2)
        theft = hours(3, 2, 4)
        wiped = hours(4, 3, 4)
        exfiltration = hours(4, 1.5, 2.9)
    }

    /// How many rows of one kind are touched in a table of `rows`.
    func share(_ fraction: Double, of rows: Int, atLeast least: Int) -> Int {
        min(max(least, Int(Double(rows) * fraction)), max(1, rows / 20))
    }

    /// Forged transfers that go through the books as real ones do: balances agree, but nobody ordered them.
    mutating func forge(_ pool: inout EventPool, _ bank: LegacyBank) {
        let label = pool.label("VIR INSTANTANE")
        let mules = Self.mules.map { pool.counterpart($0.name, $0.iban) }
        for _ in 0..<share(0.01, of: bank.accounts.count, atLeast: 6) {
            let account = random.below(bank.accounts.count)
            guard touched.insert(account).inserted else { continue }
            var event = Event(
                at: theft.lowerBound + random.below(theft.count), account: Int32(account), kind: .forged,
                amount: -random.within(150...1900) * 100, label: label)
            event.counterpart = random.pick(mules)
            pool.events.append(event)
        }
    }

    /// Everything that is done to the rows, once the clean history has been played.
    mutating func tamper(_ bank: inout LegacyBank) {
        noteForgeries(bank)
        var byAccount: [Int: [Int]] = [:]
        for (row, operation) in bank.operations.enumerated() { byAccount[operation.account, default: []].append(row) }
        alterBeneficiaries(&bank)
        alterAmounts(&bank, byAccount)
        let additions = duplicates(bank, byAccount) + crudeForgeries(&bank, byAccount)
        removeOperations(&bank, byAccount)
        append(additions, to: &bank)
        alterBalances(&bank)
        addEmployee(&bank)
        removePeopleAndCards(&bank)
        rewriteJournal(&bank)
        describeIncidents()
    }

    mutating func note(
        _ kind: GroundTruth.Tampered.Kind, _ table: String, _ key: String, column: String? = nil, before: String? = nil,
        after: String? = nil
    ) {
        truth.tampered.append(
            GroundTruth.Tampered(kind: kind, table: table, key: key, column: column, before: before, after: after))
    }

    static func decimal(_ minor: Int) -> String {
        var line = TextLine()
        line.decimal(minor)
        return String(decoding: line.bytes, as: UTF8.self)
    }

    static func time(_ second: Int) -> String {
        var line = TextLine()
        line.timestamp(second)
        return String(decoding: line.bytes, as: UTF8.self)
    }

    private mutating func describeIncidents() {
        func add(_ kind: String, _ hours: Range<Int>, _ addresses: some Sequence<String>, _ note: String) {
            truth.incidents.append(
                GroundTruth.Incident(
                    kind: kind, from: Self.time(hours.lowerBound), to: Self.time(hours.upperBound),
                    addresses: Array(addresses), note: note))
        }
        add("credential_stuffing", stuffing, addresses.prefix(12), "a list of stolen passwords is tried on the portal")
        add("sql_injection", injection, addresses[12...12], "the search form of the portal is injected")
        add("privilege_escalation", escalation, addresses[13...13], "an account of the staff is made administrator")
        add("trojans", escalation, addresses[13...13], "objects are left in the database")
        add("fraudulent_transfers", theft, addresses[13...14], "transfers to accounts abroad, without orders")
        add("exfiltration", exfiltration, addresses[15...15], "tables of clients and cards are exported")
        add("log_wiping", wiped, addresses[13...13], "an hour of every log is removed")
    }
}
