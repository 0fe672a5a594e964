/// Silences and clocks of logs while they are followed: what a reader of whole logs sees afterwards, as soon as it shows.
struct LiveSilences {
    private struct Source {
        var gaps = GapDetector()
        /// Of the line before.
        var before: Int64 = 0
        /// Until when, in the log's own time, a clock that goes back is not told of again.
        var quietUntil: Int64 = 0
        /// When something last came, on the follower's clock; nil: the rhythm is only learned yet.
        var arrived: ContinuousClock.Instant?
        var isToldSilent = false
    }

    private var sources: [String: Source] = [:]
    private var lastPath = ""
    private var lastName = ""
    /// Silences that stood out lately, of any log.
    private var recent: [(name: String, from: Int64, to: Int64)] = []
    private static let recentMax = 64
    private static let sourcesMax = 10_000
    private static let together = 600 * Instant.second
    private static let setbackLeast = 3_700 * Instant.second
    private static let hour = 3_600 * Instant.second

    /// - Returns: what a line of a file makes sure; nearly always nothing.
    mutating func tick(_ path: String, _ time: Int64, _ place: LinePlace) -> [Finding] {
        guard time > 0 else { return [] }
        if path != lastPath { (lastPath, lastName) = (path, LogFiles.split(path).name) }
        guard sources[lastName] != nil || sources.count < Self.sourcesMax else { return [] }
        var source = sources[lastName] ?? Source()
        defer { sources[lastName] = source }
        let (before, latest, limit) = (source.before, source.gaps.last, source.gaps.limit)
        source.before = time
        source.gaps.tick(time, place)
        source.isToldSilent = false
        if before - time > Self.setbackLeast, latest >= source.quietUntil {
            source.quietUntil = latest + Self.hour
            let seconds = (before - time) / Instant.second
            return [
                Self.about(
                    Rules.clock, .medium, path, lastName, time, before, place,
                    "time goes back by \(seconds) s from one line to the next")
            ]
        }
        guard latest > 0, let limit, time - latest > limit else { return [] }
        return [silence(path, latest, time, place)]
    }

    /// Something came of a file, and when; what is silent from then on can be noticed.
    mutating func arrived(_ path: String, at now: ContinuousClock.Instant) {
        sources[LogFiles.split(path).name]?.arrived = now
    }

    /// Logs that have been silent for longer than they ever are, each told once.
    mutating func silent(at now: ContinuousClock.Instant) -> [Finding] {
        var found: [Finding] = []
        for (name, source) in sources {
            guard let arrived = source.arrived, !source.isToldSilent, let limit = source.gaps.limit,
                (now - arrived) / .microseconds(1) > Double(limit)
            else { continue }
            sources[name]?.isToldSilent = true
            let length = Int64((now - arrived) / .microseconds(1))
            let minutes = length / Instant.second / 60
            found.append(
                Self.about(
                    Rules.gap, .low, name, name, source.gaps.last, source.gaps.last + length, LinePlace(),
                    "no line for \(minutes) minutes until now"))
        }
        return found
    }

    /// A silence of one log may have reasons; of several at once it is an erasure.
    private mutating func silence(_ path: String, _ from: Int64, _ to: Int64, _ place: LinePlace) -> Finding {
        let name = lastName
        let others = Set(
            recent.filter { $0.name != name && min($0.to, to) - max($0.from, from) > Self.together }.map(\.name))
        recent.append((name, from, to))
        if recent.count > Self.recentMax { recent.removeFirst() }
        let minutes = (to - from) / Instant.second / 60
        return Self.about(
            Rules.gap, others.isEmpty ? .low : .high, path, name, from, to, place,
            others.isEmpty
                ? "\(minutes) minutes without a line"
                : "\(minutes) minutes without a line, as in \(others.count) other logs")
    }

    static func about(
        _ rule: Rule, _ gravity: Gravity, _ path: String, _ name: String, _ from: Int64, _ to: Int64,
        _ place: LinePlace,
        _ words: String, evidence: String = ""
    ) -> Finding {
        Finding(
            rule: rule, gravity: gravity, time: from, until: to, file: path, line: place.number, offset: place.offset,
            address: nil, user: nil, host: nil, target: name, words: words, count: 1, tool: nil, digest: "",
            evidence: evidence, decision: nil)
    }
}
