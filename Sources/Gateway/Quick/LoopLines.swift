internal import NIOCore
internal import NIOPosix
internal import Postgres
internal import Synchronization

/// An event loop's own connections to the database: a read is sent and answered on the thread that read its request.
///
/// They are made when they are needed. While there is none, or none has room, the pool serves.
final class LoopLines: FlightLane, @unchecked Sendable {
    // SAFETY: everything mutable is touched on the event loop only.
    private let loop: any EventLoop
    private let configuration: DatabaseConfiguration
    private let linesMax: Int
    private var lines: [LineHandler] = []
    private var connecting = 0
    private var nextAttempt = NIODeadline.now()
    private var isFlushQueued = false
    private var isClosed = false
    private var ticking: RepeatedTask?

    private static let pauseAfterFailure = TimeAmount.seconds(2)
    private static let tickTime = TimeAmount.milliseconds(100)

    init(_ loop: any EventLoop, _ configuration: DatabaseConfiguration, linesMax: Int) {
        self.loop = loop
        self.configuration = configuration
        self.linesMax = linesMax
    }

    func send(_ flight: LaneFlight, then: @escaping @Sendable (LaneOutcome) -> Void) -> (@Sendable () -> Void)? {
        guard !isClosed else { return nil }
        if lines.count < linesMax { grow() }
        var best: LineHandler?
        for handler in lines where handler.line.hasRoom() {
            if handler.line.depth < best?.line.depth ?? .max { best = handler }
        }
        guard let best else { return nil }
        // What this turn of the loop sends goes out together at its end.
        if !isFlushQueued {
            isFlushQueued = true
            loop.execute { self.flush() }
        }
        best.isDirty = true
        return best.line.send(flight, then: then)
    }

    private func flush() {
        isFlushQueued = false
        for handler in lines where handler.isDirty { handler.flush() }
    }

    // MARK: Connecting

    /// One at a time.
    private func grow() {
        guard connecting == 0, NIODeadline.now() >= nextAttempt else { return }
        connecting += 1
        let loop = loop
        BareConnection.connect(configuration, options: FlightLine.sessionOptions) { result in
            loop.execute { self.connected(result) }
        }
    }

    private func connected(_ result: Result<BareConnection, PostgresError>) {
        connecting -= 1
        guard !isClosed, case .success(let connection) = result, let socket = connection.socket() else {
            // Without a connection, or with one that is encrypted, the pool goes on alone.
            nextAttempt = .now() + Self.pauseAfterFailure
            return
        }
        let handler = LineHandler(FlightLine(connection, limits: configuration.limits)) { [weak self] in
            self?.remove($0)
        }
        let bound = NIOLoopBound(handler, eventLoop: loop)
        connecting += 1
        ClientBootstrap(group: loop)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
            }
            .withConnectedSocket(socket)
            .whenComplete { result in
                self.connecting -= 1
                guard case .success(let channel) = result else {
                    self.nextAttempt = .now() + Self.pauseAfterFailure
                    return
                }
                guard !self.isClosed else { return channel.close(promise: nil) }
                self.lines.append(bound.value)
                self.startTicking()
            }
    }

    private func startTicking() {
        guard ticking == nil else { return }
        ticking = loop.scheduleRepeatedTask(initialDelay: Self.tickTime, delay: Self.tickTime) { _ in
            for handler in self.lines { handler.tick() }
            guard self.lines.isEmpty else { return }
            self.ticking?.cancel()
            self.ticking = nil
        }
    }

    private func remove(_ handler: LineHandler) { lines.removeAll { $0 === handler } }

    /// Ends the connections; what is under way goes to the pool.
    func close() async {
        let open =
            (try? await loop.submit { () -> [BareConnection] in
                self.isClosed = true
                self.ticking?.cancel()
                self.ticking = nil
                let open = self.lines
                self.lines = []
                for handler in open { handler.close() }
                return open.map(\.line.connection)
            }.get()) ?? []
        for connection in open { await connection.close() }
    }
}

/// One connection's place on the loop.
private final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let line: FlightLine
    var isDirty = false
    private let onEnd: (LineHandler) -> Void
    private var context: ChannelHandlerContext?

    init(_ line: FlightLine, onEnd: @escaping (LineHandler) -> Void) {
        self.line = line
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { line.receive($0) }
        if line.isBroken { close() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd(self)
        line.lost()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func flush() {
        isDirty = false
        let bytes = line.takeOutput()
        guard let context, !bytes.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func tick() {
        line.tick()
        if line.isBroken { close() }
    }

    func close() {
        onEnd(self)
        line.lost()
        context?.close(promise: nil)
    }
}

/// The lines of all event loops of a server.
final class LineKeeper: Sendable {
    private let configuration: DatabaseConfiguration
    private let loops = Mutex<[ObjectIdentifier: LoopLines]>([:])

    /// A process has them beside its pool, which stays the larger part.
    private static let linesMax = 8

    init(_ configuration: DatabaseConfiguration) { self.configuration = configuration }

    /// Nil on a loop too many: its reads go through the pool.
    func lines(on loop: any EventLoop) -> LoopLines? {
        loops.withLock { loops in
            if let known = loops[ObjectIdentifier(loop)] { return known }
            guard loops.count < Self.linesMax else { return nil }
            let share = max(1, min(2, Self.linesMax / max(1, System.coreCount)))
            let new = LoopLines(loop, configuration, linesMax: share)
            loops[ObjectIdentifier(loop)] = new
            return new
        }
    }

    func close() async {
        let all = loops.withLock { Array($0.values) }
        for lines in all { await lines.close() }
    }
}
