import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct `Copies` {
    static func rows(_ range: Range<Int>) -> [UInt8] { range.flatMap { Array("\($0)\tname \($0)\n".utf8) } }

    @Test func `rows are streamed in, whatever the chunk borders`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint primary key, name text)")
            let bytes = Self.rows(0..<20_000)
            let copied = try await database.withConnection { connection in
                let chunks = AsyncStream<[UInt8]> { stream in
                    for start in stride(from: 0, to: bytes.count, by: 777) {
                        stream.yield(Array(bytes[start..<min(start + 777, bytes.count)]))
                    }
                    stream.finish()
                }
                return try await connection.copyIn("copy things from stdin", from: chunks)
            }
            #expect(copied == 20_000)
            #expect(try await database.one("select sum(id) from things", as: Int.self) == 19_999 * 10_000)
        }
    }

    @Test func `a producer on its own thread streams in too`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint primary key, name text)")
            let copied = try await database.withConnection { connection in
                try await connection.copyIn("copy things from stdin") { writer in
                    for start in stride(from: 0, to: 100_000, by: 100) {
                        try writer.write(Self.rows(start..<start + 100))
                    }
                }
            }
            #expect(copied == 100_000)
            #expect(try await database.one("select count(*) from things", as: Int.self) == 100_000)
        }
    }

    @Test func `when the producer fails no row stays and the connection is usable`() async throws {
        struct Broken: Error {}
        try await withTestDatabase(connectionsMax: 1) { database in
            try await database.run("create table things (id bigint primary key, name text)")
            try await database.withConnection { connection in
                let chunks = AsyncThrowingStream<[UInt8], any Error> { stream in
                    stream.yield(Self.rows(0..<10))
                    stream.finish(throwing: Broken())
                }
                await #expect(throws: Broken.self) {
                    try await connection.copyIn("copy things from stdin", from: chunks)
                }
                await #expect(throws: Broken.self) {
                    try await connection.copyIn("copy things from stdin") { writer in
                        try writer.write(Self.rows(0..<10))
                        throw Broken()
                    }
                }
                try await expect("select count(*) from things", on: connection, gives: [0])
            }
        }
    }

    @Test func `a copy the server refuses says where, before and after the first row`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            try await database.run("create table things (id bigint primary key, name text)")
            try await database.withConnection { connection in
                let missing = await #expect(throws: PostgresError.self) {
                    try await connection.copyIn("copy nowhere from stdin") { try $0.write(Self.rows(0..<1)) }
                }
                #expect(missing?.sqlState == "42P01")
                let wrong = await #expect(throws: PostgresError.self) {
                    try await connection.copyIn("copy things from stdin") { writer in
                        try writer.write(Self.rows(0..<1000))
                        try writer.write(Array("x\ty\n".utf8))
                        try writer.write(Self.rows(2000..<3000))
                    }
                }
                #expect(wrong?.sqlState == "22P02")
                #expect(wrong?.context?.contains("line 1001") == true)
                let other = await #expect(throws: PostgresError.self) {
                    try await connection.copyIn("select 1") { try $0.write(Self.rows(0..<1)) }
                }
                #expect(other?.kind == .misuse)
                let piped = await #expect(throws: PostgresError.self) {
                    try await connection.run("copy things from stdin")
                }
                #expect(piped?.kind == .misuse)
                try await expect("select count(*) from things", on: connection, gives: [0])
            }
        }
    }

    @Test func `rows are streamed out, and a receiver that throws stops the server`() async throws {
        struct Enough: Error {}
        try await withTestDatabase(connectionsMax: 1) { database in
            try await database.withConnection { connection in
                let sum = Mutex(0)
                try await connection.copyOut("copy (select generate_series(1, 10000)) to stdout") { bytes in
                    let line = String(decoding: bytes.dropLast(), as: UTF8.self)
                    sum.withLock { $0 += Int(line) ?? 0 }
                }
                let total = sum.withLock { $0 }
                #expect(total == 50_005_000)
                await #expect(throws: Enough.self) {
                    try await connection.copyOut("copy (select generate_series(1, 1000000000)) to stdout") { _ in
                        throw Enough()
                    }
                }
                try await expect("select 1", on: connection, gives: [1])
            }
        }
    }
}
