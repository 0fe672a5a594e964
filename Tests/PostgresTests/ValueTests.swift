import Foundation
import Postgres
import TestSupport
import Testing

/// A small generator with a seed, so that a failing round can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct `Values` {
    @Test("arrays of bytes arrive as they are")
    func byteArrays() async throws {
        try await withTestDatabase { database in
            for values in [[], [[]], [[0, 1, 255], [], Array("{}\",'\\".utf8), Array(repeating: 7, count: 70_000)]]
                as [[[UInt8]]]
            {
                let back = try await database.run(
                    "select v from unnest(\(SQLByteArrays(values))) with ordinality u (v, n) order by n"
                ).map { try $0.decode(0, as: [UInt8].self) }
                #expect(back == values)
            }
        }
    }

    static let injections = [
        "'; drop table accounts; --", "\\'; drop table accounts; --", "$1", "$$; drop table accounts; $$", "1 or 1=1",
        "\"", "''", "\\", "E'\\''", "/* */ --", ";", "\u{2019}", "%s%n", "NULL", "", " ", "\n\t\r", "\u{feff}",
        "é\u{301}",
    ]

    @Test func `a bound string never becomes SQL text`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table accounts (owner text)")
            for text in Self.injections {
                // Twice: unnamed the first time, prepared from the second on.
                for _ in 0..<3 { try await database.run("insert into accounts values (\(text))") }
                let found = try await database.all("select owner from accounts where owner = \(text)", as: String.self)
                #expect(found == [text, text, text])
            }
            try await expect(
                "select count(*) from accounts", on: database, gives: [3 * Self.injections.count])
        }
    }

    @Test func `identifiers and literals are quoted whatever they hold`() async throws {
        try await withTestDatabase { database in
            for name in Self.injections where !name.isEmpty {
                try await database.run("create table \(identifier: name) (id int)")
                try await expect("select count(*) from \(identifier: name)", on: database, gives: [0])
                try await database.run("drop table \(identifier: name)")
                let literal = Statement(unchecked: "select \(Statement.literal(name))")
                try await expect(literal, on: database, gives: [name])
            }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `random values come back as they were`(seed: UInt64) async throws {
        try await withTestDatabase { database in
            var generator = SeededGenerator(state: seed)
            for _ in 0..<300 {
                let text: String? = Bool.random(using: &generator) ? nil : Self.text(using: &generator)
                let bytes: [UInt8]? = Bool.random(using: &generator) ? nil : Self.bytes(using: &generator)
                let number = Int64(bitPattern: generator.next()) >> Int.random(in: 0..<64, using: &generator)
                let small = Int32(truncatingIfNeeded: generator.next())
                let double = Double(bitPattern: generator.next())
                let uuid = UUID()
                let row = try #require(
                    try await database.run(
                        "select \(text)::text, \(bytes)::bytea, \(number), \(small), \(double), \(uuid), \(number < 0)"
                    ).first)
                #expect(try row.decodeIfPresent(0, as: String.self) == text)
                #expect(try row.decodeIfPresent(1, as: [UInt8].self) == bytes)
                #expect(try row.decode(2, as: Int64.self) == number)
                #expect(try row.decode(3, as: Int32.self) == small)
                let seen = try row.decode(4, as: Double.self)
                #expect(seen == double || (seen.isNaN && double.isNaN))
                #expect(try row.decode(5, as: UUID.self) == uuid)
                #expect(try row.decode(6, as: Bool.self) == (number < 0))
            }
        }
    }

    @Test(arguments: [Int64.min, -1, 0, 1, Int64.max])
    func `integers at the edges come back as they were`(number: Int64) async throws {
        try await withTestDatabase { database in
            try await expect("select \(number)", on: database, gives: [number])
        }
    }

    @Test(arguments: ["", "-", "+1", "1x", "9223372036854775808", "-9223372036854775809", "1.0", " 1"])
    func `text that is not an integer is refused, not guessed`(text: String) async throws {
        try await withTestDatabase { database in
            let row = try #require(try await database.run("select \(text)::text").first)
            #expect(throws: PostgresError.self) { try row.decode(0, as: Int64.self) }
        }
    }

    @Test func `a value or a statement with a zero byte is refused before anything is sent`() async throws {
        try await withTestDatabase { database in
            let value = await #expect(throws: PostgresError.self) { try await database.run("select \("a\0b")::text") }
            #expect(value?.kind == .encoding)
            let statement = await #expect(throws: PostgresError.self) {
                try await database.run(Statement(unchecked: "select 1 \0 + 1"))
            }
            #expect(statement?.kind == .encoding)
            let many = Statement(
                unchecked: "select 1", values: Array(repeating: BoundValue(type: 23, text: "1"), count: 70_000))
            let tooMany = await #expect(throws: PostgresError.self) { try await database.run(many) }
            #expect(tooMany?.kind == .encoding)
            try await expect("select 1", on: database, gives: [1])
        }
    }

    @Test func `one text with values of several types is prepared once for each`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            for round in 0..<4 {
                let asNumber = try await database.one("select pg_typeof(\(round))::text", as: String.self)
                let asText = try await database.one("select pg_typeof(\(true))::text", as: String.self)
                let asNothing = try await database.one("select pg_typeof(\(nil as Int32?))::text", as: String.self)
                #expect([asNumber, asText, asNothing] == ["bigint", "boolean", "integer"])
            }
        }
    }

    private static func text(using generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<60, using: &generator) {
            let limit: UInt32 = Bool.random(using: &generator) ? 0x80 : 0x11_0000
            if let scalar = Unicode.Scalar(UInt32.random(in: 1..<limit, using: &generator)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func bytes(using generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0..<300, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
