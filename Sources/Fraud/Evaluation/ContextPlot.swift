/// Whence a simulated bank's clients pay, and whence its fraudsters do. Everything follows from the seed, the account and
/// the time, so that a client has a home, habits, a telephone that is replaced, and travels now and then.
struct ContextPlot {
    private let seed: UInt64

    private static let france: Int64 = 33
    private static let countries: Int64 = 12
    /// Tools of fraudsters in use at a time, and how long.
    private static let tools: UInt64 = 25
    private static let toolDays: Int64 = 20

    init(seed: UInt64) { self.seed = seed }

    private func stream(_ parts: Int64...) -> SplitMix {
        var state = seed
        for part in parts {
            var mixer = SplitMix(state: state ^ UInt64(bitPattern: part))
            state = mixer.next()
        }
        return SplitMix(state: state)
    }

    private static func cell(_ latitude: Double, _ longitude: Double) -> Int64 {
        Place.key(latitude: latitude, longitude: longitude) ?? PaymentEvent.absent
    }

    private func home(_ account: Int64) -> (latitude: Double, longitude: Double) {
        var chance = stream(account, 1)
        return (43.3 + chance.unit() * 6.5, -1 + chance.unit() * 8)
    }

    /// A genuine payment. One client in thirty is abroad in a given week.
    func client(_ account: Int64, at time: Int64, payment: Int64, isCard: Bool) -> PaymentContext {
        var journey = stream(account, time.floorDivided(by: 7 * Span.day), 2)
        var chance = stream(account, payment, 3)
        var made = PaymentContext()
        let isAway = journey.unit() < 0.033
        let (latitude, longitude) = home(account)
        if isAway {
            made.country = 40 + Int64(journey.next() % UInt64(Self.countries))
            made.place = Self.cell(36 + journey.unit() * 20, -9 + journey.unit() * 30)
        } else {
            made.country = Self.france
            let reach = isCard ? 0.3 : 0.02
            made.place = Self.cell(
                latitude + (chance.unit() - 0.5) * reach, longitude + (chance.unit() - 0.5) * reach)
        }
        guard !isCard else { return made }
        let isSecond = chance.unit() < 0.1
        // A telephone lasts some hundred days.
        let lifetime = (time + account % 100 * Span.day).floorDivided(by: 100 * Span.day)
        var replaced = stream(account, isSecond ? -1 : lifetime, 4)
        made.device = Int64(replaced.next() >> 1)
        let from = chance.unit()
        if isAway {
            made.address = Int64(journey.next() % 5_000)
        } else if from < 0.8 {
            made.address = 1_000_000 + account
        } else {
            // A telephone network's address, shared by many.
            made.address = 10_000 + Int64(latitude * 10) * 10 + Int64(chance.next() % 5)
        }
        return made
    }

    /// A payment of somebody else's hand.
    func fraudster(_ kind: FraudKind, victim: Int64, at time: Int64, payment: Int64) -> PaymentContext {
        var chance = stream(victim, payment, Int64(kind.rawValue), 5)
        var made = PaymentContext()
        switch kind {
        case .forged: return made
        case .scam, .mule: return client(victim, at: time, payment: payment, isCard: false)
        case .terminal: return client(victim, at: time, payment: payment, isCard: true)
        case .testing:
            made.country = 40 + Int64(chance.next() % UInt64(Self.countries))
        case .card:
            let isAbroad = chance.unit() < 0.5
            made.country = isAbroad ? 40 + Int64(chance.next() % UInt64(Self.countries)) : Self.france
            made.place =
                isAbroad
                ? Self.cell(36 + chance.unit() * 20, -9 + chance.unit() * 30)
                : Self.cell(43.3 + chance.unit() * 6.5, -1 + chance.unit() * 8)
        case .takeover:
            // One session: the same tool for all its payments.
            var session = stream(victim, time.floorDivided(by: Span.day), 6)
            let hand = Int64(session.next() % Self.tools)
            var tool = stream(hand, time.floorDivided(by: Self.toolDays * Span.day), 7)
            let isProxied = session.unit() < 0.4
            made.device = Int64(tool.next() >> 1)
            // Half of them look like a telephone that nobody has seen.
            if session.unit() < 0.5 { made.device = Int64(session.next() >> 1) }
            made.address = 5_000 + Int64(tool.next() % 60)
            if isProxied { made.address = 2_000_000 + Int64(session.next() % 100_000) }
            made.country = isProxied ? Self.france : 40 + Int64(tool.next() % UInt64(Self.countries))
            made.place =
                isProxied
                ? Self.cell(43.3 + session.unit() * 6.5, -1 + session.unit() * 8)
                : Self.cell(36 + tool.unit() * 20, -9 + tool.unit() * 30)
        }
        return made
    }
}
