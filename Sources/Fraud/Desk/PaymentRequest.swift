internal import Cryptography

/// A payment to be judged, as a caller gives it.
public struct PaymentRequest: Sendable, Hashable {
    /// The payment's own number.
    public var payment: Int64
    /// Of two requests with one key the second gets the first one's answer.
    public var key: String
    /// Microseconds since 1970.
    public var time: Int64
    public var minor: Int64
    /// By the key's name in `features.yml`: customer, terminal, device.
    public var entities: [String: Int64]
    /// Whence it was ordered, by the key's name: device, address, country, place. The same payment may come again from
    /// elsewhere.
    public var context: [String: Int64] = [:]
    /// Whether the time was given: of two requests with one key it then has to be the same.
    public var keepsTime: Bool
    /// Who pays has proved who they are once more: a verdict that asks for a proof lets the payment pass.
    public var isProved = false

    public init(
        payment: Int64, key: String, time: Int64, minor: Int64, entities: [String: Int64], keepsTime: Bool = true
    ) {
        self.keepsTime = keepsTime
        self.payment = payment
        self.key = key
        self.time = time
        self.minor = minor
        self.entities = entities
    }

    /// A number for an entity that has a name only: the first 63 bits of its SHA-256.
    public static func number(of name: String) -> Int64 {
        SHA256.hash(Array(name.utf8)).prefix(8).reduce(Int64(0)) { ($0 << 8) | Int64($1) } & .max
    }

    static let keyMax = 200

    func event(_ plan: FeaturePlan) throws(FraudError) -> PaymentEvent {
        guard (1...Self.keyMax).contains(key.utf8.count) else {
            throw FraudError.request("an idempotency key has 1 to \(Self.keyMax) bytes")
        }
        guard minor >= 0 else { throw FraudError.request("an amount of \(minor) cents") }
        let named = entities.merging(context) { own, _ in own }
        if let unknown = named.keys.sorted().first(where: { !plan.keyNames.contains($0) }) {
            throw FraudError.request("\(unknown) is no entity of features.yml")
        }
        var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
        for (slot, name) in plan.keyNames.enumerated() {
            if let known = named[name] { keys[slot] = known }
        }
        guard keys[plan.habitKey] != PaymentEvent.absent else {
            throw FraudError.request("a payment needs its \(plan.keyNames[plan.habitKey])")
        }
        return PaymentEvent(id: payment, time: time, minor: minor, keys: keys)
    }

    /// Whether money moves on this verdict.
    func passes(_ verdict: Verdict) -> Bool { verdict == .allow || (verdict == .stepUp && isProved) }

    /// What makes two requests the same.
    var fingerprint: [UInt8] {
        let parts = entities.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return SHA256.hash(Array("\(payment)|\(keepsTime ? time : 0)|\(minor)|\(parts.joined(separator: "|"))".utf8))
    }
}

/// What was decided of a payment, and why.
public struct FraudDecision: Sendable, Hashable {
    /// Why no model spoke.
    public enum Fallback: String, Sendable {
        /// There is no model yet: lists and rules speak alone.
        case noModel = "no_model"
        /// The time for a decision was over.
        case late
        /// The features or the model failed.
        case failed
    }

    public var payment: Int64
    public var verdict: Verdict
    /// Calibrated; nil without a model.
    public var probability: Float?
    public var model: Int64?
    public var rules: [String]
    public var shadowRules: [String]
    public var reasons: [Reason]
    public var fallback: Fallback?
    /// Let through on purpose although the model would hold it: how wrongly held clients are counted.
    public var isControl: Bool
    /// The answer of an earlier request with the same key.
    public var isReplay: Bool
    public var lists: [String]
    /// Of the rules that were in force; nil when none were asked.
    public var rulesVersion: String?
    public var caseNumber: Int64?
}
