public import Postgres

extension Cluster {
    /// The superuser's connection to `database`.
    public func configuration(database: String = "postgres") -> DatabaseConfiguration {
        configuration(database: database, user: options.superuser, password: superuserPassword)
    }

    public func configuration(database: String, user: String, password: String) -> DatabaseConfiguration {
        DatabaseConfiguration(connectionString(database: database, user: user), password: password)
    }

    /// Makes a database, owned by the superuser unless `owner` is given; a copy of `template` when one is named.
    ///
    /// A throw-away cluster copies the template's files: without fsync that takes half the time of copying through the WAL.
    public func createDatabase(_ name: String, owner: String? = nil, template: String? = nil) async throws {
        let ownership: Statement = owner.map { " owner \(identifier: $0)" } ?? ""
        let origin: Statement = template.map { " template \(identifier: $0)" } ?? ""
        let strategy: Statement = binaries.majorVersion >= 15 && !options.isDurable ? " strategy file_copy" : ""
        try await withSuperuser {
            try await $0.run(
                "create database \(identifier: name)\(fragment: ownership)\(fragment: origin)\(fragment: strategy)")
        }
    }

    /// Drops a database and ends its sessions; nothing happens when there is none of that name.
    public func dropDatabase(_ name: String) async throws {
        try await withSuperuser { try await $0.run("drop database if exists \(identifier: name) with (force)") }
    }

    /// A connection to the database `postgres` for `body`, closed afterwards.
    @discardableResult
    public func withSuperuser<Value: Sendable>(
        _ body: @Sendable (Connection) async throws -> Value
    ) async throws -> Value {
        let connection = try await Connection.connect(configuration())
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// How a person reaches `database`.
    public func connectionLines(database: String) -> ConnectionLines {
        let line = connectionString(database: database, user: options.superuser)
        return ConnectionLines(
            psql: "psql \"\(line) passfile=\(Self.quoted(files.passFile))\"",
            pgAdmin: port.map {
                "host 127.0.0.1, port \($0), database \(database), user \(options.superuser), password in \(files.password)"
            })
    }

    public struct ConnectionLines: Sendable {
        /// A command to paste into a shell; the password comes from a file that only its owner reads.
        public let psql: String
        /// What to type into pgAdmin; nil when the cluster listens on its Unix socket only.
        public let pgAdmin: String?
    }

    private func connectionString(database: String, user: String) -> String {
        "host=\(Self.quoted(socketDirectory)) port=\(port ?? ClusterFiles.socketNumber) "
            + "user=\(Self.quoted(user)) dbname=\(Self.quoted(database))"
    }

    /// A value of a libpq connection string.
    private static func quoted(_ value: String) -> String {
        "'" + value.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
