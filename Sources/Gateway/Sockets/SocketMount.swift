public import Web

/// One message of a web socket.
public enum SocketMessage: Sendable, Hashable {
    case text(String)
    case binary([UInt8])

    var byteCount: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        }
    }
}

/// What deals with one open socket. Messages are handed in one at a time.
public struct SocketHandling: Sendable {
    let receive: @Sendable (SocketMessage) async -> Void
    let closed: @Sendable () -> Void

    public init(
        receive: @escaping @Sendable (SocketMessage) async -> Void, closed: @escaping @Sendable () -> Void
    ) {
        self.receive = receive
        self.closed = closed
    }
}

/// What becomes of a socket that was asked for.
public enum SocketOpening: Sendable {
    case open(SocketHandling)
    /// Closed at once with one of RFC 6455's codes and the reason.
    case refused(code: UInt16, String)
}

/// A capability that speaks over web sockets at one path.
public struct SocketMount: Sendable {
    let path: String
    /// The token that a page's cookies stand for; nil when sockets open by tokens only.
    let cookieToken: (@Sendable (String) -> String?)?
    let open: @Sendable (Actor, [QueryItem], SocketWriter) -> SocketOpening

    public init(
        _ path: String, cookieToken: (@Sendable (String) -> String?)? = nil,
        open: @escaping @Sendable (Actor, [QueryItem], SocketWriter) -> SocketOpening
    ) {
        self.path = path
        self.cookieToken = cookieToken
        self.open = open
    }
}
