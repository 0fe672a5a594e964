import Foundation
import HTTPTypes
import Postgres
import Rest
import TestSupport
import Testing
import Web

/// Requests that nobody would write. Some seconds; ten minutes with `DIGITALBANK_LONG=1`.
@Suite struct FuzzTests {
    // group: fuzz
    private static let seconds = isLongRun ? 600.0 : 6.0
    private static let words = [
        "select", "order", "limit", "offset", "or", "and", "not.", "columns", "on_conflict", "id", "title", "directors",
        "films", "meta", "=", "&", "(", ")", ",", ".", ":", "::", "->", "->>", "*", "\"", "\\", "{", "}", "[", "]",
        "!inner",
        "!left", "...", "eq.", "in.(", "is.null", "like(any).", "fts(french).", "cs.", "count()", "sum()", "desc",
        "nullsfirst",
        "9223372036854775807", "9223372036854775808", "-1", "%", "%00", "%ff", "%2", "%F0%9F%92%B6", "é", "'", "--",
        ";", " ",
        "$1", "${a.body}", "int[]", "\u{1F}", "\r\n", "💶",
    ]

    private func mutated(_ text: String, _ random: inout Seeded) -> String {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0:
                bytes.insert(contentsOf: Array(Self.words.randomElement(using: &random)?.utf8 ?? "".utf8), at: place)
            case 1 where place < bytes.count: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3: bytes = Array(bytes[..<place])
            case 4:
                let end = Int.random(in: place...bytes.count, using: &random)
                let piece = bytes[place..<end]
                bytes.insert(contentsOf: piece, at: Int.random(in: 0...bytes.count, using: &random))
            case 5:
                let count = Int.random(in: 1...60, using: &random)
                bytes.insert(contentsOf: Array(repeating: UInt8(ascii: "("), count: count), at: place)
            default: bytes.insert(UInt8.random(in: 32...126, using: &random), at: place)
            }
        }
        return String(decoding: bytes.prefix(70_000), as: UTF8.self)
    }

    private func raw(_ random: inout Seeded) -> String {
        let count = Int.random(in: 0..<200, using: &random)
        return String(
            decoding: (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }, as: UTF8.self)
    }

    @Test(.timeLimit(.minutes(15)))
    func `no query string traps, fails inside or reaches another table`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Cinema.run({
            $0.allowsAggregates = true
            $0.allowsPlans = true
        }) { cinema in
            try await cinema.database.run("revoke select on secrets, leaky from authenticated")
            var random = Seeded(state: seed)
            let known = ReadTests.reads.map(\.0) + ReadTests.embeds.map(\.0)
            let clock = ContinuousClock()
            let end = clock.now + .seconds(Self.seconds)
            var round = 0
            var answered = 0
            while clock.now < end {
                round += 1
                var query: String
                if round % 10 == 0 {
                    query = raw(&random)
                } else {
                    query = known[Int.random(in: 0..<known.count, using: &random)]
                    query = String(query.split(separator: "?", maxSplits: 1).last ?? "")
                    query = mutated(query, &random)
                }
                let method: HTTPRequest.Method = [.get, .head, .delete, .patch][Int.random(in: 0..<4, using: &random)]
                let table = ["films", "directors", "roles", "rpc/films_by"][Int.random(in: 0..<4, using: &random)]
                let response = await cinema.send(
                    method, "/\(table)?\(query)", method == .patch ? #"{"id":1}"# : "", ["Prefer": "tx=rollback"])
                let isOwnLimit = ["54001", "54000", "57014"].contains(response.code)
                #expect(
                    response.status.code < 500 || isOwnLimit,
                    "seed \(seed), round \(round): \(method) \(table)?\(query): \(response.text)")
                #expect(!response.text.contains("sésame"), "seed \(seed), round \(round): \(query)")
                if response.status.code < 300 { answered += 1 }
            }
            // Most are refused; a fuzz that is never understood tries nothing.
            #expect(round > 10 && (answered > 0 || round < 100), "\(answered) of \(round)")
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `no batch traps or fails inside`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Cinema.run { cinema in
            var random = Seeded(state: seed)
            let known =
                #"{"requests":[{"id":"a","method":"GET","path":"/films?select=id,meta&id=eq.1"},{"method":"GET","path":"/films?id=in.(${a.body[0].id},2)&or=(id.eq.${a.body[0].id},id.eq.3)&limit=${a.body[0].id}"},{"method":"POST","path":"/rpc/echo","headers":{"Prefer":"return=minimal"},"body":{"x":[{"$ref":"a.body[0].meta.a.b[1]"}]}}],"dry_run":true,"continue":true}"#
            let clock = ContinuousClock()
            let end = clock.now + .seconds(Self.seconds / 2)
            var round = 0
            while clock.now < end {
                round += 1
                let body = round % 3 == 0 ? known : mutated(known, &random)
                let response = await cinema.send(.post, "/batch", body)
                #expect(response.status.code < 500, "seed \(seed), round \(round): \(body): \(response.text)")
            }
        }
    }
}
