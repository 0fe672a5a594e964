/// Writes the episodes of fraudsters, one kind after the other.
struct FraudPlot {
    struct Draft {
        var time: Int64
        var customer: Int64
        var terminal: Int64
        var minor: Int64
        var kind: UInt8
    }

    private(set) var drafts: [Draft]
    let accounts: [Int64]
    private let terminals: ContiguousArray<Int64>
    private let usual: [Int64: Int64]
    private var generator: SplitMix
    private static let mules: Int64 = 40

    init(_ genuine: TransactionTable, usual: [Int64: Int64], seed: UInt64) {
        drafts = genuine.id.indices.map { row in
            Draft(
                time: genuine.time[row], customer: genuine.customer[row], terminal: genuine.terminal[row],
                minor: genuine.minor[row], kind: genuine.isFraud[row] ? FraudKind.forged.rawValue : 0)
        }
        accounts = usual.keys.sorted()
        terminals = genuine.terminal
        self.usual = usual
        generator = SplitMix(state: seed)
    }

    private mutating func below(_ bound: Int64) -> Int64 { Int64(generator.next() % UInt64(max(bound, 1))) }
    private mutating func account() -> Int64 { accounts[Int(below(Int64(accounts.count)))] }
    private mutating func terminal() -> Int64 { terminals[Int(below(Int64(terminals.count)))] }
    private mutating func mule() -> Int64 { .max - 1_000 + below(Self.mules) }
    private func habit(_ account: Int64) -> Int64 { usual[account] ?? 3_000 }

    private mutating func add(
        _ kind: FraudKind, _ time: Int64, _ customer: Int64, _ terminal: Int64, _ minor: Int64
    ) {
        drafts.append(
            Draft(time: time, customer: customer, terminal: terminal, minor: minor, kind: kind.rawValue))
    }

    mutating func takeOver(_ day: Int64) {
        let (victim, payee, hour) = (account(), mule(), day + below(24) * Span.hour)
        for step in 0..<(3 + below(5)) {
            add(.takeover, hour + step * 420 * Span.second, victim, payee, 30_000 + below(270_000))
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
        let minor = max(habit(victim) * 10, 80_000 + below(500_000))
        add(.scam, day + (9 + below(9)) * Span.hour, victim, mule(), minor)
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
