/// Something that the watch saw and nobody should sleep over.
public struct WatchAlarm: Sendable, Hashable {
    public struct Words: Sendable, Hashable {
        public let fr: String
        public let en: String
    }

    public enum Severity: String, Sendable {
        case low, medium, high, critical
    }

    public let kind: String
    public let level: Severity
    public let subject: String
    public let words: Words

    public var severity: String { level.rawValue }
}
