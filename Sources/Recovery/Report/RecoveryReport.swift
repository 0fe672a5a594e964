public import Foundation

/// Everything a recovery found and did, as written to `report.json` (schema: `docs/reference/recovery-json.md`).
public struct RecoveryReport: Codable, Sendable {
    public static let schemaName = "digitalbank.recovery/1"

    public var schema = Self.schemaName
    public var run: RunSummary
    public var dump: DumpSummary
    public var outcome: Outcome
    public var tables: [TableOutcome]
    public var damage: [DamageItem]
    public var objects: [ObjectFinding]
    public var findings: [DataFinding]
    /// Between which instants the attack must have happened; nil when no row or log says so.
    public var attack: AttackPeriod?
    public var checks: [CheckResult]
    public var restored: RestoredBank?
    public var protection: Protection?
    public var timings: [StageTiming]
    /// Seconds by family of reconciliation rules.
    public var ruleSeconds: [String: Double]?
    public var evidence: EvidenceSummary?

    /// What the exit code says too.
    public enum Outcome: String, Codable, Sendable {
        /// Every row of the dump is in the restored bank, nothing was removed or repaired.
        case complete
        /// The bank is back; something is missing, quarantined, removed or repaired.
        case partial
        /// No row could be recovered.
        case nothing
    }
}

public struct RunSummary: Codable, Sendable {
    public var id: String
    public var startedAt: Date
    public var finishedAt: Date?
    public var version: String
    public var target: String
    /// Where the clean room was kept, with the dump's rows in clear; nil when it was removed.
    public var roomKept: String?
}

public struct DumpSummary: Codable, Sendable {
    public var path: String
    public var bytes: Int64
    public var sha256: String
    public var format: String
    public var compression: String?
    public var archiveVersion: String?
    public var serverVersion: String?
    public var dumpToolVersion: String?
    public var databaseName: String?
    public var createdAt: String?
}

/// One table of the dump: where each of its rows went.
public struct TableOutcome: Codable, Sendable {
    public var name: String
    /// Rows covered by a checksum that holds.
    public var proven: Int64 = 0
    /// Rows outside all located damage, well formed, which no checksum covers.
    public var intact: Int64 = 0
    /// Rows with deduced bytes: quarantined.
    public var inferred: Int64 = 0
    /// Rows that are implausible: quarantined.
    public var suspect: Int64 = 0
    /// Rows that the target refused: quarantined.
    public var refused: Int64 = 0
    /// Rows known to be missing; nil when nothing says how many there were.
    public var lost: Int64?
    /// Rows in the clean room.
    public var loaded: Int64 = 0
    /// Rows of this table in the restored bank, under its canonical name.
    public var restored: Int64?
    public var restoredAs: String?
    /// Loaded rows that have no place of their own in the restored bank: left behind by a judgement or by the mapping.
    public var excluded: Int64?
    /// In how many COPY statements or streams the dump brings the table; nil for one.
    public var parts: Int?
    /// SHA-256 of the loaded rows as COPY text, in the dump's order; of several parts, of their digests.
    public var digest: String?
    public var seconds: Double = 0

    public init(name: String) { self.name = name }

    public var quarantined: Int64 { inferred + suspect + refused }
}

public struct DamageItem: Codable, Sendable {
    public var kind: String
    public var offset: Int64?
    public var length: Int64?
    public var table: String?
    public var explanation: String
    /// Nil in results of earlier versions.
    public var explanationFr: String?
}

/// An object of the dump that was judged and not carried over.
public struct ObjectFinding: Codable, Sendable {
    public var rule: String
    public var severity: String
    public var kind: String
    public var name: String
    public var decision: String
    public var reason: BilingualText
    public var location: String
    public var text: String
}

/// Something wrong in the data.
public struct DataFinding: Codable, Sendable, Equatable {
    public var rule: String
    public var severity: String
    public var table: String
    public var rowCount: Int64
    /// Values are masked.
    public var samples: [String]
    public var reason: BilingualText
    /// What was proposed for such rows.
    public var repair: BilingualText?
    public var repaired: Int64
}

public struct BilingualText: Codable, Sendable, Hashable {
    public var fr: String
    public var en: String

    public init(fr: String, en: String) {
        self.fr = fr
        self.en = en
    }
}

/// From the rows and logs that can not be otherwise: ISO dates as the bank's own rows have them.
public struct AttackPeriod: Codable, Sendable, Equatable {
    public var from: String
    public var to: String
    /// Kinds of tampering that bear a time: `transaction_forged`, `employee_added`, `log_wiped`.
    public var evidence: [String]
}

public struct CheckResult: Codable, Sendable {
    public var name: BilingualText
    public var passed: Bool
    public var detail: String
    public var seconds: Double
}

public struct RestoredBank: Codable, Sendable {
    public var database: String
    public var serverVersion: String
    public var connectionLine: String
    public var mapping: String
    public var rows: [String: Int64]
    public var trialBalanceMinor: Int64
}

public struct Protection: Codable, Sendable {
    public var path: String
    /// Digests of its rows, by which a damaged copy is proved row by row: `recover --manifest`.
    public var manifest: String?
    public var bytes: Int64
    public var sha256: String
    public var isProved: Bool
    public var detail: String
    public var seconds: Double
}

public struct StageTiming: Codable, Sendable {
    public var stage: Stage
    public var startedAt: Date
    public var seconds: Double
}

public struct EvidenceSummary: Codable, Sendable {
    public var journal: String
    public var entryCount: Int
    public var headHash: String
    public var publicKeyFingerprint: String
}

/// Where the report was written.
public struct ReportFiles: Codable, Sendable {
    public var json: String
    public var html: String
    public var htmlEnglish: String
    public var pdf: String?
    public var pdfEnglish: String?
}

extension RecoveryReport {
    public func json() throws -> String { String(decoding: try RunDirectory.encoder.encode(self), as: UTF8.self) }
}
