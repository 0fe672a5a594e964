internal import Cryptography
public import Diagnostics
public import Evidence
public import Foundation
public import PostgresServer

extension RecoveryEngine {
    static let folderName = "recovery"

    /// Begins a recovery in `options.dataDirectory`, or goes on with the one begun there with the same options.
    public static func begin(
        _ given: RecoveryOptions, restarts: Bool, binaries: PostgresBinaries, key: SigningKey, vault: VaultKeys,
        progress: @escaping ProgressSink, now: @escaping @Sendable () -> Date = { Date() }
    ) throws -> RecoveryEngine {
        let (options, password) = try given.withoutPassword()
        let path = options.dataDirectory + "/" + folderName
        let existing = RunDirectory(path: path)
        if FileManager.default.fileExists(atPath: existing.optionsFile) {
            if restarts {
                try setAside(existing)
            } else if existing.isFinished(.report) {
                throw RecoveryError(
                    code: "recovery_finished", message: "a recovery has ended in \(options.dataDirectory) already",
                    hint: "Give --restart to begin anew (the old one is kept aside), or choose another --data-dir.",
                    exitStatus: .conflict)
            } else if try existing.options() != options {
                throw RecoveryError(
                    code: "recovery_unfinished",
                    message: "a recovery with other options was begun in \(options.dataDirectory) and has not ended",
                    hint: "Go on with it: digitalbank recover resume; or begin anew with --restart.",
                    exitStatus: .conflict)
            } else {
                if let password { try existing.keepTargetPassword(password) }
                return try open(existing, binaries: binaries, key: key, vault: vault, progress: progress, now: now)
            }
        }
        let run = try RunDirectory.create(at: path, options: options)
        if let password { try run.keepTargetPassword(password) }
        return try open(run, binaries: binaries, key: key, vault: vault, progress: progress, now: now)
    }

    /// Goes on with the recovery in `dataDirectory`.
    public static func resume(
        dataDirectory: String, binaries: PostgresBinaries, key: SigningKey, vault: VaultKeys,
        progress: @escaping ProgressSink,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws -> RecoveryEngine {
        let run = RunDirectory(path: dataDirectory + "/" + folderName)
        guard FileManager.default.fileExists(atPath: run.optionsFile) else {
            throw RecoveryError(
                code: "recovery_not_found", message: "no recovery was begun in \(dataDirectory)",
                hint: "Begin one with: digitalbank recover DUMP --data-dir \(dataDirectory)", exitStatus: .conflict)
        }
        return try open(run, binaries: binaries, key: key, vault: vault, progress: progress, now: now)
    }

    private static func open(
        _ run: RunDirectory, binaries: PostgresBinaries, key: SigningKey, vault: VaultKeys,
        progress: @escaping ProgressSink,
        now: @escaping @Sendable () -> Date
    ) throws -> RecoveryEngine {
        // Options of an earlier version may hold the password.
        let written = try run.options()
        let (options, password) = try written.withoutPassword()
        if let password { try run.keepTargetPassword(password) }
        if options != written { try run.write(options, to: run.optionsFile) }
        let journal = try FileJournal.open(path: run.journalFile, key: key)
        try verifyJournal(run, key)
        return RecoveryEngine(
            run: run, options: options, targetPassword: run.targetPassword, binaries: binaries,
            journal: journal, key: key, vault: vault,
            progress: progress,
            now: now)
    }

    /// Nothing is added to a journal that does not prove itself.
    private static func verifyJournal(_ run: RunDirectory, _ key: SigningKey) throws {
        guard let data = FileManager.default.contents(atPath: run.journalFile), !data.isEmpty else { return }
        let verdict = try OfflineVerifier.verify(path: run.journalFile, fingerprint: key.publicKey.fingerprint)
        guard !verdict.isValid else { return }
        throw RecoveryError(
            code: "journal_altered",
            message: "the journal \(run.journalFile) does not prove itself: \(verdict.lines.joined(separator: "; "))",
            hint: "Keep the folder as evidence, and begin anew with --restart.", exitStatus: .conflict)
    }

    /// Keeps the old run beside the new one; nothing is deleted.
    private static func setAside(_ run: RunDirectory) throws {
        for path in [run.targetPasswordFile, run.path + "/clean-room.password"] { unlink(path) }
        var number = 1
        while FileManager.default.fileExists(atPath: "\(run.path).\(number)") { number += 1 }
        guard rename(run.path, "\(run.path).\(number)") == 0 else { throw DurableFile.failure("rename", run.path) }
    }
}
