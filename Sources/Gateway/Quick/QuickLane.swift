internal import NIOCore
internal import NIOHTTP1
internal import Postgres

/// Answers of a request that was read whole, made without a task.
struct QuickAnswers: Sendable {
    /// An event loop's own way to the database.
    let lane: @Sendable (_ loop: any EventLoop) -> (any FlightLane)?
    /// Called on the event loop that `deliver` is called on.
    ///
    /// Returns what cancels the answer; nil when the request has to go the long way.
    let answer:
        @Sendable (
            _ head: HTTPRequestHead, _ peer: String, _ loop: any EventLoop, _ lane: (any FlightLane)?,
            _ deliver: @escaping @Sendable (QuickReply) -> Void
        ) -> (@Sendable () -> Void)?
}

/// An answer as it goes to the socket, head and body.
struct QuickReply: Sendable {
    let bytes: ByteBuffer
}

/// The HTTP/1.1 side of a connection: answers what can be answered without a task where it is read, hands everything
/// else on in order, and ends the connection when it is idle or the server stops.
///
/// A request that goes through tasks changes threads four times and is built anew in two other forms; most reads need
/// none of it.
final class QuickLane: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Pipelined requests that wait for the answer before them; the socket is read no further.
    private static let waitingPartsMax = 64

    private let answers: QuickAnswers
    private let idleTimeMax: TimeAmount
    private var lane: (any FlightLane)?
    /// Where what is written passes the encoder by.
    private var behindEncoder: ChannelHandlerContext?
    private var peer = "local"
    /// Requests handed on whose answers are not written yet.
    private var handedOn = 0
    /// A head that may be answered here once its end has come.
    private var head: HTTPRequestHead?
    private var isAnswering = false
    private var cancel: (@Sendable () -> Void)?
    private var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var isReadHeld = false
    private var isInputClosed = false
    private var isStopping = false
    private var lastActive = NIODeadline.now()
    private var idleTask: Scheduled<Void>?

    init(answers: QuickAnswers, idleTimeMax: TimeAmount) {
        self.answers = answers
        self.idleTimeMax = idleTimeMax
    }

    func handlerAdded(context: ChannelHandlerContext) {
        peer = context.remoteAddress?.ipAddress ?? "local"
        lane = answers.lane(context.eventLoop)
        behindEncoder = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
        watchIdleness(context, in: idleTimeMax)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        idleTask?.cancel()
        behindEncoder = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        idleTask?.cancel()
        cancel?()
        cancel = nil
        context.fireChannelInactive()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastActive = .now()
        let part = unwrapInboundIn(data)
        guard isAnswering || !waiting.isEmpty else { return take(part, context) }
        waiting.append(part)
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let new) where handedOn == 0 && Self.mayBeQuick(new): head = new
        case .head: handOn(part, context)
        case .body:
            if let head = head.take() { handOn(.head(head), context) }
            handOn(part, context)
        case .end:
            guard let head = head.take() else { return handOn(part, context) }
            if answer(head, context) { return }
            handOn(.head(head), context)
            handOn(part, context)
        }
    }

    private func handOn(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        if case .head = part { handedOn += 1 }
        context.fireChannelRead(wrapInboundOut(part))
    }

    /// No body, nothing that changes the connection.
    private static func mayBeQuick(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .GET, head.version == .http1_1 else { return false }
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 6 where name.lowercased() == "expect": return false
            case 7 where name.lowercased() == "upgrade": return false
            case 10 where name.lowercased() == "connection":
                guard value.lowercased() == "keep-alive" else { return false }
            case 14 where name.lowercased() == "content-length": return false
            case 17 where name.lowercased() == "transfer-encoding": return false
            default: continue
            }
        }
        return true
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> Bool {
        guard behindEncoder != nil else { return false }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        isAnswering = true
        let cancel = answers.answer(head, peer, context.eventLoop, lane) { reply in
            let (lane, context) = bound.value
            lane.write(reply, context)
        }
        guard let cancel else {
            isAnswering = false
            return false
        }
        self.cancel = cancel
        return true
    }

    private func write(_ reply: QuickReply, _ context: ChannelHandlerContext) {
        guard isAnswering, context.channel.isActive, let behindEncoder else { return }
        isAnswering = false
        cancel = nil
        lastActive = .now()
        if isStopping { waiting.removeAll() }
        guard isStopping else {
            behindEncoder.writeAndFlush(NIOAny(IOData.byteBuffer(reply.bytes)), promise: nil)
            return goOn(context)
        }
        let channel = context.channel
        behindEncoder.writeAndFlush(NIOAny(IOData.byteBuffer(reply.bytes))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    /// Takes what came while an answer was made.
    private func goOn(_ context: ChannelHandlerContext) {
        var hasTaken = false
        while !isAnswering, context.channel.isWritable, let part = waiting.popFirst() {
            hasTaken = true
            take(part, context)
        }
        if hasTaken { context.fireChannelReadComplete() }
        guard !isAnswering, waiting.isEmpty else { return }
        if isInputClosed {
            isInputClosed = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if waiting.count >= Self.waitingPartsMax { isReadHeld = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        lastActive = .now()
        if context.channel.isWritable, !isAnswering { goOn(context) }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Answers of others

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // Who writes waits while the client reads nothing: what is written is read.
        lastActive = .now()
        guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        handedOn -= 1
        guard isStopping, handedOn == 0 else { return context.write(data, promise: promise) }
        let channel = context.channel
        let written = promise ?? context.eventLoop.makePromise()
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(data, promise: written)
    }

    // MARK: The end of the connection

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            if handedOn > 0 || isAnswering { isStopping = true } else { context.close(promise: nil) }
        // Whoever is behind would end the connection, and the answer with it.
        case ChannelEvent.inputClosed where isAnswering || !waiting.isEmpty: isInputClosed = true
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func watchIdleness(_ context: ChannelHandlerContext, in time: TimeAmount) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        idleTask = context.eventLoop.scheduleTask(in: time) {
            let (lane, context) = bound.value
            lane.checkIdleness(context)
        }
    }

    private func checkIdleness(_ context: ChannelHandlerContext) {
        let end = lastActive + idleTimeMax
        if handedOn > 0 || isAnswering, context.channel.isWritable || .now() < end {
            // An answer is being made, and nothing of it waits for the client.
            watchIdleness(context, in: .now() < end ? end - .now() : idleTimeMax)
        } else if .now() < end {
            watchIdleness(context, in: end - .now())
        } else {
            context.close(promise: nil)
        }
    }
}
