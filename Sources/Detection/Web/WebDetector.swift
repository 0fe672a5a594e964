/// Raises what the web engine sees in requests.
final class WebDetector {
    private let sink: FindingSink
    private let engine: WebEngine
    private let rules: [WebClass: Rule]
    private let series = AttackSeries()

    init(_ sink: FindingSink) throws(DetectionError) {
        self.sink = sink
        engine = try WebEngine()
        rules = Dictionary(uniqueKeysWithValues: WebClass.allCases.map { ($0, $0.rule) })
    }

    func take(_ event: LogEvent, _ place: LinePlace) {
        var request = WebEngine.Request()
        request.path = event.path
        request.query = event.query
        request.referer = event.referer
        request.agent = event.agent
        guard let verdict = engine.judge(request), let rule = rules[verdict.kind] else { return }
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        subject.target = event.path
        let isAnswered = event.status >= 200 && event.status < 300
        subject.words = "\(verdict.points) points, answered with \(event.status)"
        sink.raise(rule, event, place, gravity: isAnswered ? max(rule.gravity, .medium) : rule.gravity, subject)
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        guard !event.address.isNone, let count = series.take(event.address.actor, at: now) else { return }
        subject.words = "\(count) attacks within \(AttackSeries.window / 60) minutes"
        subject.target = .empty
        sink.raise(Rules.attackSeries, event, place, subject)
    }
}
