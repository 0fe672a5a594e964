/// nginx and Apache: common and combined, with or without the virtual host in front and fields of one's own behind.
struct AccessReader {
    private var lastDate: (UInt64, UInt64, UInt64, UInt16) = (0, 0, 0, 0)
    private var lastInstant: Int64 = 0

    /// False when the line is none of these.
    mutating func read(_ line: Bytes, into event: inout LogEvent) -> Bool {
        guard let place = dateStart(in: line), place >= 6, let instant = instant(line, place + 1) else { return false }
        guard takePeer(line, before: place, &event) else { return false }
        var index = place + 28
        while line[index] == 32 { index += 1 }
        guard line[index] == 34 else { return false }
        let requestEnd = Self.quoteEnd(line, index + 1)
        takeRequest(line[index + 1, requestEnd], &event)
        index = requestEnd + 1
        while line[index] == 32 { index += 1 }
        let statusEnd = line.first(32, from: index) ?? line.count
        guard let status = line[index, statusEnd].integer, status < 1000 else { return false }
        event.status = Int32(truncatingIfNeeded: status)
        let sizeEnd = line.first(32, from: statusEnd + 1) ?? line.count
        event.size = min(line[statusEnd + 1, sizeEnd].integer ?? 0, 1 << 50)
        index = sizeEnd + 1
        if line[index] == 34 {
            let end = Self.quoteEnd(line, index + 1)
            event.referer = line[index + 1, end]
            if line[end + 1] == 32, line[end + 2] == 34 {
                event.agent = line[end + 3, Self.quoteEnd(line, end + 3)]
            }
        }
        event.time = instant
        event.source = .web
        event.kind = .request
        return true
    }

    /// The first `[` that begins a whole date: user names may hold brackets.
    private func dateStart(in line: Bytes) -> Int? {
        var from = 0
        while let place = line.first(91, from: from) {
            if line[place + 3] == 47, line[place + 7] == 47, line[place + 27] == 93 { return place }
            from = place + 1
        }
        return nil
    }

    @inline(__always)
    private mutating func instant(_ line: Bytes, _ at: Int) -> Int64? {
        guard at + 26 <= line.count else { return nil }
        let raw = UnsafeRawPointer(line.start + at)
        let date = (
            raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
            raw.loadUnaligned(fromByteOffset: 24, as: UInt16.self)
        )
        if date == lastDate { return lastInstant }
        guard let read = Instant.access(line, at) else { return nil }
        lastDate = date
        lastInstant = read
        return read
    }

    /// `1.2.3.4 - user`, or `host:443 1.2.3.4 - user`: the address is the first or second word, never anything later.
    private func takePeer(_ line: Bytes, before date: Int, _ event: inout LogEvent) -> Bool {
        guard let space = line.first(32), space < date else { return false }
        var index = space + 1
        if let address = NetworkAddress(line.prefix(space)) {
            event.address = address
        } else {
            let next = line.first(32, from: index) ?? date
            if next < date, let address = NetworkAddress(line[index, next]) {
                event.address = address
                event.host = line.prefix(space)
                index = next + 1
            }
        }
        // `ident user`: the identity is one word, the user is what is left.
        guard let ident = line.first(32, from: index), ident < date else { return true }
        let user = line[ident + 1, date].trimmed
        if !user.equals("-") { event.user = user }
        return true
    }

    /// `GET /path?query HTTP/1.1`; anything else is kept whole as the path.
    private func takeRequest(_ request: Bytes, _ event: inout LogEvent) {
        guard let space = request.first(32), space <= 20 else {
            event.path = request
            return
        }
        event.method = request.prefix(space)
        var end = request.count
        if let last = request.last(32), last > space, request.has("HTTP/", at: last + 1) { end = last }
        Self.split(request[space + 1, end], &event)
    }

    @inline(__always)
    static func split(_ target: Bytes, _ event: inout LogEvent) {
        if let mark = target.first(63) {
            event.path = target.prefix(mark)
            event.query = target.from(mark + 1)
        } else {
            event.path = target
        }
    }

    /// The quote that closes: one that no backslash stands before.
    @inline(__always)
    static func quoteEnd(_ line: Bytes, _ from: Int) -> Int {
        var index = from
        while let quote = line.first(34, from: index) {
            var slashes = 0
            while quote - 1 - slashes >= from, line[quote - 1 - slashes] == 92 { slashes += 1 }
            if slashes % 2 == 0 { return quote }
            index = quote + 1
        }
        return line.count
    }
}
