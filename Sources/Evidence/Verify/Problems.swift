/// What a verification found wrong: the first hundred in words, the rest as a number.
struct Problems {
    private(set) var lines: [String] = []
    private(set) var count = 0

    private static let linesMax = 100

    var isEmpty: Bool { count == 0 }

    mutating func add(_ line: String) {
        count += 1
        if lines.count < Self.linesMax { lines.append(line) }
    }

    /// For people.
    var all: [String] { count > lines.count ? lines + ["and \(count - lines.count) more"] : lines }
}
