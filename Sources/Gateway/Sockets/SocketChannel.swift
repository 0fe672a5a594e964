internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1
internal import NIOWebSocket
internal import Web

/// HTTP/1.1 whose requests may become web sockets.
struct SocketChannel: ServerChildChannel, HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let upgrade: EventLoopFuture<Upgrade>
    }

    enum Upgrade: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case socket(SocketHandling, AsyncStream<SocketMessage>, ByteHolding, any Channel)
        case none
    }

    /// Who opens which socket, from the head of a request; nil leaves the answer to HTTP.
    typealias Open = @Sendable (HTTPRequestHead) -> ((SocketWriter) -> SocketOpening)?

    let responder: HTTPChannelHandler.Responder
    let settings: GatewaySettings
    let open: Open
    let quick: QuickAnswers
    let register: SocketRegister
    let budgets: SocketBudgets

    static let messageBytesMax = 1 << 20
    static let waitingMessagesMax = 256
    static let waitingBytesMax = 4 << 20

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let peer = channel.remoteAddress?.ipAddress ?? "local"
            let address: @Sendable (HTTPRequestHead) -> String = { [settings] head in
                settings.address(peer) { head.headers["x-forwarded-for"] }
            }
            let open: Open = { [settings, open] head in
                settings.isBanned?(address(head)) == true ? nil : open(head)
            }
            let (register, budgets) = (register, budgets)
            let waitingMax = settings.limits.socketBytesMax
            let upgrader = NIOTypedWebSocketServerUpgrader<Upgrade>(
                maxFrameSize: Self.messageBytesMax,
                shouldUpgrade: { channel, head in
                    channel.eventLoop.makeSucceededFuture(open(head) == nil ? nil : HTTPHeaders())
                },
                upgradePipelineHandler: { channel, head in
                    channel.eventLoop.makeCompletedFuture {
                        try Self.makeSocket(channel, open(head), budgets, waitingMax) {
                            register.add($0, from: address(head), channel)
                        }
                    }
                })
            let (settings, quick) = (settings, quick)
            let upgrades = NIOTypedHTTPServerUpgradeConfiguration<Upgrade>(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture { .http(try Self.makeHTTP(channel, settings, quick)) }
            }
            var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrades)
            configuration.enablePipelining = false
            configuration.enableErrorHandling = false
            configuration.enableResponseHeaderValidation = false
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = settings.limits.headerBytesMax
            limits.maxHeaderListSize = settings.limits.headerBytesMax
            limits.maxHeaderFieldCount = 200
            configuration.decoderConfiguration = limits
            let pipeline = channel.pipeline.syncOperations
            let result = try pipeline.configureUpgradableHTTPServerPipeline(configuration: configuration)
            let upgrading = try pipeline.handler(type: NIOTypedHTTPServerUpgradeHandler<Upgrade>.self)
            try pipeline.addHandler(UpgradeFilter { open($0) != nil }, position: .before(upgrading))
            try pipeline.addHandler(FirstHeadGuard(timeMax: TimeAmount(settings.limits.requestTimeMax)))
            return Value(channel: channel, upgrade: result)
        }
    }

    private static func makeHTTP(
        _ channel: any Channel, _ settings: GatewaySettings, _ quick: QuickAnswers
    ) throws -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        let pipeline = channel.pipeline.syncOperations
        pipeline.removeHandler(try pipeline.handler(type: FirstHeadGuard.self), promise: nil)
        try pipeline.addHandler(QuickLane(answers: quick, idleTimeMax: TimeAmount(settings.limits.idleTimeMax)))
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        return try NIOAsyncChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    private static func makeSocket(
        _ channel: any Channel, _ open: ((SocketWriter) -> SocketOpening)?, _ budgets: SocketBudgets,
        _ waitingMax: Int, _ register: (SocketWriter) -> Void
    ) throws -> Upgrade {
        let writer = SocketWriter(channel: channel, waitingBytesMax: waitingBytesMax, budgets: budgets)
        let holding = ByteHolding(budgets.inbound, max: waitingMax)
        let (stream, messages) = AsyncStream.makeStream(
            of: SocketMessage.self, bufferingPolicy: .bufferingOldest(waitingMessagesMax))
        let pipeline = channel.pipeline.syncOperations
        pipeline.removeHandler(try pipeline.handler(type: FirstHeadGuard.self), promise: nil)
        try pipeline.addHandler(MaskGuard(writer: writer))
        try pipeline.addHandler(
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 1, maxAccumulatedFrameCount: 1024,
                maxAccumulatedFrameSize: messageBytesMax))
        try pipeline.addHandler(SocketHandler(messages: messages, holding: holding, writer: writer))
        switch open?(writer) {
        case .open(let handling):
            register(writer)
            return .socket(handling, stream, holding, channel)
        case .refused(let code, let reason): writer.close(code: code, reason: reason)
        case nil: writer.close(code: 1008, reason: "the token ended while the socket was opened")
        }
        return .none
    }

    func handle(value: Value, logger: Logger) async {
        guard let upgrade = try? await value.upgrade.get() else { return }
        switch upgrade {
        case .http(let channel):
            await withTaskExecutorPreference(LoopExecutor(channel.channel.eventLoop)) {
                await handleHTTP(asyncChannel: channel, logger: logger)
            }
        case .socket(let handling, let messages, let holding, let channel):
            await withTaskCancellationHandler {
                for await message in messages {
                    await handling.receive(message)
                    holding.giveBack(message.byteCount)
                }
                handling.closed()
            } onCancel: {
                channel.close(promise: nil)
            }
        case .none: break
        }
    }
}
