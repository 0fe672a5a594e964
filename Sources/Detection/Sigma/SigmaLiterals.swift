/// The parts of a line that literals are looked for in.
enum SigmaPart: UInt8, CaseIterable, Sendable {
    case method, target, agent, referer, line

    @inline(__always)
    func text(of event: LogEvent) -> Bytes {
        switch self {
        case .method: event.method
        case .target: event.path
        case .agent: event.agent
        case .referer: event.referer
        case .line: event.line
        }
    }
}

/// A text without which a rule can not match, and where it has to stand.
struct SigmaLiteral: Hashable, Sendable {
    let text: String
    let part: SigmaPart

    var length: Int { text.utf8.count }
}

/// The literals that rules need in one part of a line. Texts without any are remembered: most methods, paths and agents
/// come again.
final class SigmaLiterals {
    let part: SigmaPart
    private let set: PatternSet
    private let owners: [[Int]]
    private var found: [Int32] = []
    private var foundCount = 0
    private var ordinary: [UInt64]
    private let seed: UInt64
    private static let rememberedMax = 1 << 13

    /// - Parameter owners: the numbers of the rules that each literal stands for.
    init(_ part: SigmaPart, _ owners: [SigmaLiteral: [Int]]) throws(DetectionError) {
        self.part = part
        let words = owners.keys.sorted { $0.text < $1.text }
        set = try PatternSet(words.map { PatternSet.escaped($0.text) }, ignoresCase: true)
        self.owners = words.map { owners[$0] ?? [] }
        ordinary = part == .line ? [] : Array(repeating: 0, count: Self.rememberedMax)
        var generator = SystemRandomNumberGenerator()
        seed = generator.next()
    }

    /// Whether any literal stands in the text; `named` then tells whose.
    func find(_ text: Bytes) -> Bool {
        guard text.count >= 3 else { return false }
        guard !ordinary.isEmpty else {
            foundCount = set.match(text, &found)
            return foundCount > 0
        }
        let hash = text.hash(seed) | 1
        let slot = Int(truncatingIfNeeded: hash >> 20) & (Self.rememberedMax - 1)
        if ordinary[slot] == hash { return false }
        foundCount = set.match(text, &found)
        if foundCount == 0 { ordinary[slot] = hash }
        return foundCount > 0
    }

    /// Numbers of rules whose literals the last text held; a rule may come twice.
    var named: [Int] { found.prefix(foundCount).flatMap { owners[Int($0)] } }
}

/// Status codes from the lowest to the highest that a rule can match; without a lower end that is above the upper.
struct StatusRange: Sendable {
    var lowest = Int64.min
    var highest = Int64.max

    static let all = StatusRange()
    private static let none = StatusRange(lowest: .max, highest: .min)

    init(lowest: Int64 = .min, highest: Int64 = .max) { (self.lowest, self.highest) = (lowest, highest) }

    init(_ comparison: SigmaTest.Comparison, _ limit: Int64) {
        switch comparison {
        case .less, .lessOrEqual: self.init(highest: limit)
        case .greater, .greaterOrEqual: self.init(lowest: limit)
        case .equal: self.init(lowest: limit, highest: limit)
        }
    }

    @inline(__always)
    func holds(_ status: Int32) -> Bool { Int64(status) >= lowest && Int64(status) <= highest }

    static func intersection(_ ranges: [StatusRange]) -> StatusRange {
        ranges.reduce(.all) {
            StatusRange(lowest: max($0.lowest, $1.lowest), highest: min($0.highest, $1.highest))
        }
    }

    /// The least range that holds them all.
    static func hull(_ ranges: [StatusRange]) -> StatusRange {
        ranges.reduce(.none) {
            StatusRange(lowest: min($0.lowest, $1.lowest), highest: max($0.highest, $1.highest))
        }
    }
}
