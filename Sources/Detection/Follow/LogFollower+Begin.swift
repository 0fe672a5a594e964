internal import CRE2
internal import Foundation

/// Where a follower begins in what was written before it was there.
extension LogFollower {
    /// Only the very first start asks: a log that comes later is read from its first line.
    public enum Beginning: String, Sendable, CaseIterable {
        /// At the first line of the newest file of each set.
        case newest
        /// At the first line of the oldest file of each set, packed ones too.
        case start
        /// Behind the last whole line; detectors learn from the lines before it.
        case end
        /// Behind the last whole line, and what stands before it is not looked at.
        case now
    }

    /// The places are committed before anything is read, so that a kill changes nothing of them.
    func takeUp() async throws {
        guard state.isTakenUp != true else { return }
        state.isTakenUp = true
        let isFirst = state.files.isEmpty && state.lines == 0 && state.finished == nil
        guard isFirst, settings.from != .newest else { return }
        for set in try LogFiles(settings.places).sets {
            if settings.from == .start {
                enqueue(set, set.files[...], order: nil)
            } else if let path = Self.live(set), let file = Self.lastLine(of: path, isBlind: settings.from == .now) {
                state.files.append(file)
                state.files[state.files.count - 1].number = nextNumber()
            }
        }
        try await commit()
    }

    /// A file as if it had been read to its last whole line; nil where there is none.
    private static func lastLine(of path: String, isBlind: Bool) -> FollowState.File? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { return nil }
        var (offset, at, lines) = (Int64(0), Int64(0), Int64(0))
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while at < Int64(info.st_size) {
            let got = pread(descriptor, &buffer, buffer.count, off_t(at))
            guard got > 0 else { break }
            buffer.withUnsafeBytes { raw in
                let block = Bytes(raw).prefix(got)
                var from = 0
                while let end = block.first(10, from: from) {
                    lines += 1
                    from = end + 1
                    offset = at + Int64(from)
                }
            }
            at += Int64(got)
        }
        guard offset > 0 else { return nil }
        let headBytes = Int(min(256, offset))
        var file = FollowState.File(
            path: path, inode: UInt64(info.st_ino), head: FollowState.head(of: descriptor, bytes: headBytes),
            headBytes: headBytes, offset: offset, line: lines)
        file.last = FollowState.last(of: descriptor, before: offset)
        file.born = cre2_birth(descriptor)
        if isBlind { file.blind = offset }
        return file
    }
}
