internal import CRE2

/// Judges requests: decoded once, all patterns in one pass, then each argument that was touched alone, then scores.
final class WebEngine {
    struct Verdict {
        var kind: WebClass
        var points: Int
        /// The argument or place that gave most.
        var piece: Int
    }

    /// What a request brings; headers and body only where the gateway sees them.
    struct Request {
        var path = Bytes.empty
        var query = Bytes.empty
        var referer = Bytes.empty
        var agent = Bytes.empty
    }

    private let full: PatternSet
    private let plain: PatternSet
    private let headers: PatternSet
    private let text = WebText()
    // Of their own, because a global is asked whether it is there each time.
    private let allRules = WebRule.all
    private let plainRules = WebRule.plain
    private let headerRules = WebRule.headers
    private let classes = WebClass.allCases
    private var found: [Int32] = []
    private var points: [Int]
    private let seed: UInt64
    /// Requests and agents that were judged ordinary: most come again.
    private var ordinary: [UInt64]
    private static let rememberedMax = 1 << 14
    private static let blockingPoints = 5
    /// How libinjection's word counts.
    private static let libraryPoints = 5
    private var folded: [UInt8] = []

    init() throws(DetectionError) {
        full = try PatternSet(WebRule.all.map(\.pattern))
        plain = try PatternSet(WebRule.plain.map(\.pattern))
        headers = try PatternSet(WebRule.headers.map(\.pattern))
        points = Array(repeating: 0, count: WebClass.allCases.count)
        ordinary = Array(repeating: 0, count: Self.rememberedMax)
        var generator = SystemRandomNumberGenerator()
        seed = generator.next()
    }

    private func isKnown(_ bytes: Bytes, _ salt: UInt64) -> (Bool, UInt64) {
        let hash = bytes.hash(seed ^ salt) | 1
        return (ordinary[Int(truncatingIfNeeded: hash >> 16) & (Self.rememberedMax - 1)] == hash, hash)
    }

    private func remember(_ hash: UInt64) {
        ordinary[Int(truncatingIfNeeded: hash >> 16) & (Self.rememberedMax - 1)] = hash
    }

    /// Nil for an ordinary request.
    func judge(_ request: Request) -> Verdict? {
        let (knowsTarget, target) = isKnown(request.path, request.query.hash(seed))
        let (knowsAgent, agent) = isKnown(request.agent, 3)
        let (knowsReferer, referer) = isKnown(request.referer, 5)
        if knowsTarget, knowsAgent, knowsReferer { return nil }
        text.removeAll()
        if !knowsTarget {
            text.add(request.path, .path, isForm: false)
            addArguments(request.query, isForm: true)
        }
        if !knowsAgent, request.agent.count > 1 { text.add(request.agent, .agent, isForm: false) }
        if !knowsReferer, request.referer.count > 1 { addReferer(request.referer) }
        let verdict = judgeText()
        if verdict == nil {
            if !knowsTarget { remember(target) }
            if !knowsAgent { remember(agent) }
            if !knowsReferer { remember(referer) }
        }
        return verdict
    }

    /// Text of one argument: what a body or a header holds.
    func judge(argument value: Bytes, name: Bytes) -> Verdict? {
        text.removeAll()
        addArgument(name: name, value: value, isForm: false)
        return judgeText()
    }

    /// A header's value; most come again.
    func judge(header value: Bytes) -> Verdict? {
        let (isOrdinary, hash) = isKnown(value, 7)
        if isOrdinary || value.count < 3 { return nil }
        text.removeAll()
        text.add(value, .header, isForm: false)
        let verdict = judgeText()
        if verdict == nil { remember(hash) }
        return verdict
    }

    func judge(form body: Bytes) -> Verdict? {
        text.removeAll()
        addArguments(body, isForm: true)
        return judgeText()
    }

    /// Another site's address: its arguments are another site's matter, unless they hold what no address does.
    private func addReferer(_ referer: Bytes) { text.add(referer, .header, isForm: false) }

    private func addArguments(_ query: Bytes, isForm: Bool) {
        var index = 0
        while index < query.count {
            let end = query.first(38, from: index) ?? query.count
            let part = query[index, end]
            if !part.isEmpty {
                let equals = part.first(61) ?? part.count
                addArgument(name: part.prefix(equals), value: part.from(equals + 1), isForm: isForm)
            }
            index = end + 1
        }
    }

    private func addArgument(name: Bytes, value: Bytes, isForm: Bool) {
        var isTaken = false
        if value.first(37) == nil {
            isTaken = addGrammar(name: name, value: value, isForm: isForm)
        } else {
            // Taken off once, as a server does before it reads the grammar.
            folded.removeAll(keepingCapacity: true)
            Self.decode(value, isForm: isForm, into: &folded)
            let decoded = folded
            decoded.withUnsafeBytes { isTaken = addGrammar(name: name, value: Bytes($0), isForm: false) }
        }
        if !isTaken { addPair(name: name, value: value, isForm: isForm, .argument) }
        if name.first(37) != nil || name.first(36) != nil || isTaken && !Self.isPlain(name) {
            text.add(name, .argument, isForm: isForm)
        }
    }

    private func addGrammar(name: Bytes, value: Bytes, isForm: Bool) -> Bool {
        guard !value.isEmpty else { return false }
        parts.removeAll(keepingCapacity: true)
        if QueryGrammar.operands(name: name, value: value, { parts.append($0) }) {
            addParts(isForm: isForm)
            return true
        }
        if QueryGrammar.strings(value, { parts.append($0) }) {
            addParts(isForm: isForm)
            // Operators of a document database are names in it.
            return value.first(36) == nil && value.find("@type") == nil
        }
        return false
    }

    /// What names of arguments and their paths are made of.
    private static func isPlain(_ name: Bytes) -> Bool {
        (0..<name.count).allSatisfy { index in
            let byte = name[index]
            return Bytes.isWord(byte) || byte == 46 || byte == 45 || byte == 62 || byte == 58
        }
    }

    private var pair: [UInt8] = []
    private var parts: [Bytes] = []

    private func addParts(isForm: Bool) {
        for part in parts where part.count > 2 { addPair(name: Bytes("v"), value: part, isForm: isForm, .grammar) }
    }

    private func addPair(name: Bytes, value: Bytes, isForm: Bool, _ kind: WebPiece) {
        pair.removeAll(keepingCapacity: true)
        pair.append(contentsOf: UnsafeBufferPointer(start: name.start, count: min(name.count, 200)))
        pair.append(61)
        pair.append(contentsOf: UnsafeBufferPointer(start: value.start, count: min(value.count, WebText.lengthMax)))
        pair.withUnsafeBytes { text.add(Bytes($0), kind, isForm: isForm) }
    }

    private static func decode(_ value: Bytes, isForm: Bool, into out: inout [UInt8]) {
        var index = 0
        while index < value.count {
            let byte = value[index]
            if byte == 37, let high = Bytes.hex(value[index + 1]), let low = Bytes.hex(value[index + 2]) {
                out.append(high << 4 | low)
                index += 3
            } else {
                out.append(byte == 43 && isForm ? 32 : byte)
                index += 1
            }
        }
    }

    private func judgeText() -> Verdict? {
        guard !text.ends.isEmpty else { return nil }
        for index in points.indices { points[index] = 0 }
        var best = Verdict(kind: .probe, points: 0, piece: 0)
        var most = 0
        for piece in text.ends.indices {
            let bounds = text.bounds(piece)
            let gained = judge(
                text.bytes[bounds.lowerBound, bounds.upperBound], text.kinds[piece], text.isSpecial[piece])
            if gained > most {
                most = gained
                best.piece = piece
            }
        }
        var total = 0
        most = 0
        for (index, kind) in classes.enumerated() where points[index] > 0 {
            total += points[index]
            // Of equals the later, which is the more particular.
            if points[index] >= most {
                most = points[index]
                best.kind = kind
            }
        }
        guard total >= Self.blockingPoints else { return nil }
        best.points = total
        return best
    }

    /// The points of one piece.
    private func judge(_ bytes: Bytes, _ kind: WebPiece, _ isSpecial: Bool) -> Int {
        if kind == .agent || kind == .header { return add(headers, headerRules, bytes, kind) }
        if !isSpecial {
            let number = plain.match(bytes, &found)
            guard number > 0 else { return 0 }
            // The last one names words that only the whole set can judge.
            let callsForAll = (0..<number).contains { Int(found[$0]) == plainRules.count - 1 }
            if !callsForAll { return count(of: number, plainRules, bytes, kind) }
        }
        var gained = add(full, allRules, bytes, kind)
        if kind == .argument || kind == .grammar { gained += library(bytes) }
        return gained
    }

    private func add(_ set: PatternSet, _ rules: [WebRule], _ bytes: Bytes, _ kind: WebPiece) -> Int {
        count(of: set.match(bytes, &found), rules, bytes, kind)
    }

    /// Which patterns count depends on what the piece is.
    private func count(of number: Int, _ rules: [WebRule], _ bytes: Bytes, _ kind: WebPiece) -> Int {
        var gained = 0
        for index in 0..<number {
            let rule = rules[Int(found[index])]
            guard rule.points > 0, counts(rule, kind, bytes) else { continue }
            points[rule.kind.place] += rule.points
            gained += rule.points
        }
        return gained
    }

    private func counts(_ rule: WebRule, _ kind: WebPiece, _ bytes: Bytes) -> Bool {
        switch kind {
        case .argument, .body: break
        case .grammar: return rule.kind != .sensitiveFile && rule.kind != .ssrf
        case .path: return rule.kind != .xpath && rule.kind != .ldap && rule.kind != .ssrf && rule.points >= 5
        case .agent, .header: return true
        }
        if rule.kind == .ssrf || rule.kind == .fileInclusion, Self.isReturnAddress(bytes) {
            return bytes.contains("169.254.") || bytes.contains("metadata")
        }
        return true
    }

    /// Arguments that name where a browser goes afterwards: their checks are the server's own, by list.
    private static func isReturnAddress(_ bytes: Bytes) -> Bool {
        let names: [StaticString] = [
            "redirect_to=", "redirect_uri=", "redirect=", "return=", "return_to=", "next=", "continue=", "callback=",
        ]
        return names.contains { bytes.has($0) }
    }

    /// libinjection on the value alone, where it holds anything that an injection needs.
    private func library(_ bytes: Bytes) -> Int {
        guard let equals = bytes.first(61) else { return 0 }
        let value = bytes.from(equals + 1)
        guard value.count >= 3 else { return 0 }
        var gained = 0
        var (isCode, isMarkup) = (false, false)
        for index in 0..<value.count {
            switch value.start[index] {
            case 34, 35, 39, 40, 41, 59, 61, 42, 124, 38, 96: isCode = true
            case 45 where value[index + 1] == 45: isCode = true
            case 60, 62: (isCode, isMarkup) = (true, true)
            default: break
            }
        }
        if isCode, !isElided(value) {
            var fingerprint = InlineArray<16, CChar>(repeating: 0)
            let isInjection = withUnsafeMutablePointer(to: &fingerprint) { place in
                place.withMemoryRebound(to: CChar.self, capacity: 16) {
                    cre2_is_sql_injection(value.start, value.count, $0) == 1
                }
            }
            if isInjection, !Self.isWeak(fingerprint, value) {
                points[WebClass.sqlInjection.place] += Self.libraryPoints
                gained += Self.libraryPoints
            }
        }
        if isMarkup, cre2_is_script_injection(value.start, value.count) == 1 {
            points[WebClass.script.place] += Self.libraryPoints
            gained += Self.libraryPoints
        }
        return gained
    }

    /// Words of French whose only quotes are those of an elision (`l'agence d'Angers`): libinjection takes them for texts.
    /// A figure, an equals sign or any other sign of code is enough to ask it all the same.
    private func isElided(_ value: Bytes) -> Bool {
        var word = 0
        for index in 0..<value.count {
            let byte = value.start[index]
            switch byte {
            case 65...90, 97...122, 128...: word += 1
            case 32, 44, 46, 58, 33, 63: word = 0
            case 45:
                guard value[index + 1] != 45 else { return false }
                word = 0
            case 39:
                let next = value[index + 1] | 0x20
                guard (1...3).contains(word), (97...122).contains(next) || value[index + 1] >= 128,
                    isElision(value[index - word, index])
                else { return false }
                word = 0
            default: return false
            }
        }
        return true
    }

    private func isElision(_ word: Bytes) -> Bool {
        let first = word[0] | 0x20
        if word.count == 2 { return first == 113 && word[1] | 0x20 == 117 }
        // c, d, j, l, m, n, s, t
        return word.count == 1 && [99, 100, 106, 108, 109, 110, 115, 116].contains(first)
    }

    /// Fingerprints that ordinary words make too: a text, an operator, a text (`d'Arc or l'Eau`).
    private static func isWeak(_ fingerprint: InlineArray<16, CChar>, _ value: Bytes) -> Bool {
        let isThree = fingerprint[3] == 0
        let letters = (
            UInt8(bitPattern: fingerprint[0]), UInt8(bitPattern: fingerprint[1]), UInt8(bitPattern: fingerprint[2])
        )
        // s: text, o: operator, n: bare word, c: comment
        if isThree, letters == (115, 111, 115) { return value.first(61) == nil && !value.contains("||") }
        if isThree, letters == (115, 99, 0) { return false }
        return false
    }
}
