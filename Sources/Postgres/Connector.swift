internal import CLibpq
internal import Dispatch
internal import Foundation

/// Makes connections. libpq resolves names, does TLS and SCRAM (milliseconds of CPU) and tries each host of the string,
/// so this runs on helper threads, not on the reactor's.
enum Connector {
    struct Failure: Error {
        let error: PostgresError
        /// The server runs but does not take connections yet: worth waiting for.
        let isStartingUp: Bool
        /// A password was asked for and sent: trying again will not help.
        let isRefused: Bool
    }

    /// A connection on its way from the helper thread to the reactor's.
    struct Handle: @unchecked Sendable {
        // SAFETY: made by one thread, handed over once; only the receiver touches it.
        let pointer: OpaquePointer
    }

    private static let queue = DispatchQueue(label: "digitalbank.postgres.connect", attributes: .concurrent)

    static func connect(
        _ configuration: DatabaseConfiguration, isReplication: Bool = false, options: String = "",
        _ done: @escaping @Sendable (Result<Handle, Failure>) -> Void
    ) {
        queue.async {
            done(
                Result { () throws(Failure) in
                    try connectNow(configuration, isReplication: isReplication, options: options)
                })
        }
    }

    /// Closing says goodbye to the server, which TLS may make slow.
    static func abandon(_ handle: Handle, _ done: @escaping @Sendable () -> Void = {}) {
        queue.async {
            PQfinish(handle.pointer)
            done()
        }
    }

    private static func connectNow(
        _ configuration: DatabaseConfiguration, isReplication: Bool, options: String
    ) throws(Failure) -> Handle {
        let parameters: [(String, String)]
        do {
            parameters = try self.parameters(configuration, isReplication: isReplication, options: options)
        } catch {
            throw Failure(error: error, isStartingUp: false, isRefused: true)
        }
        let handle = withParameters(parameters) { PQconnectdbParams($0, $1, 1) }
        guard let handle else {
            throw Failure(
                error: PostgresError(kind: .connect, message: "out of memory"), isStartingUp: false, isRefused: false)
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard PQstatus(handle) == CONNECTION_OK else {
            let message = PostgresError.trimmed(PQerrorMessage(handle))
            let isRefused = PQconnectionUsedPassword(handle) != 0 || PQconnectionNeedsPassword(handle) != 0
            PQfinish(handle)
            let isStartingUp = !isRefused && withParameters(parameters) { PQpingParams($0, $1, 1) } == PQPING_REJECT
            throw Failure(
                error: PostgresError(kind: .connect, message: message), isStartingUp: isStartingUp, isRefused: isRefused
            )
        }
        return Handle(pointer: handle)
    }

    /// Before `dbname` what the connection string may override, after it what it may not.
    private static func parameters(
        _ configuration: DatabaseConfiguration, isReplication: Bool, options: String
    ) throws(PostgresError) -> [(String, String)] {
        guard let given = ConnectionOptions(parsing: configuration.connectionString) else {
            throw PostgresError(kind: .connect, message: "the connection string cannot be read")
        }
        let limits = configuration.limits
        let connectSeconds = max(2, (limits.connectTimeout.nanoseconds + 999_999_999) / 1_000_000_000)
        var parameters = [
            ("fallback_application_name", "digitalbank"), ("keepalives_idle", "30"), ("keepalives_interval", "10"),
            ("keepalives_count", "3"), ("connect_timeout", String(connectSeconds)),
            ("dbname", configuration.connectionString), ("client_encoding", "UTF8"),
        ]
        if let password = configuration.password { parameters.append(("password", password)) }
        if isReplication { parameters.append(("replication", "database")) }
        var options = options
        if limits.statementTimeout > .zero {
            // As a start-up option, so that RESET ALL comes back to it.
            // The server's own bound.
            let milliseconds = min(max(1, limits.statementTimeout.nanoseconds / 1_000_000), UInt64(Int32.max))
            options += " -c statement_timeout=\(milliseconds)"
        }
        if !options.isEmpty {
            let theirs = given["options"] ?? ProcessInfo.processInfo.environment["PGOPTIONS"] ?? ""
            parameters.append(("options", "\(theirs) \(options)"))
        }
        return parameters
    }

    private static func withParameters<Value>(
        _ parameters: [(String, String)],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<UnsafePointer<CChar>?>?) -> Value
    ) -> Value {
        let names = parameters.map { strdup($0.0) }
        let values = parameters.map { strdup($0.1) }
        defer { for copy in names + values { free(copy) } }
        let nameList: [UnsafePointer<CChar>?] = names.map { UnsafePointer($0) } + [nil]
        let valueList: [UnsafePointer<CChar>?] = values.map { UnsafePointer($0) } + [nil]
        return nameList.withUnsafeBufferPointer { names in
            valueList.withUnsafeBufferPointer { values in body(names.baseAddress, values.baseAddress) }
        }
    }
}
