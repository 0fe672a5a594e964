internal import Foundation
internal import Yams

/// One value of a selection with its modifiers.
enum SigmaValue {
    private static let known: Set<String> = [
        "contains", "startswith", "endswith", "all", "re", "i", "m", "s", "cidr", "base64", "base64offset", "lt", "lte",
        "gt", "gte", "exists", "cased", "windash", "utf8",
    ]

    static func tests(_ node: Node, _ modifiers: [String], _ place: String) throws(DetectionError) -> [SigmaTest] {
        for modifier in modifiers where !known.contains(modifier) {
            throw .rule(place, "the modifier \(modifier) is not known here")
        }
        func has(_ name: String) -> Bool { modifiers.contains(name) }
        if has("exists") { return [.exists(node.bool ?? true)] }
        if node.null != nil { return [.empty] }
        guard let text = node.string ?? node.int.map(String.init) else {
            throw .rule(place, "a value is no text and no number")
        }
        if has("re") {
            guard text.utf8.count <= 2_000 else { throw .rule(place, "a pattern is over 2000 bytes") }
            // RE2 has the same letters: `.` takes line ends too, `^` and `$` stand at each line's.
            let flags = ["m", "s"].filter(has).joined()
            let pattern = flags.isEmpty ? text : "(?\(flags))" + text
            return [.regex(try Pattern(pattern, ignoresCase: has("i")))]
        }
        for flag in ["i", "m", "s"] where has(flag) {
            throw .rule(place, "the modifier \(flag) belongs to re")
        }
        if has("cidr") {
            guard let block = AddressBlock(text) else { throw .rule(place, "\(text) is no block of addresses") }
            return [.block(block)]
        }
        for (name, comparison) in [
            ("lt", SigmaTest.Comparison.less), ("lte", .lessOrEqual), ("gt", .greater), ("gte", .greaterOrEqual),
        ] where has(name) {
            guard let number = Int64(text) else { throw .rule(place, "\(text) is no number") }
            return [.number(comparison, number)]
        }
        var values = [text]
        if has("windash"), text.contains("-") {
            values += ["/", "–", "—"].map { text.replacing(" -", with: " " + $0) }
        }
        if has("base64") { values = values.map { Data($0.utf8).base64EncodedString() } }
        if has("base64offset") { values = values.flatMap(offsets) }
        return values.map { glob($0, modifiers) }
    }

    /// The middle of the three texts that base64 makes of a value, by where it begins.
    private static func offsets(_ text: String) -> [String] {
        let (starts, ends) = ([0, 2, 3], [0, 3, 2])
        return (0..<3).map { offset in
            let encoded = Data(Array(repeating: 32, count: offset) + Array(text.utf8)).base64EncodedString()
            let drop = ends[(text.utf8.count + offset) % 3]
            return String(encoded.dropFirst(starts[offset]).dropLast(drop))
        }
    }

    /// `*` and `?` stand for anything, unless a backslash is before them.
    private static func glob(_ text: String, _ modifiers: [String]) -> SigmaTest {
        let isCased = modifiers.contains("cased")
        var pieces: [[UInt8]] = [[]]
        var bytes = Array(text.utf8)
        if modifiers.contains("base64") || modifiers.contains("base64offset") { bytes = bytes.filter { $0 != 61 } }
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 92, index + 1 < bytes.count, [42, 63, 92].contains(bytes[index + 1]) {
                pieces[pieces.count - 1].append(bytes[index + 1])
                index += 2
                continue
            }
            switch byte {
            case 42: pieces.append([])
            case 63: pieces[pieces.count - 1].append(0)
            default:
                pieces[pieces.count - 1].append(
                    isCased || modifiers.contains("base64offset") ? byte : Bytes.lower(byte))
            }
            index += 1
        }
        let contains = modifiers.contains("contains") || modifiers.contains("base64offset")
        let atStart = !(contains || modifiers.contains("endswith")) && pieces.first?.isEmpty == false
        let atEnd = !(contains || modifiers.contains("startswith")) && pieces.last?.isEmpty == false
        let isOpenStart = pieces.first?.isEmpty == true && pieces.count > 1
        let isOpenEnd = pieces.last?.isEmpty == true && pieces.count > 1
        let kept = pieces.filter { !$0.isEmpty }
        if kept.isEmpty { return pieces.count > 1 ? .exists(true) : .empty }
        return .glob(
            kept, atStart: atStart && !isOpenStart, atEnd: atEnd && !isOpenEnd,
            isCased: isCased || modifiers.contains("base64offset"))
    }
}
