internal import Auth
internal import Automation
internal import Bank
internal import BankAPI
internal import Console
internal import Detection
internal import Foundation
internal import Fraud
internal import Gateway
internal import Migrations
internal import Monitoring
internal import Postgres
internal import PostgresServer
internal import Privacy
internal import Realtime
internal import Recovery
internal import Rest
internal import Tokens
internal import Vault
internal import Web

/// What `digitalbank serve` was asked for.
public struct ServeRequest: Sendable {
    public var dataDirectory: String
    public var host = "127.0.0.1"
    public var port = 8000
    public var adminPort: Int? = 8001
    public var accessLog: String?
    public var certificate: String?
    public var privateKey: String?
    public var origins: [String] = []
    /// Proxies whose `X-Forwarded-For` is believed.
    public var trustedProxies: [String] = []
    /// Where clients reach the server from outside; by default its own address.
    public var publicURL: String?
    /// Addresses that a sign-in may lead back to.
    public var redirects: [String] = []
    /// A file of `BreachedPasswords`: what it holds is no password for a new account.
    public var breachedPasswords: String?
    /// The file of the provider that people may sign in with; see `ProviderFile`.
    public var provider: String?
    /// What looks at requests for attacks; nil: nothing.
    public var inspection: Inspection?

    public struct Inspection: Sendable {
        /// Refuse what looks like an attack, or only note it.
        public var refuses: Bool
        public var log: String?
        /// Paths that are treated otherwise than the rest; the longest that fits counts.
        public var routes: [Route] = []
        /// Really ban whoever attacks in series, or only write it down.
        public var responds = false
        /// Blocks of addresses that are never banned.
        public var protected: [String] = []
        /// A configuration of libmodsecurity, asked about what our own engine lets pass.
        public var secondRules: String?

        public enum Mode: String, Sendable { case off, detect, block }

        public struct Route: Sendable {
            public let path: String
            public let mode: Mode

            /// `/rest/v1/rpc=detect`; nil: it is none.
            public init?(_ text: String) {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, parts[0].hasPrefix("/"), let mode = Mode(rawValue: parts[1]) else { return nil }
                (path, self.mode) = (parts[0], mode)
            }
        }

        public init(refuses: Bool, log: String?) {
            self.refuses = refuses
            self.log = log
        }
    }

    /// Which logs are followed while the bank is served; nil: none.
    public var watching: Watching?

    public struct Watching: Sendable {
        /// Folders or files.
        public var places: [String]
        /// Really do what follows from findings, or only write it down.
        public var responds: Bool
        /// Blocks of addresses that are never banned.
        public var protected: [String]
        /// Where the very first start begins: one of `LogsService.beginnings`.
        public var from = "newest"
        /// What is known of the house: places, suppressions, names of fields.
        public var tuning = LogsService.Tuning()

        public init(places: [String], responds: Bool, protected: [String]) {
            self.places = places
            self.responds = responds
            self.protected = protected
        }
    }

    /// Who takes our mail; without one each message is a file below `mail`.
    public var mailRelay: MailRelay?

    /// Every so many days a fraud model is trained on the bank's own decisions; nil: never.
    public var fraudRetrainingDays: Int?
    /// Where addresses are (`.mmdb` or CSV), for the places that orders come from; nil: nobody knows.
    public var places: String?

    /// Let go of what may be kept no longer, once a day.
    public var retains = true

    /// In place of the bank's own, for the roles that are named.
    public var ceilings: [RoleCeiling] = []

    public struct MailRelay: Sendable {
        public let host: String
        public let port: UInt16
        public let sender: String

        public init(host: String, port: UInt16, sender: String) {
            self.host = host
            self.port = port
            self.sender = sender
        }
    }

    /// A server that others run, in place of the cluster below the data directory; its password comes from PGPASSWORD.
    public var database: String?
    /// What `digitalbank_build_info` says.
    public var version = ""
    /// Whom the console asks for monitoring boards; by default the one that `up --monitoring` started, where it runs.
    public var prometheus: String?

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

    /// What clients call the server by, once its port is known.
    func address(port: Int) -> String { publicURL ?? "\(certificate == nil ? "http" : "https")://\(host):\(port)" }
}

/// Serves the restored bank.
public enum ServeService {
    /// Serves until the process is told to end.
    ///
    /// - Parameter onReady: told what to connect with, once the server listens.
    public static func serve(
        _ request: ServeRequest, onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        let data = DataDirectory(request.dataDirectory)
        var request = request
        // Tokens and mails name the address, so it is chosen before the server listens.
        if request.port == 0 { request.port = ServeProcess.freePort() }
        guard request.database != nil || Cluster.exists(in: data.cluster) else {
            throw RecoveryError(
                code: "bank_not_found", message: "there is no bank in \(data.path)",
                hint: "Make one with: digitalbank up, or digitalbank recover DUMP --data-dir \(data.path)",
                exitStatus: .conflict)
        }
        if request.database != nil {
            try data.prepare()
            // A bank that begins here has no keys yet; one that was restored brings its own.
            _ = try await data.vaultKeys()
        }
        let keys = try ApiKeys.open(data)
        let databases = try await ServeDatabases.open(request, keys)
        let result: Result<Void, any Error>
        do {
            result = .success(try await serve(request, keys, databases, onReady))
        } catch {
            result = .failure(error)
        }
        await databases.close()
        try result.get()
    }

    private static func serve(
        _ request: ServeRequest, _ keys: ApiKeys, _ databases: ServeDatabases,
        _ onReady: @escaping @Sendable ([String]) -> Void
    ) async throws {
        let (api, catalog, feed) = (databases.api, databases.catalog, databases.feed)
        try await Migrator(catalog).apply([
            try BankMigrations.set(), try VaultMigrations.set(), try AuthMigrations.set(), try RestMigrations.set(),
            try RealtimeMigrations.set(), try MonitoringMigrations.set(), try ConsoleMigrations.set(),
        ])
        if databases.apiRole == ApiRolesStore.name { try await catalog.pipeline(ApiRolesStore.answers) }
        try await RealtimeStore.publish(catalog)
        let settings = restSettings(request.ceilings)
        let cache = SchemaCache(database: catalog, schemas: settings.schemas)
        try await cache.reload()
        let rest = RestService(database: api, cache: cache, settings: settings)
        let signing = try SigningKeys(DataDirectory(request.dataDirectory), keys)
        let auth = try await authService(request, signing, databases.auth)
        let verifier = TokenVerifier(
            keys: auth.keys, audience: nil, clock: { Int64(Date().timeIntervalSince1970) })
        let gate = ApiGate(verifier: verifier, sessions: auth.sessions)
        try await auth.prepare()
        let realtime = RealtimeService(database: feed, gate: gate, sessions: auth.sessions)
        let (secrets, vault) = try await bankSecrets(request, catalog)
        let parts = try await ServeParts.open(request, databases)
        let bank = BankService(
            database: api, secrets: secrets, screen: parts.screen, clock: { Int64(Date().timeIntervalSince1970) })
        let notices = databases.notices + (try await announcements(cache))
        let metrics = RequestMetrics()
        let watch = ServeWatch(
            databases: databases, rest: rest, verifier: verifier, hub: realtime.hub, version: request.version,
            guardWatch: parts.detection.guardWatch)
        let mounts =
            [parts.noting(rest, gate), gate.mount(auth), gate.mount(realtime.hub)]
            + parts.notingPersons(gate.mounts(bank))
            + parts.mounts + [.cards(CardNetwork(database: api, screen: parts.screen))]
        let console = try ConsolePages.open(
            request, keys, api, Loopback(mounts: mounts, tokens: gate.check), gate,
            parts.figures?.analytics)
        let server = GatewayServer(
            settings: try gatewaySettings(request, parts.detection), mounts: mounts + [ConsolePages.mount(console)],
            sockets: [gate.socket(realtime.hub) { console.token(cookies: $0) }], tokens: gate.check,
            anonymous: nil, unready: { cache.isLoaded ? nil : "the schema is not read yet" },
            readings: watch.readings, metrics: metrics,
            onListening: { port, adminPort in
                let url = request.address(port: port)
                // Whoever looks for the server without the note finds it by its port all the same.
                try? ServeProcess.note(
                    DataDirectory(request.dataDirectory), url: url,
                    admin: adminPort.map { "http://\(request.host):\($0)" })
                onReady(lines(request, url, adminPort) + notices)
            })
        try await server.run(
            beside: [
                { try await cache.run() }, { try await auth.run() }, { try await realtime.run() },
                { try await signing.watch(auth, verifier) }, { try await bank.run() }, { try await watch.run() },
                { try await RequestKeeper(database: databases.watching, metrics: metrics).run() },
                { try await AnswerCleaner(database: catalog).run() },
                { try await ProfileFiller(database: catalog, secrets: secrets).run() },
                { try await parts.privacy.watchForgotten([vault]) },
            ] + (request.retains ? [{ try await parts.privacy.watchRetention() }] : []) + parts.work
                + KeeperWork.of(request))
    }

    /// Opens what the bank keeps sealed; `catalog` reads the vault's keys.
    private static func bankSecrets(_ request: ServeRequest, _ catalog: Database) async throws -> (BankSecrets, Vault) {
        let data = DataDirectory(request.dataDirectory)
        let folder = KeyFolder(data.keys)
        let vault = Vault(
            database: catalog, keyring: try await folder.keyring(), reload: { try await folder.keyring() })
        return (BankSecrets(vault: vault, indexing: try KeyProvider.file(data.indexKey).key()), vault)
    }

    static func automationSettings(_ request: ServeRequest) -> AutomationSettings {
        var settings = AutomationSettings()
        settings.bank = ["name": "DigitalBank", "url": .string(request.address(port: request.port))]
        return settings
    }

    /// The bank's ceilings. Row level security bounds what is seen; these bound what it may cost.
    private static func restSettings(_ ceilings: [RoleCeiling]) -> RestSettings {
        var settings = RestSettings()
        settings.keepsAnswers = true
        settings.rowsMax = 10_000
        settings.rowsMaxByRole = ["anon": 1_000, "service_role": 0]
        // What costs more than the second would be cut by the pool's time, after it held a connection that long.
        settings.costMaxByRole = ["anon": 100_000, "authenticated": 10_000_000]
        // Half of the connections at most are one person's.
        settings.requestsBySubjectMax = 4
        for ceiling in ceilings {
            if let rows = ceiling.rows { settings.rowsMaxByRole[ceiling.role] = rows }
            if let cost = ceiling.cost { settings.costMaxByRole[ceiling.role] = cost == 0 ? nil : cost }
        }
        return settings
    }

    /// What the operator must know about reloads of the schema.
    private static func announcements(_ cache: SchemaCache) async throws -> [String] {
        try await cache.isAnnounced()
            ? [] : ["schema       not watched: after a change run notify pgrst, 'reload schema'"]
    }

    private static func authService(
        _ request: ServeRequest, _ keys: SigningKeys, _ database: Database
    ) async throws -> AuthService {
        let data = DataDirectory(request.dataDirectory)
        let folder = data.path + "/mail"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let address = request.address(port: request.port)
        var settings = AuthSettings(externalURL: address + "/auth/v1", siteURL: address)
        settings.redirectAllowList = request.redirects
        if let path = request.provider { settings.provider = try await ProviderFile.load(path) }
        if let path = request.breachedPasswords {
            let passwords = try BreachedPasswords(path: path)
            settings.password.isBreached = { passwords.contains($0) }
        }
        let mail: any MailSink
        if let relay = request.mailRelay {
            mail = SMTPMailSink(host: relay.host, port: relay.port, sender: relay.sender)
        } else {
            mail = FileMailSink(folder: folder, sender: "banque@localhost")
        }
        return try AuthService(
            database: database, settings: settings, keys: try keys.load(), mail: mail,
            clock: { Int64(Date().timeIntervalSince1970) })
    }

    private static func gatewaySettings(
        _ request: ServeRequest, _ detection: DetectionDeskService
    ) throws -> GatewaySettings {
        var settings = GatewaySettings()
        settings.host = request.host
        settings.port = request.port
        settings.adminPort = request.adminPort
        settings.accessLog = request.accessLog
        settings.certificate = request.certificate
        settings.privateKey = request.privateKey
        settings.origins = Set(request.origins)
        settings.trustedProxies = try request.believedProxies()
        settings.isBanned = { [measures = detection.desk.measures] in measures.isBanned($0) }
        settings.inspection = try request.inspection.map {
            try RequestInspection.make($0, detection.guardWatch)
        }
        return settings
    }

    private static func lines(_ request: ServeRequest, _ url: String, _ adminPort: Int?) -> [String] {
        var lines = ["serving      \(url)", "console      \(url)/"]
        if let adminPort { lines.append("admin        http://\(request.host):\(adminPort)/ready") }
        return lines + ["keys         digitalbank keys api --data-dir \(request.dataDirectory)"]
    }

    /// The address and the standing keys as lines of an environment file.
    public static func environment(dataDirectory: String, url: String?) throws -> [String] {
        let data = DataDirectory(dataDirectory)
        guard Cluster.exists(in: data.cluster) || FileManager.default.fileExists(atPath: data.keys + "/api.json") else {
            throw RecoveryError(
                code: "bank_not_found", message: "there is no bank in \(data.path)",
                hint: "Make one with: digitalbank up, or digitalbank recover DUMP --data-dir \(data.path)",
                exitStatus: .conflict)
        }
        let keys = try ApiKeys.open(data)
        return [
            "SUPABASE_URL=\(url ?? ServeProcess.running(data)?.url ?? "http://127.0.0.1:8000")",
            "SUPABASE_ANON_KEY=\(try keys.key(for: "anon"))",
            "SUPABASE_SERVICE_ROLE_KEY=\(try keys.key(for: "service_role"))",
        ]
    }
}
