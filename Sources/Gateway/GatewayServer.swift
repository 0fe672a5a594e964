internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import HummingbirdTLS
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals
public import Web

/// The HTTP server: mounts behind one address, an admin port beside it.
public struct GatewayServer: Sendable {
    let settings: GatewaySettings
    let mounts: [Mount]
    let tokens: TokenCheck
    let anonymous: Actor?
    /// Nil when the bank can be served, else why not.
    let unready: @Sendable () -> String?
    /// Told once the server listens: the address's port, the admin port.
    let onListening: @Sendable (Int, Int?) -> Void

    public init(
        settings: GatewaySettings, mounts: [Mount], tokens: @escaping TokenCheck, anonymous: Actor?,
        unready: @escaping @Sendable () -> String? = { nil },
        onListening: @escaping @Sendable (Int, Int?) -> Void = { _, _ in }
    ) {
        self.settings = settings
        self.mounts = mounts
        self.tokens = tokens
        self.anonymous = anonymous
        self.unready = unready
        self.onListening = onListening
    }

    /// Serves until the task is cancelled or the process is told to end; requests under way are answered first.
    ///
    /// - Parameter work: long work beside the server, ended with it.
    public func run(beside work: [@Sendable () async throws -> Void] = []) async throws {
        let log = try AccessLog(path: settings.accessLog)
        let metrics = Metrics()
        var logger = Logger(label: "digitalbank")
        logger.logLevel = .critical
        let ports = Mutex<(Int?, Int?)>((nil, nil))
        let isAdminWanted = settings.adminPort != nil
        let listening = onListening
        @Sendable func heard(main: Int? = nil, admin: Int? = nil) {
            let both = ports.withLock { ports in
                ports = (main ?? ports.0, admin ?? ports.1)
                return ports
            }
            if let port = both.0, both.1 != nil || !isAdminWanted { listening(port, both.1) }
        }
        let responder = GatewayResponder(
            mounts: mounts, settings: settings, tokens: tokens, anonymous: anonymous, log: log, metrics: metrics)
        let main = Application(
            responder: responder, server: try builder(),
            configuration: .init(address: .hostname(settings.host, port: settings.port), backlog: 1024),
            onServerRunning: { heard(main: $0.localAddress?.port) }, logger: logger)
        var services: [any Service] = [main, LogFlusher(log: log)]
        if let port = settings.adminPort {
            services.append(
                Application(
                    responder: AdminResponder(metrics: metrics, unready: unready),
                    configuration: .init(address: .hostname(settings.host, port: port)),
                    onServerRunning: { heard(admin: $0.localAddress?.port) }, logger: logger))
        }
        services += work.map { Work(body: $0) }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        defer { log.flush() }
        try await group.run()
    }

    private func builder() throws -> HTTPServerBuilder {
        let idle = TimeAmount(settings.limits.idleTimeMax)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: settings.limits.headerBytesMax, maxHeaderListSize: settings.limits.headerBytesMax,
            maxHeaderFieldCount: 200)
        let http1 = HTTP1Channel.Configuration(idleTimeout: idle, httpDecoderConfiguration: decoder)
        guard let certificate = settings.certificate, let key = settings.privateKey else {
            return .http1(configuration: http1)
        }
        return try Certificates.builder(certificate: certificate, key: key, http1: http1)
    }
}

/// Work beside the server, ended when the server is told to end.
private struct Work: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask { try await gracefulShutdown() }
            try await group.next()
            group.cancelAll()
        }
    }
}

/// Brings the log to its file each second.
private struct LogFlusher: Service {
    let log: AccessLog

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                log.flush()
            }
        }
        log.flush()
    }
}

/// `/live`, `/ready`, `/metrics`.
struct AdminResponder: HTTPResponder {
    let metrics: Metrics
    let unready: @Sendable () -> String?

    func respond(to request: Request, context: GatewayContext) async throws -> Response {
        switch request.uri.path {
        case "/live": return text("alive\n")
        case "/ready":
            if let reason = unready() { return text(reason + "\n", .serviceUnavailable) }
            return text("ready\n")
        case "/metrics": return text(metrics.text, type: "text/plain; version=0.0.4; charset=utf-8")
        default: return text("not found\n", .notFound)
        }
    }

    private func text(
        _ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
