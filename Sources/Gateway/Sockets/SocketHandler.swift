internal import NIOCore
internal import NIOWebSocket

/// Turns frames into messages for the capability behind a socket, on the socket's event loop.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let messages: AsyncStream<SocketMessage>.Continuation
    /// What waits of them, counted before anything looks at it.
    private let holding: ByteHolding
    private let writer: SocketWriter
    private var lastHeard = NIODeadline.now()
    private var watch: RepeatedTask?

    /// A client that is gone without a word is found out by a ping it does not answer.
    static let watchPause = TimeAmount.seconds(30)
    static let silenceMax = TimeAmount.seconds(100)

    init(messages: AsyncStream<SocketMessage>.Continuation, holding: ByteHolding, writer: SocketWriter) {
        self.messages = messages
        self.holding = holding
        self.writer = writer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleRepeatedTask(initialDelay: Self.watchPause, delay: Self.watchPause) { _ in
            let (handler, context) = bound.value
            handler.listen(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { watch?.cancel() }

    private func listen(_ context: ChannelHandlerContext) {
        let silence = NIODeadline.now() - lastHeard
        if silence > Self.silenceMax { return writer.close(code: 1001, reason: "no answer to a ping") }
        guard silence >= Self.watchPause else { return }
        let ping = WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer())
        context.writeAndFlush(wrapOutboundOut(ping), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        lastHeard = .now()
        var data = frame.unmaskedData
        switch frame.opcode {
        case .text:
            guard let bytes = data.readBytes(length: data.readableBytes),
                let text = String(validating: bytes, as: UTF8.self)
            else { return writer.close(code: 1007, reason: "text that is no UTF-8") }
            take(.text(text))
        case .binary: take(.binary(data.readBytes(length: data.readableBytes) ?? []))
        case .ping:
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: data)), promise: nil)
        case .connectionClose: writer.close(code: 1000, reason: "")
        case .pong: break
        default: writer.close(code: 1002, reason: "an unknown frame")
        }
    }

    private func take(_ message: SocketMessage) {
        var isTaken = holding.take(message.byteCount)
        if isTaken, case .dropped = messages.yield(message) {
            holding.giveBack(message.byteCount)
            isTaken = false
        }
        if !isTaken {
            writer.close(code: 1008, reason: "more messages than can be dealt with")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        messages.finish()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        messages.finish()
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { writer.close(code: 1001, reason: "the server stops") }
        context.fireUserInboundEventTriggered(event)
    }
}

/// RFC 6455, 5.1: what a client sends is masked, or the connection ends. Looks at frames before they are put together.
final class MaskGuard: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = WebSocketFrame

    private let writer: SocketWriter

    init(writer: SocketWriter) { self.writer = writer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard unwrapInboundIn(data).maskKey != nil else {
            return writer.close(code: 1002, reason: "a frame without a mask")
        }
        context.fireChannelRead(data)
    }
}
