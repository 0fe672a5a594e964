internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import Logging
public import Monitoring
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals
public import Web

/// The HTTP server: mounts behind one address, an admin port beside it.
public struct GatewayServer: Sendable {
    let settings: GatewaySettings
    let mounts: [Mount]
    let sockets: [SocketMount]
    let tokens: TokenCheck
    let anonymous: Actor?
    /// Nil when the bank can be served, else why not.
    let unready: @Sendable () -> String?
    /// What capabilities add to `/metrics`.
    let readings: @Sendable () async -> [Reading]
    let metrics: RequestMetrics
    /// Told once the server listens: the address's port, the admin port.
    let onListening: @Sendable (Int, Int?) -> Void

    public init(
        settings: GatewaySettings, mounts: [Mount], sockets: [SocketMount] = [], tokens: @escaping TokenCheck,
        anonymous: Actor?,
        unready: @escaping @Sendable () -> String? = { nil },
        readings: @escaping @Sendable () async -> [Reading] = { [] }, metrics: RequestMetrics = RequestMetrics(),
        onListening: @escaping @Sendable (Int, Int?) -> Void = { _, _ in }
    ) {
        self.settings = settings
        self.mounts = mounts
        self.sockets = sockets
        self.tokens = tokens
        self.anonymous = anonymous
        self.unready = unready
        self.readings = readings
        self.metrics = metrics
        self.onListening = onListening
    }

    /// Serves until the task is cancelled or the process gets SIGTERM or SIGINT; requests under way are answered first.
    ///
    /// - Parameter work: long work beside the server, ended with it.
    public func run(beside work: [@Sendable () async throws -> Void] = []) async throws {
        let log = try AccessLog(path: settings.accessLog)
        let lag = LagMeter()
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
        var certificates: Certificates?
        if let certificate = settings.certificate, let key = settings.privateKey {
            certificates = try Certificates(certificate: certificate, key: key)
        }
        let lines = mounts.lazy.compactMap(\.lane).first.map { LineKeeper($0) }
        let register = SocketRegister()
        let main = Application(
            responder: responder, server: builder(certificates, responder, lines, register),
            configuration: .init(
                address: .hostname(settings.host, port: settings.port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(settings.limits.connectionsMax)),
            onServerRunning: { heard(main: $0.localAddress?.port) }, logger: logger)
        var services: [any Service] = [main, LogFlusher(log: log), LagWatch(meter: lag)]
        if let port = settings.adminPort {
            services.append(
                Application(
                    responder: AdminResponder(metrics: metrics, lag: lag, unready: unready, readings: readings),
                    configuration: .init(address: .hostname(settings.host, port: port)),
                    onServerRunning: { heard(admin: $0.localAddress?.port) }, logger: logger))
        }
        if let certificates {
            let pause = settings.limits.certificateCheckPause
            services.append(Work { try await certificates.watch(every: pause) })
        }
        if let isBanned = settings.isBanned { services.append(Work { try await register.watch(isBanned) }) }
        services += work.map { Work(body: $0) }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // What has not ended in order by then is cancelled: a server that is told to stop always does.
        configuration.maximumGracefulShutdownDuration = settings.limits.shutdownTimeMax
        let group = ServiceGroup(configuration: configuration)
        defer { log.flush() }
        // Ends with the group, which cancelling asks to end in order: connections that were just taken are let go too.
        let running = Task {
            let result = await Result.of { try await group.run() }
            await lines?.close()
            try result.get()
        }
        try await withTaskCancellationHandler {
            do {
                try await running.value
            } catch let error as IOError where error.errnoCode == EADDRINUSE || error.errnoCode == EACCES {
                throw GatewayError(
                    code: "port_not_free",
                    message: "port \(settings.port) or \(settings.adminPort ?? settings.port) on \(settings.host) "
                        + (error.errnoCode == EACCES ? "may not be used by this user" : "is taken by another program"),
                    hint: "Choose another with --port and --admin-port; 0 takes a free one.")
            }
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
    }

    private func builder(
        _ certificates: Certificates?, _ responder: GatewayResponder, _ lines: LineKeeper?, _ register: SocketRegister
    ) -> HTTPServerBuilder {
        let (settings, open) = (settings, opener())
        let budgets = SocketBudgets(
            inboundMax: settings.limits.socketBytesInAllMax, outboundMax: settings.limits.unreadBytesInAllMax)
        let quick = QuickAnswers(
            lane: { lines?.lines(on: $0) }, answer: { responder.quick($0, peer: $1, loop: $2, lane: $3, deliver: $4) })
        guard let certificates else {
            return HTTPServerBuilder {
                SocketChannel(
                    responder: $0, settings: settings, open: open, quick: quick, register: register, budgets: budgets)
            }
        }
        return HTTPServerBuilder { responder in
            SecureChannel(
                one: SocketChannel(
                    responder: responder, settings: settings, open: open, quick: quick, register: register,
                    budgets: budgets),
                two: HTTP2Channel(
                    responder: responder,
                    configuration: HTTP2ChannelConfiguration(idleTimeout: settings.limits.idleTimeMax)),
                certificates: certificates, handshakeTimeMax: TimeAmount(settings.limits.requestTimeMax))
        }
    }

    /// The cookies of a page that this server gave out itself; nil when the page is another's.
    private static func ownPage(_ head: HTTPRequestHead) -> String? {
        guard let origin = head.headers.first(name: "origin"), let host = head.headers.first(name: "host"),
            origin == "http://\(host)" || origin == "https://\(host)"
        else { return nil }
        let cookies = head.headers[canonicalForm: "cookie"]
        return cookies.isEmpty ? nil : cookies.joined(separator: "; ")
    }

    /// Which socket a request opens: it brings a token that is taken, as header or as `apikey` in its address.
    private func opener() -> SocketChannel.Open {
        let (sockets, tokens) = (sockets, tokens)
        return { head in
            let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            guard let mount = sockets.first(where: { $0.path == parts[0] }),
                let items = QueryItems.parse(parts.count > 1 ? parts[1] : "")
            else { return nil }
            let token =
                items.last { $0.name == "apikey" }?.value ?? head.headers.first(name: "apikey")
                ?? Self.ownPage(head).flatMap { mount.cookieToken?($0) }
            guard let token, case .success(let actor) = tokens(token) else { return nil }
            return { writer in mount.open(actor, items, writer) }
        }
    }
}

extension Result where Success: Sendable, Failure == any Error {
    /// What `body` gives or throws.
    fileprivate static func of(_ body: () async throws -> Success) async -> Self {
        do { return .success(try await body()) } catch { return .failure(error) }
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
    let metrics: RequestMetrics
    let lag: LagMeter
    let unready: @Sendable () -> String?
    let readings: @Sendable () async -> [Reading]

    func respond(to request: Request, context: GatewayContext) async throws -> Response {
        switch request.uri.path {
        case "/live": return text("alive\n")
        case "/ready":
            if let reason = unready() { return text(reason + "\n", .serviceUnavailable) }
            return text("ready\n")
        case "/metrics":
            let form = Exposition(accept: request.headers[.accept])
            let families =
                metrics.families + [lag.family] + Family.grouping(ProcessReadings.read() + (await readings()))
            return text(form.text(families), type: form.contentType)
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
