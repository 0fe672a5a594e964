internal import BankAPI
internal import Detection
internal import Dispatch
internal import Foundation
internal import Gateway
internal import Migrations
internal import Postgres
internal import Privacy
internal import Vault

/// The desk as a part of the server: bans and proofs in force, logs that are followed, incidents that come of them.
struct DetectionDeskService: Sendable {
    let desk: DetectionDesk
    private let database: Database
    private let data: DataDirectory
    private let watching: ServeRequest.Watching?
    /// What the guard in front of the gateway sees; nil: there is no guard.
    let guardWatch: GuardWatch?

    static let lookEvery: Duration = .seconds(1)

    /// - Parameter database: owns schema `detection`.
    static func open(_ database: Database, _ request: ServeRequest) async throws -> DetectionDeskService {
        try await Migrator(database).apply([try DetectionMigrations.set()])
        let protected = try ((request.watching?.protected ?? []) + (request.inspection?.protected ?? [])).map { text in
            guard let block = AddressBlock(text) else {
                throw DetectionError.option("\(text) is no block of addresses", "Write it like 192.0.2.0/24.")
            }
            return block
        }
        // What can not be read ends the start, not the watch.
        var options = DetectionOptions()
        try request.watching?.tuning.apply(to: &options)
        let desk = DetectionDesk(database: database, protected: protected)
        try await desk.refresh()
        let data = DataDirectory(request.dataDirectory)
        return DetectionDeskService(
            desk: desk, database: database, data: data, watching: request.watching,
            guardWatch: try request.inspection.map { inspection in
                var policy = ResponseDesk.Policy()
                policy.isDryRun = !inspection.responds
                policy.protected = protected
                return try GuardWatch(policy, journal: try folder(data) + "/guard-responses.jsonl") {
                    Int64(Date().timeIntervalSince1970 * 1_000_000)
                }
            })
    }

    private static func folder(_ data: DataDirectory) throws -> String {
        let folder = data.path + "/detection"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return folder
    }

    /// Orders of accounts that somebody may have taken over need one more proof.
    func guarding(_ screen: PaymentScreen) -> PaymentScreen {
        screen.asking(
            isAny: { [desk] in desk.measures.hasProofs },
            needsProof: { [desk] in desk.measures.needsProof(account: $0) })
    }

    /// Learns what was decided elsewhere and ends what is past, and follows logs when asked to.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: Self.lookEvery)
                    // The database may be away for a while; bans that are known stay.
                    try? await desk.refresh()
                }
            }
            if let guardWatch {
                group.addTask { [desk] in
                    try await guardWatch.run(
                        perform: { act in
                            // What is past its time ends in the database.
                            if case .unban = act { return }
                            await Self.perform(act, desk)
                        }, tell: { _ = try await desk.record($0, source: .live) })
                }
            }
            if let watching {
                // The follower waits for files with a system call.
                group.addTask(executorPreference: QueueExecutor("digitalbank.watch")) { try await follow(watching) }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func follow(_ watching: ServeRequest.Watching) async throws {
        var settings = LogFollower.Settings()
        settings.places = watching.places
        settings.from = try LogsService.beginning(watching.from)
        settings.options.rules = LogsService.shippedRules
        try watching.tuning.apply(to: &settings.options)
        // The tokens that a recovery gives the logs of the time before: an address keeps its own.
        let root = try KeyProvider.file(data.indexKey).key()
        let pseudonyms = BlindIndex(root: root, purpose: "logs")
        // What they stand for is sealed beside the lines, for two admins who break the glass.
        let identities = LogIdentities(indexing: root)
        settings.keep = desk.intake("serve", beside: { try await identities.keep(in: $0) }) { value in
            let token = pseudonyms.token(value)
            identities.note(value, token: token)
            return token
        }
        var policy = ResponseDesk.Policy()
        policy.isDryRun = !watching.responds
        policy.protected = watching.protected.compactMap { AddressBlock($0) }
        settings.responses = (policy, try Self.folder(data) + "/responses.jsonl")
        settings.perform = { [desk] act in await Self.perform(act, desk) }
        settings.unread = data.path + "/detection/unread.jsonl"
        settings.onUnread = { source, count in
            FileHandle.standardError.write(Data("watch: \(LogsService.unreadWords(source, count))\n".utf8))
        }
        settings.checkSeal = { SealedJournal.problems($0) }
        settings.onIncidents = { [desk] in _ = try await desk.record($0, source: .live) }
        // While the database is away nothing is committed; a new follower begins where the last commit was.
        while !Task.isCancelled {
            try? await LogFollower(settings).run()
            identities.forget()
            try await Task.sleep(for: Self.lookEvery)
        }
    }

    static func perform(_ act: ResponseDesk.Act, _ desk: DetectionDesk) async {
        switch act {
        case .ban(let address, let seconds, let rule):
            // Whoever came in by guessing from there is put out too.
            for (action, target) in [
                (ResponseOrder.Action.banAddress, address), (.revokeSessions, "address:" + address),
            ] {
                guard
                    let order = try? ResponseOrder(action, target, reason: "rule \(rule)", seconds: seconds)
                else { continue }
                _ = try? await desk.respond(order, by: "rule:" + rule, isAutomatic: true)
            }
        case .plan(let address, let seconds, let rule):
            guard
                let order = try? ResponseOrder(
                    .banAddress, address, reason: "rule \(rule)", seconds: seconds, isDryRun: true)
            else { return }
            _ = try? await desk.respond(order, by: "rule:" + rule, isAutomatic: true)
        case .unban(let address): _ = try? await desk.takeBack(.banAddress, address, by: "time")
        }
    }
}

/// Runs what blocks its thread on a thread of its own.
final class QueueExecutor: TaskExecutor {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: name) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
