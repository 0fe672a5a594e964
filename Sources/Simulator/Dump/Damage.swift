internal import Foundation

/// A kind of damage that a dump may suffer.
public enum Damage: String, Codable, Sendable, CaseIterable {
    case none
    case truncated
    case bitFlip = "bit-flip"
    case bitFlips = "bit-flips"
    case zeroed = "zeroed-64k"
    case missing = "missing-4k"
    case contentsLost = "toc-lost"
    case headerGone = "header-gone"
    case wrongVersion = "wrong-version"
    case memberMissing = "member-missing"
    case gzipBroken = "gzip-broken"
}

/// What was done to the bytes of a dump.
public struct DamageReport: Codable, Sendable, Equatable {
    public struct Change: Codable, Sendable, Equatable {
        public let file: String
        public let offset: Int
        public let length: Int
        public let what: String
    }

    public let kind: Damage
    public let changes: [Change]
}

/// Damages a dump in place, where the seed says.
public struct DumpDamager: Sendable {
    public let path: String
    public let format: DumpFormat
    public let seed: UInt64

    public init(path: String, format: DumpFormat, seed: UInt64) {
        self.path = path
        self.format = format
        self.seed = seed
    }

    public func apply(_ damage: Damage) throws -> DamageReport {
        var random = SeededRandom(seed: seed, stream: "damage \(damage.rawValue)")
        switch damage {
        case .none: return DamageReport(kind: damage, changes: [])
        case .truncated:
            let file = try largestFile()
            let keep = file.size * random.within(40...70) / 100
            try edit(file.path) { try $0.truncate(atOffset: UInt64(keep)) }
            return report(damage, file.path, keep, file.size - keep, "cut off")
        case .bitFlip: return try flips(damage, count: 1, &random)
        case .bitFlips: return try flips(damage, count: 5, &random)
        case .zeroed:
            let file = try largestFile()
            let length = min(65_536, max(1, file.size / 8))
            let offset = place(in: file, length: length, &random)
            try overwrite(file.path, offset, [UInt8](repeating: 0, count: length))
            return report(damage, file.path, offset, length, "overwritten with zeros")
        case .missing:
            let file = try largestFile()
            let length = min(4096, max(1, file.size / 8))
            let offset = place(in: file, length: length, &random)
            try remove(file.path, offset, length)
            return report(damage, file.path, offset, length, "bytes removed")
        case .contentsLost: return try loseContents(&random)
        case .headerGone:
            let file = try headerFile()
            let length = min(4096, file.size)
            try overwrite(file.path, 0, (0..<length).map { _ in UInt8(random.below(256)) })
            return report(damage, file.path, 0, length, "overwritten with noise")
        case .wrongVersion:
            let file = try headerFile()
            let magic = try bytes(file.path, 0, min(file.size, 4096))
            guard let at = magic.firstRange(of: Array("PGDMP".utf8))?.lowerBound else { throw notHere(damage) }
            try overwrite(file.path, at + 5, [1, 99, 0])
            return report(damage, file.path, at + 5, 3, "archive version 1.99")
        case .memberMissing:
            guard format == .directory else { throw notHere(damage) }
            let members = try files().filter { $0.path.contains(".dat") }.sorted { $0.path < $1.path }
            guard !members.isEmpty else { throw notHere(damage) }
            let member = members[random.below(members.count)]
            try FileManager.default.removeItem(atPath: member.path)
            return report(damage, member.path, 0, member.size, "file removed")
        case .gzipBroken:
            guard format == .directory || format == .plainGzip else { throw notHere(damage) }
            let file = try largestFile()
            try overwrite(file.path, 0, (0..<10).map { _ in UInt8(random.below(256)) })
            return report(damage, file.path, 0, 10, "gzip header overwritten with noise")
        }
    }

    private func flips(_ damage: Damage, count: Int, _ random: inout SeededRandom) throws -> DamageReport {
        let file = try largestFile()
        let changes = try (0..<count).map { _ in
            let offset = place(in: file, length: 1, &random)
            let bit = random.below(8)
            let before = try bytes(file.path, offset, 1)
            try overwrite(file.path, offset, before.map { $0 ^ (1 << UInt8(bit)) })
            return DamageReport.Change(
                file: (file.path as NSString).lastPathComponent, offset: offset, length: 1, what: "bit \(bit) flipped")
        }
        return DamageReport(kind: damage, changes: changes)
    }

    private func loseContents(_ random: inout SeededRandom) throws -> DamageReport {
        if format == .directory {
            let contents = path + "/toc.dat"
            let size = try largestFile().size
            try FileManager.default.removeItem(atPath: contents)
            return report(.contentsLost, contents, 0, size, "file removed")
        }
        let file = try headerFile()
        let head = try bytes(file.path, 0, min(file.size, 1 << 20))
        let end = Self.firstDataBlock(in: head) ?? min(4096, file.size)
        let start = min(64, end - 1)
        try overwrite(file.path, start, [UInt8](repeating: 0, count: end - start))
        return report(.contentsLost, file.path, start, end - start, "overwritten with zeros")
    }

    /// The first data block of a custom archive: block type 1, a positive id, a chunk that begins as zlib does.
    static func firstDataBlock(in bytes: [UInt8]) -> Int? {
        guard bytes.count > 16 else { return nil }
        return (40..<bytes.count - 13).first { at in
            bytes[at] == 1 && bytes[at + 1] == 0 && bytes[at + 5] == 0 && bytes[at + 6] == 0 && bytes[at + 11] == 0x78
                && [0x01, 0x5E, 0x9C, 0xDA].contains(bytes[at + 12])
        }
    }
}
