/// One websocket frame's payload.
public enum RealtimeFrame: Sendable, Hashable {
    case text(String)
    case binary([UInt8])
}

/// Phoenix's two ways of writing a message.
public enum ProtocolVersion: String, Sendable, CaseIterable {
    /// Objects.
    case one = "1.0.0"
    /// Arrays, and binary frames for broadcasts.
    case two = "2.0.0"
}
