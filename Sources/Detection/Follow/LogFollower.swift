internal import CRE2
internal import Foundation
internal import Web

/// Follows logs while they are written. Each line is counted once: positions and what was written out are committed
/// together, and what is not committed is cut off at the next start. Rotation by renaming and by truncation are seen.
public final class LogFollower {
    public struct Settings: Sendable {
        public var places: [String] = []
        /// Where the follower keeps its position.
        public var state = "var/follow.json"
        /// Findings as JSON lines, appended.
        public var findings: String?
        /// Pseudonymised lines, appended; the key is needed for them.
        public var lines: String?
        /// Takes pseudonymised lines together with the position, in place of `state`.
        public var keep: FollowKeep?
        public var key: [UInt8] = []
        public var options = DetectionOptions()
        /// How often files are looked at when nothing announces a change.
        public var interval: Duration = .milliseconds(250)
        /// Where reading begins in the files that are there at the very first start.
        public var from = Beginning.newest
        /// Stops when everything was read; for tests and for catching up.
        public var untilEnd = false

        /// Where lines that could not be read are kept, as JSON lines; nil: they are only counted.
        public var unread: String?
        /// Beyond this that file is renamed to `.1`, whose forerunner goes.
        public var unreadBytesMax: Int64 = 16 << 20
        /// Told when lines of a log could not be read: the log, and how many so far; seldom.
        public var onUnread: (@Sendable (String, Int64) -> Void)?
        /// What is wrong with a sealed journal; nil for a file that is none (`SealedJournal.problems`).
        public var checkSeal: (@Sendable (String) -> [String]?)?

        /// What findings lead to; nil: nothing.
        public var responses: (policy: ResponseDesk.Policy, journal: String)?
        /// Does what was decided: bans and takes back.
        public var perform: @Sendable (ResponseDesk.Act) async -> Void = { _ in }
        /// Told the incidents that the findings make, whenever there are new ones.
        public var onIncidents: (@Sendable ([Incident]) async throws -> Void)?

        public init() {}
    }

    struct Tail {
        var file: FollowState.File
        let descriptor: Int32
        let reader: LogReader
        let splitter: RecordSplitter
        /// When it lost its name: whoever writes may not have noticed yet.
        var turnedAt: ContinuousClock.Instant?
    }

    let settings: Settings
    let engine: DetectionEngine
    private let names: Pseudonyms
    var state: FollowState
    var tails: [String: Tail] = [:]
    private var memory = TouchMemory()
    var silences = LiveSilences()
    var seals = SealLook()
    var lostFiles: Set<UInt64> = []
    var lookAfter = ContinuousClock.now
    var spool: AppendFile?
    var pendingUnread: [UInt8] = []
    /// When a log's unread lines are told of next.
    var unreadNotice: [String: Int64] = [:]
    private var findings: AppendFile?
    private var lines: AppendFile?
    private var pendingFindings: [UInt8] = []
    private var pendingLines: [UInt8] = []
    private var pendingRows: [AnonymousLine] = []
    var isWarming = false
    private var hasNewFindings = false
    private var tellAfter = ContinuousClock.now
    private var desk: ResponseDesk?
    private var acts: [ResponseDesk.Act] = []
    private let watch: Int32
    static let warmBytes: Int64 = 4 << 20
    /// A file that was renamed is looked at for so long.
    static let lingering: Duration = .seconds(5)
    private static let commitBytes = 8 << 20
    private static let rowBytes = 256
    /// Calls for each finding of new lines, before it is committed.
    public var onFinding: ((Finding) -> Void)?

    public init(_ settings: Settings) throws {
        guard settings.lines == nil || settings.key.count >= 16 else {
            throw DetectionError.option("pseudonyms need a key", "Give --key-file with at least 16 bytes.")
        }
        self.settings = settings
        engine = try DetectionEngine(settings.options)
        names = Pseudonyms(key: settings.key)
        state = settings.keep == nil ? try FollowState.read(settings.state) : FollowState()
        watch = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        if let (policy, journal) = settings.responses {
            desk = try ResponseDesk(policy, journal: journal) { Int64(Date().timeIntervalSince1970 * 1_000_000) }
        }
        engine.sink.isThrifty = true
        engine.sink.onRaise = { [unowned self] in raised($0) }
        for place in settings.places { watchFolder(place) }
    }

    deinit {
        for tail in tails.values { close(tail.descriptor) }
        if watch >= 0 { close(watch) }
    }

    private func raised(_ finding: Finding) {
        guard !isWarming else { return }
        var finding = finding
        if let (decision, act) = desk?.decide(finding) {
            finding.decision = decision
            if let act { acts.append(act) }
        }
        pendingFindings += (FindingWriter.json(finding).text + "\n").utf8
        hasNewFindings = true
        onFinding?(finding)
    }

    /// Lines that were committed, since the state began.
    public var lineCount: Int64 { state.lines }

    public func run() async throws {
        try await begin()
        while !Task.isCancelled {
            let isIdle = try await pass()
            acts += desk?.expired() ?? []
            for act in acts { await settings.perform(act) }
            acts.removeAll()
            if hasNewFindings, ContinuousClock.now >= tellAfter || settings.untilEnd { await tellIncidents() }
            if isIdle || !settings.untilEnd { try await lookAround() }
            if isIdle {
                if settings.untilEnd { break }
                waitForChange()
                await Task.yield()
            }
        }
        try await commit()
    }

    /// A long attack makes long incidents: they are told less often the longer the telling takes.
    private func tellIncidents() async {
        guard let tell = settings.onIncidents else { return }
        let start = ContinuousClock.now
        let incidents = memory.attributed(to: Correlator().incidents(engine.sink.findings))
        hasNewFindings = false
        if !incidents.isEmpty {
            do { try await tell(incidents) } catch { hasNewFindings = true }
        }
        tellAfter = ContinuousClock.now + max(.milliseconds(500), (ContinuousClock.now - start) * 10)
    }

    private func begin() async throws {
        if let text = try await settings.keep?.load() { state = try FollowState.read(text: text) }
        if let path = settings.findings { findings = try AppendFile(path, length: state.outputs[path] ?? 0) }
        if let path = settings.lines { lines = try AppendFile(path, length: state.outputs[path] ?? 0) }
        try openSpool()
        try await takeUp()
    }

    private func watchFolder(_ place: String) {
        guard watch >= 0 else { return }
        let mask = UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
        inotify_add_watch(watch, place, mask)
        for name in (try? FileManager.default.subpathsOfDirectory(atPath: place)) ?? [] {
            var isFolder: ObjCBool = false
            let path = place + "/" + name
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                inotify_add_watch(watch, path, mask)
            }
        }
    }

    private func waitForChange() {
        var entry = pollfd(fd: watch, events: Int16(POLLIN), revents: 0)
        let milliseconds = Int32(settings.interval / .milliseconds(1))
        _ = poll(&entry, 1, milliseconds)
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while read(watch, &buffer, buffer.count) > 0 {}
    }

    /// Reads what is new everywhere. True when there was nothing.
    func pass() async throws -> Bool {
        let sets = try LogFiles(settings.places).sets
        // The newest file of each set.
        let named = sets.compactMap(\.files.last).filter { !Self.isPacked($0) }
        for path in tails.keys where !named.contains(path) && tails[path]?.turnedAt == nil {
            guard FileManager.default.fileExists(atPath: path) else {
                lost(path, sets)
                continue
            }
            tails[path]?.turnedAt = .now
            if let set = sets.first(where: { $0.files.contains(path) }) { enqueue(set, behind: path) }
        }
        var isIdle = try await !settle(sets)
        for path in named {
            if tails[path] == nil { try await openTail(path) }
            guard tails[path] != nil else { continue }
            if try await readNew(path) { isIdle = false }
            if try await turned(path, sets) { isIdle = false }
        }
        // Files that are no longer the newest, or lost their name: read until nothing more comes for a while.
        for path in tails.keys where !named.contains(path) {
            if try await readNew(path) {
                isIdle = false
            } else if let turnedAt = tails[path]?.turnedAt,
                settings.untilEnd || ContinuousClock.now - turnedAt > Self.lingering
            {
                leave(path)
                isIdle = false
            }
        }
        let waiting = pendingLines.count + pendingRows.count + pendingFindings.count + pendingUnread.count
        if waiting > 0 || !isIdle { try await commit() }
        return isIdle
    }

    func openTail(_ path: String) async throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        var info = stat()
        fstat(descriptor, &info)
        let inode = UInt64(info.st_ino)
        guard !tails.values.contains(where: { $0.file.inode == inode }) else {
            close(descriptor)
            return
        }
        var file = FollowState.File(path: path, inode: inode, head: "", headBytes: 0, offset: 0, line: 0)
        let known = state.files.first { $0.path == path } ?? state.files.first { $0.inode == inode }
        if let known, known.inode == inode, known.offset <= Int64(info.st_size),
            known.headBytes > 0 || known.isBorn(like: descriptor),
            FollowState.head(of: descriptor, bytes: known.headBytes) == known.head
        {
            file = known
            file.path = path
            state.files.removeAll { $0.path == known.path }
        } else {
            file.number = nextNumber()
            file.born = cre2_birth(descriptor)
        }
        let reader = makeReader()
        warm(descriptor, path, file.blind ?? 0, before: file.offset, reader)
        tails[path] = Tail(
            file: file, descriptor: descriptor, reader: reader,
            splitter: RecordSplitter(reader: reader, offset: file.offset, line: file.line))
    }

    func makeReader() -> LogReader {
        LogReader(
            settings.options.reading, year: Calendar(identifier: .gregorian).component(.year, from: Date()))
    }

    /// What the detectors knew is learned again from the last lines before, in silence.
    private func warm(
        _ descriptor: Int32, _ path: String, _ blind: Int64, before offset: Int64, _ reader: LogReader
    ) {
        guard offset > blind else { return }
        isWarming = true
        defer { isWarming = false }
        engine.sink.file = path
        var at = max(blind, offset - Self.warmBytes)
        let splitter = RecordSplitter(reader: reader)
        var isFirst = at > blind
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while at < offset {
            let got = pread(descriptor, &buffer, Int(min(Int64(buffer.count), offset - at)), off_t(at))
            guard got > 0 else { break }
            buffer.withUnsafeBytes { raw in
                splitter.take(Bytes(raw).prefix(got)) { record, place in
                    if isFirst {
                        isFirst = false
                        return
                    }
                    _ = reader.read(record) { learn(&$0, place) }
                }
            }
            at += Int64(got)
        }
    }

    /// Reads to the end of what is there; true when something was.
    func readNew(_ path: String) async throws -> Bool {
        guard var tail = tails[path] else { return false }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var at = tail.file.offset
        var isNew = false
        engine.sink.file = path
        // The splitter holds what stands behind the last whole line: reading goes on behind it.
        at += Int64(heldBytes[path] ?? 0)
        while true {
            let got = pread(tail.descriptor, &buffer, buffer.count, off_t(at))
            guard got > 0 else { break }
            at += Int64(got)
            isNew = true
            buffer.withUnsafeBytes { raw in
                tail.splitter.take(Bytes(raw).prefix(got)) { take($0, $1, tail.reader, path) }
            }
            tail.file.offset = tail.splitter.consumed
            tail.file.line = tail.splitter.consumedLines
            heldBytes[path] = Int(at - tail.file.offset)
            tails[path] = tail
            silences.arrived(path, at: .now)
            try await commitWhenMuchWaits()
        }
        if !isNew, heldBytes[path] ?? 0 > 0 {
            // A record that may go on, and nothing came: it is over.
            tail.splitter.flush { take($0, $1, tail.reader, path) }
            if tail.splitter.consumed > tail.file.offset { isNew = true }
            tail.file.offset = tail.splitter.consumed
            tail.file.line = tail.splitter.consumedLines
            heldBytes[path] = Int(at - tail.file.offset)
            tails[path] = tail
        }
        return isNew
    }

    func commitWhenMuchWaits() async throws {
        let waiting =
            pendingLines.count + pendingFindings.count + pendingUnread.count + pendingRows.count * Self.rowBytes
        if waiting > Self.commitBytes { try await commit() }
    }

    /// Bytes that were read and not yet handed on, by file.
    var heldBytes: [String: Int] = [:]

    func learn(_ event: inout LogEvent, _ place: LinePlace) {
        desk?.saw(event.address)
        engine.take(&event, place)
        for finding in silences.tick(engine.sink.file, event.time, place) where !isWarming { engine.sink.add(finding) }
        if settings.onIncidents != nil { memory.take(event, file: engine.sink.file, line: place.number) }
    }

    func take(_ record: Bytes, _ place: LinePlace, _ reader: LogReader, _ path: String) {
        state.lines += 1
        let outcome = reader.read(record) { event in
            learn(&event, place)
            if let keep = settings.keep {
                // The bank's table holds no line without a time.
                if event.time > 0 {
                    pendingRows.append(AnonymousLine(event, token: keep.token))
                } else {
                    unread(record, place, path, .noTime)
                }
            }
            guard settings.lines != nil else { return }
            pendingLines += (names.line(event, source: path, place: place).text + "\n").utf8
        }
        if outcome == .broken { unread(record, place, path, .noForm) }
    }

    /// - Parameter isWhole: false when what it held is gone, so that nothing can be known by it.
    func leave(_ path: String, isWhole: Bool = true) {
        guard var tail = tails[path] else { return }
        tail.splitter.finish { take($0, $1, tail.reader, path) }
        tail.file.offset = tail.splitter.consumed
        if isWhole { remember(identity(of: tail), of: LogFiles.split(path).name) }
        close(tail.descriptor)
        tails[path] = nil
        heldBytes[path] = nil
        state.files.removeAll { $0.path == path }
    }

    /// Outputs first, then the position that makes them count.
    func commit() async throws {
        if let findings, !pendingFindings.isEmpty {
            try findings.append(pendingFindings)
            try findings.sync()
        }
        if let lines, !pendingLines.isEmpty {
            try lines.append(pendingLines)
            try lines.sync()
        }
        try writeSpool()
        pendingFindings.removeAll(keepingCapacity: true)
        pendingLines.removeAll(keepingCapacity: true)
        for (path, tail) in tails {
            state.files.removeAll { $0.path == path }
            state.files.append(identity(of: tail))
        }
        if let path = settings.findings, let findings { state.outputs[path] = findings.length }
        if let path = settings.lines, let lines { state.outputs[path] = lines.length }
        try await keepPosition()
        tellUnread()
        // The position does not know the new file's length until it is kept again: what is longer is cut then.
        if try turnSpool() { try await keepPosition() }
    }

    private func keepPosition() async throws {
        guard let keep = settings.keep else { return try state.write(settings.state) }
        try await keep.commit(pendingRows, try state.text())
        pendingRows.removeAll(keepingCapacity: true)
    }
}
