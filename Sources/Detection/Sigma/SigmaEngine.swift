internal import Foundation

/// Runs Sigma rules over events: one pass for the literals of all rules, then only the rules whose literal was there.
final class SigmaEngine {
    private let rules: [SigmaRule]
    /// What a rule takes at least, to be asked before all else.
    private let statuses: [StatusRange]
    private let correlations: [CorrelationState]
    private let sink: FindingSink
    /// By source: the literals of the rules about it, by the part of the line that they stand in.
    private let literals: [[SigmaLiterals]]
    /// Rules without a sure literal, by source.
    private let always: [[Int]]
    private var stamps: [UInt64]
    private var stamp: UInt64 = 0

    init(_ parsed: SigmaParser.Parsed, _ sink: FindingSink) throws(DetectionError) {
        rules = parsed.rules
        statuses = parsed.rules.map(\.statuses)
        self.sink = sink
        correlations = parsed.correlations.map(CorrelationState.init)
        for correlation in parsed.correlations {
            for part in correlation.parts where !parsed.rules.contains(where: { $0.id == part || $0.name == part }) {
                throw .rule(correlation.rule.id, "no rule is called \(part)")
            }
        }
        stamps = Array(repeating: 0, count: rules.count)
        var owners = Array(repeating: [SigmaLiteral: [Int]](), count: 8)
        var always = Array(repeating: [Int](), count: 8)
        for (index, rule) in rules.enumerated() {
            for source in rule.sources.isEmpty ? Set(UInt8(0)..<8) : rule.sources {
                if let literals = rule.literals, !literals.isEmpty {
                    for literal in literals { owners[Int(source)][literal, default: []].append(index) }
                } else {
                    always[Int(source)].append(index)
                }
            }
        }
        self.always = always
        var sets: [[SigmaLiterals]] = []
        for table in owners {
            var parts: [SigmaLiterals] = []
            for part in SigmaPart.allCases {
                let found = table.filter { $0.key.part == part }
                if !found.isEmpty { parts.append(try SigmaLiterals(part, found)) }
            }
            sets.append(parts)
        }
        literals = sets
    }

    var ruleCount: Int { rules.count + correlations.count }

    func take(_ event: LogEvent, _ place: LinePlace) {
        let source = Int(event.source.rawValue)
        for index in always[source] where statuses[index].holds(event.status) { run(index, event, place) }
        stamp += 1
        for part in literals[source] {
            if part.find(part.part.text(of: event)) { runNamed(part, event, place) }
            // A target's other half; what both halves name is run once.
            if part.part == .target, part.find(event.query) { runNamed(part, event, place) }
        }
    }

    private func runNamed(_ part: SigmaLiterals, _ event: LogEvent, _ place: LinePlace) {
        for index in part.named where stamps[index] != stamp && statuses[index].holds(event.status) {
            stamps[index] = stamp
            run(index, event, place)
        }
    }

    private func run(_ index: Int, _ event: LogEvent, _ place: LinePlace) {
        let rule = rules[index]
        guard rule.matches(event) else { return }
        if !rule.isSilent { raise(rule.rule, event, place, "the rule \(rule.id) matches") }
        for state in correlations {
            guard let part = state.part(of: rule), let words = state.take(event, part) else { continue }
            raise(state.correlation.rule, event, place, words)
        }
    }

    private func raise(_ rule: Rule, _ event: LogEvent, _ place: LinePlace, _ words: String) {
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        subject.target = event.path.isEmpty ? event.object : event.path
        subject.words = words
        sink.raise(rule, event, place, subject)
    }

    /// All rules below a folder; the first that is wrong is the error.
    static func load(_ folder: String) throws(DetectionError) -> SigmaParser.Parsed {
        var all = SigmaParser.Parsed()
        for path in files(folder) {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw .unreadable(path, "it is no UTF-8 text")
            }
            let parsed = try SigmaParser(place: path).parse(text)
            all.rules += parsed.rules
            all.correlations += parsed.correlations
        }
        guard all.rules.count <= 10_000 else { throw .rule(folder, "over 10000 rules") }
        return all
    }

    static func files(_ folder: String) -> [String] {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        return names.sorted().filter { ($0.hasSuffix(".yml") || $0.hasSuffix(".yaml")) && !$0.hasSuffix(".test.yml") }
            .map { folder + "/" + $0 }
    }
}

/// The events of one correlation, by group. Bounded: groups and events of a group.
final class CorrelationState {
    let correlation: SigmaCorrelation
    private var groups: [UInt64: [(time: Int64, part: Int, value: UInt64)]] = [:]
    private static let groupsMax = 20_000
    private static let eventsMax = 2_000

    init(_ correlation: SigmaCorrelation) { self.correlation = correlation }

    func part(of rule: SigmaRule) -> Int? {
        correlation.parts.firstIndex { $0 == rule.id || $0 == rule.name }
    }

    /// What to say when the threshold is reached; the group then begins anew.
    func take(_ event: LogEvent, _ part: Int) -> String? {
        var key: UInt64 = 0x51
        for field in correlation.groupBy {
            // An IPv6 client owns a whole /64.
            let part = field == .address ? event.address.actor : field.with(event) { $0.hash(6) }
            key = Hash.mix(key &* 31 ^ part)
        }
        if groups[key] == nil, groups.count >= Self.groupsMax { forget(before: event.time - correlation.span) }
        var value: UInt64 = 0
        if case .valueCount(let field) = correlation.kind { value = field.with(event) { $0.hash(8) } }
        var events = groups[key] ?? []
        for _ in 0..<max(1, min(Int(event.count), 200)) { events.append((event.time, part, value)) }
        events.removeAll { $0.time < event.time - correlation.span }
        if events.count > Self.eventsMax { events.removeFirst(events.count - Self.eventsMax) }
        let reached = isReached(events)
        groups[key] = reached == nil ? events : []
        return reached
    }

    private func isReached(_ events: [(time: Int64, part: Int, value: UInt64)]) -> String? {
        let seconds = correlation.span / Instant.second
        switch correlation.kind {
        case .eventCount: return compare(events.count) ? "\(events.count) events within \(seconds) s" : nil
        case .valueCount:
            let distinct = Set(events.map(\.value)).count
            return compare(distinct) ? "\(distinct) different values within \(seconds) s" : nil
        case .temporal:
            let parts = Set(events.map(\.part)).count
            return parts == correlation.parts.count ? "\(parts) rules within \(seconds) s" : nil
        case .ordered:
            var wanted = 0
            for event in events.sorted(by: { $0.time < $1.time }) where event.part == wanted { wanted += 1 }
            return wanted == correlation.parts.count ? "\(wanted) rules in their order within \(seconds) s" : nil
        }
    }

    private func compare(_ count: Int) -> Bool {
        switch correlation.comparison {
        case .greater: count > correlation.threshold
        case .equal: count == correlation.threshold
        default: count >= correlation.threshold
        }
    }

    private func forget(before time: Int64) {
        groups = groups.filter { ($0.value.last?.time ?? 0) >= time }
        if groups.count >= Self.groupsMax { groups.removeAll(keepingCapacity: true) }
    }
}
