internal import Glibc

/// Reads over one connection, in order, in the protocol's own messages: bytes in, bytes out, no socket and no thread.
///
/// Its session only reads (`sessionOptions`), so that a flight whose fate is unknown may be sent again elsewhere: whatever
/// this line cannot do well it gives back as `.again`.
public final class FlightLine: @unchecked Sendable {
    // SAFETY: touched by the thread of the socket's owner only.
    final class Flight {
        let then: @Sendable (LaneOutcome) -> Void
        let parts: [LaneStatement]
        /// Prepared in this flight; the server has said so of the first `parsedCount`.
        var parses: [LaneStatement] = []
        var parsedCount = 0
        var rows: RowBuffer?
        var results: [QueryResult] = []
        var failure: PostgresError?
        var isCancelled = false
        /// Somebody else does it now.
        var isGivenBack = false

        init(_ parts: [LaneStatement], _ then: @escaping @Sendable (LaneOutcome) -> Void) {
            self.parts = parts
            self.then = then
            results.reserveCapacity(parts.count)
        }
    }

    private struct Entry {
        let statement: LaneStatement
        let name: [UInt8]
    }

    /// What the session of such a line is started with.
    public static let sessionOptions = "-c default_transaction_read_only=on"
    /// Nothing more is put behind a flight that takes longer, in nanoseconds.
    private static let stallTime: UInt64 = 20_000_000
    /// And those that wait behind it go elsewhere.
    private static let giveBackTime: UInt64 = 250_000_000
    private static let cancelAgainTime: UInt64 = 500_000_000
    /// A longer message is none of a server's.
    private static let messageBytesMax = 1 << 30

    public let connection: BareConnection
    /// True when the connection has to be closed.
    public private(set) var isBroken = false
    private let limits: DatabaseConfiguration.Limits
    private var output = MessageBuffer()
    private var pending: [UInt8] = []
    private var flights = Queue<Flight>()
    private var names: [ObjectIdentifier: Entry] = [:]
    private var nameCount = 0
    /// When the oldest flight became the oldest, or the server last spoke.
    private var headSince: UInt64 = 0
    private var cancelledAt: UInt64 = 0

    public init(_ connection: BareConnection, limits: DatabaseConfiguration.Limits) {
        self.connection = connection
        self.limits = limits
    }

    /// Flights under way.
    public var depth: Int { flights.count }

    public func hasRoom() -> Bool {
        guard !isBroken, depth < limits.pipelineDepthMax else { return false }
        return depth == 0 || Reactor.clock() &- headSince <= Self.stallTime
    }

    // MARK: Sending

    /// Appends the flight to the output. `then` is called once.
    ///
    /// - Returns: cancels it; to be called on the owner's thread.
    public func send(_ flight: LaneFlight, then: @escaping @Sendable (LaneOutcome) -> Void) -> @Sendable () -> Void {
        let new = Flight(flight.parts.map(\.statement), then)
        if depth == 0 { headSince = Reactor.clock() }
        for part in flight.parts { output.execute(name(of: part.statement, new), part.values) }
        output.sync()
        flights.append(new)
        let handle = Unowned(new)
        return { [weak self] in self?.cancel(handle.flight) }
    }

    /// A flight on its way into a closure that the owner's thread calls.
    private struct Unowned: @unchecked Sendable {
        // SAFETY: see FlightLine.
        let flight: Flight
        init(_ flight: Flight) { self.flight = flight }
    }

    private func name(of statement: LaneStatement, _ flight: Flight) -> [UInt8] {
        if let entry = names[ObjectIdentifier(statement)] { return entry.name }
        if names.count >= max(4, limits.preparedStatementsMax) {
            for entry in names.values { output.forget(entry.name) }
            names.removeAll()
        }
        nameCount += 1
        let entry = Entry(statement: statement, name: Array("db_l\(nameCount)\u{0}".utf8))
        names[ObjectIdentifier(statement)] = entry
        output.parse(entry.name, statement.sql, statement.types)
        flight.parses.append(statement)
        return entry.name
    }

    /// What has to be written to the socket.
    public func takeOutput() -> [UInt8] { output.take() }

    private func cancel(_ flight: Flight) {
        flight.isCancelled = true
        cancelHeadIfSlow(Reactor.clock())
    }

    private func cancelHeadIfSlow(_ now: UInt64) {
        guard let head = flights.first, head.isCancelled, now &- headSince > Self.stallTime,
            now &- cancelledAt > Self.cancelAgainTime
        else { return }
        cancelledAt = now
        connection.cancel()
    }

    // MARK: Receiving

    /// Takes what came over the socket, in pieces of any size.
    public func receive(_ bytes: UnsafeRawBufferPointer) {
        guard !isBroken, !bytes.isEmpty else { return }
        guard !pending.isEmpty else {
            let used = consume(bytes)
            if used < bytes.count, !isBroken { pending.append(contentsOf: bytes[used...]) }
            return
        }
        // Out of the way of whoever is called meanwhile.
        var whole = pending
        pending = []
        whole.append(contentsOf: bytes)
        let used = whole.withUnsafeBytes { consume($0) }
        guard !isBroken else { return }
        if used > 0 { whole.removeFirst(used) }
        pending = whole
    }

    /// How many bytes whole messages had.
    private func consume(_ bytes: UnsafeRawBufferPointer) -> Int {
        var offset = 0
        while bytes.count - offset >= 5, !isBroken {
            let length = Int(bytes.bigEndian32(at: offset + 1))
            guard length >= 4, length <= Self.messageBytesMax else {
                lost()
                break
            }
            guard bytes.count - offset > length else { break }
            take(bytes[offset], UnsafeRawBufferPointer(rebasing: bytes[(offset + 5)..<(offset + 1 + length)]))
            offset += 1 + length
        }
        return offset
    }

    private func take(_ type: UInt8, _ body: UnsafeRawBufferPointer) {
        guard let flight = flights.first else {
            // Between flights a server may say what happens to it, and nothing else.
            if ![UInt8(ascii: "N"), UInt8(ascii: "S"), UInt8(ascii: "A"), UInt8(ascii: "3")].contains(type) { lost() }
            return
        }
        switch type {
        case UInt8(ascii: "D"):
            let rows = flight.rows ?? RowBuffer()
            flight.rows = rows
            if !rows.add(body) { lost() }
        case UInt8(ascii: "C"), UInt8(ascii: "I"):
            flight.results.append(QueryResult(storage: ResultStorage(flight.rows ?? RowBuffer())))
            flight.rows = nil
        case UInt8(ascii: "1"): flight.parsedCount += 1
        case UInt8(ascii: "E"): if flight.failure == nil { flight.failure = PostgresError(report: body) }
        case UInt8(ascii: "Z"): finish(flight, isIdle: body.first == UInt8(ascii: "I"))
        case UInt8(ascii: "2"), UInt8(ascii: "3"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "S"),
            UInt8(ascii: "A"), UInt8(ascii: "T"):
            break
        default: lost()
        }
    }

    private func finish(_ flight: Flight, isIdle: Bool) {
        flights.popFirst()
        let now = Reactor.clock()
        let time = now &- headSince
        headSince = now
        for statement in flight.parses.dropFirst(flight.parsedCount) { names[ObjectIdentifier(statement)] = nil }
        guard let failure = flight.failure else {
            let isWhole = flight.results.count == flight.parts.count
            tell(flight, isWhole ? .results(flight.results) : .again)
            if !isWhole || !isIdle { lost() }
            return
        }
        tell(flight, outcome(failure, of: flight, after: time))
        // A session that ends, or that was stopped while it did something nobody knows, is not used again.
        if !isIdle || failure.kind == .connectionLost || failure.isCanceled { lost() }
    }

    private func outcome(_ failure: PostgresError, of flight: Flight, after time: UInt64) -> LaneOutcome {
        if failure.isStalePlan || failure.isMissingStatement {
            for statement in flight.parts {
                guard let entry = names.removeValue(forKey: ObjectIdentifier(statement)) else { continue }
                output.forget(entry.name)
            }
            return .again
        }
        if failure.isCanceled {
            let isLate = limits.statementTimeout > .zero && time >= limits.statementTimeout.nanoseconds
            // A role may have a time-out of its own.
            if isLate || failure.message.contains("statement timeout") {
                return .failed(failure.with(kind: .statementTimeout))
            }
            return flight.isCancelled ? .failed(failure.with(kind: .cancelled)) : .again
        }
        return failure.kind == .connectionLost ? .again : .failed(failure)
    }

    private func tell(_ flight: Flight, _ outcome: LaneOutcome) {
        guard !flight.isGivenBack else { return }
        flight.isGivenBack = true
        flight.then(outcome)
    }

    // MARK: Time and the end

    /// To be called a few times a second: stops what nobody waits for, gives back what waits behind a slow statement, and
    /// gives up a server that has not answered in a statement's time-out.
    public func tick() {
        guard !isBroken, depth > 0 else { return }
        let now = Reactor.clock()
        cancelHeadIfSlow(now)
        let time = now &- headSince
        if time > Self.giveBackTime {
            // All but the one that is running.
            for flight in flights.dropFirst() where !flight.isCancelled { tell(flight, .again) }
        }
        guard limits.statementTimeout > .zero else { return }
        let (most, isTooLong) = limits.statementTimeout.nanoseconds.multipliedReportingOverflow(by: 2)
        if !isTooLong, time > most &+ limits.silenceMax.nanoseconds { lost() }
    }

    /// The connection is gone, or of no use any more: what is under way goes elsewhere.
    public func lost() {
        guard !isBroken else { return }
        isBroken = true
        pending = []
        for flight in flights.removeAll() { tell(flight, .again) }
    }
}

extension PostgresError {
    /// An ErrorResponse message: fields of one letter and a text that a zero ends.
    init(report body: UnsafeRawBufferPointer) {
        var fields: [UInt8: String] = [:]
        var rest = body[...]
        while let code = rest.popFirst(), code != 0 {
            let text = rest.prefix { $0 != 0 }
            fields[code] = String(decoding: text, as: UTF8.self)
            rest = rest.dropFirst(text.count + 1)
        }
        self.init(withoutText: "the server gave no reason") { fields[UInt8(truncatingIfNeeded: $0.value)] }
    }
}
