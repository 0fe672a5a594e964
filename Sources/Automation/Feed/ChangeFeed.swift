internal import Postgres
internal import Web

/// Reads the server's log for scenarios with a trigger `changes`, and puts what they want into the outbox.
///
/// One server reads at a time: the slot is its lock, and another one takes over when its connection ends. How far it read
/// changes with the outbox in one transaction, so that a change is taken once whoever dies when.
struct ChangeFeed: Sendable {
    let database: Database
    private let pause: Duration = .seconds(1)

    /// Changes of one transaction of the log that are written at once.
    static let changesMax = 5_000
    private static let messagesMax = 1_000

    init(database: Database) { self.database = database }

    static func wanted(_ scenarios: [Scenario]) -> [String: FeedReader.Wanted] {
        var found: [String: (operations: Set<String>, columns: Set<String>)] = [:]
        for scenario in scenarios {
            guard case .changes(let table) = scenario.trigger else { continue }
            found[table.table, default: ([], [])].operations.formUnion(table.operations)
            found[table.table, default: ([], [])].columns.formUnion(table.fields.map(\.name))
        }
        return found.mapValues { FeedReader.Wanted(operations: $0.operations, columns: $0.columns) }
    }

    /// Makes publication and slot fit the scenarios; without one that follows changes there are none, and the server keeps no
    /// log for us. Returns the slot, nil when there is nothing to read.
    ///
    /// - Parameter kept: sources that servers with newer scenarios name: what they follow goes on being kept.
    func prepare(_ scenarios: [Scenario], leaving kept: [String] = []) async throws -> String? {
        let store = FeedStore(database: database)
        let others = kept.filter { $0.hasPrefix("changes:") }.map { String($0.dropFirst(8)) }
        let tables = Set(Self.wanted(scenarios).keys).union(others).sorted()
        let slot = try await store.slotName()
        let isThere = try await store.hasSlot(slot)
        if tables.isEmpty {
            guard isThere else { return nil }
            _ = try await store.follow([])
            try await store.dropSlot(slot)
            return nil
        }
        if let obstacle = try await store.obstacle() { throw AutomationError.feed(obstacle) }
        let missing = try await store.follow(tables)
        guard missing.count < tables.count else { return nil }
        if isThere, try await store.isLost(slot) {
            try await store.dropSlot(slot)
            try await store.makeSlot(slot)
            throw AutomationError.feed("the server gave log away that no scenario had read: changes were missed")
        }
        if !isThere { try await store.makeSlot(slot) }
        return slot
    }

    /// Reads until the task is cancelled, the server is lost, or the scenarios are others.
    func read(_ slot: String, _ scenarios: @escaping @Sendable () -> [Scenario]) async throws {
        let versions = Self.versions(scenarios())
        let stream: ReplicationStream
        do {
            var options = ReplicationStream.Options(slot: slot, publications: [FeedStore.publication])
            options.statusInterval = .seconds(1)
            stream = try await ReplicationStream.start(database.configuration, options)
        } catch let error as PostgresError where error.sqlState == "55006" {
            // Another server reads it.
            return try await Task.sleep(for: pause)
        }
        let wanted = Self.wanted(scenarios())
        let place = try await FeedStore(database: database).place(slot)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer {
                stream.close()
                group.cancelAll()
            }
            group.addTask { try await self.follow(stream, FeedReader(wanted: wanted, place: place), slot) }
            group.addTask {
                while Self.versions(scenarios()) == versions { try await Task.sleep(for: self.pause) }
            }
            try await group.next()
        }
    }

    /// Until the stream ends, or another server has taken what we read.
    private func follow(_ stream: ReplicationStream, _ start: FeedReader, _ slot: String) async throws {
        var reader = start
        var written = start.place
        while true {
            let messages = try await stream.next(upTo: Self.messagesMax)
            if messages.isEmpty { return }
            for message in messages {
                reader.read(message)
                guard reader.changes.count >= Self.changesMax else { continue }
                guard try await write(&reader, &written, slot) else { return }
            }
            guard try await write(&reader, &written, slot) else { return }
            if let end = reader.end { stream.confirm(upTo: end) }
        }
    }

    private func write(_ reader: inout FeedReader, _ written: inout FeedPlace, _ slot: String) async throws -> Bool {
        let changes = reader.takeAll()
        // Transactions without anything for us move the slot, not the table.
        guard !changes.isEmpty else { return true }
        let place = reader.place
        guard try await FeedStore(database: database).take(slot, from: written, to: place, changes) else {
            return false
        }
        written = place
        return true
    }

    private static func versions(_ scenarios: [Scenario]) -> [String] {
        scenarios.compactMap { if case .changes = $0.trigger { $0.name + $0.version } else { nil } }
    }
}
