internal import CRE2
internal import Foundation

/// What happens to a file that is followed: renamed, copied and cut off, packed, while we watch or while we are away.
/// Whatever was begun stands in the state until it was read to its end, so that a kill loses nothing of it.
extension LogFollower {
    static func isPacked(_ path: String) -> Bool {
        path.hasSuffix(".gz") || path.hasSuffix(".zst") || path.hasSuffix(".zstd")
    }

    /// The file that has the name now is another one, or shorter: the old one's rest is read, and what came between them
    /// is begun.
    func turned(_ path: String, _ sets: [LogFiles.LogSet]) async throws -> Bool {
        guard let tail = tails[path] else { return false }
        var (here, named) = (stat(), stat())
        guard fstat(tail.descriptor, &here) == 0, let set = sets.first(where: { $0.files.contains(path) }) else {
            return false
        }
        let isOther = stat(path, &named) == 0 && named.st_ino != here.st_ino
        if Int64(here.st_size) < tail.file.offset {
            cut(path, tail, set)
            return true
        }
        guard isOther else { return false }
        _ = try await readNew(path)
        guard var moved = tails[path] else { return true }
        let inode = moved.file.inode
        let place = set.files.first { $0 != path && !Self.isPacked($0) && FollowState.inode(of: $0) == inode }
        guard let place, !settings.untilEnd else {
            leave(path)
            enqueue(set, behind: place)
            return true
        }
        // Whoever writes may go on writing into it for a moment.
        if tails[place] != nil { leave(place) }
        moved.file.path = place
        moved.turnedAt = .now
        tails[path] = nil
        state.files.removeAll { $0.path == path }
        tails[place] = moved
        heldBytes[place] = heldBytes.removeValue(forKey: path)
        enqueue(set, behind: place)
        return true
    }

    /// Copied and cut off: the rest stands in the copy, where there is one.
    private func cut(_ path: String, _ tail: Tail, _ set: LogFiles.LogSet) {
        let known = state.files.first { $0.path == path }
        guard let known, known.headBytes > 0, let place = member(of: set, like: known, but: path) else {
            noticeCut(path, tail.file.offset)
            return leave(path, isWhole: false)
        }
        close(tail.descriptor)
        tails[path] = nil
        heldBytes[path] = nil
        state.files.removeAll { $0.path == path }
        var rest = tail.file
        (rest.head, rest.headBytes, rest.last) = (known.head, known.headBytes, nil)
        (rest.path, rest.inode) = (place, FollowState.inode(of: place) ?? 0)
        state.files.append(rest)
    }

    /// The last file of a set that was read to its end, where it stands now.
    private func lastFinished(_ set: LogFiles.LogSet) -> String? {
        state.finished?[set.name].flatMap { member(of: set, like: $0, but: nil) }
    }

    /// The file that is being written.
    static func live(_ set: LogFiles.LogSet) -> String? { set.files.last.flatMap { isPacked($0) ? nil : $0 } }

    /// Begins members of a set that are newer than `path` and older than the newest, and were never begun. Without `path`
    /// those behind the last file that was read to its end.
    func enqueue(_ set: LogFiles.LogSet, behind path: String?) {
        guard let begin = (path ?? lastFinished(set)).flatMap({ set.files.firstIndex(of: $0) }) else { return }
        enqueue(set, set.files[(begin + 1)...], order: LogFiles.split(set.files[begin]).order)
    }

    func enqueue(_ set: LogFiles.LogSet, _ members: ArraySlice<String>, order before: String?) {
        let live = Self.live(set)
        var order = before
        for member in members where member != live {
            // A file and its packed twin, while the packing goes on.
            let next = LogFiles.split(member).order
            guard next != order else { continue }
            order = next
            guard var file = FollowState.File(beginning: member),
                !state.files.contains(where: { $0.path == member || $0.isLike(member) }),
                !tails.values.contains(where: { $0.file.inode == file.inode })
            else { continue }
            file.number = nextNumber()
            state.files.append(file)
        }
    }

    func nextNumber() -> Int {
        let number = (state.begun ?? 0) + 1
        state.begun = number
        return number
    }

    /// Reads what was begun and is not the newest of its set any more, where it stands by now. True when there was some.
    func settle(_ sets: [LogFiles.LogSet]) async throws -> Bool {
        let begun = state.files.filter { tails[$0.path] == nil }
        guard !begun.isEmpty else { return false }
        var isBusy = false
        for set in sets {
            let live = Self.live(set)
            var waiting = begun.filter { file in
                LogFiles.split(file.path).name == set.name
                    && !(file.path == live && file.isLike(file.path))
            }
            guard !waiting.isEmpty else { continue }
            isBusy = true
            resolve(&waiting, set)
            for file in waiting { try await finish(file) }
        }
        return isBusy
    }

    /// Finds what waits under its name of now, and what came behind it; the oldest first. What is nowhere is gone.
    private func resolve(_ waiting: inout [FollowState.File], _ set: LogFiles.LogSet) {
        var oldest: String?
        state.files.removeAll { file in waiting.contains { $0.path == file.path } }
        for file in waiting {
            // Cut off in place, and nobody kept a copy: the name's new lines are all there is.
            guard let place = member(of: set, like: file, but: nil) else {
                if file.isHere { noticeCut(file.path, file.offset) }
                continue
            }
            var moved = file
            moved.path = place
            moved.inode = FollowState.inode(of: place) ?? file.inode
            state.files.append(moved)
            let isOlder = oldest.flatMap { set.files.firstIndex(of: $0) } ?? .max > set.files.firstIndex(of: place) ?? 0
            if isOlder { oldest = place }
        }
        enqueue(set, behind: lastFinished(set) ?? oldest)
        let live = Self.live(set)
        waiting = state.files.filter { file in
            tails[file.path] == nil && set.files.contains(file.path) && file.path != live
        }
        waiting.sort { (set.files.firstIndex(of: $0.path) ?? 0) < (set.files.firstIndex(of: $1.path) ?? 0) }
    }

    private func finish(_ file: FollowState.File) async throws {
        if Self.isPacked(file.path) { return try await readPacked(file) }
        try await openTail(file.path)
        guard tails[file.path] != nil else {
            state.files.removeAll { $0.path == file.path }
            return
        }
        _ = try await readNew(file.path)
        leave(file.path)
    }

    /// The rest of a file that was packed before it was read to its end. Positions count unpacked bytes.
    private func readPacked(_ begun: FollowState.File) async throws {
        var file = begun
        let source = try BlockSource(path: file.path)
        let reader = makeReader()
        let splitter = RecordSplitter(reader: reader, offset: file.offset, line: file.line)
        let skipping = RecordSplitter(reader: reader)
        var at: Int64 = 0
        engine.sink.file = file.path
        while let block = source.next() {
            if at == 0 { at = Int64(source.skipped) }
            let end = at + Int64(block.count)
            let blind = file.blind ?? 0
            if at < file.offset, end > max(blind, file.offset - Self.warmBytes) {
                isWarming = true
                skipping.take(block[Int(max(0, blind - at)), Int(file.offset - at)]) { record, place in
                    _ = reader.read(record) { learn(&$0, place) }
                }
                isWarming = false
            }
            let fresh = at < file.offset ? block.from(Int(file.offset - at)) : block
            at = end
            guard !fresh.isEmpty else { continue }
            splitter.take(fresh) { take($0, $1, reader, file.path) }
            advance(&file, splitter)
            try await commitWhenMuchWaits()
        }
        splitter.finish { take($0, $1, reader, file.path) }
        if let damage = source.damage {
            let place = LinePlace(file: 0, number: splitter.lines, offset: splitter.consumed)
            Array(damage.utf8).withUnsafeBytes { unread(Bytes($0), place, file.path, .damaged) }
        }
        advance(&file, splitter)
        state.files.removeAll { $0.path == file.path }
        remember(file, of: LogFiles.split(file.path).name)
    }

    private func advance(_ file: inout FollowState.File, _ splitter: RecordSplitter) {
        guard splitter.consumed > file.offset else { return }
        (file.offset, file.line, file.last) = (splitter.consumed, splitter.consumedLines, nil)
        state.files.removeAll { $0.path == file.path }
        state.files.append(file)
    }

    /// The member of a set that a file has become: by its number, else by what it holds.
    private func member(of set: LogFiles.LogSet, like file: FollowState.File, but path: String?) -> String? {
        let plain = set.files.filter { $0 != path && !Self.isPacked($0) && file.isLike($0) }
        if let same = plain.first(where: { FollowState.inode(of: $0) == file.inode }) { return same }
        guard file.headBytes > 0 else { return nil }
        if let copy = plain.last { return copy }
        return set.files.last { Self.isPacked($0) && file.isPacked(in: $0) }
    }

    /// What a file is known by from now on.
    func identity(of tail: Tail) -> FollowState.File {
        var file = tail.file
        file.headBytes = Int(min(256, file.offset))
        file.head = FollowState.head(of: tail.descriptor, bytes: file.headBytes)
        file.last = FollowState.last(of: tail.descriptor, before: file.offset)
        return file
    }

    func remember(_ file: FollowState.File, of set: String) {
        guard file.headBytes > 0 else { return }
        var finished = state.finished ?? [:]
        // A renamed file that lingered ends behind those that came after it.
        guard finished[set]?.number ?? 0 <= file.number ?? 0 else { return }
        finished[set] = file
        state.finished = finished
    }
}

extension FollowState {
    private static let lastBytes: Int64 = 64

    static func inode(of path: String) -> UInt64? {
        var info = stat()
        return stat(path, &info) == 0 ? UInt64(info.st_ino) : nil
    }

    static func last(of descriptor: Int32, before offset: Int64) -> String? {
        guard offset > 0 else { return nil }
        let count = Int(min(lastBytes, offset))
        var buffer = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &buffer, count, off_t(offset - Int64(count)))
        return got == count ? digest(buffer[...]) : nil
    }
}

extension FollowState.File {
    /// A file that is begun at its first line; nil when it can not be read.
    init?(beginning path: String) {
        var head: [UInt8] = []
        if LogFollower.isPacked(path) {
            guard let source = try? BlockSource(path: path) else { return nil }
            if let block = source.next() { head = (0..<min(256, block.count)).map { block[$0] } }
        } else {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            head = [UInt8](repeating: 0, count: 256)
            head.removeLast(256 - max(0, pread(descriptor, &head, 256, 0)))
        }
        self.init(
            path: path, inode: FollowState.inode(of: path) ?? 0, head: FollowState.digest(head[...]),
            headBytes: head.count, offset: 0, line: 0, last: nil)
    }

    /// Whether an open file was made when this one was, where both are known.
    func isBorn(like descriptor: Int32) -> Bool {
        let other = cre2_birth(descriptor)
        return other == 0 || (born ?? 0) == 0 || born == other
    }

    /// Whether the file that has the name now is the same one, whatever it holds.
    var isHere: Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var info = stat()
        return fstat(descriptor, &info) == 0 && UInt64(info.st_ino) == inode && isBorn(like: descriptor)
    }

    /// Whether a plain file is this one, as far as it was read.
    func isLike(_ path: String) -> Bool {
        guard !LogFollower.isPacked(path) else { return false }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, Int64(info.st_size) >= offset else { return false }
        if headBytes == 0 { return UInt64(info.st_ino) == inode && isBorn(like: descriptor) }
        guard FollowState.head(of: descriptor, bytes: headBytes) == head else { return false }
        return last.map { FollowState.last(of: descriptor, before: offset) == $0 } ?? true
    }

    /// Whether a packed file holds this one, as far as it was read.
    func isPacked(in path: String) -> Bool {
        guard headBytes > 0, let source = try? BlockSource(path: path) else { return false }
        var tail: [UInt8] = []
        var at: Int64 = 0
        var isFirst = true
        while let block = source.next() {
            if isFirst {
                isFirst = false
                at = Int64(source.skipped)
                let begin = (0..<min(headBytes, block.count)).map { block[$0] }
                guard at > 0 || FollowState.digest(begin[...]) == head else { return false }
                if last == nil, offset <= Int64(headBytes) { return true }
            }
            let end = at + Int64(block.count)
            let rest = block.prefix(Int(min(Int64(block.count), max(0, offset - at))))
            tail += (max(0, rest.count - 64)..<rest.count).map { rest[$0] }
            if tail.count > 64 { tail.removeFirst(tail.count - 64) }
            at = end
            if at >= offset { break }
        }
        guard at >= offset else { return false }
        return last.map { FollowState.digest(tail[...]) == $0 } ?? true
    }
}
