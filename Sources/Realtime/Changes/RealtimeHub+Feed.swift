internal import Postgres
internal import Synchronization
internal import Web

/// Reading the slot: changes into the log, decided and delivered; stored broadcasts to their channels.
extension RealtimeHub {
    /// Reads the slot until its task is cancelled, connecting again whenever the server was lost. Also ends channels whose
    /// token has run out, and keeps the partitions of `realtime.messages`.
    ///
    /// Errors: `RealtimeError` when the server cannot be read this way at all.
    public func run() async throws {
        try await check()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.readForEver() }
            group.addTask { try await self.watchTokens() }
            group.addTask { try await self.keepHouse() }
            defer { group.cancelAll() }
            do {
                try await group.next()
            } catch {
                if !Task.isCancelled { throw error }
            }
        }
    }

    private func check() async throws {
        let wanted = [settings.publication, settings.messagesPublication]
        let state = try await patiently { try await self.changes.serverState(wanted) }
        guard state.walLevel == "logical" else { throw RealtimeError.notLogical(state.walLevel) }
        guard state.mayReplicate else { throw RealtimeError.notAllowed(state.role) }
        guard state.publicationCount == wanted.count else { throw RealtimeError.notMigrated() }
    }

    /// Again while the server is not reached; other errors are thrown.
    private func patiently<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        var pause = Duration.milliseconds(50)
        while true {
            do {
                return try await body()
            } catch let error as PostgresError where !error.isAboutTheQuestion && error.kind != .closed {
                try Task.checkCancellation()
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    private func watchTokens() async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            endOldTokens()
        }
    }

    /// Closes channels whose token has ended, and warns those whose token ends within a minute.
    func endOldTokens() {
        let time = now()
        for channel in registry.withLock(\.allChannels) {
            let expiry = channel.expiry
            if expiry.isOver(at: time) {
                close(channel, "InvalidJWTToken: the access token has ended")
            } else if let left = expiry.left(at: time), left < 60, channel.warnOnce() {
                channel.system("system", isOK: true, "the access token ends in \(Int(left)) s: send a new one")
            }
        }
    }

    private func keepHouse() async throws {
        while true {
            // Without a partition of its own a message goes to the default one; nothing is lost by a failure here.
            try? await changes.maintainMessages()
            try await Task.sleep(for: .seconds(3600))
        }
    }

    // MARK: The slot

    private func readForEver() async throws {
        var pause = Duration.milliseconds(50)
        while true {
            try Task.checkCancellation()
            do {
                let stream = try await open()
                pause = .milliseconds(50)
                try await read(stream)
            } catch let error as RealtimeError {
                throw error
            } catch {
                // A lost server, a slot that another connection still holds, or one that was given up: again.
                try Task.checkCancellation()
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    /// Broadcasts stored before this server began to read are nobody's: its sockets came later. What the slot repeats of
    /// them after a restart is not passed on again.
    private func markStored() async throws {
        guard registry.withLock({ $0.lastStored == nil }) else { return }
        let start = try await changes.position()
        registry.withLock { $0.lastStored = ChangeID(commit: start, sequence: 0) }
    }

    private func open() async throws -> ReplicationStream {
        try await markStored()
        switch try await changes.slotState(settings.slot) {
        case .usable(let confirmed): become(ready: confirmed)
        case .missing: try await makeSlot()
        case .lost:
            try await changes.dropSlot(settings.slot)
            try await makeSlot()
        case .otherDatabase:
            throw RealtimeError(
                code: "realtime_slot_taken",
                message: "the slot \(settings.slot) is of another database or another plugin",
                hint: "Give this server a slot name of its own.")
        }
        var options = ReplicationStream.Options(
            slot: settings.slot, publications: [settings.publication, settings.messagesPublication])
        options.statusInterval = .seconds(2)
        return try await ReplicationStream.start(replication, options)
    }

    /// What was committed before the new slot is not known: whoever follows changes is told.
    private func makeSlot() async throws {
        do {
            try await changes.createSlot(settings.slot)
        } catch let error as PostgresError where error.sqlState == "42501" {
            throw RealtimeError.notAllowed("of this connection")
        }
        guard case .usable(let confirmed) = try await changes.slotState(settings.slot) else { return }
        let wasReady = registry.withLock(\.isReady)
        registry.withLock { registry in
            registry.log = ChangeLog(
                countMax: settings.limits.logChangesMax, bytesMax: settings.limits.logBytesMax,
                floor: ChangeID(commit: confirmed, sequence: 0))
            registry.isReady = true
        }
        guard wasReady else { return }
        let followers = registry.withLock { Set($0.allSubscriptions.map { ObjectIdentifier($0.channel) }) }
        for channel in registry.withLock(\.allChannels) where followers.contains(ObjectIdentifier(channel)) {
            tellGap(channel)
        }
    }

    private func become(ready confirmed: LogPosition) {
        registry.withLock { registry in
            guard !registry.isReady else { return }
            registry.isReady = true
            registry.log = ChangeLog(
                countMax: settings.limits.logChangesMax, bytesMax: settings.limits.logBytesMax,
                floor: ChangeID(commit: confirmed, sequence: 0))
        }
    }

    /// Where the reader stands inside the stream.
    private struct Reading {
        var tables: [UInt32: FollowedTable] = [:]
        var commit = LogPosition(0)
        var transactionID: UInt32 = 0
        var commitMicroseconds: Int64 = 0
        var sequence: UInt32 = 0
        /// Furthest position all of whose changes were read.
        var end = LogPosition(0)
        var changes: [Change] = []
    }

    private func read(_ stream: ReplicationStream) async throws {
        defer { stream.close() }
        var reading = Reading()
        while true {
            let messages = try await stream.next(upTo: settings.limits.batchMax)
            if messages.isEmpty { return }
            for message in messages { try await take(message, &reading) }
            try await flush(&reading)
            if reading.end.rawValue > 0 { stream.confirm(upTo: confirmable(reading.end)) }
        }
    }

    private func take(_ message: ReplicationMessage, _ reading: inout Reading) async throws {
        switch message {
        case .begin(let mark):
            reading.commit = mark.commitPosition
            reading.transactionID = mark.transactionID
            reading.commitMicroseconds = mark.commitMicroseconds
            reading.sequence = 0
        case .commit(let mark): reading.end = max(reading.end, mark.endPosition)
        case .progress(let position): reading.end = max(reading.end, position)
        case .relation(let relation):
            // What came before is of the table as it was.
            try await flush(&reading)
            reading.tables[relation.id] = try await patiently { try await self.changes.table(relation) }
        case .insert(let id, let new): add(.insert, id, new, nil, &reading)
        case .update(let id, let old, let new): add(.update, id, new, old, &reading)
        case .delete(let id, let old): add(.delete, id, nil, old, &reading)
        case .truncate: reading.sequence &+= 1
        }
    }

    private func add(
        _ kind: Change.Kind, _ id: UInt32, _ new: ReplicatedRow?, _ old: ReplicationMessage.OldRow?,
        _ reading: inout Reading
    ) {
        reading.sequence &+= 1
        guard let table = reading.tables[id] else { return }
        reading.changes.append(
            Change(
                id: ChangeID(commit: reading.commit, sequence: reading.sequence),
                transactionID: reading.transactionID, commitMicroseconds: reading.commitMicroseconds, table: table,
                kind: kind, new: new, old: old))
    }

    /// Log, decide, deliver. A batch whose readers could not be asked for lack of a server waits for it.
    private func flush(_ reading: inout Reading) async throws {
        guard !reading.changes.isEmpty else { return }
        let last = registry.withLock(\.log.last)
        // After a reconnection the server repeats what was not confirmed.
        let fresh = reading.changes.filter { $0.id > last }
        reading.changes.removeAll(keepingCapacity: true)
        let lastStored = registry.withLock { $0.lastStored ?? last }
        let stored = fresh.filter {
            $0.table.schema == "realtime" && $0.table.name == "messages" && $0.id > lastStored
        }
        let rows = fresh.filter { !($0.table.schema == "realtime" && $0.table.name == "messages") }
        counters.withLock { $0.changes += rows.count }
        for change in stored { passOn(change) }
        if let newest = stored.last { registry.withLock { $0.lastStored = newest.id } }
        // The readers of this moment: whoever joins later finds the batch in the log.
        let followers: [FollowedTable: [Subscription]] = registry.withLock { registry in
            var followers: [FollowedTable: [Subscription]] = [:]
            for change in rows {
                registry.log.append(change)
                if followers[change.table] == nil {
                    followers[change.table] = registry.subscriptions(on: change.table)
                }
            }
            return followers
        }
        guard followers.values.contains(where: { !$0.isEmpty }) else { return }
        // Whoever has filters that may take long hears last, and holds nobody else up.
        let late = Dictionary(grouping: followers.values.joined().filter { !$0.request.filter.patterns.isEmpty }) {
            $0.channel.session.number
        }
        try await decide(rows, followers.mapValues { $0.filter { late[$0.channel.session.number] == nil } }, nil)
        guard !late.isEmpty else { return }
        let end = ContinuousClock.now + settings.limits.patternTimeInAllMax
        for (session, _) in late.sorted(by: { ($0.value.count, $0.key) < ($1.value.count, $1.key) }) {
            let own = followers.mapValues { $0.filter { $0.channel.session.number == session } }
            try await decide(rows, own, min(end, .now + settings.limits.patternTimeMax))
        }
    }

    private func decide(
        _ rows: [Change], _ followers: [FollowedTable: [Subscription]], _ end: ContinuousClock.Instant?
    ) async throws {
        guard followers.values.contains(where: { !$0.isEmpty }) else { return }
        let decisions = try await patiently { try await self.judge.decide(rows, until: end) { followers[$0] ?? [] } }
        deliver(
            decisions.filter { $0.subscription.admits($0.delivery) }.map { ($0.subscription, $0.delivery) })
    }

    /// A stored broadcast goes to the members of its topic; what they may read was decided when they joined.
    private func passOn(_ change: Change) {
        guard change.kind == .insert, let new = change.new else { return }
        var values: [String: String] = [:]
        for (column, value) in zip(change.table.columns, new.values) {
            if case .text(let text) = value { values[column.name] = text }
        }
        guard values["extension"] == "broadcast", let topic = values["topic"] else { return }
        let payload = values["payload"].flatMap { try? JSONReader.read($0) } ?? .object([])
        send(
            payload, event: values["event"] ?? "", on: TopicKey(isPrivate: values["private"] == "t", name: topic),
            except: nil, meta: values["id"].map { ["id": .string($0)] })
    }

    /// The server may forget what left our log, and in any case what lies further back than we may hold it.
    private func confirmable(_ end: LogPosition) -> LogPosition {
        let kept = settings.limits.slotBytesKept
        let bound = LogPosition(end.rawValue > kept ? end.rawValue - kept : 0)
        guard let oldest = registry.withLock(\.log.oldest) else { return end }
        return min(end, max(oldest, bound))
    }
}
