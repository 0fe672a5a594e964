/// The square of a QR code while it is drawn.
struct QRGrid: Sendable {
    private(set) var dark: [[Bool]]
    /// What belongs to the patterns: data goes around it.
    private var isFixed: [[Bool]]
    private let size: Int

    init(_ layout: QRLayout) {
        size = layout.size
        dark = Array(repeating: Array(repeating: false, count: layout.size), count: layout.size)
        isFixed = dark
        for index in 0..<size {
            set(6, index, index % 2 == 0)
            set(index, 6, index % 2 == 0)
        }
        drawFinder(3, 3)
        drawFinder(size - 4, 3)
        drawFinder(3, size - 4)
        drawAlignments(layout.alignments)
        // Kept free for now; the mask decides what stands there.
        writeFormat(mask: 0)
        if layout.version >= 7 { writeVersion(layout.version) }
    }

    private mutating func set(_ x: Int, _ y: Int, _ isDark: Bool) {
        dark[y][x] = isDark
        isFixed[y][x] = true
    }

    private mutating func drawFinder(_ x: Int, _ y: Int) {
        for dy in -4...4 {
            for dx in -4...4 where (0..<size).contains(x + dx) && (0..<size).contains(y + dy) {
                let ring = max(abs(dx), abs(dy))
                set(x + dx, y + dy, ring != 2 && ring != 4)
            }
        }
    }

    private mutating func drawAlignments(_ places: [Int]) {
        guard let last = places.last else { return }
        for y in places {
            for x in places {
                // Where the finders stand there is none.
                let isCorner = (x == 6 && y == 6) || (x == 6 && y == last) || (x == last && y == 6)
                guard !isCorner else { continue }
                for dy in -2...2 { for dx in -2...2 { set(x + dx, y + dy, max(abs(dx), abs(dy)) != 1) } }
            }
        }
    }

    /// Level M and the mask, twice, with their own correction (BCH 15, 5).
    mutating func writeFormat(mask: Int) {
        var rest = mask
        for _ in 0..<10 { rest = rest << 1 ^ (rest >> 9) * 0x537 }
        let bits = (mask << 10 | rest) ^ 0x5412
        func bit(_ index: Int) -> Bool { bits >> index & 1 == 1 }
        for index in 0...5 { set(8, index, bit(index)) }
        set(8, 7, bit(6))
        set(8, 8, bit(7))
        set(7, 8, bit(8))
        for index in 9..<15 { set(14 - index, 8, bit(index)) }
        for index in 0..<8 { set(size - 1 - index, 8, bit(index)) }
        for index in 8..<15 { set(8, size - 15 + index, bit(index)) }
        set(8, size - 8, true)
    }

    /// The version, twice (BCH 18, 6).
    private mutating func writeVersion(_ version: Int) {
        var rest = version
        for _ in 0..<12 { rest = rest << 1 ^ (rest >> 11) * 0x1F25 }
        let bits = version << 12 | rest
        for index in 0..<18 {
            let isDark = bits >> index & 1 == 1
            let far = size - 11 + index % 3
            set(far, index / 3, isDark)
            set(index / 3, far, isDark)
        }
    }

    /// Data goes in columns of two, from the right, up and down in turn, past the vertical timing line.
    mutating func fill(_ codewords: [UInt8], mask: Int) {
        var index = 0
        var isUpward = true
        for right in stride(from: size - 1, through: 1, by: -2).map({ $0 <= 6 ? $0 - 1 : $0 }) {
            for step in 0..<size {
                let y = isUpward ? size - 1 - step : step
                for x in [right, right - 1] where !isFixed[y][x] {
                    let bit = index < codewords.count * 8 && codewords[index / 8] >> UInt8(7 - index % 8) & 1 == 1
                    index += 1
                    dark[y][x] = bit != Self.isMasked(mask, x, y)
                }
            }
            isUpward.toggle()
        }
    }

    private static func isMasked(_ mask: Int, _ x: Int, _ y: Int) -> Bool {
        switch mask {
        case 0: (x + y) % 2 == 0
        case 1: y % 2 == 0
        case 2: x % 3 == 0
        case 3: (x + y) % 3 == 0
        case 4: (x / 3 + y / 2) % 2 == 0
        case 5: x * y % 2 + x * y % 3 == 0
        case 6: (x * y % 2 + x * y % 3) % 2 == 0
        default: ((x + y) % 2 + x * y % 3) % 2 == 0
        }
    }
}

/// How hard a square is to read: of eight masks the one with the least is taken.
enum QRPenalty {
    static func of(_ dark: [[Bool]]) -> Int {
        let size = dark.count
        let columns = (0..<size).map { x in (0..<size).map { dark[$0][x] } }
        var penalty = (dark + columns).reduce(0) { $0 + runs($1) + finders($1) }
        for y in 0..<size - 1 {
            for x in 0..<size - 1
            where dark[y][x] == dark[y][x + 1] && dark[y][x] == dark[y + 1][x] && dark[y][x] == dark[y + 1][x + 1] {
                penalty += 3
            }
        }
        let count = dark.reduce(0) { $0 + $1.count { $0 } }
        return penalty + abs(count * 20 - size * size * 10) / (size * size) * 10
    }

    private static func runs(_ line: [Bool]) -> Int {
        var penalty = 0
        var length = 0
        var last: Bool?
        for module in line + [nil] as [Bool?] {
            if module == last {
                length += 1
            } else {
                if length >= 5 { penalty += length - 2 }
                length = 1
                last = module
            }
        }
        return penalty
    }

    /// Dark, light, three dark, light, dark with four light ones behind, and the same with them before.
    private static let finderBehind = 0b101_1101_0000
    private static let finderBefore = 0b000_0101_1101

    private static func finders(_ line: [Bool]) -> Int {
        var window = 0
        var penalty = 0
        for (index, isDark) in line.enumerated() {
            window = (window << 1 | (isDark ? 1 : 0)) & 0x7FF
            if index >= 10, window == finderBehind || window == finderBefore { penalty += 40 }
        }
        return penalty
    }
}
