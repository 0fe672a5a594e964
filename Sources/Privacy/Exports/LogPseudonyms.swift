internal import Cryptography
internal import Foundation

/// Pseudonyms for what logs say of persons: the same value gives the same token, so that a session can still be followed;
/// nobody turns one back without the key and what was kept sealed.
struct LogPseudonyms: Sendable {
    private let tokens: [UInt8]
    private let sealing: [UInt8]

    init(key: [UInt8]) {
        tokens = HMACSHA256.code(Array("tokens".utf8), key: key)
        sealing = HMACSHA256.code(Array("sealing".utf8), key: key)
    }

    /// Sixteen hexadecimal digits, as `public.logs` takes them.
    func token(_ value: some Collection<UInt8>) -> String {
        String(HMACSHA256.code(Array(value), key: tokens).hex.prefix(16))
    }

    func seal(_ value: some Collection<UInt8>, token: String) throws -> [UInt8] {
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        return nonce + (try AESGCM().seal(Array(value), key: sealing, nonce: nonce, associated: Array(token.utf8)))
    }

    func open(_ sealed: [UInt8], token: String) throws -> String {
        let opened = try AESGCM().open(
            Array(sealed.dropFirst(AESGCM.nonceBytes)), key: sealing, nonce: Array(sealed.prefix(AESGCM.nonceBytes)),
            associated: Array(token.utf8))
        return String(decoding: opened, as: UTF8.self)
    }
}

/// What came out of a line.
public struct AnonymousLine: Sendable {
    public let text: String
    /// Token and value of what was replaced.
    let replaced: [(token: String, value: [UInt8])]
}

/// Takes persons out of log lines at intake: addresses, account names in known places, and whatever the scanner finds.
public struct LogAnonymiser: Sendable {
    private let pseudonyms: LogPseudonyms
    private let scanner: PersonalScanner

    init(pseudonyms: LogPseudonyms, scanner: PersonalScanner) {
        self.pseudonyms = pseudonyms
        self.scanner = scanner
    }

    /// Names of fields whose value is a person or an account.
    private static let fields: [StaticString] = [
        "user=", "utilisateur=", "login=", "user:", "account=", "compte=", "client=", "sub=", "rhost=", "for user ",
        "for invalid user ", "accepted password for ", "failed password for ", "session opened for user ",
    ]

    public func line(_ text: String) -> AnonymousLine {
        let bytes = Array(text.utf8)
        var spans: [(Range<Int>, String)] = scanner.scan(bytes).map { ($0.range, $0.kind.rawValue) }
        let view = TextBytes(bytes: bytes)
        func add(_ range: Range<Int>, _ kind: String) {
            if !range.isEmpty, !spans.contains(where: { $0.0.overlaps(range) }) { spans.append((range, kind)) }
        }
        for range in Self.addresses(view) { add(range, "ip") }
        for range in Self.values(view) { add(range, "user") }
        guard !spans.isEmpty else { return AnonymousLine(text: text, replaced: []) }
        spans.sort { $0.0.lowerBound < $1.0.lowerBound }
        var out: [UInt8] = []
        var replaced: [(String, [UInt8])] = []
        var position = 0
        for (range, kind) in spans {
            let token = pseudonyms.token(bytes[range])
            out += bytes[position..<range.lowerBound]
            out += Array("\(kind):\(token)".utf8)
            replaced.append((token, Array(bytes[range])))
            position = range.upperBound
        }
        out += bytes[position...]
        return AnonymousLine(text: String(decoding: out, as: UTF8.self), replaced: replaced)
    }

    /// Addresses of the Internet, versions 4 and 6.
    private static func addresses(_ text: TextBytes) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 0
        while index < text.count {
            let isStart = !TextBytes.isWord(text[index - 1]) && text[index - 1] != 0x2E && text[index - 1] != 0x3A
            guard isStart, isHex(text[index]) || text[index] == 0x3A else {
                index += 1
                continue
            }
            var end = index
            while isHex(text[end]) || text[end] == 0x2E || text[end] == 0x3A { end += 1 }
            while end > index, text[end - 1] == 0x2E || (text[end - 1] == 0x3A && text[end - 2] != 0x3A) { end -= 1 }
            var slice = text.bytes[index..<max(index, end)]
            if let colon = slice.firstIndex(of: 0x3A), isVersion4(slice[..<colon]) { slice = slice[..<colon] }
            if isVersion4(slice) || isVersion6(slice) { found.append(index..<slice.endIndex) }
            index = max(end, index + 1)
        }
        return found
    }

    private static func isHex(_ byte: UInt8) -> Bool { TextBytes.isDigit(byte) || (byte | 0x20) &- 97 < 6 }

    private static func isVersion4(_ slice: ArraySlice<UInt8>) -> Bool {
        let parts = slice.split(separator: 0x2E, omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && part.allSatisfy(TextBytes.isDigit)
                    && part.reduce(0) { $0 * 10 + Int($1 - 48) } <= 255
            }
    }

    /// Seven colons, or a double one and at least two; a time of day has two and no double one.
    private static func isVersion6(_ slice: ArraySlice<UInt8>) -> Bool {
        let colons = slice.filter { $0 == 0x3A }.count
        let bytes = Array(slice)
        let hasDouble = zip(bytes, bytes.dropFirst()).contains { $0 == 0x3A && $1 == 0x3A }
        guard !slice.contains(0x2E) || hasDouble, slice.count >= 3 else { return false }
        let parts = slice.split(separator: 0x3A)
        return (colons == 7 || (hasDouble && colons >= 2)) && parts.allSatisfy { $0.count <= 4 || $0.contains(0x2E) }
    }

    private static func values(_ text: TextBytes) -> [Range<Int>] {
        var found: [Range<Int>] = []
        for field in fields {
            field.withUTF8Buffer { wanted in
                guard text.count > wanted.count else { return }
                var index = 0
                while index + wanted.count <= text.count {
                    let matches = (0..<wanted.count).allSatisfy { lower(text[index + $0]) == wanted[$0] }
                    guard matches, !TextBytes.isWord(text[index - 1]) || text[index - 1] == 95 else {
                        index += 1
                        continue
                    }
                    var start = index + wanted.count
                    if text[start] == 0x22 || text[start] == 0x27 { start += 1 }
                    var end = start
                    while TextBytes.isWord(text[end]) || [0x2D, 0x2E, 0x40, 0x2B].contains(text[end]) { end += 1 }
                    if end > start { found.append(start..<end) }
                    index = max(end, index + 1)
                }
            }
        }
        return found
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
}

extension PrivacyDesk {
    /// An anonymiser with the bank's key.
    public func anonymiser(names: NameList = .empty) -> LogAnonymiser {
        LogAnonymiser(pseudonyms: LogPseudonyms(key: secrets.logs), scanner: PersonalScanner(names: names))
    }

    /// Keeps, sealed, what the lines' tokens stand for, so that two admins may turn one back.
    public func keep(_ lines: [AnonymousLine]) async throws {
        let pseudonyms = LogPseudonyms(key: secrets.logs)
        var sealed: [String: String] = [:]
        for (token, value) in lines.flatMap(\.replaced) where sealed[token] == nil {
            sealed[token] = try pseudonyms.seal(value, token: token).hex
        }
        let tokens = sealed.keys.sorted()
        for start in stride(from: 0, to: tokens.count, by: 5_000) {
            let part = Array(tokens[start..<min(start + 5_000, tokens.count)])
            try await RightsStore(database: database).addTokens(part, part.map { sealed[$0] ?? "" })
        }
    }
}
