internal import Bank
internal import BankAPI
internal import Cryptography
internal import Detection
internal import Evidence
internal import Foundation
internal import Fraud
internal import Migrations
internal import Postgres

/// The desk as a part of the server: its schema, its models and its rules, looked at again every few seconds.
struct FraudDeskService: Sendable {
    let desk: FraudDesk
    private let rules: String
    private let tests: String
    private let key: SigningKey
    /// How often a candidate is trained on the bank's own decisions; nil: only by hand.
    private let retrainingDays: Int?
    private let places: GeoDatabase?
    private let devices = EntityCap(max: 20)
    private let addresses = EntityCap(max: 100)
    private let voice = FraudVoice()

    static let lookEvery: Duration = .seconds(5)
    private static let driftSeconds: Int64 = 900

    /// - Parameters:
    ///   - database: owns schema `fraud`.
    ///   - places: where addresses are.
    static func open(
        _ database: Database, data: DataDirectory, retrainingDays: Int? = nil, places: GeoDatabase? = nil
    ) async throws -> FraudDeskService {
        try await Migrator(database).apply([try EvidenceMigrations.set(), try FraudMigrations.set()])
        let plan = try FeaturePlan(.shipped(), set: "bank")
        let key = try SigningKey.open(path: data.evidenceKey)
        var settings = FraudSettings()
        settings.controlKey = try await FraudDesk.controlKey(database)
        let desk = FraudDesk(database: database, plan: plan, trusted: [key.publicKey], settings: settings)
        let rules = try Rulebook.shippedPath()
        let service = FraudDeskService(
            desk: desk, rules: rules, tests: String(rules.dropLast(".yml".count)) + ".tests.yml", key: key,
            retrainingDays: retrainingDays, places: places)
        try service.desk.reloadRules(path: service.rules, testsPath: service.tests)
        // A model that is refused must not keep the bank from opening: rules and lists decide until another is there, and
        // each such decision is counted.
        await service.reloadModels()
        return service
    }

    private func reloadModels() async {
        do {
            try await desk.reloadModels()
            voice.say(nil)
        } catch let error as FraudError {
            voice.say("\(error.code): \(error.message)")
        } catch {
            // The database is away for a moment: what is in service stays.
        }
    }

    /// Judges the orders of clients and the payments by their cards: the account stands for the client, whom it pays or the
    /// merchant's terminal for the terminal; devices and addresses are numbers made of their names.
    var screen: PaymentScreen {
        var screen = PaymentScreen(
            isOn: { true },
            hear: { [desk] payment, isFraud, author in
                _ = try await desk.label(payment, isFraud: isFraud, source: .client, author: author)
            },
            judgeCard: { [desk] payment, account, tx in
                let entities = [
                    "customer": account.rawValue, "terminal": PaymentRequest.number(of: "terminal \(payment.terminal)"),
                ]
                let request = Self.request(
                    "carte \(account.rawValue) \(payment.key.rawValue)", payment.amount, entities, [:],
                    isProved: payment.isProved)
                return try await Self.told { try await desk.decide(request, in: tx) }
            },
            judging: { [self] order, origin, tx in
                try await Self.told { try await desk.decide(request(order, origin), in: tx) }
            })
        screen.judgeLot = { [self] wishes, tx in
            let answers = try await desk.decide(lot: wishes.map { request($0.order, $0.origin) }, in: tx)
            return answers.map { answer in
                switch answer {
                case .decided(let decision): .verdict(Self.verdict(decision))
                case .refused(let error): .failure(error)
                case .alone: .alone
                }
            }
        }
        screen.deny = { [desk] account, key, author in
            do {
                try await desk.deny(
                    PaymentRequest.number(of: Self.name(account, key)), author: author)
                return true
            } catch let error as FraudError where error.code == "fraud_payment_unknown" {
                return false
            }
        }
        return screen
    }

    /// What an order's number is made of: it has its account and its key in the ledger.
    private static func name(_ account: AccountID, _ key: OrderKey) -> String {
        "virement \(account.rawValue) \(key.rawValue)"
    }

    /// What is remembered of a client's devices and addresses is bounded: behind so many in a day the others are not told
    /// apart from none.
    private func context(_ origin: PaymentOrigin?, of account: Int64) -> [String: Int64] {
        guard let origin else { return [:] }
        let day = Int64(Date().timeIntervalSince1970) / 86_400
        var context: [String: Int64] = [:]
        let address = PaymentRequest.number(of: "address \(origin.address)")
        if addresses.admits(address, of: account, day: day) { context["address"] = address }
        if let device = origin.device.map({ PaymentRequest.number(of: "device \($0)") }),
            devices.admits(device, of: account, day: day)
        {
            context["device"] = device
        }
        guard let point = places?.point(of: origin.address) else { return context }
        context["place"] = Place.key(latitude: point.latitude, longitude: point.longitude)
        if !point.country.isEmpty { context["country"] = PaymentRequest.number(of: "country \(point.country)") }
        return context
    }

    /// The bank's own clock orders what was proved when it was set up: such orders have no origin.
    private func request(_ order: TransferOrder, _ origin: PaymentOrigin?) -> PaymentRequest {
        Self.request(
            Self.name(order.debit, order.key), order.amount,
            ["customer": order.debit.rawValue, "terminal": order.credit.rawValue],
            context(origin, of: order.debit.rawValue), isProved: origin?.isProved ?? true)
    }

    private static func request(
        _ name: String, _ amount: Money, _ entities: [String: Int64], _ context: [String: Int64], isProved: Bool
    ) -> PaymentRequest {
        let number = PaymentRequest.number(of: name)
        var request = PaymentRequest(
            payment: number, key: name.utf8.count > 200 ? "empreinte \(number)" : name,
            time: Int64(Date().timeIntervalSince1970 * 1_000_000), minor: amount.minor, entities: entities,
            keepsTime: false)
        request.context = context
        request.isProved = isProved
        return request
    }

    private static func told(
        _ decide: () async throws -> FraudDecision
    ) async throws -> PaymentScreen.Verdict {
        do { return verdict(try await decide()) } catch let error as FraudError where error.code == "fraud_key_reused" {
            // The ledger may not know the key: the order that had it may have been held.
            throw PostgresError(
                kind: .server, message: "the idempotency key stands for another request", sqlState: "LV007")
        }
    }

    private static func verdict(_ decision: FraudDecision) -> PaymentScreen.Verdict {
        switch decision.verdict {
        case .allow: .pass
        case .stepUp: .proof
        case .review: .held
        case .block: .refused
        }
    }

    /// Begins the first day, takes new models and rules into service, makes up for late decisions, and does what one server
    /// of many does; until the task is cancelled. What is refused leaves what was before in service.
    func run() async throws {
        let holder = "\(ProcessInfo.processInfo.hostName) \(ProcessInfo.processInfo.processIdentifier)"
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await look() }
            // Training keeps a thread busy for minutes: one of its own.
            group.addTask(executorPreference: QueueExecutor("digitalbank.fraud")) {
                // Without a history, or while the database is away, rules and lists decide.
                _ = try? await DayOne(desk: desk, key: key.key).begin()
                try await watch(holder)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func look() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.lookEvery)
            await reloadModels()
            try? desk.reloadRules(path: rules, testsPath: tests)
            _ = try? await desk.catchUp()
        }
    }

    /// Drift every quarter of an hour, retraining as often as was asked for.
    private func watch(_ holder: String) async throws {
        let monitor = DriftMonitor(desk: desk)
        while !Task.isCancelled {
            if (try? await monitor.turn(.drift, holder: holder, everySeconds: Self.driftSeconds)) == true {
                let count = try? await monitor.measure()
                _ = try? await desk.forget()
                try? await monitor.done(.drift, holder: holder, result: count.map { "\($0) paiements" })
            }
            if let retrainingDays,
                (try? await monitor.turn(
                    .retraining, holder: holder, everySeconds: Int64(retrainingDays) * 86_400)) == true
            {
                let words = await retrain()
                try? await monitor.done(.retraining, holder: holder, result: words)
            }
            try await Task.sleep(for: .seconds(60))
        }
    }

    private func retrain() async -> String {
        do {
            guard let outcome = try await Retraining(desk: desk, key: key.key).run() else { return "aucune décision" }
            return outcome.model.map { "modèle \($0) à l'essai" } ?? "candidat écarté"
        } catch let error as FraudError {
            return error.code
        } catch {
            return "interrompu"
        }
    }
}
