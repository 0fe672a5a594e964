public import Bank
internal import Foundation
internal import HTTPTypes
public import Postgres
public import Vault
public import Web

/// What the service needs to know of the bank.
public struct BankSettings: Sendable {
    public var name = "DigitalBank"
    /// Of the bank, where an account has none of its own.
    public var bic = "DGBKFRPP"
    /// Requests of one client in a minute, to all servers of the bank; more are refused with 429.
    public var requestsPerMinuteMax = 3000
    /// How often standing orders are looked at.
    public var standingOrdersEvery: Duration = .seconds(60)

    public init() {}
}

/// Opens what the bank keeps sealed, and finds accounts by their IBAN.
public struct BankSecrets: Sendable {
    let vault: Vault
    let ibans: BlindIndex

    /// - Parameter indexing: the root of the blind indexes.
    public init(vault: Vault, indexing: KeyEncryptionKey) {
        self.vault = vault
        ibans = BlindIndex(root: indexing, purpose: "iban")
    }
}

/// What the endpoints share.
struct BankCore: Sendable {
    let store: BankStore
    let secrets: BankSecrets
    let settings: BankSettings
    let batcher: TransferBatcher
    let payees: PayeeGatherer
    let screen: PaymentScreen?
    /// Nil where orders are judged one by one.
    let lots: ScreenedLots?
    /// Unix seconds.
    let clock: @Sendable () -> Int64
}

/// The bank's own operations, without an HTTP server: a request value in, a response value out.
public struct BankService: Sendable {
    let core: BankCore
    private let limiter: RequestLimiter

    /// - Parameters:
    ///   - database: connects as a role that may become `authenticated` and `service_role`.
    ///   - screen: judges each order before it is executed.
    public init(
        database: Database, secrets: BankSecrets, settings: BankSettings = BankSettings(),
        screen: PaymentScreen? = nil, clock: @escaping @Sendable () -> Int64
    ) {
        let store = BankStore(database: database)
        let payees = PayeeStore(store: store, secrets: secrets)
        core = BankCore(
            store: store, secrets: secrets, settings: settings, batcher: TransferBatcher(BankExecutor(store: store)),
            payees: PayeeGatherer { try await payees.find($0) }, screen: screen,
            lots: ScreenedLots(store: store, screen: screen), clock: clock)
        limiter = RequestLimiter(perMinute: settings.requestsPerMinuteMax)
    }

    /// Answers one request; what is refused is an answer too.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            let (route, path) = try RouteTable.find(request.method, request.path)
            var caller = try BankCaller(actor)
            caller.origin = request.origin(isProved: caller.level == "aal2")
            guard limiter.admits(caller.user, at: core.clock()) else {
                throw BankProblem(
                    429, code: "too_many_requests", message: "too many requests in this minute",
                    hint: "Wait, then go on more slowly.")
            }
            let call = try BankCall(core, caller, request, route, path)
            var response = try await route.run(call)
            response.fields[.cacheControl] = "no-store"
            return response
        } catch {
            return ProblemTable.problem(error).response
        }
    }

    /// Executes standing orders as they fall due, and counts requests with the other servers, until the task is cancelled.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    // A database that is away for a moment is asked again at the next turn.
                    _ = try? await executeStandingOrders()
                    try await Task.sleep(for: core.settings.standingOrdersEvery)
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await shareCounts()
                    try await Task.sleep(for: Self.countsEvery)
                }
            }
            try await group.waitForAll()
        }
    }

    private static let countsEvery: Duration = .seconds(1)

    /// Tells the other servers how many requests came here, and learns how many came there.
    func shareCounts() async throws { try await limiter.exchange(RequestCountStore(store: core.store)) }

    /// Executes what is due on a day, the open business day by default; says how many orders were looked at.
    @discardableResult
    public func executeStandingOrders(on day: LedgerDay? = nil) async throws -> Int {
        try await StandingOrderRunner(core: core).run(on: day)
    }

    /// The document of the interface, which needs no token.
    public static func document(_ request: ApiRequest) -> ApiResponse {
        guard request.path == "/" else {
            return BankProblem(
                404, code: "not_found", message: "nothing is served at this address",
                hint: "See the addresses in /bank/v1/openapi.json."
            ).response
        }
        guard request.method == .get else {
            var refusal = BankProblem(
                405, code: "method_not_allowed", message: "this address does not take \(request.method.rawValue)",
                hint: "Use GET.")
            refusal.allow = "GET"
            return refusal.response
        }
        guard request.query.isEmpty else {
            return BankProblem(
                400, code: "parameter_unknown", message: "the document takes no parameters", hint: "Leave them out."
            ).response
        }
        return .json(OpenAPIDocument.text)
    }
}

extension ApiRequest {
    private static let deviceMax = 200

    /// A program names its device in `X-Device-Id`.
    fileprivate func origin(isProved: Bool) -> PaymentOrigin {
        let device = HTTPField.Name("X-Device-Id").flatMap { fields[$0] }
        return PaymentOrigin(
            address: remoteAddress,
            device: device.flatMap { $0.isEmpty || $0.utf8.count > Self.deviceMax ? nil : $0 }, isProved: isProved)
    }
}
