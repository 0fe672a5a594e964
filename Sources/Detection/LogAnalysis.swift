public import Diagnostics
internal import Foundation

/// Reads folders of logs from their first line to their last, and tells what happened.
public struct LogAnalysis: Sendable {
    public var options = DetectionOptions()
    public var progress: ProgressSink = { _ in }
    /// Receives each raise as it comes.
    public var onFinding: (@Sendable (Finding) -> Void)?
    /// What is wrong with a sealed journal; nil for a file that is none (`SealedJournal.problems`).
    public var checkSeal: (@Sendable (String) -> [String]?)?
    /// What a recovery found tampered with, to be linked with the acts that made it.
    public var tampered: [TamperedRow] = []

    /// A file for each line that could not be read.
    public var unread: String?

    public init() {}

    /// What was read of one set of files.
    public struct SourceReport: Sendable {
        public let name: String
        public let files: [String]
        public var form = LogForm.unknown
        public var lines: Int64 = 0
        public var events: Int64 = 0
        public var headers: Int64 = 0
        public var blanks: Int64 = 0
        public var broken: Int64 = 0
        public var overlong: Int64 = 0
        public var first: Int64 = 0
        public var last: Int64 = 0
        /// The first lines that could not be read, with their numbers.
        public var samples: [(file: String, line: Int64, text: String)] = []
        public var damage: [String] = []
        /// How far its clock is ahead of the others', in microseconds; findings and incidents are told without it.
        public var skew: Int64 = 0
    }

    public struct Result: Sendable {
        public let sources: [SourceReport]
        public let findings: [Finding]
        public internal(set) var incidents: [Incident]
        public let dropped: Int64
        public let raised: Int64
        public let seconds: Double

        /// With what the bank that keeps the incidents says of the persons.
        public mutating func tell(_ recorded: [DetectionDesk.Recorded]) {
            for (index, made) in recorded.enumerated() where incidents.indices.contains(index) {
                incidents[index].persons = made.persons
            }
        }
    }

    private static let samplesMax = 20

    public func run(_ places: [String]) throws -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        let files = try LogFiles(places)
        let engine = try DetectionEngine(options)
        engine.sink.onRaise = onFinding
        let unreadFile = try unread.map { try UnreadFile($0) }
        var sources: [SourceReport] = []
        var pauses: [(source: Int, pause: GapDetector.Pause)] = []
        var anchors: [SignIns] = []
        let total = files.sets.reduce(Int64(0)) { $0 + $1.files.reduce(0) { $0 + Self.size($1) } }
        var done: Int64 = 0
        for set in files.sets {
            var gaps = GapDetector()
            var source = SourceReport(name: set.name, files: set.files)
            var signIns = SignIns()
            let reader = LogReader(options.reading, year: try Self.firstYear(set))
            for path in set.files {
                progress(ProgressUpdate(stage: "logs", subject: path, done: done, total: total, unit: "bytes"))
                try read(path, reader, engine, &source, &gaps, &signIns, unreadFile)
                if let problems = checkSeal?(path) { Self.addSeal(problems, path, gaps.last, engine.sink) }
                done += Self.size(path)
            }
            source.form = reader.form
            (source.first, source.last) = (gaps.first, gaps.last)
            pauses += gaps.unusual.map { (sources.count, $0) }
            if gaps.setback.length > 3_700 * Instant.second { Self.clockWentBack(gaps.setback, source, engine.sink) }
            sources.append(source)
            anchors.append(signIns)
        }
        progress(ProgressUpdate(stage: "logs", done: total, total: total, unit: "bytes"))
        try unreadFile?.finish()
        Self.addSilences(pauses, sources, engine.sink)
        let seconds = (clock.now - start) / .seconds(1)
        for (index, skew) in ClockSkew.estimate(anchors).enumerated() { sources[index].skew = skew }
        let findings = Self.corrected(engine.sink.findings, sources).sorted { $0.time < $1.time }
        let incidents = TamperedLinks.attach(
            tampered, to: try touched(by: Correlator().incidents(findings), files.sets, sources))
        return Result(
            sources: sources, findings: findings, incidents: incidents, dropped: engine.sink.dropped,
            raised: engine.sink.raised, seconds: seconds)
    }

    private static func size(_ path: String) -> Int64 {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value ?? 0
    }

    private func read(
        _ path: String, _ reader: LogReader, _ engine: DetectionEngine, _ source: inout SourceReport,
        _ gaps: inout GapDetector, _ signIns: inout SignIns, _ unreadFile: UnreadFile?
    ) throws {
        let blocks = try BlockSource(path: path)
        let splitter = RecordSplitter(reader: reader)
        engine.sink.file = path
        var unwritten: (any Error)?
        func body(_ record: Bytes, _ place: LinePlace) {
            let outcome = reader.read(record) { event in
                gaps.tick(event.time, place)
                engine.take(&event, place)
                signIns.take(event)
            }
            switch outcome {
            case .event: source.events += 1
            case .header: source.headers += 1
            case .blank: source.blanks += 1
            case .broken:
                source.broken += 1
                do { try unreadFile?.add(record, place, path) } catch { unwritten = error }
                if source.samples.count < Self.samplesMax {
                    source.samples.append((path, place.number, record.text(max: 300)))
                }
            }
        }
        while let block = blocks.next() {
            splitter.take(block, body)
            if let unwritten { throw unwritten }
            try Task.checkCancellation()
        }
        splitter.finish(body)
        source.lines += splitter.lines
        source.overlong += splitter.overlong
        if let damage = blocks.damage { source.damage.append("\(path): \(damage)") }
    }

    /// The year of a set's first syslog line: back from the last file's date, by the times that months wrap.
    static func firstYear(_ set: LogFiles.LogSet) throws -> Int {
        let calendar = Calendar(identifier: .gregorian)
        let modified = set.files.last.flatMap {
            try? FileManager.default.attributesOfItem(atPath: $0)[.modificationDate] as? Date
        }
        let date = modified ?? Date()
        let year = calendar.component(.year, from: date)
        var wraps = 0
        var last = (month: 0, day: 0)
        for path in set.files {
            let blocks = try BlockSource(path: path)
            let splitter = RecordSplitter(reader: LogReader(ReadingOptions(), year: year))
            var isSyslog = true
            func body(_ line: Bytes, _ place: LinePlace) {
                guard let month = Instant.month(line, 0), line[3] == 32, line[9] == 58 || line[9] == 32 else {
                    if place.number <= 3, !line.isEmpty { isSyslog = false }
                    return
                }
                if last.month - month > 6 { wraps += 1 } else if last.month > 0, month - last.month > 6 { wraps -= 1 }
                last = (month, line[4] == 32 ? Int(line[5]) - 48 : line.two(4) ?? 1)
            }
            while isSyslog, let block = blocks.next() { splitter.take(block, body) }
            if !isSyslog { return year }
            splitter.finish(body)
        }
        let parts = calendar.dateComponents([.month, .day], from: date.addingTimeInterval(86_400))
        let isLater = (last.month, last.day) > (parts.month ?? 12, parts.day ?? 31)
        return year - wraps - (isLater ? 1 : 0)
    }

    /// Findings in the time that most sources share.
    private static func corrected(_ findings: [Finding], _ sources: [SourceReport]) -> [Finding] {
        var skews: [String: Int64] = [:]
        for source in sources where source.skew != 0 { for file in source.files { skews[file] = source.skew } }
        guard !skews.isEmpty else { return findings }
        return findings.map { finding in
            guard let skew = skews[finding.file], finding.time > 0 else { return finding }
            var finding = finding
            finding.time -= skew
            finding.until -= skew
            return finding
        }
    }

    /// A sealed journal that does not hold together is an erasure, whoever did it.
    private static func addSeal(_ problems: [String], _ path: String, _ time: Int64, _ sink: FindingSink) {
        guard let first = problems.first else { return }
        let words = problems.count > 1 ? "\(first), and \(problems.count - 1) more" : first
        sink.add(
            Finding(
                rule: Rules.seal, gravity: .high, time: time, until: time, file: path, line: 0, offset: 0, address: nil,
                user: nil, host: nil, target: path, words: words, count: Int64(problems.count), tool: nil, digest: "",
                evidence: problems.prefix(10).joined(separator: "; "), decision: nil))
    }

    private static func clockWentBack(_ setback: GapDetector.Pause, _ source: SourceReport, _ sink: FindingSink) {
        sink.add(
            about(
                Rules.clock, .medium, source, setback.from, setback.to, setback.line, setback.offset,
                "time goes back by \(setback.length / Instant.second) s from one line to the next"))
    }

    /// A silence of one log may have reasons; of several at once it is an erasure.
    private static func addSilences(
        _ pauses: [(source: Int, pause: GapDetector.Pause)], _ sources: [SourceReport], _ sink: FindingSink
    ) {
        for (index, pause) in pauses {
            let others = pauses.filter { other in
                other.source != index
                    && min(other.pause.to, pause.to) - max(other.pause.from, pause.from) > 600 * Instant.second
            }
            let minutes = pause.length / Instant.second / 60
            let together = Set(others.map(\.source)).count
            sink.add(
                about(
                    Rules.gap, together > 0 ? .high : .low, sources[index], pause.from, pause.to, pause.line,
                    pause.offset,
                    together > 0
                        ? "\(minutes) minutes without a line, as in \(together) other logs"
                        : "\(minutes) minutes without a line"))
        }
    }

    private static func about(
        _ rule: Rule, _ gravity: Gravity, _ source: SourceReport, _ from: Int64, _ to: Int64, _ line: Int64,
        _ offset: Int64,
        _ words: String
    ) -> Finding {
        Finding(
            rule: rule, gravity: gravity, time: from, until: to, file: source.files.last ?? source.name, line: line,
            offset: offset, address: nil, user: nil, host: nil, target: source.name, words: words, count: 1, tool: nil,
            digest: "", evidence: "", decision: nil)
    }
}
