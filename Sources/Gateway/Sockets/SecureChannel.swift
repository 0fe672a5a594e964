internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import Logging
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// TLS; inside it HTTP/2 for those who ask for it, else HTTP/1.1 with web sockets.
struct SecureChannel: ServerChildChannel, HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let spoken: EventLoopFuture<Spoken>
    }

    enum Spoken: Sendable {
        case one(SocketChannel.Value)
        case two(HTTP2Channel.Value)
    }

    let one: SocketChannel
    let two: HTTP2Channel
    let certificates: Certificates
    /// How long a client may take to agree on a protocol.
    let handshakeTimeMax: TimeAmount

    var responder: HTTPChannelHandler.Responder { one.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: certificates.current))
            let deadline = channel.eventLoop.scheduleTask(in: handshakeTimeMax) { channel.close(promise: nil) }
            let (one, two) = (one, two)
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Spoken> { result, channel in
                deadline.cancel()
                guard case .negotiated("h2") = result else {
                    return one.setup(channel: channel, logger: logger).map { .one($0) }
                }
                return two.setup(channel: channel, logger: logger).map { .two($0) }
            }
            try pipeline.addHandler(negotiation)
            channel.closeFuture.whenComplete { _ in deadline.cancel() }
            return Value(channel: channel, spoken: negotiation.protocolNegotiationResult)
        }
    }

    func handle(value: Value, logger: Logger) async {
        // A handshake that fails has closed the connection already.
        guard let spoken = try? await value.spoken.get() else { return }
        switch spoken {
        case .one(let value): await one.handle(value: value, logger: logger)
        case .two(let value): await two.handle(value: value, logger: logger)
        }
    }
}
