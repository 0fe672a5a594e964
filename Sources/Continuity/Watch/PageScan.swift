internal import Foundation

/// Reads the pages of a cluster's relations as files: headers, checksums, and how random they look.
///
/// A page of the server's is 8 KiB with a header that we know; one that a stranger encrypted has neither a plausible header
/// nor its checksum, and the entropy of noise (7.97 bits a byte, where sealed columns give 6.9: measured).
public struct PageScan: Sendable {
    public var pages = 0
    public var badPages = 0
    /// Bad pages that look like noise all over: encrypted, not merely torn.
    public var noisePages = 0
    /// Bad pages by the file that holds them, below the data directory.
    public var files: [String: Int] = [:]
    /// Files among the relations' whose names are none of PostgreSQL's: `16384.locked`.
    public var strangers: [String] = []

    static let pageBytes = 8192
    private static let segmentPages: UInt32 = 131_072
    static let noiseBits = 7.5

    public var summary: String {
        let worst = files.sorted { $0.value > $1.value }.prefix(5).map { "\($0.key) (\($0.value))" }
        return worst.isEmpty ? "no file" : worst.joined(separator: ", ") + (files.count > 5 ? ", …" : "")
    }

    /// Every page, or about `sample` of each file's, chosen by `generator`. A page that is wrong is read again: it may have
    /// been under way to the disk.
    public static func scan(dataDirectory: String, sample: Int? = nil, seed: UInt64 = 0) throws -> PageScan {
        var scan = PageScan()
        var generator = SplitMix(state: seed)
        let files = try FileTree.files(below: dataDirectory, "base") + FileTree.files(below: dataDirectory, "global")
        for file in files {
            let name = (file as NSString).lastPathComponent
            if !isOfTheServer(name), !file.contains("/pgsql_tmp/") { scan.strangers.append(file) }
            guard let segment = segmentNumber(of: name) else { continue }
            scan.read(dataDirectory, file, segment, sample, &generator)
        }
        return scan
    }

    /// `16384` and `16384.2` hold pages; maps, forks of free space, `pg_filenode.map` and temporary files are left out.
    static func segmentNumber(of name: String) -> UInt32? {
        let parts = name.split(separator: ".")
        guard let first = parts.first, UInt32(first) != nil, parts.count <= 2 else { return nil }
        return parts.count == 2 ? UInt32(parts[1]) : 0
    }

    /// Relations with their forks and parts, those of sessions (`t3_16384`), and the few files that are none.
    static func isOfTheServer(_ name: String) -> Bool {
        let known = ["PG_VERSION", "pg_filenode.map", "pg_filenode.map.tmp", "pg_internal.init", "pg_control"]
        if known.contains(name) { return true }
        if name.hasPrefix("pg_internal.init.") { return UInt32(name.dropFirst(17)) != nil }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.count == 1 || UInt32(parts[1]) != nil else { return false }
        var words = parts[0].split(separator: "_", omittingEmptySubsequences: false)
        if let first = words.first, first.hasPrefix("t"), UInt32(first.dropFirst()) != nil { words.removeFirst() }
        guard let number = words.first, UInt32(number) != nil, words.count <= 2 else { return false }
        return words.count == 1 || ["fsm", "vm", "init"].contains(words[1])
    }

    private mutating func read(
        _ root: String, _ file: String, _ segment: UInt32, _ sample: Int?, _ generator: inout SplitMix
    ) {
        let descriptor = open(root + "/" + file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return }
        let count = Int(facts.st_size) / Self.pageBytes
        var numbers = Array(0..<count)
        if let sample, count > sample {
            numbers = (0..<sample).map { _ in Int.random(in: 0..<count, using: &generator) }
        }
        var page = [UInt8](repeating: 0, count: Self.pageBytes)
        for number in numbers {
            guard pread(descriptor, &page, page.count, off_t(number * Self.pageBytes)) == page.count else { continue }
            pages += 1
            let block = segment &* Self.segmentPages &+ UInt32(truncatingIfNeeded: number)
            if Page.isSound(page, block) { continue }
            usleep(2000)
            guard pread(descriptor, &page, page.count, off_t(number * Self.pageBytes)) == page.count,
                !Page.isSound(page, block)
            else { continue }
            badPages += 1
            files[file, default: 0] += 1
            if Page.entropy(page) > Self.noiseBits { noisePages += 1 }
        }
    }
}

/// One page of 8 KiB.
enum Page {
    /// A plausible header and the right checksum; an all-zero page is new and sound.
    static func isSound(_ page: [UInt8], _ block: UInt32) -> Bool {
        guard page.count == PageScan.pageBytes else { return false }
        let lower = half(page, 12)
        let upper = half(page, 14)
        let special = half(page, 16)
        if upper == 0 { return page.allSatisfy { $0 == 0 } }
        let size = half(page, 18) & 0xff00
        let version = half(page, 18) & 0x00ff
        guard size == 8192, version == 4, lower >= 24, lower <= upper, upper <= special, special <= 8192 else {
            return false
        }
        return half(page, 8) == checksum(page, block)
    }

    private static func half(_ page: [UInt8], _ offset: Int) -> UInt16 {
        UInt16(page[offset]) | UInt16(page[offset + 1]) << 8
    }

    /// Shannon's, in bits a byte.
    static func entropy(_ bytes: [UInt8]) -> Double {
        var counts = [Int](repeating: 0, count: 256)
        for byte in bytes { counts[Int(byte)] += 1 }
        let total = Double(bytes.count)
        return counts.reduce(into: 0.0) { sum, count in
            guard count > 0 else { return }
            let share = Double(count) / total
            sum -= share * log2(share)
        }
    }

    private static let prime: UInt32 = 16_777_619
    private static let bases: [UInt32] = [
        0x5B1F_36E9, 0xB852_5960, 0x02AB_50AA, 0x1DE6_6D2A, 0x79FF_467A, 0x9BB9_F8A3, 0x217E_7CD2, 0x83E1_3D2C,
        0xF8D4_474F, 0xE39E_B970, 0x42C6_AE16, 0x9932_16FA, 0x7B09_3B5D, 0x98DA_FF3C, 0xF718_902A, 0x0B1C_9CDB,
        0xE58F_764B, 0x1876_36BC, 0x5D7B_3BB1, 0xE73D_E7DE, 0x92BE_C979, 0xCCA6_C0B2, 0x304A_0979, 0x85AA_43D4,
        0x7831_25BB, 0x6CA8_EAA2, 0xE407_EAC6, 0x4B5C_FC3E, 0x9FBF_8C76, 0x15CA_20BE, 0xF2CA_9FD3, 0x959B_D756,
    ]

    /// PostgreSQL's page checksum: 32 interleaved FNV-1a sums over the page with its checksum field taken as zero
    /// (storage/checksum_impl.h). Held against `pg_checksums` in the tests.
    static func checksum(_ page: [UInt8], _ block: UInt32) -> UInt16 {
        var sums = bases
        page.withUnsafeBytes { bytes in
            for row in 0..<64 {
                for column in 0..<32 {
                    let offset = (row * 32 + column) * 4
                    var value = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                    // pd_checksum is the low half of the third word.
                    if offset == 8 { value &= 0xffff_0000 }
                    mix(&sums[column], value)
                }
            }
        }
        for _ in 0..<2 { for column in 0..<32 { mix(&sums[column], 0) } }
        let folded = sums.reduce(UInt32(0)) { $0 ^ $1 } ^ block
        return UInt16(truncatingIfNeeded: folded % 65_535 + 1)
    }

    @inline(__always)
    private static func mix(_ sum: inout UInt32, _ value: UInt32) {
        let mixed = sum ^ value
        sum = mixed &* prime ^ (mixed >> 17)
    }
}

/// Chance that a seed repeats.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
