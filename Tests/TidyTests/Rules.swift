import Foundation

/// The rules about one file. Each is a pure function of its text, tested with a planted violation.
enum Rules {
    static let fileLinesMax = 400
    static let functionLinesMax = 70

    static let all: [@Sendable (TextFile) -> [Violation]] = [
        Layers.violations, fileLength, functionLength, bannedCalls, unexplainedSendability, leftovers, machinePaths,
        sqlOutsideStores,
    ]

    static func fileLength(_ file: TextFile) -> [Violation] {
        let count = file.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
        guard file.isSwift, count > fileLinesMax else { return [] }
        return [Violation(path: file.path, line: 1, words: "\(count) lines where \(fileLinesMax) are the most")]
    }

    static func functionLength(_ file: TextFile) -> [Violation] {
        guard file.isSwift else { return [] }
        return FunctionLengths.all(in: file.swift.code).filter { $0.lineCount > functionLinesMax }.map {
            Violation(
                path: file.path, line: $0.line,
                words: "\($0.name) takes \($0.lineCount) lines where \(functionLinesMax) are the most")
        }
    }

    /// Calls that end the process or write past the terminal's owner, and what to use instead.
    private static let banned: [(call: Pattern, instead: String)] = [
        (Pattern(#"\btry!"#), "throw, or handle the error"),
        (Pattern(#"\bas!"#), "use as? and say what was found instead"),
        (Pattern(#"(?<![.\w])fatalError\s*\("#), "throw; precondition for our own mistakes"),
        (Pattern(#"(?<![.\w])(?<!func )(debugP|p)rint\s*\("#), "return the text; Commands writes to the terminal"),
    ]

    /// Files that may, and why.
    static let bannedCallsAllowed: [String: String] = [:]

    static func bannedCalls(_ file: TextFile) -> [Violation] {
        guard file.isSwift, file.path.hasPrefix("Sources/"), bannedCallsAllowed[file.path] == nil else { return [] }
        return banned.flatMap { call, instead in
            call.lines(in: file.swift.code).map {
                Violation(path: file.path, line: $0, words: "banned call: \(instead)")
            }
        }
    }

    private static let unchecked = Pattern(#"@unchecked\s+Sendable|nonisolated\(unsafe\)"#)

    /// A promise that the compiler cannot check needs a line that says why it holds.
    static func unexplainedSendability(_ file: TextFile) -> [Violation] {
        let explained = file.swift.comments.filter { $0.text.contains("SAFETY:") }.map(\.line)
        return unchecked.lines(in: file.swift.code).filter { number in
            !explained.contains { ($0 - 6...$0 + 6).contains(number) }
        }.map { Violation(path: file.path, line: $0, words: "no SAFETY: line says why this is safe") }
    }

    /// Words of unfinished work. Written in two halves, so that this file is clean.
    private static let unfinished = Pattern(
        #"\b("# + ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].joined(separator: "|") + #")\b"#)

    static func leftovers(_ file: TextFile) -> [Violation] {
        unfinished.lines(in: file.text).map {
            Violation(path: file.path, line: $0, words: "unfinished work: finish it or open an issue")
        }
    }

    /// Folders of one developer's machine. In two halves for the same reason.
    private static let machine = Pattern(
        #"(?<![\w.~}>])("# + ["/wo" + "rk/", "/tmp/d" + "ev/", "/ro" + "ot/", "/ho" + "me/"].joined(separator: "|")
            + ")")

    static func machinePaths(_ file: TextFile) -> [Violation] {
        machine.lines(in: file.text).map { Violation(path: file.path, line: $0, words: "a path of one machine") }
    }

    static func matches(_ line: some StringProtocol, _ pattern: String) -> Bool {
        String(line).range(of: pattern, options: .regularExpression) != nil
    }
}
