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
    static func of(status: Int, retryAfter: String?, body: String, now: Int64 = 0) -> Outcome {
        if (200...299).contains(status) { return .sent(code: status) }
        var outcome = Outcome.failed(
            "answered \(status)" + (body.isEmpty ? "" : ": " + Masking.mask(String(body.prefix(120)))), code: status)
        if status == 410 {
            outcome.isFinal = true
            outcome.disables = "answered 410: gone"
        }
        outcome.retryAfter = retryAfter.flatMap { Self.seconds($0, now: now) }
        return outcome
    }

    /// `Retry-After` in both of its forms (RFC 9110, 10.2.3): seconds, or the date of an HTTP header.
    static func seconds(_ text: String, now: Int64) -> Double? {
        if let seconds = Double(text) { return seconds.isFinite && seconds >= 0 ? seconds : nil }
        // Sun, 06 Nov 1994 08:49:37 GMT; the two forms that are out of use are not read.
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let day = Int(parts[1]), (1...31).contains(day), let month = months.firstIndex(of: String(parts[2])),
            let year = Int(parts[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = LocalTime.days(year: year, month: month + 1, day: day)
        let moment = days * 86_400 + Int64(clock[0] * 3600 + clock[1] * 60 + clock[2])
        return Double(max(0, moment - now))
    }
}
