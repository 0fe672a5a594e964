internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// What a receiver answered.
struct HTTPAnswer: Sendable, Hashable {
    let status: Int
    let retryAfter: String?
    /// The beginning of the body.
    let text: String
}

/// Posts over HTTP/1.1 with connections that are kept. Each connection goes to an address that was resolved and judged
/// here; redirects are not followed, proxies of the environment not asked.
final class HTTPSender: Sendable {
    static let idlePerPlaceMax = 64
    static let idleTime: TimeAmount = .seconds(20)

    private struct Place: Hashable {
        let isSecure: Bool
        let host: String
        let port: Int
    }

    private let resolver: Resolver
    private let timeMax: TimeAmount
    private let group: any EventLoopGroup
    private let tls: NIOSSLContext
    private let idle = Mutex<[Place: [any Channel]]>([:])

    init(
        resolver: Resolver, timeMax: Duration, trusted: String?,
        group: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup
    ) throws {
        self.resolver = resolver
        self.timeMax = TimeAmount(timeMax)
        self.group = group
        tls = try Self.context(trusted)
    }

    static func context(_ trusted: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let trusted { configuration.trustRoots = .file(trusted) }
        return try NIOSSLContext(configuration: configuration)
    }

    func post(_ call: OutgoingCall) async throws -> HTTPAnswer {
        let place = Place(isSecure: call.address.isSecure, host: call.address.host, port: call.address.port)
        if let kept = takeIdle(place) {
            do {
                return try await exchange(call, on: kept, place)
            } catch let problem as ConnectionEnded where !problem.hasBegun {
                // The receiver had closed it meanwhile. The same request, with the same key, goes over a new one.
            }
        }
        let channel = try await connect(place)
        do {
            return try await exchange(call, on: channel, place)
        } catch is ConnectionEnded {
            throw SendProblem(words: "the connection ended without an answer")
        }
    }

    private func takeIdle(_ place: Place) -> (any Channel)? {
        idle.withLock { idle in
            while let channel = idle[place]?.popLast() {
                if channel.isActive { return channel }
            }
            return nil
        }
    }

    private func exchange(_ call: OutgoingCall, on channel: any Channel, _ place: Place) async throws -> HTTPAnswer {
        let answer: (HTTPAnswer, Bool)
        do {
            let promise = channel.eventLoop.makePromise(of: (HTTPAnswer, Bool).self)
            channel.writeAndFlush(Exchange(call: call, answer: promise), promise: nil)
            let timer = channel.eventLoop.scheduleTask(in: timeMax) {
                promise.fail(SendProblem(words: "no answer in time"))
            }
            defer { timer.cancel() }
            answer = try await promise.futureResult.get()
        } catch {
            channel.close(promise: nil)
            throw error
        }
        let (found, isKept) = answer
        if isKept, channel.isActive {
            let isSpare = idle.withLock { idle in
                guard idle[place, default: []].count < Self.idlePerPlaceMax else { return true }
                idle[place, default: []].append(channel)
                return false
            }
            if isSpare { channel.close(promise: nil) }
        } else {
            channel.close(promise: nil)
        }
        return found
    }

    private func connect(_ place: Place) async throws -> any Channel {
        let address = try await resolver.address(of: place.host, port: place.port)
        let tls = tls
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(min(timeMax, .seconds(10)))
            .channelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if place.isSecure {
                        let isAddress = (try? SocketAddress(ipAddress: place.host, port: 0)) != nil
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : place.host))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandlers(
                        IdleStateHandler(allTimeout: Self.idleTime), ExchangeHandler())
                }
            }
        do {
            return try await bootstrap.connect(to: address).get()
        } catch let error as AutomationError {
            throw error
        } catch {
            throw SendProblem(words: "nothing answers at \(place.host) port \(place.port)")
        }
    }
}

/// The connection ended under a request.
struct ConnectionEnded: Error {
    /// Some of the answer had come.
    let hasBegun: Bool
}

private struct Exchange: Sendable {
    let call: OutgoingCall
    /// The answer, and whether the connection may carry another request.
    let answer: EventLoopPromise<(HTTPAnswer, Bool)>
}

/// One request at a time over a connection.
private final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    private static let keptBytesMax = 512
    private static let bodyBytesMax = 1_048_576

    private var current: Exchange?
    private var head: HTTPResponseHead?
    private var kept: [UInt8] = []
    private var byteCount = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        guard context.channel.isActive, current == nil else {
            return exchange.answer.fail(ConnectionEnded(hasBegun: false))
        }
        current = exchange
        head = nil
        kept = []
        byteCount = 0
        let call = exchange.call
        var headers = HTTPHeaders()
        headers.add(name: "host", value: call.address.authority)
        headers.add(name: "content-length", value: "\(call.body.count)")
        for (name, value) in call.headers { headers.add(name: name, value: value) }
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: call.address.target, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: call.body)))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(let buffer):
            byteCount += buffer.readableBytes
            guard byteCount <= Self.bodyBytesMax else {
                finish(.failure(SendProblem(words: "its answer is too large")))
                return context.close(promise: nil)
            }
            kept += buffer.readableBytesView.prefix(Self.keptBytesMax - kept.count)
        case .end:
            guard let head else { return }
            finish(
                .success(
                    (
                        HTTPAnswer(
                            status: Int(head.status.code), retryAfter: head.headers.first(name: "retry-after"),
                            text: String(decoding: kept, as: UTF8.self)), head.isKeepAlive
                    )))
        }
    }

    private func finish(_ result: Result<(HTTPAnswer, Bool), any Error>) {
        guard let current else { return }
        self.current = nil
        current.answer.completeWith(result)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(ConnectionEnded(hasBegun: head != nil)))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let words = error is NIOSSLError || error is NIOSSLExtraError ? "TLS failed" : "the connection broke"
        finish(.failure(SendProblem(words: words)))
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent, current == nil { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
