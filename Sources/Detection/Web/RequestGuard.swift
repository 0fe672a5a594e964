internal import Foundation
internal import Synchronization
internal import Web

/// The web engine in front of our own API: request line, headers and body. Detects, or refuses.
public final class RequestGuard: Sendable {
    public struct Request: Sendable {
        public var id = ""
        public var method = ""
        public var path = ""
        public var query = ""
        public var address = ""
        public var agent = ""
        public var referer = ""
        public var cookie = ""
        public var contentType = ""
        public var body: [UInt8] = []
        /// All headers.
        public var headers: [(String, String)] = []

        public init() {}
    }

    /// What was seen, in words for the log.
    public struct Verdict: Sendable {
        public let kind: String
        public let points: Int
        public let technique: String
        /// `request`, `header`, `cookie` or `body`: where it was.
        public let place: String
    }

    private final class Holder: @unchecked Sendable {
        // SAFETY: used by the one task that took it out of the pool.
        let engine: WebEngine
        let second: ModSecurityRules?

        init(_ configuration: String?) throws(DetectionError) {
            engine = try WebEngine()
            if let configuration { second = try ModSecurityRules(configuration: configuration) } else { second = nil }
        }
    }

    private let pool: Mutex<[Holder]>
    private let log: AuditLines?
    private let configuration: String?
    /// Bodies beyond this are judged in their first part.
    private static let bodyBytesMax = 64 << 10
    private static let pooledMax = 16

    /// - Parameters:
    ///   - log: a file that each hit is appended to as a line of JSON.
    ///   - rules: a configuration of libmodsecurity that is asked about what our own engine lets pass; nil: none is.
    public init(log: String?, rules: String? = nil) throws {
        configuration = rules
        pool = Mutex([try Holder(rules)])
        self.log = try log.map { try AuditLines(path: $0) }
    }

    /// Nil for an ordinary request.
    public func judge(_ request: Request) -> Verdict? {
        let holder: Holder
        if let taken = pool.withLock({ $0.popLast() }) {
            holder = taken
        } else {
            guard let made = try? Holder(configuration) else { return nil }
            holder = made
        }
        defer { pool.withLock { if $0.count < Self.pooledMax { $0.append(holder) } } }
        if let found = Self.judge(request, holder.engine) { return found }
        guard let second = holder.second, second.refuses(request) else { return nil }
        return Verdict(kind: "modsecurity", points: 5, technique: "T1190", place: "request")
    }

    private static func judge(_ request: Request, _ engine: WebEngine) -> Verdict? {
        func with<T>(_ text: String, _ body: (Bytes) -> T) -> T {
            var text = text
            return text.withUTF8 { body(Bytes(UnsafeRawBufferPointer($0))) }
        }
        let line = with(request.path) { path in
            with(request.query) { query in
                with(request.agent) { agent in
                    with(request.referer) { referer in
                        engine.judge(WebEngine.Request(path: path, query: query, referer: referer, agent: agent))
                    }
                }
            }
        }
        if let line { return verdict(line, "request") }
        for (name, value) in request.headers where !value.isEmpty && GuardHeaders.areJudged(name) {
            if let found = with(value, { engine.judge(header: $0) }) { return verdict(found, "header") }
        }
        if !request.cookie.isEmpty, let found = with(request.cookie, { cookies($0, engine) }) {
            return verdict(found, "cookie")
        }
        guard !request.body.isEmpty else { return nil }
        let found = request.body.withUnsafeBytes { raw in
            GuardBody(engine: engine, type: request.contentType).judge(Bytes(raw).prefix(bodyBytesMax))
        }
        return found.map { verdict($0, "body") }
    }

    private static func verdict(_ found: WebEngine.Verdict, _ place: String) -> Verdict {
        Verdict(kind: found.kind.rawValue, points: found.points, technique: found.kind.rule.technique, place: place)
    }

    private static func cookies(_ text: Bytes, _ engine: WebEngine) -> WebEngine.Verdict? {
        var index = 0
        while index < text.count {
            let end = text.first(59, from: index) ?? text.count
            let pair = text[index, end].trimmed
            let equals = pair.first(61) ?? pair.count
            if let found = engine.judge(argument: pair.from(equals + 1), name: pair.prefix(equals)) { return found }
            index = end + 1
        }
        return nil
    }

    /// Writes what was seen; the payload itself stays out, since it may be a customer's text.
    public func note(_ verdict: Verdict, _ request: Request, isRefused: Bool) {
        log?.append(
            JSON.object([
                .init("time", .string(Instant.text(Int64(Date().timeIntervalSince1970 * 1_000_000)))),
                .init("id", .string(request.id)), .init("ip", .string(request.address)),
                .init("method", .string(request.method)), .init("path", .string(String(request.path.prefix(512)))),
                .init("class", .string(verdict.kind)), .init("points", .integer(verdict.points)),
                .init("technique", .string(verdict.technique)), .init("place", .string(verdict.place)),
                .init("decision", .string(isRefused ? "refused" : "passed")),
            ]).text)
    }
}

/// Lines of JSON appended to a file, one write each.
final class AuditLines: Sendable {
    private let descriptor: Int32

    init(path: String) throws(DetectionError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .unwritable(path, String(cString: strerror(errno))) }
    }

    deinit { close(descriptor) }

    func append(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}
