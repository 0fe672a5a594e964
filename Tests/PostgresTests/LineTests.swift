import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Postgres

/// A line with its socket, driven by the test's own thread.
private final class DrivenLine: @unchecked Sendable {
    // SAFETY: one test's thread at a time.
    let line: FlightLine
    private let socket: Int32
    private(set) var outcomes: [Int: LaneOutcome] = [:]
    private var known: [String: LaneStatement] = [:]
    private var count = 0

    init(_ connection: BareConnection, _ limits: DatabaseConfiguration.Limits) throws {
        line = FlightLine(connection, limits: limits)
        socket = try #require(connection.socket())
    }

    deinit { close(socket) }

    /// Sends a flight; its number is its place among all.
    @discardableResult
    func send(_ statements: Statement...) throws -> @Sendable () -> Void {
        let number = count
        count += 1
        let parts = try statements.map { statement in
            let one = try #require(known[statement.sql] ?? LaneStatement(statement))
            known[statement.sql] = one
            return (statement: one, values: statement.values)
        }
        let cancel = line.send(try #require(LaneFlight(parts))) { [self] outcome in
            #expect(outcomes[number] == nil, "told twice")
            outcomes[number] = outcome
        }
        flush()
        return cancel
    }

    func flush() {
        let bytes = line.takeOutput()
        #expect(bytes.withUnsafeBytes { write(socket, $0.baseAddress, $0.count) } == bytes.count)
    }

    /// Reads until `isDone`, at most half a minute; `piece` bytes at a time reach the line.
    func pump(piece: Int = .max, until isDone: () -> Bool) {
        var room = [UInt8](repeating: 0, count: 65_536)
        let end = ContinuousClock.now + .seconds(30)
        while !isDone(), ContinuousClock.now < end {
            var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20) == 1 else {
                line.tick()
                continue
            }
            let got = read(socket, &room, room.count)
            guard got > 0 else { return line.lost() }
            var start = 0
            while start < got {
                let next = min(got, start + min(piece, got))
                room[start..<next].withUnsafeBytes { line.receive($0) }
                start = next
            }
        }
        #expect(isDone())
    }

    func pumpAll(piece: Int = .max) { pump(piece: piece) { outcomes.count == count } }

    /// The last statement's first column, or the error's state, or `again`.
    func texts() -> [String] {
        (0..<count).map { number in
            switch outcomes[number] {
            case .results(let results):
                (results.last ?? .empty).map { (try? $0.decodeIfPresent(0, as: String.self)) ?? "null" }
                    .joined(separator: ",")
            case .failed(let error): error.sqlState ?? error.kind.rawValue
            case .again: "again"
            case nil: "nothing"
            }
        }
    }
}

@Suite struct `Lines of reads` {
    private func withLine(
        adjust: @Sendable (inout DatabaseConfiguration.Limits) -> Void = { _ in },
        _ body: @escaping @Sendable (DrivenLine, Database) async throws -> Void
    ) async throws {
        try await withTestDatabase { database in
            var configuration = database.configuration
            adjust(&configuration.limits)
            let fixed = configuration
            let connection = try await withCheckedThrowingContinuation { continuation in
                BareConnection.connect(fixed, options: FlightLine.sessionOptions) { continuation.resume(with: $0) }
            }
            try await body(try DrivenLine(connection, fixed.limits), database)
            await connection.close()
        }
    }

    @Test(arguments: [Int.max, 1, 7]) func `flights are answered in order, whatever pieces come`(piece: Int)
        async throws
    {
        try await withLine { driven, _ in
            for number in 0..<60 {
                try driven.send(
                    "select set_config('x.y', \("é\(number)"), true)", "select current_setting('x.y') || \("!")")
            }
            try driven.send("select n from generate_series(1, 3) n")
            try driven.send("select 1 where false")
            try driven.send("select null::text, 2")
            driven.pumpAll(piece: piece)
            #expect(driven.texts() == (0..<60).map { "é\($0)!" } + ["1,2,3", "", "null"])
            try driven.send("select count(*) from pg_prepared_statements")
            driven.pumpAll()
            #expect(driven.texts().last == "6")
        }
    }

    @Test func `values of all kinds arrive as the pool would send them`() async throws {
        try await withLine { driven, database in
            let bytes: [UInt8] = [0, 255, 10]
            let missing: Int64? = nil
            let statement: Statement = """
                select concat_ws('|', \(Int64.min), \(Int32(7)), \("a'b\\")::text, \(bytes), \(true), \(missing) is null,
                    \(UUID(uuidString: "0b5e1a52-7c53-4bb2-9d0e-3f1d8c9a4c10")), \(1.5))
                """
            try driven.send(statement)
            driven.pumpAll()
            #expect(driven.texts() == [try await database.one(statement, as: String.self)])
            let text = try #require(LaneStatement("select \("x")"))
            #expect(LaneFlight([(text, ["a\u{0}b".boundValue])]) == nil)
            #expect(LaneStatement("set role postgres") == nil && LaneStatement("copy x to stdout") == nil)
        }
    }

    @Test func `an error is its flight's own, and the session only reads`() async throws {
        try await withLine { driven, database in
            try await database.run("create table things (id bigint)")
            for divisor in [1, 0, 2] { try driven.send("select 1", "select 10 / \(Int64(divisor))", "select 'end'") }
            try driven.send("insert into things values (1) returning id")
            try driven.send("select no_such_column")
            try driven.send("select no_such_column")
            try driven.send("select 'still here'")
            driven.pumpAll()
            #expect(driven.texts() == ["end", "22012", "end", "25006", "42703", "again", "still here"])
            #expect(!driven.line.isBroken)
        }
    }

    @Test func `a table that changed is read elsewhere, then here again`() async throws {
        try await withLine { driven, database in
            try await database.run("create table things (id bigint)")
            try await database.run("insert into things values (4)")
            try driven.send("select * from things")
            driven.pumpAll()
            try await database.run("alter table things alter column id type text")
            try driven.send("select * from things")
            driven.pumpAll()
            try driven.send("select * from things")
            driven.pumpAll()
            #expect(driven.texts() == ["4", "again", "4"])
        }
    }

    @Test func `the prepared statements of a session stay bounded`() async throws {
        try await withLine(adjust: { $0.preparedStatementsMax = 10 }) { driven, _ in
            for number in 0..<100 { try driven.send(Statement(unchecked: "select \(number)")) }
            try driven.send("select count(*) <= 10 from pg_prepared_statements")
            driven.pumpAll()
            #expect(driven.texts() == (0..<100).map { "\($0)" } + ["t"])
        }
    }

    @Test func `what waits behind a slow statement goes elsewhere, and is told once`() async throws {
        try await withLine { driven, _ in
            try driven.send("select pg_sleep(1)::text || 'slow'")
            try driven.send("select 'behind'")
            driven.pump { driven.outcomes[1] != nil }
            #expect(driven.texts() == ["nothing", "again"])
            #expect(!driven.line.hasRoom())
            driven.pumpAll()
            #expect(driven.texts() == ["slow", "again"])
            driven.pump { driven.line.depth == 0 }
            #expect(driven.line.hasRoom())
        }
    }

    @Test func `what nobody waits for is stopped`() async throws {
        try await withLine { driven, _ in
            let cancel = try driven.send("select pg_sleep(60)")
            cancel()
            driven.pumpAll()
            #expect(driven.texts() == ["57014"] && driven.line.isBroken)
        }
    }

    @Test func `a time-out is told as one`() async throws {
        try await withLine(adjust: { $0.statementTimeout = .milliseconds(300) }) { driven, _ in
            try driven.send("select pg_sleep(60)")
            driven.pumpAll()
            guard case .failed(let error)? = driven.outcomes[0] else {
                Issue.record("\(driven.texts())")
                return
            }
            #expect(error.kind == .statementTimeout)
        }
    }

    @Test func `a session that is ended gives everything back`() async throws {
        try await withLine { driven, database in
            try driven.send("select pg_backend_pid()::text")
            driven.pumpAll()
            let identifier = try #require(driven.texts().first.flatMap { Int64($0) })
            try driven.send("select pg_sleep(60)")
            try driven.send("select 1")
            try await database.run("select pg_terminate_backend(\(identifier)::integer)")
            driven.pumpAll()
            #expect(Array(driven.texts().dropFirst()) == ["again", "again"])
            #expect(driven.line.isBroken && !driven.line.hasRoom())
        }
    }

    @Test func `no bytes end the reader`() async throws {
        try await withTestDatabase { database in
            let fixed = database.configuration
            let connection = try await withCheckedThrowingContinuation { continuation in
                BareConnection.connect(fixed, options: "") { continuation.resume(with: $0) }
            }
            let seed = UInt64.random(in: .min ... .max)
            print("seed \(seed)")
            var generator = SeededGenerator(state: seed)
            let one = try #require(LaneStatement("select 1"))
            let flight = try #require(LaneFlight([(one, [])]))
            for _ in 0..<20_000 {
                let line = FlightLine(connection, limits: fixed.limits)
                let told = Told()
                for _ in 0..<3 { _ = line.send(flight) { _ in told.count() } }
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    line.receive(Self.message(using: &generator))
                }
                line.lost()
                #expect(told.value == 3)
            }
            await connection.close()
        }
    }

    private final class Told: Sendable {
        private let number = Atomic<Int>(0)
        var value: Int { number.load(ordering: .relaxed) }
        func count() { number.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Mostly a message of a server, its length and its inside by chance.
    private static func message(using generator: inout SeededGenerator) -> [UInt8] {
        let type = Array("12CDEIKNSTZAn3GRx".utf8).randomElement(using: &generator) ?? 0
        var body = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
            Bool.random(using: &generator) ? 0 : UInt8.random(in: .min ... .max, using: &generator)
        }
        if Bool.random(using: &generator) { body = [0, 1, 0, 0, 0, 2] + Array(body.prefix(2)) }
        let length =
            Int.random(in: 0..<8, using: &generator) == 0 ? Int.random(in: -9...99, using: &generator) : body.count + 4
        let size = UInt32(bitPattern: Int32(length))
        return [type] + (0..<4).map { UInt8(truncatingIfNeeded: size >> UInt32(24 - 8 * $0)) } + body
    }
}

extension FlightLine {
    fileprivate func receive(_ bytes: [UInt8]) { bytes.withUnsafeBytes { receive($0) } }
}
