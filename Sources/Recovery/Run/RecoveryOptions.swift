/// What the operator asked for. Written to the run's directory, so that `resume` needs no argument.
public struct RecoveryOptions: Codable, Sendable, Equatable {
    /// The dump: a file, or the folder of a directory-format dump.
    public var dump: String
    /// Logs that survived, read for evidence; nil when there are none.
    public var logs: String?
    /// A schema file or an older dump that is known to be clean.
    public var baseline: String?
    /// A mapping file; nil chooses the shipped mapping that fits the dump best.
    public var mapping: String?
    /// Where the bank is rebuilt.
    public var target: Target
    /// Clean room, quarantine, journal and keys stay below it.
    public var dataDirectory: String
    public var reportDirectory: String
    /// Applies the repairs that the rules call certain without asking.
    public var appliesRepairs: Bool
    /// A plan written by an earlier run and approved by a person.
    public var repairPlan: String?
    /// The key of the legacy columns written with `pgp_sym_encrypt`: a file, never an argument.
    public var legacyKeyFile: String?
    /// A Merkle manifest written beside the dump when it was made.
    public var manifest: String?
    /// Whether a first backup is made and proved at the end.
    public var makesBackup: Bool
    /// Whether the report is typeset as PDF, too; nil for yes.
    public var typesetsReport: Bool?
    /// Whether the clean room stays after the report, with everything in it in clear; nil for no.
    public var keepsRoom: Bool?

    public enum Target: Codable, Sendable, Equatable {
        /// A cluster of ours below the data directory.
        case embedded
        /// Somebody's server; the password is not part of it.
        case server(connectionString: String)
    }

    public init(dump: String, dataDirectory: String, reportDirectory: String) {
        self.dump = dump
        self.dataDirectory = dataDirectory
        self.reportDirectory = reportDirectory
        target = .embedded
        appliesRepairs = false
        makesBackup = true
    }
}

/// The steps of a recovery, in order. A step that has ended is never done again.
public enum Stage: String, Codable, Sendable, CaseIterable {
    case intake, inspect, cleanRoom = "clean-room", salvage, disinfect, reconcile, rebuild, protect, report

    public var number: Int { (Self.allCases.firstIndex(of: self) ?? 0) + 1 }
}

extension RecoveryOptions {
    /// The file that heads of the bank's journal are published to, unless another is named.
    public static func evidenceHeads(in dataDirectory: String) -> String { dataDirectory + "/evidence-heads.jsonl" }
}
