/// What became of one attempt.
struct Outcome: Sendable, Hashable {
    var isSent: Bool
    /// Trying again would change nothing.
    var isFinal = false
    var code: Int?
    /// Masked and short: it goes into the history.
    var detail: String?
    var retryAfter: Double?
    /// Why nothing more goes to the destination until a person says so.
    var disables: String?

    static func sent(code: Int? = nil, detail: String? = nil) -> Outcome {
        Outcome(isSent: true, code: code, detail: detail)
    }

    static func failed(_ detail: String, code: Int? = nil, isFinal: Bool = false) -> Outcome {
        Outcome(isSent: false, isFinal: isFinal, code: code, detail: detail)
    }

    static let detailMax = 300

    /// How an HTTP answer counts, by Standard Webhooks: 2xx is success, a redirect is none, 410 ends the subscription.
    static func of(status: Int, retryAfter: String?, body: String) -> Outcome {
        if (200...299).contains(status) { return .sent(code: status) }
        var outcome = Outcome.failed(
            "answered \(status)" + (body.isEmpty ? "" : ": " + Masking.mask(String(body.prefix(120)))), code: status)
        if status == 410 {
            outcome.isFinal = true
            outcome.disables = "answered 410: gone"
        }
        if let seconds = retryAfter.flatMap({ Double($0) }), seconds >= 0 { outcome.retryAfter = seconds }
        return outcome
    }
}
