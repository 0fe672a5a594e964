internal import Cryptography
internal import Evidence
internal import Foundation
internal import Postgres
internal import Web

/// For whom a set is made.
public enum ExportProfile: String, Sendable, CaseIterable {
    /// Pseudonyms that last; exact amounts and days. Personal data still: for the bank's own analysts.
    case analytics
    /// A bank to test with: all keys fit, nothing is true of anybody.
    case test
    /// Nobody in it: classes of at least k persons.
    case `public`
}

/// What an export must reach.
public struct ExportBar: Sendable, Hashable {
    public var k = 10
    public var l = 2
    public var t = 0.5
    /// The part of persons that may be left out.
    public var suppressedMax = 0.05

    public init() {}
}

public struct ExportReport: Sendable, Hashable {
    public let profile: ExportProfile
    public let k: Int
    public let l: Int
    public let t: Double
    public let persons: Int
    public let suppressed: Int
    /// Of the public set: the part by which the sum of amounts differs from the truth.
    public let amountError: Double
    public let operationsSuppressed: Int
    public let files: [String]
    /// Lines written, headers left out.
    public let lines: Int
}

extension PrivacyDesk {
    /// Makes a set in `folder`; refused below the bar, and then nothing is written.
    public func export(
        _ profile: ExportProfile, to folder: String, bar: ExportBar = ExportBar(), by requester: Requester
    ) async throws -> ExportReport {
        guard (2...1000).contains(bar.k), (1...5).contains(bar.l), (0...1).contains(bar.t) else {
            throw PrivacyError.request("k is 2 to 1,000, l 1 to 5 and t 0 to 1")
        }
        do {
            let report = try await database.withConnection { connection in
                try await connection.transaction { _ in
                    try await connection.run(ExportStore.snapshot)
                    return try await make(profile, folder, bar, connection, requester)
                }
            }
            try await note(profile, bar, requester, isRefused: false, "\(report.k)", "\(report.l)", "\(report.t)")
            return report
        } catch let error as PrivacyError where error.code == "privacy_export_refused" {
            try await note(profile, bar, requester, isRefused: true, error.message, "", "")
            throw error
        }
    }

    private func make(
        _ profile: ExportProfile, _ folder: String, _ bar: ExportBar, _ connection: Connection, _ requester: Requester
    ) async throws -> ExportReport {
        let store = ExportStore(connection: connection)
        let key = profile == .analytics ? try await store.lastingKey() : try SecureRandom.bytes(32)
        let text = try await store.prepare(profile, k: bar.k, l: bar.l, key: key)
        let measured = try JSONReader.read(text)
        func number(_ name: String) -> Double {
            if case .number(let text)? = measured[name] { Double(text) ?? 0 } else { 0 }
        }
        let persons = Int(number("persons"))
        let suppressed = Int(number("suppressed"))
        try Self.check(
            bar, k: Int(number("k")), l: Int(number("l")), t: number("t"), persons: persons, suppressed: suppressed)
        if profile != .public { try await store.prepareTokens(key: key) }
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var files: [String] = []
        var lines = 0
        for (name, copy) in store.files(profile) {
            let sink = try FileSink(folder + "/" + name)
            try await connection.copyOut(copy) { try sink.write($0) }
            lines += try sink.finish() - 1
            files.append(folder + "/" + name)
        }
        return ExportReport(
            profile: profile, k: Int(number("k")), l: Int(number("l")), t: number("t"), persons: persons,
            suppressed: suppressed, amountError: number("amount_error"),
            operationsSuppressed: Int(number("operations_suppressed")), files: files, lines: lines)
    }

    private static func check(
        _ bar: ExportBar, k: Int, l: Int, t: Double, persons: Int, suppressed: Int
    ) throws {
        guard persons > 0, k >= bar.k else {
            throw PrivacyError.export("no class of \(bar.k) persons can be made of \(persons + suppressed)")
        }
        guard l >= bar.l else { throw PrivacyError.export("a class has \(l) sensitive values, \(bar.l) are asked for") }
        guard t <= bar.t else { throw PrivacyError.export("a class is \(t) away from the whole, \(bar.t) is the most") }
        guard Double(suppressed) <= bar.suppressedMax * Double(persons + suppressed) else {
            throw PrivacyError.export("\(suppressed) of \(persons + suppressed) persons would have to be left out")
        }
    }

    private func note(
        _ profile: ExportProfile, _ bar: ExportBar, _ requester: Requester, isRefused: Bool, _ words: String...
    ) async throws {
        let measured = JSON.object([.init("said", .array(words.map { .string($0) }))]).text
        try await database.withConnection { connection in
            try await connection.transaction { tx in
                try await ExportStore(connection: connection).note(
                    profile, k: bar.k, l: bar.l, t: bar.t, measured: measured, isRefused: isRefused, by: requester.name)
                var event = try EvidenceEvent(
                    "privacy.exported", profile.rawValue,
                    fields: ["k": "\(bar.k)", "measured": words.joined(separator: " ")],
                    actor: requester.name)
                if isRefused { event.outcome = .refused }
                try await EvidenceJournal.append(event, in: tx)
            }
        }
    }
}

/// A file that grows by blocks: what is exported is never held whole.
final class FileSink: @unchecked Sendable {
    // SAFETY: used by one copy at a time, which calls it on one thread.
    private static let blockBytes = 256 << 10
    private let descriptor: Int32
    private let path: String
    private var pending: [UInt8] = []
    private var lines = 0

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        pending.reserveCapacity(Self.blockBytes * 2)
    }

    deinit { close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        pending.append(contentsOf: bytes)
        lines += 1
        if pending.count >= Self.blockBytes { try drain() }
    }

    /// How many rows went in.
    func finish() throws -> Int {
        try drain()
        return lines
    }

    private func drain() throws {
        var written = 0
        while written < pending.count {
            let count = pending[written...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Self.failure(path) }
            written += count
        }
        pending.removeAll(keepingCapacity: true)
    }

    private static func failure(_ path: String) -> PrivacyError {
        PrivacyError(
            code: "privacy_file_unwritable", message: "\(path) can not be written: \(String(cString: strerror(errno)))",
            hint: "Give a folder with room that this user may write to.")
    }
}
