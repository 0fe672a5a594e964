internal import CLibpq
internal import Foundation
internal import Glibc

/// Wakes the receiving thread out of `poll`.
final class ReplicationAlarm: Sendable {
    let descriptor: Int32

    init() throws(PostgresError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else {
            throw PostgresError(kind: .connect, message: "no file descriptor left: \(String(cString: strerror(errno)))")
        }
    }

    deinit { _ = Glibc.close(descriptor) }

    func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    func silence() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}

/// The thread behind a `ReplicationStream`: reads CopyBoth, answers keepalives, reports what was confirmed.
final class ReplicationReceiver: @unchecked Sendable {
    // SAFETY: after `start` everything mutable is touched by the receiving thread only.
    private let handle: OpaquePointer
    private let options: ReplicationStream.Options
    private let buffer: ReplicationBuffer
    private let alarm: ReplicationAlarm
    private let statusInterval: UInt64
    /// Furthest position heard of.
    private var received = LogPosition(0)
    /// Last `progress` given to the reader.
    private var reported = LogPosition(0)
    private var isInTransaction = false
    private var statusDueAt: UInt64 = 0

    init(
        _ handle: Connector.Handle, _ options: ReplicationStream.Options, _ buffer: ReplicationBuffer,
        _ alarm: ReplicationAlarm
    ) {
        self.handle = handle.pointer
        self.options = options
        self.buffer = buffer
        self.alarm = alarm
        statusInterval = max(10_000_000, options.statusInterval.nanoseconds)
    }

    /// `started` is called once, from the thread.
    func start(_ started: @escaping @Sendable (PostgresError?) -> Void) {
        // Ends with the stream: `buffer.cancel` wakes it, an error ends it.
        let thread = Thread { [self] in
            defer { PQfinish(handle) }
            do throws(PostgresError) {
                try begin()
            } catch {
                return started(error)
            }
            started(nil)
            do throws(PostgresError) {
                try receive()
                buffer.finish(nil)
            } catch {
                buffer.finish(error)
            }
        }
        thread.name = "replication"
        thread.start()
    }

    private func begin() throws(PostgresError) {
        let names = options.publications.map(Statement.quoted).joined(separator: ",")
        let command =
            "START_REPLICATION SLOT \(Statement.quoted(options.slot)) LOGICAL 0/0 "
            + "(proto_version '1', publication_names \(Statement.literal(names)))"
        guard let result = PQexec(handle, command) else { throw PostgresError.lost(handle) }
        if PQresultStatus(result) == PGRES_COPY_BOTH { return PQclear(result) }
        guard case .failed(let error) = ServerReply(taking: result) else { throw PostgresError.lost(handle) }
        throw error
    }

    private func receive() throws(PostgresError) {
        while !buffer.isCancelled {
            let now = Reactor.clock()
            if now >= statusDueAt { try sendStatus(now: now) }
            guard buffer.hasRoom else {
                try wait(forServer: false)
                continue
            }
            var bytes: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(handle, &bytes, 1)
            switch count {
            case 1...:
                defer { PQfreemem(bytes) }
                try take(UnsafeRawBufferPointer(start: bytes, count: Int(count))[...])
            case 0:
                try wait(forServer: true)
                guard PQconsumeInput(handle) == 1 else { throw PostgresError.lost(handle) }
            default: throw end()
            }
        }
    }

    /// The server left the copy: its words.
    private func end() -> PostgresError {
        guard let result = PQgetResult(handle), case .failed(let error) = ServerReply(taking: result) else {
            return .lost(handle)
        }
        return error.with(kind: .connectionLost)
    }

    private func wait(forServer: Bool) throws(PostgresError) {
        var requests = [
            pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0),
        ]
        let now = Reactor.clock()
        let pause = statusDueAt > now ? (statusDueAt - now) / 1_000_000 + 1 : 0
        _ = poll(&requests, forServer ? 2 : 1, Int32(min(pause, 60_000)))
        if requests[0].revents != 0 { alarm.silence() }
    }

    private func take(_ bytes: UnsafeRawBufferPointer.SubSequence) throws(PostgresError) {
        switch bytes.first {
        case UInt8(ascii: "w"):
            // Start, end, clock: eight bytes each.
            guard bytes.count >= 25 else { throw Self.short }
            received = max(received, LogPosition(Self.integer(bytes, at: 1)))
            guard let message = try ReplicationDecoder.decode(bytes.dropFirst(25)) else { return }
            switch message {
            case .begin: isInTransaction = true
            case .commit(let mark):
                isInTransaction = false
                received = max(received, mark.endPosition)
            default: break
            }
            buffer.put(message)
        case UInt8(ascii: "k"):
            guard bytes.count >= 18 else { throw Self.short }
            let end = LogPosition(Self.integer(bytes, at: 1))
            received = max(received, end)
            if !isInTransaction, end > reported {
                reported = end
                buffer.put(.progress(end))
            }
            if bytes[bytes.startIndex + 17] != 0 { try sendStatus(now: Reactor.clock()) }
        default: throw Self.short
        }
    }

    private static let short = PostgresError(
        kind: .decoding, message: "the replication stream holds a message that is no change and no keepalive")

    private static func integer(_ bytes: UnsafeRawBufferPointer.SubSequence, at offset: Int) -> UInt64 {
        bytes[(bytes.startIndex + offset)..<(bytes.startIndex + offset + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// "Standby status update": written up to, flushed up to, applied up to, our clock, no answer wanted.
    private func sendStatus(now: UInt64) throws(PostgresError) {
        statusDueAt = now + statusInterval
        let confirmed = buffer.confirmed.rawValue
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let microseconds = (Int64(time.tv_sec) - 946_684_800) * 1_000_000 + Int64(time.tv_nsec) / 1000
        var message = [UInt8(ascii: "r")]
        for value in [max(received.rawValue, confirmed), confirmed, confirmed, UInt64(bitPattern: microseconds)] {
            withUnsafeBytes(of: value.bigEndian) { message.append(contentsOf: $0) }
        }
        message.append(0)
        let isSent = message.withUnsafeBytes { bytes in
            PQputCopyData(handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count)) == 1
        }
        guard isSent, PQflush(handle) >= 0 else { throw PostgresError.lost(handle) }
    }
}
