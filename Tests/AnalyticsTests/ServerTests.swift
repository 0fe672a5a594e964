import Foundation
import Gateway
import Postgres
import PostgresServer
import TestSupport
import Testing
import Web

@testable import Analytics

/// The addresses behind a real server, and a client that somebody else wrote.
@Suite(.enabled(if: Star.isThere, "\(Star.absent)")) struct ServerTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    struct Served: Sendable {
        let port: Int
        let bank: Star.Bank
        let tokens: BITokenStore
        var address: String { "http://127.0.0.1:\(port)" }
    }

    private func serve(_ bank: Star.Bank, _ body: @escaping @Sendable (Served) async throws -> Void) async throws {
        let port = try #require(FreePort.find())
        let tokens = BITokenStore(bank.database)
        let routes = AnalyticsRoutes(
            analytics: bank.analytics, tokens: tokens, address: "http://127.0.0.1:\(port)",
            clock: { Int64(Date().timeIntervalSince1970) })
        var settings = GatewaySettings()
        settings.port = port
        settings.adminPort = nil
        let (ready, listening) = AsyncStream.makeStream(of: Int.self)
        let server = GatewayServer(
            settings: settings, mounts: routes.mounts,
            tokens: { token in
                let claims = "{\"app_metadata\":{\"role\":\"\(token)\"}}"
                return token == "bad"
                    ? .failure(TokenRefusal(code: "PGRST301", message: "bad"))
                    : .success(Actor(role: "authenticated", claims: claims, subject: "x"))
            }, anonymous: nil, onListening: { port, _ in listening.yield(port) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                for await port in ready { return try await body(Served(port: port, bank: bank, tokens: tokens)) }
            }
            try await group.next()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    @Test("who brings no token, an old one or a client's is refused; an analyst and a BI token pass")
    func access() async throws {
        try await Star.with { bank in
            try await serve(bank) { served in
                let good = try await served.tokens.add(name: "powerbi", days: 10)
                let old = try await served.tokens.add(name: "old", days: 10)
                try await bank.database.run(
                    "update bi.jetons set cree_le = now() - interval '2 days', expire_le = now() - interval '1 day' where nom = 'old'"
                )
                let gone = try await served.tokens.add(name: "gone", days: 10)
                let number = try await bank.number("select id from bi.jetons where nom = 'gone'")
                #expect(try await served.tokens.revoke(number))
                #expect(try await !served.tokens.revoke(number))
                func basic(_ text: String) -> [String: String] {
                    ["Authorization": "Basic " + Data(text.utf8).base64EncodedString()]
                }
                let cases: [([String: String], Int, String)] = [
                    ([:], 401, "missing"), (basic("bi:" + good), 200, ""), (basic(":" + good), 200, ""),
                    (basic("bi:" + old), 401, "expired"), (basic("bi:" + gone), 401, "revoked"),
                    (basic("bi:dbi_nothing"), 401, "not known"), (["Authorization": "Basic x"], 401, "missing"),
                    (["Authorization": "Bearer analyst"], 200, ""), (["Authorization": "Bearer admin"], 200, ""),
                    (["Authorization": "Bearer client"], 403, "analysts"),
                    (["Authorization": "Bearer bad"], 401, "missing"),
                ]
                for path in ["/bi/odata", "/bi/odata/dim_heure", "/bi/v1/measures"] {
                    for (headers, status, word) in cases {
                        let answer = try await ask(served.port, path, headers)
                        let isSaid = word.isEmpty || answer.body.contains(word)
                        #expect(answer.status == status && isSaid, "\(path) \(headers): \(answer)")
                        if status == 401 { #expect(answer.head.contains("Basic realm=")) }
                    }
                }
                let packed = try await ask(
                    served.port, "/bi/odata/dim_date", basic("bi:" + good).merging(["Accept-Encoding": "gzip"]) { $1 })
                #expect(packed.head.lowercased().contains("content-encoding: gzip"))
                let unknown = try await ask(
                    served.port, "/bi/v1/measures/nombre_operations?filtre=x", basic("bi:" + good))
                #expect(unknown.status == 400)
                let none = try await ask(served.port, "/bi/v1/measures/nothing", basic("bi:" + good))
                #expect(none.status == 404)
                // Kept as a digest only.
                #expect(
                    try await bank.number(
                        "select count(*) from bi.jetons where nom = '\(good)' or empreinte::text like '%dbi_%'") == 0)
            }
        }
    }

    @Test("python-odata reads every set through its pages, and Power BI's model is read by another's parser")
    func client() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let python = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines) + "/bin/python"
        try await Star.with { bank in
            let model = try await bank.analytics.model()
            var counts: [JSON.Member] = []
            for entity in model.entities {
                counts.append(
                    .init(entity.name, .integer(try await bank.number("select count(*) from bi.\"\(entity.name)\""))))
            }
            let wanted = JSON.object(counts).text
            try await withTemporaryDirectory { folder in
                try ProjectWriter(
                    model: model, measures: bank.analytics.measures, server: "x:5432", database: "b",
                    odata: "http://x/bi/odata"
                ).write(to: folder)
                try await serve(bank) { served in
                    let token = try await served.tokens.add(name: "python", days: 1)
                    let run = try await ToolRun.run(
                        python, [Self.root + "/Tests/ODataClients/read_all.py"],
                        environment: [
                            "ODATA_URL": served.address + "/bi/odata/", "ODATA_TOKEN": token, "ODATA_COUNTS": wanted,
                            "PROJECT": folder, "MEASURES": "\(bank.analytics.measures.measures.count)",
                            "COLUMNS": "\(model.entities.reduce(0) { $0 + $1.columns.count })", "PATH": "/usr/bin:/bin",
                        ])
                    #expect(run.status == 0, "\(run.outputText.suffix(3000))\(run.errorText.suffix(2000))")
                    #expect(run.outputText.contains("sets read: \(model.entities.count)"))
                }
            }
        }
    }

    @Test(
        "a million facts are paged through in flat memory", .enabled(if: isLongRun, "only in long runs"))
    func million() async throws {
        try await Star.with { bank in
            // The facts that are there, 130 times; their keys are known good.
            try await bank.database.withConnection { connection in
                try await connection.run("set session_replication_role = replica")
                try await connection.run(
                    """
                    insert into bi.fact_transaction
                    select transaction_cle + g * 1000000, horodatage, date_cle, date_valeur_cle, heure_cle, client_cle,
                        contrepartie_cle, compte_cle, compte_credit_cle, carte_cle, marchand_cle, canal_cle, pays_cle,
                        type_operation_cle, montant, historique
                    from bi.fact_transaction, generate_series(1, 130) g
                    """)
            }
            let total = try await bank.number("select count(*) from bi.fact_transaction")
            try #require(total >= 1_000_000)
            try await serve(bank) { served in
                let token = try await served.tokens.add(name: "million", days: 1)
                let run = try await ToolRun.run(
                    "/usr/bin/python3", [Self.root + "/Tests/ODataClients/page_all.py"],
                    environment: [
                        "ODATA_URL": served.address + "/bi/odata", "ODATA_TOKEN": token, "SERVER_PID": "\(getpid())",
                    ])
                #expect(run.status == 0, "\(run.errorText)")
                let report = try JSONReader.read(run.outputText)
                #expect(report["rows"]?.integer == total)
                let first = try #require(report["memory_first_kb"]?.integer)
                let last = try #require(report["memory_last_kb"]?.integer)
                #expect(last < first + 120_000, "\(run.outputText)")
                try run.outputText.write(
                    toFile: Self.root + "/.build/odata-million.json", atomically: true, encoding: .utf8)
            }
        }
    }

    private func ask(
        _ port: Int, _ target: String, _ headers: [String: String]
    ) async throws -> (status: Int, head: String, body: String) {
        try await TestSupport.ask(port, "GET", target, headers)
    }
}

/// A port that nobody has at this moment.
enum FreePort {
    static func find() -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
