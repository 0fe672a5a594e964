internal import Synchronization

/// The changes of a publication, read from a logical replication slot that exists already.
///
/// One connection of its own (`replication=database`) on a thread of its own: neither the pool nor Swift's threads wait
/// for it. It ends with the first error; whoever wants to go on makes another one, and the slot goes on behind the last
/// position that was confirmed. One reader at a time.
public final class ReplicationStream: AsyncSequence, Sendable {
    public typealias Element = ReplicationMessage

    public struct Options: Sendable {
        public var slot: String
        public var publications: [String]
        /// Bytes that wait for the reader; when they are reached the server is not read any further.
        public var bufferedBytesMax = 16 << 20
        /// How often the server is told what was confirmed. Its `wal_sender_timeout` (60 s) must be longer.
        public var statusInterval: Duration = .seconds(5)

        public init(slot: String, publications: [String]) {
            self.slot = slot
            self.publications = publications
        }
    }

    private let buffer: ReplicationBuffer

    private init(_ buffer: ReplicationBuffer) { self.buffer = buffer }

    deinit { buffer.cancel() }

    /// Connects and starts: returns when the server has begun to stream.
    ///
    /// Errors: `.connect`; `.server` with 42704 (no such slot), 55006 (somebody reads it already), 42501 (the role may not
    /// replicate), 55000 (the slot was invalidated, or `wal_level` is not logical).
    public static func start(
        _ configuration: DatabaseConfiguration, _ options: Options
    ) async throws -> ReplicationStream {
        let alarm = try ReplicationAlarm()
        let buffer = ReplicationBuffer(byteCountMax: options.bufferedBytesMax) { alarm.ring() }
        let handle = try await withUnsafeThrowingContinuation { continuation in
            Connector.connect(configuration, isReplication: true) { result in
                continuation.resume(with: result.mapError { $0.error })
            }
        }
        try await withUnsafeThrowingContinuation { (started: UnsafeContinuation<Void, any Error>) in
            ReplicationReceiver(handle, options, buffer, alarm).start { error in
                if let error { started.resume(throwing: error) } else { started.resume() }
            }
        }
        return ReplicationStream(buffer)
    }

    /// Everything before `position` was dealt with: the server may forget it. Told to it within `statusInterval`.
    public func confirm(upTo position: LogPosition) { buffer.confirm(position) }

    /// All messages that have come, up to `countMax`, waiting for the first; empty at the end.
    public func next(upTo countMax: Int) async throws -> [ReplicationMessage] {
        try await buffer.take(Swift.max(1, countMax))
    }

    /// Ends the connection; the slot stays.
    public func close() { buffer.cancel() }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let stream: ReplicationStream

        public mutating func next() async throws -> ReplicationMessage? {
            try await stream.next(upTo: 1).first
        }
    }
}
