/// Statements inside of statements: what `explain analyze`, `with`, `do`, `prepare` and cursors do is done.
extension DatabaseDetector {
    /// The statement that is really done; what stands in texts is judged on the way.
    func unwrapped(_ whole: Bytes, _ event: LogEvent, _ place: LinePlace) -> Bytes {
        var text = whole
        for _ in 0..<8 {
            let before = text.count
            while text[0] == 40 { text = text.from(1).trimmed }
            if text.has("explain ") {
                text = explained(text)
            } else if text.has("prepare "), let begin = text.find(" as ") {
                text = text.from(begin + 4)
            } else if text.has("declare "), let begin = text.find(" for ") {
                text = text.from(begin + 5)
            } else if isInside {
                text = Self.step(text)
            } else if text.has("do ") {
                block(event, place)
                return .empty
            }
            if text.count == before { break }
        }
        return text
    }

    /// `explain` alone does nothing; with `analyze` it does what it explains.
    private func explained(_ text: Bytes) -> Bytes {
        var rest = text.from(8).trimmed
        var runs = false
        if rest[0] == 40, let close = rest.first(41) {
            let options = rest.prefix(close)
            runs = options.contains("analyze") && !options.contains("analyze false") && !options.contains("analyze off")
            rest = rest.from(close + 1).trimmed
        }
        for word in ["analyze ", "analyse ", "verbose "] as [StaticString] where rest.has(word) {
            runs = runs || !rest.has("verbose ")
            rest = rest.from(word.utf8CodeUnitCount).trimmed
        }
        return runs ? rest : .empty
    }

    /// The code of `do`: in dollars, or in a text.
    private func block(_ event: LogEvent, _ place: LinePlace) {
        isInside = true
        defer { isInside = false }
        var code = event.statement
        // A text in quotes has them doubled; that changes nothing that is looked for.
        if let open = code.first(39), open < code.first(36) ?? code.count { code = code.from(open + 1) }
        var inner = SQLShape()
        inner.take(code, opens: true)
        inner.with { each(in: $0, event, place) }
    }

    /// Behind what stands before a statement in code: `begin`, `then`, `loop`, `else`, `execute`.
    private static func step(_ text: Bytes) -> Bytes {
        var begin = 0
        for word in ["begin ", "then ", "loop ", "else ", "perform "] as [StaticString] {
            guard let place = last(word, in: text) else { continue }
            begin = max(begin, place + word.utf8CodeUnitCount)
        }
        return text.from(begin).trimmed
    }

    private static func last(_ word: StaticString, in text: Bytes) -> Int? {
        guard let place = text.findLast(word), place == 0 || text[place - 1] == 32 else { return nil }
        return place
    }

    private static let verbs: [StaticString] = ["delete from ", "update ", "insert into ", "select "]

    /// What a `with` does: in its parts, and behind them.
    func parts(of text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        var index = 0
        var count = 0
        while index < text.count, count < 50 {
            let (byte, before) = (text[index], text[index - 1])
            let begins = index > 0 && (before == 40 || before == 32 && (text[index - 2] == 41 || text[index - 2] == 40))
            guard begins, byte == 100 || byte == 117 || byte == 105 || byte == 115,
                Self.verbs.contains(where: { text.has($0, at: index) })
            else {
                index += 1
                continue
            }
            let end = Self.closing(text, index)
            judge(text[index, end].trimmed, event, place)
            count += 1
            index += 6
        }
    }

    /// Where the parenthesis around a place is closed.
    private static func closing(_ text: Bytes, _ start: Int) -> Int {
        var depth = 0
        for index in start..<text.count {
            if text[index] == 40 { depth += 1 }
            if text[index] == 41 {
                depth -= 1
                if depth < 0 { return index }
            }
        }
        return text.count
    }
}
