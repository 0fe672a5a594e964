internal import NIOCore
internal import NIOHTTP1

/// Watches a connection until its first request says whether it becomes a socket: before that nobody else would end it
/// when it says nothing, or answer what is no HTTP.
final class FirstHeadGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let timeMax: TimeAmount
    private var deadline: Scheduled<Void>?
    private var isAnswered = false

    init(timeMax: TimeAmount) { self.timeMax = timeMax }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: timeMax) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isAnswered else { return }
        isAnswered = true
        let channel = context.channel
        guard error is HTTPParserError else { return channel.close(promise: nil) }
        let head = HTTPResponseHead(
            version: .http1_1, status: .badRequest, headers: ["connection": "close", "content-length": "0"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}

/// Lets a first request ask for a socket only when it would get one: others are answered as HTTP, which says why.
final class UpgradeFilter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let isWelcome: (HTTPRequestHead) -> Bool
    /// What comes after the first head may be frames already, and is passed on unread.
    private var isDone = false

    init(isWelcome: @escaping (HTTPRequestHead) -> Bool) { self.isWelcome = isWelcome }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return context.fireChannelRead(data) }
        isDone = true
        guard case .head(var head) = unwrapInboundIn(data), head.headers.contains(name: "upgrade"), !isWelcome(head)
        else { return context.fireChannelRead(data) }
        head.headers.remove(name: "upgrade")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
