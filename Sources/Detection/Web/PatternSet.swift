internal import CRE2

/// Patterns matched in one pass (RE2::Set): linear in the text whatever the patterns and the text are.
final class PatternSet: @unchecked Sendable {
    // SAFETY: the set is compiled in `init` and only read afterwards; RE2 locks what it caches.
    private let set: OpaquePointer
    let count: Int

    static let memoryMax: Int64 = 64 << 20

    init(_ patterns: [String], ignoresCase: Bool = false) throws(DetectionError) {
        guard let made = cre2_set_new(Self.memoryMax, ignoresCase ? 1 : 0) else { throw .engine("no memory for a set") }
        set = made
        count = patterns.count
        for pattern in patterns {
            var reason = [CChar](repeating: 0, count: 200)
            let number = cre2_set_add(set, pattern, pattern.utf8.count, &reason, reason.count)
            guard number >= 0 else {
                let words = reason.withUnsafeBytes { Bytes($0) }
                throw .engine("\(pattern): \(words.prefix(words.first(0) ?? 0).text)")
            }
        }
        guard cre2_set_compile(set) == 1 else { throw .engine("the set needs over \(Self.memoryMax >> 20) MB") }
    }

    deinit { cre2_set_free(set) }

    /// A pattern that matches a text literally.
    static func escaped(_ literal: String) -> String {
        var text = ""
        for byte in literal.utf8 {
            if !Bytes.isWord(byte) { text += "\\" }
            text.unicodeScalars.append(UnicodeScalar(byte))
        }
        return text.replacing("\\ ", with: " ")
    }

    /// Calls `body` with each matching pattern. False when nothing matched; when memory did not suffice, all may match.
    @inline(__always)
    func match(_ text: Bytes, _ found: inout [Int32]) -> Int {
        if found.count < count { found = Array(repeating: 0, count: count) }
        let number = found.withUnsafeMutableBufferPointer {
            Int(cre2_set_match(set, text.start, text.count, $0.baseAddress, Int32(count)))
        }
        if number >= 0 { return min(number, count) }
        for index in 0..<count { found[index] = Int32(index) }
        return count
    }
}

/// One pattern alone: of Sigma's `re`.
final class Pattern: @unchecked Sendable {
    // SAFETY: compiled in `init` and only read afterwards; RE2 locks what it caches.
    private let regex: OpaquePointer

    init(_ pattern: String, ignoresCase: Bool) throws(DetectionError) {
        var reason = [CChar](repeating: 0, count: 200)
        guard
            let made = cre2_regex_new(
                pattern, pattern.utf8.count, 8 << 20, ignoresCase ? 1 : 0, &reason, reason.count)
        else {
            let words = reason.withUnsafeBytes { Bytes($0) }
            throw .engine("\(pattern): \(words.prefix(words.first(0) ?? 0).text)")
        }
        regex = made
    }

    deinit { cre2_regex_free(regex) }

    func matches(_ text: Bytes) -> Bool {
        var (start, end) = (0, 0)
        return cre2_regex_match(regex, text.start, text.count, &start, &end) == 1
    }
}
