/// Writes the episodes of fraudsters, one kind after the other.
struct FraudPlot {
    struct Draft {
        var time: Int64
        var customer: Int64
        var terminal: Int64
        var minor: Int64
        var kind: UInt8
        var isCard = true
    }

    private(set) var drafts: [Draft]
    let accounts: [Int64]
    private let terminals: ContiguousArray<Int64>
    private let usual: [Int64: Int64]
    private var generator: SplitMix
    private let seed: UInt64
    /// Accounts that fraudsters have at their disposal at a time, and for how long.
    private static let mules: Int64 = 6
    private static let muleDays: Int64 = 12

    init(
        _ genuine: TransactionTable, usual: [Int64: Int64], seed: UInt64, isCard: ((Int) -> Bool)? = nil
    ) {
        accounts = usual.keys.sorted()
        terminals = genuine.terminal
        self.usual = usual
        self.seed = seed
        generator = SplitMix(state: seed)
        drafts = []
        drafts.reserveCapacity(genuine.count)
        for row in genuine.id.indices {
            var draft = Draft(
                time: genuine.time[row], customer: genuine.customer[row], terminal: genuine.terminal[row],
                minor: genuine.minor[row], kind: genuine.isFraud[row] ? FraudKind.forged.rawValue : 0,
                isCard: isCard?(row) ?? true)
            if !draft.isCard, draft.kind == 0 { befriend(&draft) }
            drafts.append(draft)
        }
    }

    /// Three transfers in ten go to one of three friends in the same bank: money comes in and goes out for good reasons too.
    private func befriend(_ draft: inout Draft) {
        var chance = SplitMix(state: seed ^ UInt64(bitPattern: draft.terminal) ^ 0xF1)
        guard chance.unit() < 0.3 else { return }
        var friend = SplitMix(
            state: seed ^ UInt64(bitPattern: draft.customer) &* 3 &+ UInt64(bitPattern: draft.terminal) % 3)
        let account = accounts[Int(friend.next() % UInt64(accounts.count))]
        if account != draft.customer { draft.terminal = account }
    }

    private mutating func below(_ bound: Int64) -> Int64 { Int64(generator.next() % UInt64(max(bound, 1))) }
    private mutating func account() -> Int64 { accounts[Int(below(Int64(accounts.count)))] }
    private mutating func terminal() -> Int64 { terminals[Int(below(Int64(terminals.count)))] }
    /// A client who lends the account for some days.
    private mutating func mule(_ day: Int64) -> Int64 {
        let time = day.floorDivided(by: Self.muleDays * Span.day)
        var recruited = SplitMix(state: seed ^ UInt64(bitPattern: time &* 1_000 &+ below(Self.mules)) ^ 0x3C)
        return accounts[Int(recruited.next() % UInt64(accounts.count))]
    }

    /// Most of what came in leaves within hours.
    private mutating func passOn(_ mule: Int64, _ time: Int64, _ minor: Int64) {
        let exchange = Int64.max - 5_000 - below(12)
        let share = 85 + below(14)
        let later = time + Span.hour + below(10) * Span.hour + below(3_600) * Span.second
        add(.mule, later, mule, exchange, minor * share / 100)
    }
    private func habit(_ account: Int64) -> Int64 { usual[account] ?? 3_000 }

    private mutating func add(
        _ kind: FraudKind, _ time: Int64, _ customer: Int64, _ terminal: Int64, _ minor: Int64
    ) {
        drafts.append(
            Draft(time: time, customer: customer, terminal: terminal, minor: minor, kind: kind.rawValue))
    }

    mutating func takeOver(_ day: Int64) {
        let (victim, payee, hour) = (account(), mule(day), day + below(24) * Span.hour)
        for step in 0..<(3 + below(5)) {
            let (time, minor) = (hour + step * 420 * Span.second, 30_000 + below(270_000))
            add(.takeover, time, victim, payee, minor)
            passOn(payee, time, minor)
        }
    }

    mutating func stealCard(_ day: Int64) {
        let (victim, hour) = (account(), day + below(24) * Span.hour)
        for step in 0..<(4 + below(8)) {
            add(.card, hour + step * 540 * Span.second, victim, terminal(), habit(victim) * (3 + below(3)))
        }
    }

    mutating func scam(_ day: Int64) {
        let victim = account()
        let (payee, minor) = (mule(day), max(habit(victim) * 10, 80_000 + below(500_000)))
        let time = day + (9 + below(9)) * Span.hour
        add(.scam, time, victim, payee, minor)
        passOn(payee, time, minor)
    }

    mutating func testCards(_ day: Int64) {
        let merchant = terminal()
        for step in 0..<20 as Range<Int64> {
            add(.testing, day + 3 * Span.hour + step * 40 * Span.second, account(), merchant, 50 + below(150))
        }
    }

    mutating func compromiseTerminal(_ day: Int64) {
        let merchant = terminal()
        for step in 0..<28 as Range<Int64> {
            let victim = account()
            let time = day + step * 12 * Span.hour + below(40_000) * Span.second
            add(.terminal, time, victim, merchant, max(habit(victim), 500))
        }
    }
}
