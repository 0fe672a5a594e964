public import Detection
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// Syslog over TCP (RFC 6587) or TLS (RFC 5425), into a spool. A sender whose lines can not be written is hung up on, so
/// that it keeps them.
public struct SyslogServer: Sendable {
    public struct Settings: Sendable {
        public var host = "127.0.0.1"
        /// 0 takes a free one.
        public var port = 6514
        /// PEM files; without them what comes is not secured.
        public var certificate: String?
        public var privateKey: String?
        /// Authorities whose certificates senders must show.
        public var clientAuthorities: String?
        public var connectionsMax = 256
        public var idleTimeMax: Duration = .seconds(3600)

        public init() {}
    }

    private let settings: Settings
    private let spool: LineSpool

    public init(_ settings: Settings, spool: LineSpool) {
        self.settings = settings
        self.spool = spool
    }

    /// Receives until the task is cancelled.
    public func run(onListening: @Sendable (Int) -> Void) async throws {
        let (settings, spool, counter) = (settings, spool, Counter())
        let context = try settings.certificate.map { try Self.context($0, settings) }
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.addHandler(IdleStateHandler(readTimeout: TimeAmount(settings.idleTimeMax)))
                    let peer = channel.remoteAddress?.ipAddress ?? "local"
                    try pipeline.addHandler(
                        SyslogHandler(spool, peer: peer, counter: counter, countMax: settings.connectionsMax))
                }
            }
            .bind(host: settings.host, port: settings.port).get()
        onListening(server.localAddress?.port ?? settings.port)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    spool.sync()
                }
            }
            await withTaskCancellationHandler {
                try? await server.closeFuture.get()
            } onCancel: {
                server.close(promise: nil)
            }
            group.cancelAll()
        }
        spool.sync()
    }

    private static func context(_ certificate: String, _ settings: Settings) throws -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
            let key = try NIOSSLPrivateKey(file: settings.privateKey ?? certificate, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            if let authorities = settings.clientAuthorities {
                configuration.trustRoots = .file(authorities)
                configuration.certificateVerification = .noHostnameVerification
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw GatewayError(
                code: "tls_unusable", message: "the certificate \(certificate) or its key can not be used: \(error)",
                hint: "Give PEM files of a certificate chain and its private key.")
        }
    }
}

/// Senders that are connected.
private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func begin() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    func end() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// One sender: whole messages go to the spool as they come.
private final class SyslogHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let spool: LineSpool
    private let peer: String
    private let counter: Counter
    private let countMax: Int
    private var framing = SyslogFraming()

    init(_ spool: LineSpool, peer: String, counter: Counter, countMax: Int) {
        self.spool = spool
        self.peer = peer
        self.counter = counter
        self.countMax = countMax
    }

    func channelActive(context: ChannelHandlerContext) {
        if counter.begin() > countMax { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        counter.end()
        _ = spool.write(framing.finish(), from: peer)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let messages = framing.take(unwrapInboundIn(data).readableBytesView)
        if !spool.write(messages, from: peer) { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
