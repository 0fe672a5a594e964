/// One payment as the features see it. Times are microseconds since 1970 in UTC, amounts minor units.
public struct PaymentEvent: Sendable, Hashable {
    /// Marks an entity that a payment has not: a transfer has no terminal.
    public static let absent = Int64.min

    public var id: Int64
    public var time: Int64
    public var minor: Int64
    /// The plan's keys, in its order.
    public var keys: SIMD8<Int64>

    public init(id: Int64, time: Int64, minor: Int64, keys: SIMD8<Int64>) {
        self.id = id
        self.time = time
        self.minor = minor
        self.keys = keys
    }

    /// What the payment names.
    func named(_ plan: FeaturePlan) -> [(name: String, key: Int64)] {
        plan.keyNames.enumerated().filter { keys[$0.offset] != Self.absent }.map { ($0.element, keys[$0.offset]) }
    }
}

/// What somebody has said of a payment, and that it is known from now on.
public struct PaymentLabel: Sendable, Hashable {
    public var payment: Int64
    public var isFraud: Bool

    public init(payment: Int64, isFraud: Bool) {
        self.payment = payment
        self.isFraud = isFraud
    }
}

/// Lengths of time in microseconds.
enum Span {
    static let second: Int64 = 1_000_000
    static let hour = 3_600 * second
    static let day = 24 * hour

    /// `90s`, `15m`, `1h`, `7d`; nil when it is none or not between 1 s and 10 years.
    static func read(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": second, "m": 60 * second, "h": hour, "d": day]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count > 0,
            count <= 3_653 * day / unit
        else { return nil }
        return count * unit
    }
}
