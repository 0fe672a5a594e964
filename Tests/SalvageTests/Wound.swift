/// The kinds of damage of the campaign.
enum WoundKind: String, CaseIterable, Sendable {
    case truncated
    case bitFlip = "one bit flipped"
    case fiveBits = "five bits flipped"
    case zeroed4K = "4 KiB zeroed"
    case zeroed64K = "64 KiB zeroed"
    case missing4K = "4 KiB missing"
    case missing64 = "64 bytes missing"
    case noise = "512 bytes of noise"
    case inserted = "100 bytes inserted"
    case swapped = "two 4 KiB blocks swapped"
    case duplicated = "a 4 KiB block twice"
    case framing = "framing damaged"
    case contentsLost = "table of contents lost"
    case contentsBit = "one bit of the contents flipped"
    case headerGone = "first 4 KiB zeroed"
    case wrongVersion = "wrong version in the header"

    /// A bit in a definition can change what a dump says without breaking it.
    var isInContents: Bool { self == .contentsBit }
}

/// What was done to a dump, in bytes of the undamaged one.
struct Wound: Sendable {
    struct Scar: Sendable {
        let file: Int
        /// Bytes that are not what or where they were; empty for a place where bytes came in.
        let range: Range<Int>
        /// Where bytes that stay together end: what lies between two edges moved as a whole.
        let edges: Range<Int>
    }

    var dump: DumpFiles
    var scars: [Scar] = []
    var isOneBit = false
    var removed: Set<Int> = []

    /// Damages `dump` at the place `part` of its data, from 0 to 1; nil when the format can not suffer this.
    init?(
        _ kind: WoundKind, _ dump: DumpFiles, _ format: SampleFormat, _ layout: DumpLayout, part: Double,
        _ random: inout Seeded
    ) {
        self.dump = dump
        let (file, range, at) = Self.place(layout.data, part)
        let size = dump.files[file].bytes.count
        switch kind {
        case .truncated: cut(file, at..<size)
        case .bitFlip:
            flip(file, at, &random)
            isOneBit = true
        case .fiveBits:
            for _ in 0..<5 { flip(file, range.lowerBound + random.below(range.count), &random) }
        case .zeroed4K: overwrite(file, at, 4096) { 0 }
        case .zeroed64K: overwrite(file, at, 65536) { 0 }
        case .missing4K: cut(file, at..<min(at + 4096, size))
        case .missing64: cut(file, at..<min(at + 64, size))
        case .noise: overwrite(file, at, 512) { UInt8(truncatingIfNeeded: random.next()) }
        case .inserted:
            let noise = (0..<100).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            self.dump.files[file].bytes.insert(contentsOf: noise, at: at)
            scars.append(Scar(file: file, range: at..<at, edges: at..<at))
        case .swapped: swapBlocks(file, range, &random)
        case .duplicated:
            let block = Array(dump.files[file].bytes[at..<min(at + 4096, size)])
            let end = at + block.count
            self.dump.files[file].bytes.insert(contentsOf: block, at: end)
            scars.append(Scar(file: file, range: end..<end, edges: end..<end))
        case .framing: breakFraming(layout, format, part, &random)
        default:
            guard breakContents(kind, layout, format, part, &random) else { return nil }
        }
    }

    private static func place(_ data: [(file: Int, range: Range<Int>)], _ part: Double) -> (Int, Range<Int>, Int) {
        var left = Int(part * Double(data.reduce(0) { $0 + $1.range.count }))
        for (file, range) in data {
            if left < range.count { return (file, range, range.lowerBound + left) }
            left -= range.count
        }
        let last = data[data.count - 1]
        return (last.file, last.range, last.range.upperBound - 1)
    }

    private mutating func scar(_ file: Int, _ range: Range<Int>) {
        scars.append(Scar(file: file, range: range, edges: range))
    }

    private mutating func cut(_ file: Int, _ range: Range<Int>) {
        dump.files[file].bytes.removeSubrange(range)
        scar(file, range)
    }

    private mutating func overwrite(_ file: Int, _ at: Int, _ count: Int, _ byte: () -> UInt8) {
        let end = min(at + count, dump.files[file].bytes.count)
        for index in at..<end { dump.files[file].bytes[index] = byte() }
        scar(file, at..<end)
    }

    private mutating func flip(_ file: Int, _ at: Int, _ random: inout Seeded) {
        dump.files[file].bytes[at] ^= 1 << UInt8(random.below(8))
        scar(file, at..<(at + 1))
    }

    private mutating func swapBlocks(_ file: Int, _ range: Range<Int>, _ random: inout Seeded) {
        let count = min(4096, range.count / 3)
        let first = range.lowerBound + random.below(range.count / 2 - count)
        let second = range.lowerBound + range.count / 2 + random.below(range.count / 2 - count)
        let bytes = dump.files[file].bytes
        for index in 0..<count {
            dump.files[file].bytes[first + index] = bytes[second + index]
            dump.files[file].bytes[second + index] = bytes[first + index]
        }
        for start in [first, second] {
            scars.append(Scar(file: file, range: start..<(start + count), edges: start..<start))
            scars.append(
                Scar(file: file, range: start..<(start + count), edges: (start + count)..<(start + count)))
        }
    }

    /// One bit of a length or an id; a tar header's name and checksum; a line of a script.
    private mutating func breakFraming(
        _ layout: DumpLayout, _ format: SampleFormat, _ part: Double, _ random: inout Seeded
    ) {
        let (file, range) = layout.framing[min(Int(part * Double(layout.framing.count)), layout.framing.count - 1)]
        switch format {
        case .custom, .customPlain:
            flip(file, range.lowerBound + random.below(range.count), &random)
            isOneBit = true
        case .tar:
            let at = range.lowerBound + random.below(300)
            for index in at..<(at + 24) { dump.files[file].bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
            scar(file, at..<(at + 24))
        case .plain: cut(file, range)
        case .directory, .plainGzip: overwrite(file, 0, 10) { UInt8(truncatingIfNeeded: random.next()) }
        }
    }

    private mutating func breakContents(
        _ kind: WoundKind, _ layout: DumpLayout, _ format: SampleFormat, _ part: Double, _ random: inout Seeded
    ) -> Bool {
        let (file, range) = layout.contents
        guard format != .plainGzip else { return false }
        switch kind {
        case .contentsLost:
            if format == .directory {
                dump.files.remove(at: file)
                return true
            }
            let start = min(range.lowerBound + 64, range.upperBound - 1)
            overwrite(file, start, range.upperBound - start) { 0 }
        case .contentsBit:
            flip(file, range.lowerBound + Int(part * Double(range.count - 1)), &random)
        case .headerGone: overwrite(file, format == .tar ? 0 : range.lowerBound, 4096) { 0 }
        default:
            guard format != .plain else { return false }
            let start = format == .tar ? 512 : 0
            for (index, byte) in [UInt8(1), 99, 0].enumerated() { dump.files[file].bytes[start + 5 + index] = byte }
            scar(file, (start + 5)..<(start + 8))
        }
        return true
    }
}

/// A small generator whose course a seed decides (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: Int) -> Int { limit > 0 ? Int(next() % UInt64(limit)) : 0 }
}
