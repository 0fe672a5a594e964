import Postgres
import Realtime
import TestSupport
import Testing
import Web

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite struct RandomTests {
    private static let pieces = [
        "{", "}", "[", "]", ",", ":", "null", "true", "1e999", "-1", "\"", "\\u0000", "\\ud800", "\"topic\"",
        "\"event\"",
        "\"payload\"", "\"ref\"", "\"realtime:room\"", "\"phx_join\"", "\"broadcast\"", "\"presence\"", "\"config\"",
        "\"postgres_changes\"", "\"filter\"", "\"access_token\"", "\"phx_leave\"", "\"since\"", "\"replay\"", "é",
    ]

    private static func json(_ depth: Int, _ generator: inout SeededGenerator) -> JSON {
        let words = [
            "realtime:room", "*", "track", "a=eq.1", "id=in.(1,2)", "0/1/2", "public", "accounts", "", "\u{0}", "é",
        ]
        let names = [
            "config", "broadcast", "self", "ack", "replay", "since", "limit", "presence", "key", "enabled", "private",
            "postgres_changes", "event", "schema", "table", "filter", "select", "access_token", "payload", "type",
        ]
        switch Int.random(in: 0..<(depth > 3 ? 5 : 8), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2:
            return .number(
                ["0", "-1", "9223372036854775808", "1e308", "4503599627370495"].randomElement(using: &generator) ?? "0")
        case 3, 4: return .string(words.randomElement(using: &generator) ?? "")
        case 5: return .array((0..<Int.random(in: 0...3, using: &generator)).map { _ in json(depth + 1, &generator) })
        default:
            return .object(
                (0..<Int.random(in: 0...5, using: &generator)).map { _ in
                    JSON.Member(names.randomElement(using: &generator) ?? "", json(depth + 1, &generator))
                })
        }
    }

    @Test func `no frame of any kind ends the process or reaches another client as a server's message`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed of random frames: \(seed)")
        try await Stage.run { stage in
            var generator = SeededGenerator(seed: seed)
            let witness = try stage.client(Stage.actor("witness"))
            await witness.join("realtime:room")
            let before = witness.messages.count
            var client = try stage.client(Stage.actor("alice"), .two)
            for round in 0..<(isLongRun ? 200_000 : 3000) {
                if client.closing != nil || round % 100 == 0 {
                    client.session.closed()
                    client = try stage.client(Stage.actor("alice"), Bool.random(using: &generator) ? .one : .two)
                    await client.join("realtime:room")
                }
                await Self.frame(client, &generator)
            }
            let others = witness.messages.dropFirst(before).map(\.event)
            #expect(Set(others).isSubset(of: ["broadcast", "presence_diff"]))
        }
    }

    private static func frame(_ client: Client, _ generator: inout SeededGenerator) async {
        let events = ["phx_join", "broadcast", "presence", "access_token", "phx_leave", "heartbeat", "x"]
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
            var text = ""
            for _ in 0..<Int.random(in: 0...30, using: &generator) {
                text += pieces.randomElement(using: &generator) ?? ""
            }
            await client.session.receive(text: text)
        case 1:
            let count = Int.random(in: 0...60, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if !bytes.isEmpty, Bool.random(using: &generator) { bytes[0] = 3 }
            if bytes.count > 7, Bool.random(using: &generator) {
                for index in 1...5 { bytes[index] = UInt8.random(in: 0...12, using: &generator) }
                bytes[6] = UInt8.random(in: 0...2, using: &generator)
            }
            await client.session.receive(binary: bytes)
        default:
            await client.say("realtime:room", events.randomElement(using: &generator) ?? "", json(0, &generator))
        }
    }

    /// The rule that matters: whatever is followed and however rows change, nobody is told of a row that was not theirs.
    @Test func `nobody ever gets a row that row level security hides`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed of random followers: \(seed)")
        try await Stage.run { stage in
            var generator = SeededGenerator(seed: seed)
            let names = (0..<8).map { "client\($0)" }
            var clients: [(name: String, client: Client)] = []
            for index in 0..<(isLongRun ? 200 : 40) {
                let name = names.randomElement(using: &generator) ?? ""
                clients.append((name, try await Self.follower(name, stage, &generator, index)))
            }
            for id in 1...(isLongRun ? 2000 : 300) {
                let owner = names.randomElement(using: &generator) ?? ""
                let other = names.randomElement(using: &generator) ?? ""
                let some = Int.random(in: 1...id, using: &generator)
                try await stage.database.run(
                    "insert into accounts (id, owner, balance, note, secret) values (\(id), \(owner), \(id % 10), \("of " + owner), 'sésame')"
                )
                switch Int.random(in: 0..<4, using: &generator) {
                case 0:
                    try await stage.database.run(
                        "update accounts set owner = \(other), note = \("of " + other) where id = \(some)")
                case 1: try await stage.database.run("update accounts set balance = balance + 1 where id = \(some)")
                case 2: try await stage.database.run("delete from accounts where id = \(some)")
                default: break
                }
            }
            // One last row for each, so that all before it has been delivered.
            for (index, name) in names.enumerated() {
                try await stage.database.run(
                    "insert into accounts (id, owner, balance, note) values (\(1_000_000 + index), \(name), 5, \("of " + name))"
                )
            }
            for (name, client) in clients {
                try await client.waitForChange(Int64(1_000_000 + (names.firstIndex(of: name) ?? 0)))
                for frame in client.frames {
                    guard case .text(let text) = frame else { continue }
                    #expect(!text.contains("sésame"), "seed \(seed)")
                    for other in names where other != name { #expect(!text.contains("of " + other), "seed \(seed)") }
                }
                for data in client.changes {
                    for part in ["record", "old_record"] {
                        let owner = data[part]?["owner"]?.string
                        #expect(owner == nil || owner == name, "seed \(seed): \(data.text)")
                    }
                }
            }
        }
    }

    private static func follower(
        _ name: String, _ stage: Stage, _ generator: inout SeededGenerator, _ index: Int
    ) async throws -> Client {
        // Each follows something that the last row satisfies.
        let filters = [
            "balance=eq.5", "balance=gte.2", "owner=eq.\(name)", "note=like.of%", "owner=neq.nobody", "id=gt.3",
        ]
        let events = ["*", "INSERT"]
        var entry: [JSON.Member] = [
            .init("event", .string(events.randomElement(using: &generator) ?? "*")), .init("schema", "public"),
            .init("table", "accounts"),
        ]
        if Bool.random(using: &generator) {
            entry.append(.init("filter", .string(filters.randomElement(using: &generator) ?? "")))
        }
        if Int.random(in: 0..<4, using: &generator) == 0 { entry.append(.init("select", ["id", "note"])) }
        return try await stage.follower(
            Stage.actor(name), [.object(entry)], index % 2 == 0 ? .one : .two)
    }
}
