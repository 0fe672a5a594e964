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
        return FunctionLengths.all(in: SwiftText(file.text).code).filter { $0.lineCount > functionLinesMax }.map {
            Violation(
                path: file.path, line: $0.line,
                words: "\($0.name) takes \($0.lineCount) lines where \(functionLinesMax) are the most")
        }
    }

    /// Calls that end the process or write past the terminal's owner, and what to use instead.
    private static let banned: [(call: String, instead: String)] = [
        (#"\btry!"#, "throw, or handle the error"),
        (#"\bas!"#, "use as? and say what was found instead"),
        (#"(?<![.\w])fatalError\s*\("#, "throw; precondition for our own mistakes"),
        (#"(?<![.\w])(?<!func )print\s*\("#, "return the text; Commands writes to the terminal"),
        (#"(?<![.\w])(?<!func )debugPrint\s*\("#, "return the text; Commands writes to the terminal"),
    ]

    /// Files that may, and why.
    static let bannedCallsAllowed: [String: String] = [:]

    static func bannedCalls(_ file: TextFile) -> [Violation] {
        guard file.isSwift, file.path.hasPrefix("Sources/"), bannedCallsAllowed[file.path] == nil else { return [] }
        return SwiftText(file.text).codeLines.enumerated().flatMap { index, line in
            banned.filter { matches(line, $0.call) }.map {
                Violation(path: file.path, line: index + 1, words: "banned call: \($0.instead)")
            }
        }
    }

    /// A promise that the compiler cannot check needs a line that says why it holds.
    static func unexplainedSendability(_ file: TextFile) -> [Violation] {
        guard file.isSwift else { return [] }
        let text = SwiftText(file.text)
        let explained = text.comments.filter { $0.text.contains("SAFETY:") }.map(\.line)
        return text.codeLines.enumerated().compactMap { index, line in
            guard matches(line, #"@unchecked\s+Sendable|nonisolated\(unsafe\)"#) else { return nil }
            let number = index + 1
            guard !explained.contains(where: { ($0 - 6...$0 + 6).contains(number) }) else { return nil }
            return Violation(path: file.path, line: number, words: "no SAFETY: line says why this is safe")
        }
    }

    /// Words of unfinished work. Written in two halves, so that this file is clean.
    private static let unfinished =
        #"\b("# + ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].joined(separator: "|") + #")\b"#

    static func leftovers(_ file: TextFile) -> [Violation] {
        file.lines.enumerated().compactMap { index, line in
            guard matches(line, unfinished) else { return nil }
            return Violation(path: file.path, line: index + 1, words: "unfinished work: finish it or open an issue")
        }
    }

    /// Folders of one developer's machine. In two halves for the same reason.
    private static let machine = ["/wo" + "rk/", "/tmp/d" + "ev/", "/ro" + "ot/", "/ho" + "me/"].joined(separator: "|")

    static func machinePaths(_ file: TextFile) -> [Violation] {
        file.lines.enumerated().compactMap { index, line in
            guard matches(line, #"(?<![\w.~}>])("# + machine + ")") else { return nil }
            return Violation(path: file.path, line: index + 1, words: "a path of one machine")
        }
    }

    static func matches(_ line: some StringProtocol, _ pattern: String) -> Bool {
        String(line).range(of: pattern, options: .regularExpression) != nil
    }
}
