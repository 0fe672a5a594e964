internal import Foundation

/// Log that no archive has yet: what the receiver wrote, and what lies in the server's own folder. It is copied before
/// anything else is done, beside the restored cluster and readable by its server.
struct SavedLog: Sendable {
    let folder: String
    let newest: LogSegment?
    var holdsAny: Bool { newest != nil }

    /// - Parameter data: the new data folder, whose owner the copies get.
    static func gather(
        for set: BackupSet, _ request: Restorer.Request, _ folder: ContinuityFolder, archived roots: [String],
        into directory: String, like data: String
    ) throws -> SavedLog {
        let place = directory + "/saved-log"
        var owner = stat()
        guard stat(data, &owner) == 0 else {
            throw ContinuityError.file("read", data, String(cString: strerror(errno)))
        }
        try ContinuityFolder.make(place, mode: 0o700)
        for path in [place] + ["archive-lock", "archive-spool"].map({ directory + "/" + $0 }) {
            try ContinuityFolder.make(path, mode: 0o700)
            lchown(path, owner.st_uid, owner.st_gid)
        }
        guard let first = LogSegment(set.firstSegment) else { return SavedLog(folder: place, newest: nil) }
        let archived = roots.reduce(into: Set<LogSegment>()) { $0.formUnion(ArchiveFolder.segments(below: $1)) }
        var newest: LogSegment?
        var whole: Set<String> = []
        let sources =
            (request.usesReceivedLog ? [folder.receivedLog] : [])
            + (request.usesServerLog ? [folder.cluster + "/data/pg_wal"] : [])
        for source in sources {
            let isReceived = source == folder.receivedLog
            for name in ((try? FileManager.default.contentsOfDirectory(atPath: source)) ?? []).sorted() {
                // A history file is named like a timeline; a partial one is the segment that was being written.
                let isHistory = name.hasSuffix(".history")
                guard isHistory || name.utf8.count == 24 || name.hasSuffix(".partial") else { continue }
                let plain = name.replacing(".partial", with: "")
                if !isHistory {
                    guard let segment = LogSegment(name), segment.timeline != first.timeline || segment >= first,
                        isReceived || !archived.contains(segment)
                    else { continue }
                    // Recycled segments of the server's folder hold old log under a new name: replay finds that out.
                    if isReceived { newest = max(newest ?? segment, segment) }
                }
                guard !whole.contains(plain) else { continue }
                let target = place + "/" + plain
                unlink(target)
                guard (try? FileManager.default.copyItem(atPath: source + "/" + name, toPath: target)) != nil else {
                    continue
                }
                chmod(target, 0o600)
                lchown(target, owner.st_uid, owner.st_gid)
                if isReceived, plain == name { whole.insert(plain) }
                if newest == nil, let segment = LogSegment(name) { newest = segment }
            }
        }
        return SavedLog(folder: place, newest: newest)
    }
}
