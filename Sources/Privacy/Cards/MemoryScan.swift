internal import Foundation

/// Card numbers in the memory of a running process: what it could write, page by page, as a dump would have it.
///
/// The kernel gives another process's memory to root and, where it is allowed, to the same user.
enum MemoryScan {
    struct Region {
        let start: UInt64
        let end: UInt64
        let name: String
    }

    static let bytesMax: Int64 = 64 << 30
    private static let block = 1 << 20
    /// As long as a number with its separators may be, and what stands around it.
    private static let overlap = 64

    /// Regions of memory that the process can write: heap, stacks, shared memory. Code and read-only data hold no payments.
    static func regions(_ maps: String) -> [Region] {
        maps.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard words.count >= 5, words[1].hasPrefix("rw") else { return nil }
            let ends = words[0].split(separator: "-")
            guard ends.count == 2, let start = UInt64(ends[0], radix: 16), let end = UInt64(ends[1], radix: 16),
                end > start
            else { return nil }
            let name = words.count > 5 ? words[5].trimmingCharacters(in: .whitespaces) : "anonymous"
            // Devices may react to being read.
            return name.hasPrefix("/dev/") && !name.hasPrefix("/dev/shm/") && name != "/dev/zero (deleted)"
                ? nil : Region(start: start, end: end, name: name)
        }
    }

    /// Returns how many bytes were read; none when there is no such process or it may not be read.
    static func scan(_ process: Int32, _ findings: inout [CardScan.Finding]) -> Int64 {
        guard let maps = try? String(contentsOfFile: "/proc/\(process)/maps", encoding: .utf8) else { return 0 }
        let descriptor = open("/proc/\(process)/mem", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var total: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: block + overlap)
        for region in regions(maps) where total < bytesMax {
            var place = region.start
            while place < region.end {
                // A number across the border of two blocks lies in the overlap of the first.
                let wanted = Int(min(UInt64(block + overlap), region.end - place))
                let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, wanted, off_t(place)) }
                guard count > 0 else {
                    place += 1 << 16
                    continue
                }
                total += Int64(count)
                for shown in numbers(buffer[..<count]) where findings.count < CardScan.findingsMax {
                    findings.append(
                        .init(place: "memory of process \(process), \(region.name)", shown: shown))
                }
                place += UInt64(max(1, min(count, block)))
            }
        }
        return total
    }

    /// The scanner judges only where thirteen digits stand together, at most one sign apart: nearly nothing of a memory.
    static func numbers(_ bytes: ArraySlice<UInt8>) -> [String] {
        var found: [String] = []
        for range in candidates(bytes) {
            let from = max(bytes.startIndex, range.lowerBound - 8)
            let until = min(bytes.endIndex, range.upperBound + 8)
            found += CardScan.numbers(in: Array(bytes[from..<until]))
        }
        return found
    }

    private static func candidates(_ bytes: ArraySlice<UInt8>) -> [Range<Int>] {
        let base = bytes.startIndex
        var found: [Range<Int>] = []
        bytes.withUnsafeBufferPointer { memory in
            var start = 0
            var digits = 0
            var isGap = false
            for index in 0..<memory.count {
                let byte = memory[index]
                if byte &- 48 <= 9 {
                    if digits == 0 { start = index }
                    digits += 1
                    isGap = false
                } else if digits > 0 {
                    if !isGap, byte == 32 || byte == 45 || byte == 46 {
                        isGap = true
                    } else {
                        if digits >= 13 { found.append((base + start)..<(base + index)) }
                        digits = 0
                        isGap = false
                    }
                }
            }
            if digits >= 13 { found.append((base + start)..<(base + memory.count)) }
        }
        return found
    }
}
