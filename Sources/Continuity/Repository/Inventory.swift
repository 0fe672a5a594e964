internal import Foundation
public import Postgres

/// One backup in one repository.
public struct BackupSet: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case full, diff, incr
    }

    public let label: String
    public let repository: Int
    public let kind: Kind
    /// Seconds since 1970.
    public let startedAt: Int64
    public let stoppedAt: Int64
    /// The log that it needs to be consistent, as names of segments.
    public let firstSegment: String
    public let lastSegment: String
    public let stopPosition: LogPosition
    /// Bytes of the cluster, and of what this set added to the repository.
    public let bytes: Int64
    public let storedBytes: Int64
    /// Sets that it can not be restored without.
    public let references: [String]
    /// pgBackRest found pages whose checksum is wrong while it copied.
    public let hasBadPages: Bool
}

/// A segment of the log, 16 MB, by its name of 24 hexadecimal digits.
public struct LogSegment: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let timeline: UInt32
    public let number: UInt64

    static let bytes: UInt64 = 16 << 20
    private static let perFile: UInt64 = 0x1_0000_0000 / bytes

    public init(timeline: UInt32, number: UInt64) {
        self.timeline = timeline
        self.number = number
    }

    /// Takes the first 24 characters; nil when they are no segment's name.
    public init?(_ name: some StringProtocol) {
        let digits = name.prefix(24)
        guard digits.utf8.count == 24, let timeline = UInt32(digits.prefix(8), radix: 16),
            let high = UInt64(digits.dropFirst(8).prefix(8), radix: 16), let low = UInt64(digits.suffix(8), radix: 16),
            low < Self.perFile
        else { return nil }
        self.timeline = timeline
        number = high * Self.perFile + low
    }

    public init(timeline: UInt32, holding position: LogPosition) {
        self.timeline = timeline
        number = position.rawValue / Self.bytes
    }

    public var start: LogPosition { LogPosition(number * Self.bytes) }
    public var next: LogSegment { LogSegment(timeline: timeline, number: number + 1) }

    public static func < (left: LogSegment, right: LogSegment) -> Bool {
        (left.timeline, left.number) < (right.timeline, right.number)
    }

    public var description: String {
        [UInt64(timeline), number / Self.perFile, number % Self.perFile]
            .map { Self.padded(String($0, radix: 16, uppercase: true)) }.joined()
    }

    private static func padded(_ digits: String) -> String {
        String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }
}

/// What the repositories say they hold.
struct Inventory: Sendable {
    var sets: [BackupSet] = []
    /// What is wrong with a repository, by its number.
    var troubles: [Int: String] = [:]
    /// The newest segment in each archive.
    var newestSegments: [Int: LogSegment] = [:]

    init(sets: [BackupSet] = []) { self.sets = sets }

    init(json: String) throws {
        guard let stanzas = try? JSONDecoder().decode([Stanza].self, from: Data(json.utf8)),
            let stanza = stanzas.first(where: { $0.name == BackupSettings.stanza })
        else { throw ContinuityError.answer(String(json.prefix(200))) }
        for repository in stanza.repo ?? [] where repository.status.code != 0 {
            troubles[repository.key] = repository.status.message
        }
        for archive in stanza.archive ?? [] {
            guard let newest = archive.max.flatMap({ LogSegment($0) }) else { continue }
            let repository = archive.database?.repository ?? 1
            newestSegments[repository] = max(newestSegments[repository] ?? newest, newest)
        }
        sets = try (stanza.backup ?? []).map { try $0.set() }
    }

    private struct Stanza: Decodable {
        let name: String
        let repo: [Repository]?
        let archive: [Archive]?
        let backup: [Backup]?
    }

    private struct Repository: Decodable {
        struct Status: Decodable {
            let code: Int
            let message: String
        }

        let key: Int
        let status: Status
    }

    private struct Place: Decodable {
        enum CodingKeys: String, CodingKey { case repository = "repo-key" }
        let repository: Int
    }

    private struct Archive: Decodable {
        let database: Place?
        let max: String?
    }

    private struct Backup: Decodable {
        struct Pair: Decodable {
            let start: String?
            let stop: String?
        }

        struct Times: Decodable {
            let start: Int64
            let stop: Int64
        }

        struct Sizes: Decodable {
            struct Stored: Decodable {
                let delta: Int64?
            }

            let size: Int64
            let repository: Stored
        }

        let label: String
        let type: String
        let error: Bool?
        let archive: Pair
        let lsn: Pair?
        let timestamp: Times
        let info: Sizes
        let database: Place
        let reference: [String]?

        func set() throws -> BackupSet {
            guard let kind = BackupSet.Kind(rawValue: type), let first = archive.start, let last = archive.stop else {
                throw ContinuityError.answer("the set \(label)")
            }
            return BackupSet(
                label: label, repository: database.repository, kind: kind, startedAt: timestamp.start,
                stoppedAt: timestamp.stop, firstSegment: first, lastSegment: last,
                stopPosition: lsn?.stop.flatMap { LogPosition($0) } ?? LogPosition(0), bytes: info.size,
                storedBytes: info.repository.delta ?? 0, references: reference ?? [], hasBadPages: error ?? false)
        }
    }
}
