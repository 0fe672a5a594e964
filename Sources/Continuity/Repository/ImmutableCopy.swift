internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// A copy of the repositories that grows and never changes: every file is there once, and the file system refuses to change or
/// remove it (`chattr +i`), for the server's user and for root alike, until root takes the mark away by hand. pgBackRest's
/// catalogues, which change with each set, are kept in generations.
struct ImmutableCopy: Sendable {
    let path: String
    static let program = "/usr/bin/chattr"
    private static let catalogues = ["backup.info", "backup.info.copy", "archive.info", "archive.info.copy"]

    /// Checks that files here can be made immutable before anything relies on it.
    func prepare() async throws {
        guard geteuid() == 0 else {
            throw Self.refused("only root may make files immutable")
        }
        guard path.hasPrefix("/") else { throw Self.refused("\(path) is no absolute path") }
        try ContinuityFolder.make(path, mode: 0o700)
        let probe = path + "/probe-\(UInt64.random(in: .min ... .max))"
        try ContinuityFolder.write("probe\n", to: probe)
        let isMarked = try await mark([probe])
        let isKept = isMarked && unlink(probe) != 0
        _ = try? await ToolRun.run(Self.program, ["-i", "--", probe])
        unlink(probe)
        guard isKept else { throw Self.refused("the file system of \(path) knows no immutable files") }
    }

    /// Copies what is not there yet. Returns how many files.
    func add(repository: Int, root: String, label: String) async throws -> Int {
        var copied: [String] = []
        for part in ["backup", "archive"] {
            for name in try FileTree.files(below: root, "\(part)/\(BackupSettings.stanza)") {
                let base = (name as NSString).lastPathComponent
                let target =
                    Self.catalogues.contains(base)
                    ? "\(path)/generations/\(repository)-\(label)/\(name)" : "\(path)/files/\(repository)/\(name)"
                guard !FileManager.default.fileExists(atPath: target) else { continue }
                // A segment that is being archived, a link to the newest set.
                guard !base.hasSuffix(".tmp"), !base.hasPrefix("latest") else { continue }
                try copy(root + "/" + name, to: target)
                copied.append(target)
            }
        }
        guard try await mark(copied) else { throw Self.refused("\(copied.count) files of \(label) were not marked") }
        return copied.count
    }

    /// The newest generation of a repository as a repository that pgBackRest reads, in a new folder.
    func assemble(repository: Int, into target: String) throws -> String {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path + "/generations")) ?? [])
            .filter { $0.hasPrefix("\(repository)-") }
        // Labels begin with the time of their making.
        guard let newest = names.max(by: { Self.moment($0) < Self.moment($1) }) else {
            throw ContinuityError.noSet("of repository \(repository) in the immutable copy \(path)")
        }
        guard !FileManager.default.fileExists(atPath: target) else {
            throw ContinuityError.file("make", target, "it is there already")
        }
        for source in ["\(path)/files/\(repository)", "\(path)/generations/\(newest)"] {
            for part in ["backup", "archive"] {
                for name in try FileTree.files(below: source, part) {
                    try copy(source + "/" + name, to: target + "/" + name)
                }
            }
        }
        return String(newest.drop { $0 != "-" }.dropFirst())
    }

    /// Files of the copy that could be changed: none, unless somebody took their marks away.
    func unmarked() async throws -> [String] {
        let run = try await ToolRun.run("/usr/bin/lsattr", ["-R", "--", path])
        return run.outputText.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[1].hasPrefix("/"), !parts[0].contains("i") else { return nil }
            var facts = stat()
            guard lstat(parts[1], &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return nil }
            return parts[1]
        }
    }

    /// `20261129-080000F_20261129-090000I`: the last time counts.
    private static func moment(_ name: String) -> String {
        String(name.drop { $0 != "-" }.dropFirst().split(separator: "_").last?.prefix(15) ?? "")
    }

    private func copy(_ source: String, to target: String) throws {
        let folder = (target as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let aside = target + ".new"
        unlink(aside)
        do {
            try FileManager.default.copyItem(atPath: source, toPath: aside)
        } catch {
            throw ContinuityError.file("copy", source, error.localizedDescription)
        }
        chmod(aside, 0o400)
        guard chown(aside, 0, 0) == 0, rename(aside, target) == 0 else {
            unlink(aside)
            throw ContinuityError.file("write", target, String(cString: strerror(errno)))
        }
    }

    private func mark(_ files: [String]) async throws -> Bool {
        var isMarked = true
        for start in stride(from: 0, to: files.count, by: 500) {
            let part = files[start..<min(start + 500, files.count)]
            isMarked = try await ToolRun.run(Self.program, ["+i", "--"] + part).status == 0 && isMarked
        }
        return isMarked
    }

    private static func refused(_ reason: String) -> ContinuityError {
        ContinuityError(
            code: "immutable_copy_refused", message: "no immutable copy: \(reason)",
            hint: "Run as root, and choose a folder on ext4, XFS or Btrfs.", exitStatus: .environment)
    }
}

extension BackupDesk {
    /// Copies sound sets to where nothing changes them; what fails there is told and keeps no backup from being one.
    func keepCopies(_ settings: BackupSettings, _ made: inout Made) async {
        guard let path = settings.immutableCopy else { return }
        for set in made.sets
        where !made.damaged.contains(set.label) && settings.repositories[set.repository - 1].hasPrefix("/") {
            do {
                _ = try await ImmutableCopy(path: path).add(
                    repository: set.repository, root: settings.repositories[set.repository - 1], label: set.label)
            } catch {
                made.failures.append("\(set.label) is not in the immutable copy: \(error)")
            }
        }
    }

    /// Whether copies are kept, or nothing else is to be asked.
    public var hasImmutableCopy: Bool {
        guard let settings = try? BackupSettings.load(folder) else { return true }
        return settings.immutableCopy != nil || settings.objectStores?.isEmpty ?? true
    }

    /// Files of the immutable copy that somebody could change.
    public func unmarkedCopies() async throws -> [String] { try await copy().unmarked() }

    /// A repository as it was at the newest set of the immutable copy, in a new folder; the set's label.
    public func assemble(repository: Int, into target: String) async throws -> String {
        let settings = try BackupSettings.load(folder)
        let label: String
        if let remote = try RemoteRepository(settings, repository, folder, now: now) {
            let assembled = try await remote.assemble(into: target)
            guard assembled.lost.isEmpty else {
                throw ContinuityError(
                    code: "locked_copy_incomplete",
                    message: "\(assembled.files) files are in \(target); not \(assembled.lost.joined(separator: "; "))",
                    hint: "Sets that need none of these can be restored from it.", exitStatus: .unsound)
            }
            label = assembled.label
        } else {
            label = try await copy().assemble(repository: repository, into: target)
        }
        // For the server's user, who reads it.
        try await ToolRun.run("/usr/bin/chown", ["-R", "--reference=\(folder.logs)", "--", target]).checked("chown")
        try await ToolRun.run("/usr/bin/chmod", ["-R", "u+rwX", "--", target]).checked("chmod")
        return label
    }

    private func copy() async throws -> ImmutableCopy {
        guard let path = try BackupSettings.load(folder).immutableCopy else {
            throw ContinuityError(
                code: "immutable_copy_missing", message: "this bank has no immutable copy",
                hint: "Name one with: digitalbank backup init --immutable-copy DIR", exitStatus: .conflict)
        }
        return ImmutableCopy(path: path)
    }
}
