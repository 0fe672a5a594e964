internal import Postgres
internal import Web

/// Decides which subscription may see which change.
///
/// The server decides: each policy and each filter is put to it once for all who share it (role, claims that the policy
/// may read, filter), over the rows as they were in the change, not as they are by now.
struct ChangeJudge: Sendable {
    struct Decision: Sendable {
        let subscription: Subscription
        let delivery: Subscription.Delivery
    }

    let store: ChangeStore
    let settings: RealtimeSettings
    let cache: AccessCache

    /// One question to the server: a policy for a role and claims, or a filter for a role.
    struct Question: Sendable, Hashable {
        enum What: Sendable, Hashable {
            case policy(String)
            case filter(ChangeFilter)
        }

        let table: FollowedTable
        let what: What
        let role: String
        let claims: String
    }

    /// A subscription with what its role may do on the table.
    struct Asker: Sendable {
        let subscription: Subscription
        let access: TableAccess
        /// Nil when it sees every row.
        let policy: Question?
        let filter: Question?
        /// Readable, and asked for.
        let columns: Set<String>
    }

    enum Answer: Sendable, Equatable {
        /// The numbers of the rows for which it holds.
        case rows(Set<Int>)
        /// The server could not say: nobody sees anything by it.
        case failed

        func holds(_ number: Int) -> Bool {
            if case .rows(let numbers) = self { numbers.contains(number) } else { false }
        }
    }

    typealias Answers = [Question: Answer]

    /// In the order of the changes. Throws only when the database cannot be reached: then nothing was decided.
    ///
    /// - Parameter end: what was not asked by then counts as what could not be answered; nil: each question has its own
    ///   time.
    func decide(
        _ changes: [Change], until end: ContinuousClock.Instant? = nil,
        for subscriptions: (FollowedTable) -> [Subscription]
    ) async throws -> [Decision] {
        var order: [FollowedTable] = []
        var byTable: [FollowedTable: [Change]] = [:]
        for change in changes {
            if byTable[change.table] == nil { order.append(change.table) }
            byTable[change.table, default: []].append(change)
        }
        var decisions: [Decision] = []
        for table in order {
            let found = subscriptions(table).filter { $0.channel.isOpen && !$0.isRetired && $0.request.covers(table) }
            guard !found.isEmpty, let changes = byTable[table] else { continue }
            decisions += try await decide(changes, of: table, for: found, end)
        }
        guard order.count > 1 else { return decisions }
        // Tables were looked at one after the other; clients hear in the order of commits.
        return decisions.enumerated().sorted { left, right in
            (left.element.delivery.change, left.offset) < (right.element.delivery.change, right.offset)
        }.map(\.element)
    }

    private func decide(
        _ changes: [Change], of table: FollowedTable, for subscriptions: [Subscription],
        _ end: ContinuousClock.Instant?
    ) async throws -> [Decision] {
        let askers = try await askers(subscriptions, on: table)
        guard !askers.isEmpty else { return [] }
        var filled: [Change] = []
        for change in changes { filled.append(try await completed(TableBatch.filled(change))) }
        let batch = TableBatch(filled, of: table)
        let answers = try await answers(to: askers, batch, end)
        tellFailures(askers, answers, table)
        var accepted: [(asker: Asker, index: Int)] = []
        for index in batch.changes.indices {
            for asker in askers where Self.accepts(asker, batch, index, answers) { accepted.append((asker, index)) }
        }
        guard !accepted.isEmpty else { return [] }
        var writer = try await ChangeWriter(batch, store, settings.limits, needed: Set(accepted.map(\.index)))
        return accepted.map { asker, index in
            let isOldSeen = Self.isSeen(batch.oldNumbers[index], asker, batch, answers)
            let change = batch.changes[index]
            return Decision(
                subscription: asker.subscription,
                delivery: .init(
                    change: change.id, transactionID: change.transactionID,
                    data: writer.data(index, columns: asker.columns, isOldSeen: isOldSeen)))
        }
    }

    // MARK: Who asks what

    private func askers(_ subscriptions: [Subscription], on table: FollowedTable) async throws -> [Asker] {
        let actors = subscriptions.map { ($0, $0.channel.actor) }
        let keys = Set(actors.map { TableAccess.Key(table: table.id, role: $0.1.role) })
        let access = try await cache.access(to: keys)
        let isNamed = settings.openTables.contains(table.fullName)
        let primaryKey = Set(table.columns.filter(\.isPrimaryKey).map(\.name))
        return actors.compactMap { subscription, actor in
            guard let access = access[.init(table: table.id, role: actor.role)] else { return nil }
            let policy: Question?
            switch access.verdict(isNamed: isNamed, isTrusted: settings.trustedRoles.contains(actor.role)) {
            case .nothing: return nil
            case .everything: policy = nil
            case .rows(let text):
                policy = Question(
                    table: table, what: .policy(text), role: actor.role,
                    claims: access.ignoresClaims ? "{}" : actor.claims)
            }
            let request = subscription.request
            // A filter on a column that may not be read would tell its values.
            guard request.filter.columns.isSubset(of: access.readable) else { return nil }
            let filter =
                request.filter.isEmpty
                ? nil : Question(table: table, what: .filter(request.filter), role: actor.role, claims: "{}")
            let columns = request.select.map { access.readable.intersection(primaryKey.union($0)) } ?? access.readable
            return Asker(subscription: subscription, access: access, policy: policy, filter: filter, columns: columns)
        }
    }

    // MARK: Asking

    private func answers(
        to askers: [Asker], _ batch: TableBatch, _ end: ContinuousClock.Instant?
    ) async throws -> Answers {
        let questions = Set(askers.flatMap { [$0.policy, $0.filter].compactMap { $0 } })
        guard !questions.isEmpty else { return [:] }
        struct Context: Hashable {
            let role: String
            let claims: String
        }
        let list = RecordText.list(batch.rows.map { ($0.values, batch.table) })
        let shared = Dictionary(
            askers.compactMap { asker in asker.access.shared.flatMap { (asker.policy?.what, $0) } },
            uniquingKeysWith: { first, _ in first })
        var answers = try await sharedAnswers(to: questions, list) { shared[$0] }
        let rest = questions.filter { answers[$0] == nil }
        let groups = Array(Dictionary(grouping: rest) { Context(role: $0.role, claims: $0.claims) }.values)
        let others = try await flights(groups, list, end)
        answers.merge(others) { first, _ in first }
        return answers
    }

    /// Policies that many readers can be judged by in one statement. What fails there is not answered: each reader's
    /// claims are then tried on their own.
    private func sharedAnswers(
        to questions: Set<Question>, _ list: String, _ shared: (Question.What) -> SharedPolicy?
    ) async throws -> Answers {
        struct Context: Hashable {
            let what: Question.What
            let role: String
        }
        let readers = Dictionary(grouping: questions) { Context(what: $0.what, role: $0.role) }
        var answers: Answers = [:]
        for (context, all) in readers where all.count > 1 {
            guard let policy = shared(context.what) else { continue }
            let parts = stride(from: 0, to: all.count, by: Self.sharedMax).map {
                Array(all[$0..<min($0 + Self.sharedMax, all.count)])
            }
            let some = try await withThrowingTaskGroup(of: Answers.self) { group in
                for part in parts { group.addTask { try await ask(policy, part, list) } }
                return try await group.reduce(into: Answers()) { $0.merge($1) { first, _ in first } }
            }
            answers.merge(some) { first, _ in first }
        }
        return answers
    }

    /// Readers whose claims are put to the server in one statement.
    private static let sharedMax = 512

    private func ask(_ policy: SharedPolicy, _ questions: [Question], _ list: String) async throws -> Answers {
        guard let first = questions.first else { return [:] }
        do {
            let sets = try await store.numbers(
                of: policy, in: first.table, list, role: first.role, claims: questions.map(\.claims),
                timeout: settings.limits.checkTimeout)
            return Answers(zip(questions, sets.map { .rows($0) })) { first, _ in first }
        } catch let error as PostgresError where error.isAboutTheQuestion {
            return [:]
        }
    }

    private func flights(
        _ groups: [[Question]], _ list: String, _ end: ContinuousClock.Instant?
    ) async throws -> Answers {
        guard !groups.isEmpty else { return [:] }
        return try await withThrowingTaskGroup(of: Answers.self) { group in
            var answers: Answers = [:]
            // The rows are sent with each question, so that many rows leave room for few questions.
            let size = max(1, min(Self.groupsMax, Self.flightBytesMax / max(1, list.utf8.count)))
            var waiting = stride(from: 0, to: groups.count, by: size).map {
                Array(groups[$0..<min($0 + size, groups.count)])
            }.makeIterator()
            // Bounded, so that a change with many readers leaves the pool to others.
            for _ in 0..<Self.flightsMax {
                guard let flight = waiting.next() else { break }
                group.addTask { try await ask(flight, list, end) }
            }
            while let some = try await group.next() {
                answers.merge(some) { first, _ in first }
                if let flight = waiting.next() { group.addTask { try await ask(flight, list, end) } }
            }
            return answers
        }
    }

    private static let flightsMax = 16
    /// Readers with claims of their own whose questions travel together.
    private static let groupsMax = 64
    private static let flightBytesMax = 1 << 20

    /// One flight for several readers; when a question fails in it, each reader's go on their own.
    private func ask(
        _ groups: [[Question]], _ list: String, _ end: ContinuousClock.Instant?
    ) async throws -> Answers {
        guard groups.count > 1 else { return try await ask(groups.first ?? [], list, end) }
        guard let timeout = time(until: end) else { return Self.unasked(groups.joined()) }
        let readers = groups.compactMap { group in
            group.first.map { first in
                ChangeStore.Reader(
                    role: first.role, claims: first.claims,
                    checks: group.map { ChangeStore.matching($0.table, list, $0.condition) })
            }
        }
        do {
            let sets = try await store.numbers(readers, timeout: timeout)
            return Answers(zip(groups.joined(), sets.map { .rows($0) })) { first, _ in first }
        } catch let error as PostgresError where error.isAboutTheQuestion {
            var answers: Answers = [:]
            for group in groups { answers.merge(try await ask(group, list, end)) { first, _ in first } }
            return answers
        }
    }

    private func ask(
        _ questions: [Question], _ list: String, _ end: ContinuousClock.Instant?
    ) async throws -> Answers {
        guard let first = questions.first else { return [:] }
        guard let timeout = time(until: end) else { return Self.unasked(questions) }
        do {
            let reader = ChangeStore.Reader(
                role: first.role, claims: first.claims,
                checks: questions.map { ChangeStore.matching($0.table, list, $0.condition) })
            let sets = try await store.numbers([reader], timeout: timeout)
            return Answers(zip(questions, sets.map { .rows($0) })) { first, _ in first }
        } catch let error as PostgresError where error.isAboutTheQuestion {
            guard questions.count > 1 else { return [first: .failed] }
            // One of them fails: each on its own, so that the others get their answer.
            var answers: Answers = [:]
            for question in questions { answers.merge(try await ask([question], list, end)) { first, _ in first } }
            return answers
        }
    }

    /// How long a question may take; nil when there is no time left.
    private func time(until end: ContinuousClock.Instant?) -> Duration? {
        guard let end else { return settings.limits.checkTimeout }
        let left = end - .now
        return left < .milliseconds(10) ? nil : min(left, settings.limits.checkTimeout)
    }

    private static func unasked(_ questions: some Sequence<Question>) -> Answers {
        Answers(questions.map { ($0, .failed) }) { first, _ in first }
    }

    private func tellFailures(_ askers: [Asker], _ answers: Answers, _ table: FollowedTable) {
        for asker in askers {
            let failed = [asker.policy, asker.filter].compactMap { $0 }.contains { answers[$0] == .failed }
            // A filter that takes too long once would hold everybody up again with each change.
            if let filter = asker.filter, answers[filter] == .failed { asker.subscription.retire() }
            guard failed, asker.subscription.channel.tellFailureOnce(table.fullName) else { continue }
            asker.subscription.channel.system(
                "postgres_changes", isOK: false,
                "changes of \(table.fullName) are held back: its policy or the filter could not be evaluated")
        }
    }

    // MARK: Deciding

    private static func accepts(_ asker: Asker, _ batch: TableBatch, _ index: Int, _ answers: Answers) -> Bool {
        let change = batch.changes[index]
        guard asker.subscription.request.wants(change.kind) else { return false }
        let number = change.kind == .delete ? batch.oldNumbers[index] : batch.newNumbers[index]
        guard isSeen(number, asker, batch, answers) else { return false }
        guard let filter = asker.filter else { return true }
        guard let number, answers[filter]?.holds(number) ?? false else { return false }
        return batch.rows[number - 1].known.map { asker.subscription.request.filter.columns.isSubset(of: $0) } ?? true
    }

    /// A row of which only some columns came is seen when the policy needs no other.
    private static func isSeen(_ number: Int?, _ asker: Asker, _ batch: TableBatch, _ answers: Answers) -> Bool {
        guard let number else { return false }
        guard let policy = asker.policy else { return true }
        guard answers[policy]?.holds(number) ?? false else { return false }
        return batch.rows[number - 1].known.map { asker.access.isDecided(by: $0) } ?? true
    }

    /// Reads large values that the log left out and the old row does not have.
    private func completed(_ change: Change) async throws -> Change {
        guard var new = change.new, new.values.contains(.unchanged) else { return change }
        let pairs = Array(zip(change.table.columns, new.values))
        let key = pairs.filter { $0.0.isPrimaryKey }.compactMap { column, value in
            if case .text(let text) = value { (name: column.name, text: text) } else { nil }
        }
        guard !key.isEmpty, key.count == change.table.columns.filter(\.isPrimaryKey).count else { return change }
        let missing = pairs.filter { $0.1 == .unchanged }.map(\.0.name)
        let found: [String: String?]?
        do {
            found = try await store.currentValues(of: missing, key: key, in: change.table)
        } catch let error as PostgresError where error.isAboutTheQuestion {
            return change
        }
        guard let found else { return change }
        for (index, column) in change.table.columns.enumerated() where new.values[index] == .unchanged {
            guard let value = found[column.name] else { continue }
            new.values[index] = value.map { .text($0) } ?? .null
        }
        var change = change
        change.new = new
        return change
    }
}

extension ChangeJudge.Question {
    /// The policy is the server's own text from `realtime.access`.
    var condition: Statement {
        switch what {
        case .policy(let text): Statement(unchecked: text)
        case .filter(let filter): filter.sql
        }
    }
}

extension PostgresError {
    /// The statement itself is refused: asking again brings the same answer.
    var isAboutTheQuestion: Bool {
        switch kind {
        case .server: !(sqlState?.hasPrefix("40") ?? false) && !(sqlState?.hasPrefix("53") ?? false)
        case .statementTimeout, .encoding, .decoding, .misuse: true
        case .connect, .connectionLost, .poolExhausted, .closed, .cancelled: false
        }
    }
}
