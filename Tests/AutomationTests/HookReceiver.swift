import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP endpoint on loopback that answers as the test says, and can die and come back on its port.
final class HookReceiver: Sendable {
    struct Request: Sendable {
        let path: String
        let headers: [String: String]
        let body: String
    }

    struct Answer: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        /// The connection is cut without an answer.
        var isCut = false
    }

    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var requests: [Request] = []
        var port = 0
    }

    private let state = Mutex(State())
    private let keeps: Bool
    private let answer: @Sendable (Request) -> Answer

    /// - Parameter keeps: whether requests are kept for the test to look at.
    init(keeps: Bool = true, answer: @escaping @Sendable (Request) -> Answer = { _ in Answer() }) {
        self.keeps = keeps
        self.answer = answer
    }

    var port: Int { state.withLock { $0.port } }
    var url: String { "http://127.0.0.1:\(port)/hook" }
    var requests: [Request] { state.withLock { $0.requests } }

    func start() async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(ChannelOptions.backlog, value: 256)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    self.state.withLock { $0.connections[ObjectIdentifier(channel)] = channel }
                    channel.closeFuture.whenComplete { _ in
                        self.state.withLock { $0.connections[ObjectIdentifier(channel)] = nil }
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(receiver: self))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        state.withLock { state in
            state.listener = listener
            state.port = listener.localAddress?.port ?? 0
        }
    }

    /// Cuts every connection and stops listening.
    func die() async {
        let (listener, connections) = state.withLock { state in
            defer { state.listener = nil }
            return (state.listener, Array(state.connections.values))
        }
        try? await listener?.close()
        for connection in connections { try? await connection.close() }
    }

    static func with<Value>(
        keeps: Bool = true, answer: @escaping @Sendable (Request) -> Answer = { _ in Answer() },
        _ body: (HookReceiver) async throws -> Value
    ) async throws -> Value {
        let receiver = HookReceiver(keeps: keeps, answer: answer)
        try await receiver.start()
        let result: Result<Value, any Error>
        do { result = .success(try await body(receiver)) } catch { result = .failure(error) }
        await receiver.die()
        return try result.get()
    }

    fileprivate func take(_ request: Request) -> Answer {
        if keeps { state.withLock { $0.requests.append(request) } }
        return answer(request)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let receiver: HookReceiver
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(receiver: HookReceiver) { self.receiver = receiver }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let buffer): body += buffer.readableBytesView
            case .end:
                guard let head else { return }
                let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
                let answer = receiver.take(
                    Request(path: head.uri, headers: headers, body: String(decoding: body, as: UTF8.self)))
                guard !answer.isCut else { return context.close(promise: nil) }
                var fields = HTTPHeaders(answer.headers)
                fields.add(name: "content-length", value: "0")
                let response = HTTPResponseHead(
                    version: .http1_1, status: .init(statusCode: answer.status), headers: fields)
                context.write(wrapOutboundOut(.head(response)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
