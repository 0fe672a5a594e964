/// What a column says. Its raw value is its name in `features.yml`.
enum Measure: String, Sendable, CaseIterable {
    // The payment itself
    case amount, weekend, night, hour
    // An entity's payments in a window before this one
    case count, sum, mean
    case bigCount = "big_count"
    case firstBig = "first_big"
    case peerCount = "peer_count"
    /// The payment as a part of the window's sum.
    case share
    // Labels known at the time of the payment, over a window that begins before the label delay
    case labelledCount = "labelled_count"
    case fraudCount = "fraud_count"
    case fraudShare = "fraud_share"
    case bigFraudCount = "big_fraud_count"
    case smallFraudCount = "small_fraud_count"
    case firstFraud = "first_fraud"
    case firstSmallFraud = "first_small_fraud"
    /// Different peers among the known frauds.
    case victims
    // The whole kept history
    case median, ratio, deviation
    case sinceLast = "since_last"
    case sinceBig = "since_big"
    case sinceFraud = "since_fraud"
    case sinceGenuine = "since_genuine"
    case runLength = "run_length"
    case runSmall = "run_small"
    case runAge = "run_age"
    case runGap = "run_gap"
    case peerVisits = "peer_visits"
    case sincePeer = "since_peer"
    /// From the last peer to this payment's, where peers are places; in kilometres.
    case distance
    // Exponentially decayed; the window is the half-life
    case decayedCount = "decayed_count"
    case decayedSum = "decayed_sum"

    var needsEntity: Bool {
        switch self {
        case .amount, .weekend, .night, .hour: false
        default: true
        }
    }

    var needsWindow: Bool { readsWindow || readsLabelWindow || isDecayed }

    var readsWindow: Bool {
        switch self {
        case .count, .sum, .mean, .bigCount, .firstBig, .peerCount, .share: true
        default: false
        }
    }

    var readsLabelWindow: Bool {
        switch self {
        case .labelledCount, .fraudCount, .fraudShare, .bigFraudCount, .smallFraudCount, .firstFraud,
            .firstSmallFraud, .victims:
            true
        default: false
        }
    }

    var isDecayed: Bool { self == .decayedCount || self == .decayedSum }
}
