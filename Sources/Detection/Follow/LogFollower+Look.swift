internal import Foundation

/// What a follower notices about the files themselves: silence, files cut off or deleted, seals that are broken.
extension LogFollower {
    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    /// Every two seconds. Findings are committed with the position, like all others.
    func lookAround() async throws {
        guard settings.untilEnd || ContinuousClock.now >= lookAfter else { return }
        lookAfter = .now + .seconds(2)
        let raised = engine.sink.raised
        for finding in silences.silent(at: .now) { engine.sink.add(finding) }
        if let check = settings.checkSeal, let sets = try? LogFiles(settings.places).sets {
            let paths = sets.flatMap(\.files).filter { $0.hasSuffix(".jsonl") && $0 != settings.unread }
            for finding in seals.look(paths, check, isOnce: settings.untilEnd, at: Self.now) {
                engine.sink.add(finding)
            }
        }
        if engine.sink.raised > raised { try await commit() }
    }

    /// Shorter than what was read of it, and nobody kept a copy.
    func noticeCut(_ path: String, _ offset: Int64) {
        guard offset > 0 else { return }
        engine.sink.add(
            LiveSilences.about(
                Rules.truncated, .high, path, LogFiles.split(path).name, Self.now, Self.now, LinePlace(),
                "the file was cut off in place at less than the \(offset) bytes that were read of it"))
    }

    /// The name is gone, and so is the file: it was deleted, not renamed, and nothing packed has its beginning.
    func lost(_ path: String, _ sets: [LogFiles.LogSet]) {
        guard let tail = tails[path], tail.file.offset > 0, lostFiles.insert(tail.file.inode).inserted else { return }
        var info = stat()
        guard fstat(tail.descriptor, &info) == 0, info.st_nlink == 0 else {
            lostFiles.remove(tail.file.inode)
            return
        }
        let name = LogFiles.split(path).name
        let file = identity(of: tail)
        let isPacked = sets.first { $0.name == name }?.files.contains { Self.isPacked($0) && file.isPacked(in: $0) }
        guard isPacked != true else { return }
        engine.sink.add(
            LiveSilences.about(
                Rules.truncated, .high, path, name, Self.now, Self.now, LinePlace(),
                "the file was deleted while it was followed"))
    }
}

/// Sealed journals among the followed files: looked at every hour, and once more before anything is said, because a line
/// may be half written.
struct SealLook {
    private var nextAt: [String: Int64] = [:]
    private var doubted: Set<String> = []
    private var told: Set<String> = []
    private static let every = 3_600 * Instant.second
    private static let again = 2 * Instant.second

    mutating func look(
        _ paths: [String], _ check: (String) -> [String]?, isOnce: Bool, at now: Int64
    ) -> [Finding] {
        var found: [Finding] = []
        for path in paths where now >= nextAt[path] ?? 0 {
            nextAt[path] = now + Self.every
            guard let problems = check(path), let first = problems.first else {
                doubted.remove(path)
                continue
            }
            guard !doubted.insert(path).inserted || isOnce else {
                nextAt[path] = now + Self.again
                continue
            }
            guard told.insert(path + "\n" + first).inserted else { continue }
            found.append(
                LiveSilences.about(
                    Rules.seal, .high, path, path, now, now, LinePlace(),
                    problems.count > 1 ? "\(first), and \(problems.count - 1) more" : first,
                    evidence: problems.prefix(10).joined(separator: "; ")))
        }
        return found
    }
}
