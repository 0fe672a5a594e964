internal import Foundation
internal import Yams

extension SuppressionList {
    private static let entriesMax = 10_000

    /// What a file says that nobody wants to hear of: YAML, a list of maps with `rule`, `block` or `user`, each with
    /// `until`, a date, and `reason`. Silence without a reason or without an end is refused.
    public init(file path: String) throws(DetectionError) {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let node = try? Yams.compose(yaml: text),
            let list = node.sequence, list.count <= Self.entriesMax
        else { throw .option("the file \(path) is no list of suppressions", Self.hint) }
        for (index, item) in list.enumerated() {
            func wrong(_ words: String) -> DetectionError {
                .option("suppression \(index + 1) of \(path) \(words)", Self.hint)
            }
            guard let map = item.mapping else { throw wrong("is no map") }
            var entry = Entry()
            var reason = ""
            for (key, value) in map {
                let name = key.string ?? ""
                guard let text = value.string else { throw wrong("has no text as \(name)") }
                switch name {
                case "rule": entry.rule = text
                case "user": entry.user = text
                case "block":
                    guard let block = AddressBlock(text) else { throw wrong("names \(text), which is no block") }
                    entry.block = block
                case "until":
                    guard let until = Self.instant(text) else { throw wrong("ends at \(text), which is no date") }
                    entry.until = until
                case "reason": reason = text
                default: throw wrong("has a member \(name)")
                }
            }
            guard entry.rule != nil || entry.block != nil || entry.user != nil else {
                throw wrong("would silence everything")
            }
            guard entry.until != nil else { throw wrong("has no end") }
            guard reason.count >= 5 else { throw wrong("has no reason") }
            entries.append(entry)
        }
    }

    private static let hint =
        "Write it like: - {rule: web-scanner, block: 192.0.2.0/24, until: 2027-01-31, reason: our scan}"

    private static func instant(_ text: String) -> Int64? {
        var text = text.count == 10 ? text + "T23:59:59Z" : text
        return text.withUTF8 { Instant.iso(Bytes(UnsafeRawBufferPointer($0)), 0, ZoneClock("UTC"))?.instant }
    }
}

extension ReadingOptions {
    /// `quand=time`: a field of one's own by one that is known here (`docs/reference/findings.md`).
    public mutating func map(_ text: String) throws(DetectionError) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let known = FieldName.allCases.first(where: { "\($0)" == parts[1] }) else {
            let names = FieldName.allCases.map { "\($0)" }.joined(separator: ", ")
            throw .option("\(text) maps no field", "Write it like quand=time; known are \(names).")
        }
        mapping[parts[0]] = "\(known)"
    }
}
