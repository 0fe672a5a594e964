import Foundation
import Postgres
import Synchronization

/// Idle web sockets, and one change told to 1,000 of them.
struct ApiSockets: Benchmark {
    let name = "api-sockets"
    let title = "Web sockets"
    let explanation = """
        5,000 sockets that have joined a channel and say nothing; then 1,000 of 1,000 different clients who follow a table under
        row level security, and 50 inserts, each a transaction: the time from the insert being sent to the frame being read, over
        all 50,000 frames.
        """

    func rounds(_ context: Context) -> String { "one round" }

    func run(_ context: Context) async throws -> [Row] {
        let bank = try await ApiBank.start(context)
        do {
            let rows = try await measure(context, bank)
            await bank.stop()
            return rows
        } catch {
            await bank.stop()
            throw error
        }
    }

    private func measure(_ context: Context, _ bank: ApiBank) async throws -> [Row] {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(7), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(7), &limit)
        let empty = bank.residentMegabytes()
        var idle: [SocketPeer] = []
        for number in 0..<5000 {
            let client = bank.clients[number % bank.clients.count]
            let peer = try SocketPeer(port: bank.port, token: client.token)
            try peer.join("realtime:room-\(number % 50)", changes: nil)
            idle.append(peer)
        }
        try await Task.sleep(for: .seconds(2))
        let full = bank.residentMegabytes()
        var memory = Row(what: "memory of the server with 5,000 idle sockets", values: [full], unit: "MB")
        if full >= 150 { memory.failure = "150 MB or more" }
        idle = []
        try await Task.sleep(for: .seconds(1))
        let times = try await fanOut(context, bank)
        func quantile(_ share: Double) -> Double { times[min(times.count - 1, Int(share * Double(times.count)))] }
        var tail = Row(what: "one change told to 1,000 subscribers: p99", values: [quantile(0.99)], unit: "ms")
        if quantile(0.99) >= 250 { tail.failure = "250 ms or more" }
        return [
            Row(what: "memory of the server without sockets", values: [empty], unit: "MB"), memory,
            Row(what: "one change told to 1,000 subscribers: p50", values: [quantile(0.5)], unit: "ms"), tail,
        ]
    }

    private func fanOut(_ context: Context, _ bank: ApiBank) async throws -> [Double] {
        let database = try await context.database(ApiBank.name)
        // The publication is there since the server started.
        try await database.run("alter publication supabase_realtime add table notes")
        let peers = try bank.clients.prefix(1000).map { client in
            let peer = try SocketPeer(port: bank.port, token: client.token)
            try peer.join("realtime:notes", changes: "notes")
            return peer
        }
        let changes = 50
        let sent = Moments()
        let samples = Samples()
        let reader = SocketReader(peers)
        let user = bank.clients[0].user
        async let read: Void = onThread {
            reader.read(expected: changes) { number in
                let now = ContinuousClock.now
                samples.add([(now - (sent[number] ?? now)) / .milliseconds(1)])
            }
        }
        for number in 0..<changes {
            sent.add()
            try await database.run("insert into notes (auteur, texte) values (\(user)::uuid, \("change-\(number)."))")
            try await Task.sleep(for: .milliseconds(300))
        }
        await read
        await database.close()
        let sorted = samples.sorted.times
        guard sorted.count == changes * peers.count else {
            throw BenchmarkError(description: "\(sorted.count) frames came, not \(changes * peers.count)")
        }
        return sorted
    }
}

/// When each change was made.
final class Moments: Sendable {
    private let all = Mutex<[ContinuousClock.Instant]>([])

    subscript(number: Int) -> ContinuousClock.Instant? { all.withLock { number < $0.count ? $0[number] : nil } }

    func add() { all.withLock { $0.append(.now) } }
}

/// The client's side of one web socket.
final class SocketPeer {
    let connection: LoadConnection

    init(port: Int, token: String) throws {
        connection = try LoadConnection(port: port)
        let answer = try connection.exchange(
            Array(
                ("GET /realtime/v1/websocket?apikey=\(token)&vsn=1.0.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                    + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").utf8))
        guard answer.status == 101 else { throw BenchmarkError(description: "no socket: \(answer.status)") }
    }

    /// Joins and waits for the answer.
    func join(_ topic: String, changes table: String?) throws {
        let changes = table.map { #"[{"event":"INSERT","schema":"public","table":"\#($0)"}]"# } ?? "[]"
        let text =
            #"{"topic":"\#(topic)","event":"phx_join","payload":{"config":{"postgres_changes":\#(changes)}},"ref":"1","join_ref":"1"}"#
        try connection.send(Self.frame(Array(text.utf8)))
        let wanted = Array(#""status":"ok""#.utf8)
        while connection.take({ $0.firstRange(of: wanted) }) == nil { try connection.fill() }
        connection.take { $0 = [] }
    }

    static func frame(_ data: [UInt8]) -> [UInt8] {
        let head: [UInt8] =
            data.count < 126
            ? [0x81, 0x80 | UInt8(data.count)] : [0x81, 0xFE, UInt8(data.count >> 8), UInt8(data.count & 255)]
        // A mask of zeros leaves the bytes as they are.
        return head + [0, 0, 0, 0] + data
    }
}

/// Reads what comes on many sockets, on one thread.
final class SocketReader: @unchecked Sendable {
    // SAFETY: handed to one thread, and used there only.
    private let peers: [SocketPeer]

    init(_ peers: [SocketPeer]) { self.peers = peers }

    /// Until each socket was told `expected` changes, or nothing comes for ten seconds. `told` gets the change's number.
    func read(expected: Int, _ told: (Int) -> Void) {
        var polls = peers.map { pollfd(fd: $0.connection.descriptor, events: Int16(POLLIN), revents: 0) }
        var left = peers.count * expected
        let mark = Array("change-".utf8)
        while left > 0, poll(&polls, nfds_t(polls.count), 10_000) > 0 {
            for (index, poll) in polls.enumerated() where poll.revents != 0 {
                guard (try? peers[index].connection.fill()) != nil else {
                    polls[index].fd = -1
                    continue
                }
                left -= peers[index].connection.take { buffer in
                    var count = 0
                    while let found = buffer.firstRange(of: mark),
                        let end = buffer[found.upperBound...].firstIndex(of: UInt8(ascii: "."))
                    {
                        if let number = Int(String(decoding: buffer[found.upperBound..<end], as: UTF8.self)) {
                            told(number)
                        }
                        buffer.removeFirst(end + 1 - buffer.startIndex)
                        count += 1
                    }
                    return count
                }
            }
        }
    }
}
