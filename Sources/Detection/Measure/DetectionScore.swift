internal import Foundation
internal import Synchronization
public import Web

/// How well detection does on logs of which every line or address is known: precision, recall and F1 by class.
public struct DetectionScore: Sendable {
    public struct Row: Sendable {
        public let set: String
        /// The class; `*` for all attacks of the set together.
        public let kind: String
        public var attacks = 0
        public var found = 0
        /// Ordinary ones that were called so.
        public var wrong = 0
        public var ordinary = 0

        public var recall: Double { attacks == 0 ? 1 : Double(found) / Double(attacks) }
        public var precision: Double { found + wrong == 0 ? 1 : Double(found) / Double(found + wrong) }
        public var falseRate: Double { ordinary == 0 ? 0 : Double(wrong) / Double(ordinary) }
        public var score: Double {
            let (precision, recall) = (precision, recall)
            return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
        }
    }

    public var rows: [Row] = []
    /// Some that were judged wrong, for those who want to know why.
    public var samples: [String] = []
    private static let samplesMax = 40

    public init() {}

    /// - Parameters:
    ///   - truth: by line number or address; nil stands for an ordinary one.
    ///   - isByAddress: what the keys of `truth` are.
    ///   - needsKind: a finding of another class does not count. Of requests any does: one payload is often of two classes.
    public mutating func measure(
        _ set: String, file: String, lines: [String], truth: [String: String?], isByAddress: Bool, needsKind: Bool,
        options: DetectionOptions
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "detection-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: folder + "/" + file))
        var analysis = LogAnalysis()
        analysis.options = options
        let raised = RaisedKinds(watched: Set(truth.values.compactMap { $0 }), isByAddress: isByAddress)
        analysis.onFinding = { raised.take($0) }
        _ = try analysis.run([folder])
        count(set, truth, raised.kinds.withLock { $0 }, needsKind: needsKind) { key in
            isByAddress ? key : lines[(Int(key) ?? 1) - 1]
        }
    }

    private mutating func count(
        _ set: String, _ truth: [String: String?], _ raised: [String: Set<String>], needsKind: Bool,
        _ words: (String) -> String
    ) {
        var byKind: [String: Row] = [:]
        var all = Row(set: set, kind: "*")
        for (key, kind) in truth {
            let found = raised[key] ?? []
            guard let kind else {
                all.ordinary += 1
                if !found.isEmpty {
                    all.wrong += 1
                    sample("\(set) ordinary, called \(found.sorted().joined(separator: " ")): \(words(key))")
                }
                for name in found { byKind[name, default: Row(set: set, kind: name)].wrong += 1 }
                continue
            }
            all.attacks += 1
            byKind[kind, default: Row(set: set, kind: kind)].attacks += 1
            if needsKind ? found.contains(kind) : !found.isEmpty {
                all.found += 1
                byKind[kind]?.found += 1
            } else {
                sample("\(set) \(kind) missed: \(words(key))")
            }
        }
        rows.append(all)
        rows += byKind.keys.sorted().compactMap { name in
            byKind[name].map { row in
                var row = row
                row.ordinary = all.ordinary
                return row
            }
        }
    }

    private mutating func sample(_ text: String) {
        if samples.count < Self.samplesMax { samples.append(FindingWriter.clean(String(text.prefix(300)))) }
    }

    /// Public labelled values: `httpparams.csv.gz`, and the real lines of `elastic-apache.log.gz`, where they are.
    public mutating func measurePublic(_ folder: String) throws {
        let engine = try WebEngine()
        var byKind: [String: Row] = [:]
        var all = Row(set: "HttpParams", kind: "*")
        let blocks = try BlockSource(path: folder + "/httpparams.csv.gz")
        let splitter = RecordSplitter(reader: LogReader(ReadingOptions(), year: 2026))
        var isFirst = true
        func take(_ line: Bytes, _ place: LinePlace) {
            var fields = CSVFields(line)
            guard let value = fields.next(), fields.next() != nil, let kind = fields.next() else { return }
            if isFirst {
                isFirst = false
                return
            }
            let text = value.text.replacing("\"\"", with: "\"")
            var copy = text
            let isFlagged = copy.withUTF8 {
                engine.judge(argument: Bytes(UnsafeRawBufferPointer($0)), name: Bytes("q")) != nil
            }
            let name = kind.text
            if name == "norm" {
                all.ordinary += 1
                all.wrong += isFlagged ? 1 : 0
            } else {
                all.attacks += 1
                all.found += isFlagged ? 1 : 0
                byKind[name, default: Row(set: "HttpParams", kind: name)].attacks += 1
                if isFlagged { byKind[name]?.found += 1 }
            }
        }
        while let block = blocks.next() { splitter.take(block, take) }
        splitter.finish(take)
        rows.append(all)
        rows += byKind.keys.sorted().compactMap { byKind[$0] }
    }

    /// CSIC 2010, whole requests: what is called anomalous there is mostly harmless, a misspelt name or an odd letter, so
    /// that only what is found too much has a bar.
    public mutating func measureRequests(_ folder: String) throws {
        let guarding = try RequestGuard(log: nil)
        var row = Row(set: "CSIC 2010", kind: "*")
        try RawRequests.each(folder + "/csic2010-normal.txt.gz") { request in
            row.ordinary += 1
            row.wrong += guarding.judge(request) == nil ? 0 : 1
        }
        try RawRequests.each(folder + "/csic2010-anomalous.txt.gz") { request in
            row.attacks += 1
            row.found += guarding.judge(request) == nil ? 0 : 1
        }
        rows.append(row)
    }

    /// All ordinary: real lines of which a few are scans. What Sigma rules raise counts, whatever they call it.
    public mutating func measureOrdinary(_ set: String, path: String, options: DetectionOptions) throws {
        var analysis = LogAnalysis()
        analysis.options = options
        let raised = RaisedKinds(
            watched: Set(WebClass.allCases.map(\.rawValue)), watchesSigma: true, isByAddress: false)
        analysis.onFinding = { raised.take($0) }
        let result = try analysis.run([path])
        var row = Row(set: set, kind: "*")
        row.ordinary = Int(result.sources.reduce(0) { $0 + $1.lines })
        row.wrong = raised.kinds.withLock { $0.count }
        rows.append(row)
    }

    /// The acts of an attack, found or not, and days on which there was none.
    public mutating func count(_ set: String, acts: [(kind: String, isFound: Bool)], ordinaryDays: Int, wrong: Int) {
        func add(_ kind: String, attacks: Int, found: Int) {
            let place = rows.firstIndex { $0.set == set && $0.kind == kind } ?? rows.count
            if place == rows.count { rows.append(Row(set: set, kind: kind)) }
            rows[place].attacks += attacks
            rows[place].found += found
            rows[place].ordinary += ordinaryDays
            if kind == "*" { rows[place].wrong += wrong }
        }
        add("*", attacks: acts.count, found: acts.count { $0.isFound })
        for act in acts { add(act.kind, attacks: 1, found: act.isFound ? 1 : 0) }
    }

    /// Bars that are not met: of requests nineteen in twenty found at two false alarms in a thousand, of the others F1.
    public var problems: [String] {
        rows.filter { $0.kind == "*" }.compactMap { row in
            let isGood: Bool =
                switch row.set {
                case "web": row.recall >= 0.95 && row.falseRate <= 0.002
                case "HttpParams": row.recall >= 0.97 && row.falseRate <= 0.002
                case "ssh", "postgresql": row.score >= 0.98
                case "CSIC 2010": row.recall >= 0.3 && row.falseRate <= 0.002
                case "Apache (real)": row.falseRate <= 0.002
                default: row.recall >= 1 && row.wrong == 0
                }
            return isGood
                ? nil : "\(row.set): \(row.found) of \(row.attacks) found, \(row.wrong) of \(row.ordinary) wrong"
        }
    }

    public var lines: [String] {
        func percent(_ value: Double) -> String {
            let text = String(format: "%.2f %%", value * 100)
            return String(repeating: " ", count: max(0, 9 - text.count)) + text
        }
        let head = "jeu           classe                    attaques  précision     rappel         F1   fausses"
        return [head]
            + rows.map { row in
                let name = row.set.padding(toLength: 14, withPad: " ", startingAt: 0)
                let kind = (row.kind == "*" ? "toutes (all)" : row.kind).padding(
                    toLength: 24, withPad: " ", startingAt: 0)
                return "\(name)\(kind)\(String(format: "%10d", row.attacks)) \(percent(row.precision)) "
                    + "\(percent(row.recall)) \(percent(row.score)) \(percent(row.falseRate))"
            }
    }

    public var json: JSON {
        .array(
            rows.map { row in
                .object([
                    .init("set", .string(row.set)), .init("class", .string(row.kind)),
                    .init("attacks", .integer(row.attacks)), .init("found", .integer(row.found)),
                    .init("ordinary", .integer(row.ordinary)), .init("wrong", .integer(row.wrong)),
                ])
            })
    }
}

/// The classes that were raised, by line or address.
private final class RaisedKinds: Sendable {
    let kinds = Mutex<[String: Set<String>]>([:])
    private let watched: Set<String>
    private let watchesSigma: Bool
    private let isByAddress: Bool

    init(watched: Set<String>, watchesSigma: Bool = false, isByAddress: Bool) {
        self.watched = watched
        self.watchesSigma = watchesSigma
        self.isByAddress = isByAddress
    }

    func take(_ finding: Finding) {
        guard watched.contains(finding.rule.kind) || watchesSigma && finding.rule.id.hasPrefix("sigma-") else { return }
        let key = isByAddress ? finding.address?.text ?? "" : "\(finding.line)"
        _ = kinds.withLock { $0[key, default: []].insert(finding.rule.kind) }
    }
}
