internal import Cryptography

/// How the desk decides when the model can not, and what it lets through to measure itself.
public struct FraudSettings: Sendable {
    /// A decision that takes PostgreSQL longer is made without the model.
    public var decisionMax: Duration = .milliseconds(20)
    /// Whoever asks for a decision alone waits no longer: for a connection, for the network, for a server that hangs.
    public var answerMax: Duration = .seconds(2)
    /// When the features do not come in time, payments up to here are allowed, above they need one more proof.
    public var fallbackAllowMinor: Int64 = 10_000
    /// Of a thousand payments that the model would have proved or looked at, so many are let through as a control group.
    public var controlPerMille = 5
    /// No control above this amount.
    public var controlMinorMax: Int64 = 20_000
    /// What the draw is keyed with; the bank's servers share one.
    public var controlKey: [UInt8] = FraudSettings.newKey()
    /// A payment dated further ahead of the database's clock is not believed.
    public var aheadMax: Duration = .seconds(300)
    /// Cases above this amount need a second person to close them.
    public var fourEyesMinor: Int64 = 500_000
    public var reasonsMax = 3

    public init() {}

    static func newKey() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    func fallback(minor: Int64) -> Verdict { minor <= fallbackAllowMinor ? .allow : .stepUp }

    /// Whom the draw takes follows from this secret, the client, the payee and the day: nobody who orders payments can find
    /// out or choose, an order that is sent again under another key is not drawn again, and servers with one secret agree.
    ///
    /// - Parameter entities: what the payment names itself.
    func isControl(_ entities: [String: Int64], day: Int64, minor: Int64) -> Bool {
        guard minor <= controlMinorMax else { return false }
        let named = entities.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "|")
        let code = HMACSHA256.code(Array("control|\(day)|\(named)".utf8), key: controlKey)
        let draw = code.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(draw % 1_000) < controlPerMille
    }
}
