import Bank
import Cryptography
import Foundation
import Migrations
import Postgres
import PostgresServer
import Tokens
import Web

/// A bank of 1,000 clients who sign in, served by the product's own program over the benchmark's cluster.
final class ApiBank: Sendable {
    struct Client: Sendable {
        let user: String
        let account: Int64
        let token: String
    }

    static let name = "digitalbank_restored"
    static let clientCount = 1000

    let port: Int
    let process: Int32
    let clients: [Client]
    let serviceKey: String
    let anonKey: String

    /// Starts the server; `stop` ends it.
    static func start(_ context: Context) async throws -> ApiBank {
        try await prepare(context)
        try makeKeys(context.folder + "/keys")
        let environment = try await context.digitalbank(["keys", "api", "--data-dir", context.folder])
        let lines = Dictionary(
            environment.split(separator: "\n").compactMap { line -> (String, String)? in
                let parts = line.split(separator: "=", maxSplits: 1)
                return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
            }, uniquingKeysWith: { $1 })
        guard let anon = lines["SUPABASE_ANON_KEY"], let service = lines["SUPABASE_SERVICE_ROLE_KEY"] else {
            throw BenchmarkError(description: "digitalbank keys api said no keys: \(environment)")
        }
        // Once in a bank's life, and not what is measured.
        _ = try await context.digitalbank(["bi", "refresh", "--data-dir", context.folder])
        let port = try freePort()
        let log = context.folder + "/serve.log"
        let started = try DetachedProcess.start(
            [
                context.program, "serve", "--data-dir", context.folder, "--port", String(port), "--admin-port",
                String(try freePort()),
            ], log: log)
        let bank = ApiBank(
            port: port, process: started.identifier, clients: try await people(context), serviceKey: service,
            anonKey: anon)
        for _ in 0..<600 {
            if let connection = try? LoadConnection(port: port),
                (try? connection.exchange(Array("GET /auth/v1/health HTTP/1.1\r\nHost: x\r\n\r\n".utf8)).status) == 200
            {
                return bank
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        await bank.stop()
        let words = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw BenchmarkError(description: "the server did not start: \(words.suffix(2000))")
    }

    private init(port: Int, process: Int32, clients: [Client], serviceKey: String, anonKey: String) {
        self.port = port
        self.process = process
        self.clients = clients
        self.serviceKey = serviceKey
        self.anonKey = anonKey
    }

    func stop() async {
        DetachedProcess.stop(process)
        for _ in 0..<100 where kill(process, 0) == 0 { try? await Task.sleep(for: .milliseconds(100)) }
    }

    /// User and system seconds of the server so far.
    func cpuSeconds() -> Double {
        let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory of the server in megabytes.
    func residentMegabytes() -> Double {
        let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
    }

    /// A request of one client.
    func request(
        _ method: String = "GET", _ target: String, of client: Client, headers: String = "", body: String = ""
    ) -> [UInt8] {
        let length = method == "GET" ? "" : "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        return Array(
            ("\(method) \(target) HTTP/1.1\r\nHost: x\r\napikey: \(anonKey)\r\nAuthorization: Bearer \(client.token)\r\n"
                + headers + length + "\r\n" + body).utf8)
    }

    // MARK: Setting up

    static func prepare(_ context: Context) async throws {
        try await context.prepare("api") {
            let cluster = try await context.cluster()
            try await cluster.createDatabase(name)
            let database = Database(cluster.configuration(database: name))
            let set = try BankMigrations.set()
            let tables = MigrationSet(
                owner: set.owner, migrations: Array(set.migrations.prefix(BankMigrations.beforeBulkLoad)))
            try await Migrator(database).apply([tables])
            try await database.run(
                """
                insert into clients (numero, utilisateur_id)
                select n, case when n <= \(Int64(clientCount)) then gen_random_uuid() end
                from generate_series(1, \(context.accountCount / 5)) n
                """)
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor)
                select (numero - 1) * 5 + n, id, 'courant', 100000000 from clients, generate_series(1, 5) n
                """)
            try await database.run("select setval('comptes_id_seq', \(context.accountCount + 1))")
            try await Migrator(database).apply([set])
            try await database.run("select reprendre_les_soldes()")
            let ledger = LedgerStore(database)
            try await ledger.openDay()
            for round in 0..<20 {
                let orders = (0..<1000).map { client in
                    TransferOrder(
                        debit: AccountID(Int64(client) * 5 + 1),
                        credit: AccountID(Int64((client + 1 + round) % 1000) * 5 + 1),
                        amount: Money(minor: 1 + Int64(round), currency: .eur))
                }
                _ = try await ledger.transfer(batch: orders, mode: .continue)
            }
            try await database.withConnection { try await $0.runScript(notes) }
            try await database.run("vacuum analyze")
            await database.close()
        }
    }

    /// The vault's two keys, 32 bytes each, as a recovery would have made them.
    private static func makeKeys(_ folder: String) throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in ["vault.key", "index.key"] where !FileManager.default.fileExists(atPath: folder + "/" + name) {
            var random = SystemRandomNumberGenerator()
            let text = (0..<32).map { _ in String(format: "%02x", UInt8.random(in: 0...255, using: &random)) }.joined()
            _ = FileManager.default.createFile(
                atPath: folder + "/" + name, contents: Data((text + "\n").utf8), attributes: [.posixPermissions: 0o600])
        }
    }

    /// What is inserted into, and read by everybody who is signed in.
    private static let notes = """
        create table public.notes (
            id bigint generated always as identity primary key, auteur uuid not null default auth.uid(),
            texte text not null
        );
        alter table public.notes enable row level security;
        grant select, insert on public.notes to authenticated, service_role;
        create policy notes_lecture on public.notes for select to authenticated using ((select auth.uid()) is not null);
        create policy notes_ecriture on public.notes for insert to authenticated
            with check (auteur = (select auth.uid()));
        create policy notes_service on public.notes to service_role using (true) with check (true);
        """

    private static func people(_ context: Context) async throws -> [Client] {
        let data = try Data(contentsOf: URL(filePath: context.folder + "/keys/api.json"))
        guard let secret = (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["secret"] as? String,
            let key = TokenKey(secret: Array(secret.utf8))
        else { throw BenchmarkError(description: "keys/api.json holds no secret") }
        let keys = KeySet([key])
        let database = try await context.database(name)
        let rows = try await database.run(
            "select numero::bigint, utilisateur_id::text from clients where utilisateur_id is not null order by numero")
        await database.close()
        let end = Int(Date().timeIntervalSince1970) + 86_400
        return try rows.map { row in
            let user = try row.decode(1, as: String.self)
            let token = try keys.token([
                "aud": "authenticated", "role": "authenticated", "sub": .string(user), "exp": .integer(end),
                "aal": "aal2", "app_metadata": ["role": "client"],
            ])
            return Client(user: user, account: (try row.decode(0, as: Int64.self) - 1) * 5 + 1, token: token)
        }
    }

    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
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
        guard isBound else { throw BenchmarkError(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
