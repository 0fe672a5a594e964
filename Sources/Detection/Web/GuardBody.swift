internal import CRE2

/// Bodies as the guard reads them: forms, forms of several parts, JSON with its names, XML and text.
struct GuardBody {
    let engine: WebEngine
    /// As it was sent: the case of a boundary counts.
    let type: String

    private static let partsMax = 200

    func judge(_ bytes: Bytes) -> WebEngine.Verdict? {
        let kind = type.prefix { $0 != ";" }.lowercased()
        if kind.hasPrefix("application/x-www-form-urlencoded") { return engine.judge(form: bytes) }
        if kind.hasPrefix("multipart/") { return multipart(bytes) }
        if kind.contains("json") || bytes[0] == 123 || bytes[0] == 91 { return json(bytes) }
        if kind.contains("xml") || kind.hasPrefix("text/") || kind.isEmpty {
            return engine.judge(argument: bytes, name: Bytes("body"))
        }
        return nil
    }

    /// Every text and every name of a JSON body; not what people choose as a password, which may look like anything.
    private func json(_ bytes: Bytes) -> WebEngine.Verdict? {
        let scratch = Scratch(capacity: bytes.count + 16)
        var index = 0
        var name = Bytes.empty
        while let open = bytes.first(34, from: index) {
            let close = AccessReader.quoteEnd(bytes, open + 1)
            let inside = bytes[open + 1, close]
            index = close + 1
            var next = index
            while [9, 10, 13, 32].contains(bytes[next]) { next += 1 }
            scratch.reset()
            if bytes[next] == 58 {
                name = inside
                guard inside.count > 2, !Self.isPlain(inside) else { continue }
                if let found = engine.judge(argument: scratch.unescape(inside), name: Bytes("name")) { return found }
                // Operators of a document database are names.
                if inside[0] == 36, let found = engine.judge(argument: bytes, name: Bytes("body")) { return found }
                continue
            }
            guard !Self.isSecret(name), inside.count > 2 else { continue }
            if let found = engine.judge(argument: scratch.unescape(inside), name: name) { return found }
        }
        return nil
    }

    /// Fields and the names of files; what a file holds is judged where it is text.
    private func multipart(_ bytes: Bytes) -> WebEngine.Verdict? {
        guard let mark = boundary else { return engine.judge(argument: bytes, name: Bytes("body")) }
        return mark.withUnsafeBytes { raw in
            let mark = Bytes(raw)
            var place = Self.find(mark, in: bytes, from: 0)
            var parts = 0
            while let begin = place, parts < Self.partsMax {
                place = Self.find(mark, in: bytes, from: begin + mark.count)
                if let found = part(bytes[begin + mark.count, place ?? bytes.count]) { return found }
                parts += 1
            }
            return nil
        }
    }

    /// Two hyphens and the boundary.
    private var boundary: [UInt8]? {
        guard let range = type.firstRange(of: /[Bb][Oo][Uu][Nn][Dd][Aa][Rr][Yy]\s*=\s*/) else { return nil }
        let rest = type[range.upperBound...]
        let text = rest.first == "\"" ? rest.dropFirst().prefix { $0 != "\"" } : rest.prefix { $0 != ";" && $0 != " " }
        return text.isEmpty || text.utf8.count > 200 ? nil : Array("--\(text)".utf8)
    }

    private func part(_ bytes: Bytes) -> WebEngine.Verdict? {
        let wide = bytes.find("\r\n\r\n")
        guard let end = wide ?? bytes.find("\n\n") else { return nil }
        let head = bytes.prefix(end)
        let content = bytes.from(end + (wide == nil ? 2 : 4)).trimmed
        let name = Self.parameter("name", of: head) ?? .empty
        let file = Self.parameter("filename", of: head)
        for text in [name, file ?? .empty] where text.count > 2 {
            if let found = engine.judge(argument: text, name: Bytes("filename")) { return found }
        }
        let isText = file == nil || ["text/", "json", "xml", "svg"].contains { Self.holds($0, head) }
        guard isText, !Self.isSecret(name), content.count > 2 else { return nil }
        return engine.judge(argument: content, name: name)
    }

    private static func holds(_ word: StaticString, _ text: Bytes) -> Bool {
        (0..<text.count).contains { text.hasIgnoringCase(word, at: $0) }
    }

    /// `name="…"` of a part's head.
    private static func parameter(_ name: StaticString, of head: Bytes) -> Bytes? {
        for index in 0..<head.count where head.hasIgnoringCase(name, at: index) {
            let before = head[index - 1]
            var at = index + name.utf8CodeUnitCount
            if head[at] == 42 { at += 1 }
            guard before == 32 || before == 59 || before == 9, head[at] == 61 else { continue }
            at += 1
            if head[at] == 34 { return head[at + 1, AccessReader.quoteEnd(head, at + 1)] }
            var end = at
            while end < head.count, head[end] > 32, head[end] != 59 { end += 1 }
            return head[at, end]
        }
        return nil
    }

    private static func find(_ needle: Bytes, in text: Bytes, from index: Int) -> Int? {
        guard index >= 0, index <= text.count,
            let found = cre2_memmem(text.start + index, text.count - index, needle.start, needle.count)
        else { return nil }
        return found - text.start
    }

    private static func isPlain(_ name: Bytes) -> Bool {
        (0..<name.count).allSatisfy { Bytes.isWord(name[$0]) || name[$0] == 45 || name[$0] == 46 }
    }

    private static func isSecret(_ name: Bytes) -> Bool {
        name.contains("password") || name.contains("mot_de_passe") || name.contains("secret") || name.contains("token")
            || name.equals("code_verifier")
    }
}

/// Which headers are read: all but those that carry what nobody may see, and those that are judged in a place of their own.
enum GuardHeaders {
    private static let others: Set<String> = [
        "authorization", "proxy-authorization", "apikey", "cookie", "user-agent", "referer", "sec-websocket-key",
        "dpop", "x-client-cert", "content-length",
    ]
    private static let secrets = ["token", "secret", "password", "signature", "api-key", "csrf"]

    static func areJudged(_ name: String) -> Bool {
        let name = name.lowercased()
        return !others.contains(name) && !secrets.contains { name.contains($0) }
    }
}
