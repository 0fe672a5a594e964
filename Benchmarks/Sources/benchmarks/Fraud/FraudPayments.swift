import Bank
import BankAPI
import Foundation
import Fraud
import HTTPTypes
import Migrations
import Postgres
import Synchronization
import Vault
import Web

/// What judging costs payments: the same orders through the bank's service with and without the desk.
struct FraudPayments: Benchmark {
    let name = "fraud-payments"
    let title = "Payments with and without their scores"
    let explanation = """
        `POST /transfers` of the bank's service, in this process, over a durable cluster: token and HTTP left out, all else as
        served. 1,000 clients, each order of its own key, from 1,000 addresses. With scores each order's features are read
        and put back in PostgreSQL, a model trained on the handbook asked and the decision kept, in the transaction that
        moves the money. Afterwards the ledger is verified, and the states are compared with a recomputation.
        """
    private static let least = 0.8

    func run(_ context: Context) async throws -> [Row] {
        let stage = try FraudScore.Stage()
        try await ApiBank.prepare(context)
        let database = try await context.database(ApiBank.name)
        try await Migrator(database).apply([FraudMigrations.set()])
        let clients = try await database.run(
            "select numero::bigint, utilisateur_id::text from clients where utilisateur_id is not null order by numero"
        ).map { Client(number: try $0.decode(0), user: try $0.decode(1)) }
        let scorer = stage.scorer
        var settings = FraudSettings()
        settings.controlKey = Array("benchmark".utf8)
        let desk = FraudDesk(database: database, plan: scorer.plan, trusted: [], settings: settings)
        let id = try await database.one(
            "insert into fraud.modeles (colonnes, fichier, empreinte, figures) values ('-', '', '-', '{}') returning id",
            as: Int64.self)
        desk.replace { $0.champion = (id, scorer) }
        let kek = try KeyEncryptionKey(bytes: [UInt8](repeating: 7, count: 32))
        func service(_ screen: PaymentScreen?) -> BankService {
            BankService(
                database: database,
                secrets: BankSecrets(
                    vault: Vault(database: database, keyring: Keyring(current: kek)), indexing: kek), screen: screen,
                clock: { Int64(Date().timeIntervalSince1970) })
        }
        let (plain, judged) = (service(nil), service(Self.screen(desk)))
        var rows: [Row] = []
        for callers in [8, 256] {
            rows += try await context.alternate([
                Side(what: "without scores, \(callers) callers") {
                    try await context.rate(width: callers) { try await Self.pay(plain, clients, $0) }
                },
                Side(what: "with scores, \(callers) callers", bar: .atLeast(Self.least)) {
                    try await context.rate(width: callers) { try await Self.pay(judged, clients, $0) }
                },
            ])
        }
        let findings = try await LedgerStore(database).verify()
        guard findings.isEmpty else { throw BenchmarkError(description: "the ledger is wrong: \(findings)") }
        let late = desk.fallbackCounts
        if !late.isEmpty { say("without the model: \(late)") }
        _ = try await desk.catchUp()
        let audit = try await desk.audit()
        guard audit.isEmpty else { throw BenchmarkError(description: "states are not those of the history: \(audit)") }
        await database.close()
        return rows
    }

    private struct Client: Sendable {
        let number: Int64
        let user: String

        var account: Int64 { (number - 1) * 5 + 1 }
    }

    private static func pay(_ service: BankService, _ clients: [Client], _ worker: Int) async throws {
        let from = Int.random(in: clients.indices)
        let to = (from + 1 + .random(in: 0..<clients.count - 1)) % clients.count
        let claims = """
            {"sub":"\(clients[from].user)","role":"authenticated","aal":"aal2","app_metadata":{"role":"client"}}
            """
        let body = """
            {"debit_account":\(clients[from].account),"payee":{"account":\(clients[to].account)},
            "amount":{"amount":"0.\(Int.random(in: 10...99))","currency":"EUR"}}
            """
        var fields = HTTPFields()
        fields[.contentType] = "application/json"
        if let name = HTTPField.Name("Idempotency-Key") { fields[name] = UUID().uuidString }
        let response = await service.handle(
            ApiRequest(
                method: .post, path: "/transfers", fields: fields, body: Array(body.utf8),
                remoteAddress: "10.0.\(from / 250).\(from % 250)"),
            actor: Actor(role: "authenticated", claims: claims, subject: clients[from].user))
        // A score may ask for a second factor, which these clients have given, or hold an order: that is an answer too.
        guard [201, 403, 409].contains(response.status.code) else {
            throw BenchmarkError(
                description: "an order was answered \(response.status.code): "
                    + String(decoding: response.body.prefix(300), as: UTF8.self))
        }
    }

    /// As the server's own screen, with the handbook's columns: client and terminal, no context.
    private static func screen(_ desk: FraudDesk) -> PaymentScreen {
        @Sendable func request(_ order: TransferOrder, _ isProved: Bool) -> PaymentRequest {
            let name = "virement \(order.debit.rawValue) \(order.key.rawValue)"
            var request = PaymentRequest(
                payment: PaymentRequest.number(of: name), key: name,
                time: Int64(Date().timeIntervalSince1970 * 1_000_000), minor: order.amount.minor,
                entities: ["customer": order.debit.rawValue, "terminal": order.credit.rawValue], keepsTime: false)
            request.isProved = isProved
            return request
        }
        @Sendable func verdict(_ decision: FraudDecision) -> PaymentScreen.Verdict {
            switch decision.verdict {
            case .allow: .pass
            case .stepUp: .proof
            case .review: .held
            case .block: .refused
            }
        }
        var screen = PaymentScreen(
            isOn: { true },
            judging: { order, origin, tx in
                verdict(try await desk.decide(request(order, origin?.isProved ?? true), in: tx))
            })
        screen.judgeLot = { wishes, tx in
            try await desk.decide(lot: wishes.map { request($0.order, $0.origin?.isProved ?? true) }, in: tx).map {
                switch $0 {
                case .decided(let decision): .verdict(verdict(decision))
                case .refused(let error): .failure(error)
                case .alone: .alone
                }
            }
        }
        return screen
    }
}
