internal import Gateway
internal import Migrations
internal import Postgres
internal import PostgresServer
internal import Recovery

/// The pools that serving needs, each with limits of its own: what waits in one never holds up another.
struct ServeDatabases: Sendable {
    /// As the role that may nothing itself, only become what a token says.
    let api: Database
    /// As the owner: migrations, the catalogue.
    let catalog: Database
    /// As the owner: accounts and sessions. Signing in waits for nobody who reads tables.
    let auth: Database
    /// As the owner, who may replicate.
    let feed: Database
    let judging: Database
    let watching: Database
    /// As the owner: incidents, responses, what people ask about their data.
    let rights: Database
    /// As the owner: events and what is sent about them.
    let automation: Database
    /// Connections that each pool has at most. A managed database sells so many: docs/guides say what they come to.
    enum Share {
        static let api = 8
        static let catalog = 2
        static let auth = 4
        static let feed = 4
        static let judging = 6
        static let watching = 1
        static let rights = 6
        static let automation = 8
        /// The figures of schema `bi`: who asks (as `judging`), and who fills it.
        static let figures = judging + 2
        static let all = api + catalog + auth + feed + judging + watching + rights + automation + figures
    }

    /// Who the API connects as.
    let apiRole: String
    /// What the operator should know.
    let notices: [String]

    /// The bank below the data directory, started when it is stopped; or, with `--database`, one that others run.
    static func open(_ request: ServeRequest, _ keys: ApiKeys) async throws -> ServeDatabases {
        if let elsewhere = request.database { return try await open(elsewhere, keys) }
        let cluster = try Cluster.attach(DataDirectory(request.dataDirectory).cluster)
        if !cluster.isRunning { try await cluster.start() }
        try await cluster.withSuperuser { connection in
            try await connection.transaction { tx in
                for statement in ApiRolesStore.make(password: keys.password) { try await tx.run(statement) }
            }
        }
        return make(
            api: cluster.configuration(
                database: UpService.databaseName, user: ApiRolesStore.name, password: keys.password),
            owner: cluster.configuration(database: UpService.databaseName), role: ApiRolesStore.name)
    }

    /// A managed server: there is no superuser, and perhaps no right to make roles.
    private static func open(_ address: String, _ keys: ApiKeys) async throws -> ServeDatabases {
        let owner = DatabaseConfiguration(address, password: ServerPassword.fromEnvironment)
        let database = Database(owner)
        var notices: [String] = []
        var role = ApiRolesStore.name
        do {
            try await database.transaction { tx in
                for statement in ApiRolesStore.make(password: keys.password) { try await tx.run(statement) }
            }
        } catch let error as PostgresError where error.sqlState == "42501" {
            role = try await database.withConnection { try await ApiRolesStore.currentRole($0) }
            notices.append(
                "database     no right to make roles: the API connects as \(role) and becomes what a token says")
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        var api = owner
        if role == ApiRolesStore.name {
            api.connectionString = Self.address(address, user: role)
            api.password = keys.password
        }
        return make(api: api, owner: owner, role: role, notices: notices)
    }

    /// The same address for another user: in both of libpq's forms the last `user` counts.
    static func address(_ address: String, user: String) -> String {
        let isURL = address.hasPrefix("postgresql://") || address.hasPrefix("postgres://")
        guard isURL else { return address + " user=\(user)" }
        return address + (address.contains("?") ? "&" : "?") + "user=\(user)"
    }

    private static func make(
        api: DatabaseConfiguration, owner: DatabaseConfiguration, role: String, notices: [String] = []
    ) -> ServeDatabases {
        var shared = api
        shared.limits.statementTimeout = .seconds(8)
        shared.limits.connectionsMax = Share.api
        func owned(_ connectionsMax: Int, statementTimeout: Duration = .zero) -> Database {
            var own = owner
            own.limits.connectionsMax = connectionsMax
            own.limits.statementTimeout = statementTimeout
            return Database(own)
        }
        // Rights are asked for in transactions of their own, which the catalogue's two connections could not carry too.
        return ServeDatabases(
            api: Database(shared), catalog: owned(Share.catalog),
            auth: owned(Share.auth, statementTimeout: .seconds(8)), feed: owned(Share.feed),
            judging: owned(Share.judging), watching: owned(Share.watching), rights: owned(Share.rights),
            automation: owned(Share.automation),
            apiRole: role, notices: notices)
    }

    func close() async {
        for database in [api, catalog, auth, feed, judging, watching, rights, automation] { await database.close() }
    }
}
