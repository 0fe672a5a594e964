import Foundation
import Salvage
import TestSupport
import Testing

/// Mutated dumps through the reader: whatever the bytes are, it ends, says what it found, and stays small.
///
/// The seed of a case is written before the case runs, so that a trap names it: `DIGITALBANK_FUZZ_SEED=n` runs it alone.
/// `DIGITALBANK_FUZZ_FROM=n DIGITALBANK_FUZZ_SECONDS=s` runs a slice of that many seconds a format from seed n on, and
/// the line that each format ends with tells where the next slice begins.
struct FuzzTests {
    /// Cases that once trapped, hung or grew.
    static let past: [UInt64] = [7, 1007, 65537]
    static let memoryBytesMax = 1 << 30

    @Test(arguments: SampleFormat.allCases)
    func `a dump with any bytes changed neither traps nor hangs`(format: SampleFormat) async throws {
        let all = try await SampleDumps.all()
        let dump = Self.small(try #require(all.dumps[format]), format)
        let environment = ProcessInfo.processInfo.environment
        let alone = environment["DIGITALBANK_FUZZ_SEED"].flatMap { UInt64($0) }
        let from = environment["DIGITALBANK_FUZZ_FROM"].flatMap { UInt64($0) }
        let casesMax = from != nil ? .max : isLongRun ? 100_000 / SampleFormat.allCases.count + 1 : 20_000
        let deadline =
            ContinuousClock.now
            + .seconds(
                environment["DIGITALBANK_FUZZ_SECONDS"].flatMap { Int($0) } ?? (isLongRun ? 36_000 : 6))
        var count = 0
        var next: UInt64 = 1
        try await withTemporaryDirectory { folder in
            var seeds = alone.map { [$0] } ?? Self.past
            next = from ?? (isLongRun ? 1 : UInt64.random(in: 1 ... .max >> 8))
            while let seed = seeds.popLast() {
                try Data("\(format.rawValue) \(seed)\n".utf8).write(to: URL(filePath: folder + "/seed"))
                if environment["DIGITALBANK_FUZZ_TRACE"] != nil {
                    FileHandle.standardError.write(Data("fuzz \(seed)\n".utf8))
                }
                try Self.read(Self.mutate(dump, seed: seed).write(to: folder))
                count += 1
                guard seeds.isEmpty, alone == nil, count < casesMax, ContinuousClock.now < deadline else { continue }
                seeds = [next]
                next &+= 1
            }
        }
        FileHandle.standardError.write(Data("fuzz \(format.rawValue): \(count) dumps, next seed \(next)\n".utf8))
        let memory = Self.memoryBytes()
        #expect(memory < Self.memoryBytesMax, "\(memory >> 20) MiB at the peak")
    }

    /// What can not be read at all is an error; anything else ends in a report.
    private static func read(_ path: String) throws {
        do {
            let reader = try DumpReader(path: path, shapes: SampleBank.shapes)
            var sent = 0
            _ = try reader.read(progress: { _ in }) { event in
                if case .rows(let batch) = event { sent += batch.text.count }
            }
        } catch is SalvageError {}
    }

    /// The head of each file: definitions and some rows of every table are in it, and more cases fit in a second.
    private static func small(_ dump: DumpFiles, _ format: SampleFormat) -> DumpFiles {
        var small = dump
        for index in small.files.indices { small.files[index].bytes = Array(small.files[index].bytes.prefix(40 << 10)) }
        return small
    }

    /// One to four changes: flips, extreme lengths, splices, copies, cuts.
    static func mutate(_ dump: DumpFiles, seed: UInt64) -> DumpFiles {
        var random = Seeded(seed)
        var mutated = dump
        for _ in 0...random.below(4) {
            let file = random.below(mutated.files.count)
            var bytes = mutated.files[file].bytes
            guard bytes.count > 16 else { continue }
            // Half of the changes hit the header and the table of contents.
            let at = random.below(random.below(2) == 0 ? min(bytes.count - 8, 12_000) : bytes.count - 8)
            switch random.below(8) {
            case 0: bytes[at] ^= 1 << UInt8(random.below(8))
            case 1: bytes.replaceSubrange(at..<(at + 5), with: [0, 0xFF, 0xFF, 0xFF, 0x7F])
            case 2: bytes.replaceSubrange(at..<(at + 5), with: [1, 1, 0, 0, 0])
            case 3: bytes.removeSubrange(at..<min(at + 1 + random.below(5000), bytes.count))
            case 4:
                let end = min(at + 1 + random.below(5000), bytes.count)
                bytes.insert(contentsOf: bytes[at..<end], at: random.below(bytes.count))
            case 5: bytes.removeSubrange(at...)
            case 6:
                for index in at..<min(at + 1 + random.below(600), bytes.count) {
                    bytes[index] = UInt8(truncatingIfNeeded: random.next())
                }
            default:
                let other = dump.files[random.below(dump.files.count)].bytes
                let from = random.below(other.count)
                bytes.insert(contentsOf: other[from..<min(from + 1 + random.below(3000), other.count)], at: at)
            }
            mutated.files[file].bytes = bytes
        }
        return mutated
    }

    /// The most memory this process has had.
    private static func memoryBytes() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line.flatMap { Int($0.filter(\.isNumber)) } ?? 0) << 10
    }
}
