/// How the desk decides when the model can not, and what it lets through to measure itself.
public struct FraudSettings: Sendable {
    /// A decision that takes PostgreSQL longer is made without the model.
    public var decisionMax: Duration = .milliseconds(20)
    /// When the features do not come in time, payments up to here are allowed, above they need one more proof.
    public var fallbackAllowMinor: Int64 = 10_000
    /// Of a thousand payments that the model would have proved or looked at, so many are let through as a control group.
    public var controlPerMille = 5
    /// No control above this amount.
    public var controlMinorMax: Int64 = 20_000
    /// Cases above this amount need a second person to close them.
    public var fourEyesMinor: Int64 = 500_000
    public var reasonsMax = 3

    public init() {}

    func fallback(minor: Int64) -> Verdict { minor <= fallbackAllowMinor ? .allow : .stepUp }

    /// By the payment's number alone, so that it can be checked afterwards.
    func isControl(_ payment: Int64, minor: Int64) -> Bool {
        guard minor <= controlMinorMax else { return false }
        var generator = SplitMix(state: UInt64(bitPattern: payment))
        return Int(generator.next() % 1_000) < controlPerMille
    }
}
