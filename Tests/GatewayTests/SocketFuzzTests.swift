import Foundation
import Gateway
import TestSupport
import Testing
import Web

/// A web socket is the first thing of ours that reads bytes of strangers: nothing they send may end the server.
@Suite struct SocketFuzzTests {
    /// Seconds of hostile bytes; ten minutes in the long rounds.
    private static let duration: Duration =
        ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1" ? .seconds(600) : .seconds(6)

    @Test func `frames and messages of any form never end the server`() async throws {
        try await Served.run { served in
            let key = try served.key("anon")
            let seed = UInt64.random(in: .min ... .max)
            let sent = try await blocking {
                var random = SplitMix(state: seed)
                let end = ContinuousClock.now + Self.duration
                var sent = 0
                while ContinuousClock.now < end {
                    let version = random.next() % 2 == 0 ? "1.0.0" : "2.0.0"
                    let client = try SocketClient(
                        port: served.port, target: "/realtime/v1/websocket?apikey=\(key)&vsn=\(version)")
                    guard client.isOpen else { throw FuzzFailure(words: "seed \(seed): \(client.head)") }
                    for _ in 0..<(1 + random.next() % 20) {
                        client.raw.send(Self.bytes(&random))
                        sent += 1
                    }
                    client.close()
                }
                return sent
            }
            #expect(sent > 100)
            #expect(try await ask(served.adminPort, "GET", "/live").status == 200, "seed \(seed)")
        }
    }

    private static let seeds =
        [
            #"{"topic":"realtime:a","event":"phx_join","payload":{"config":{"broadcast":{"self":true,"ack":true,"replay":{"since":1,"limit":9}},"presence":{"key":"k","enabled":true},"private":false,"postgres_changes":[{"event":"*","schema":"public","table":"notebooks","filter":"pages=in.(1,2)"}]}},"ref":"1","join_ref":"1"}"#,
            #"{"topic":"realtime:a","event":"broadcast","payload":{"type":"broadcast","event":"e","payload":{"a":[1,2]}},"ref":"2","join_ref":"1"}"#,
            #"{"topic":"realtime:a","event":"presence","payload":{"type":"presence","event":"track","payload":{"n":1}},"ref":"3"}"#,
            #"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"4"}"#,
            #"["1","5","realtime:a","phx_join",{"config":{}}]"#,
            #"["1","6","realtime:a","broadcast",{"type":"broadcast","event":"e","payload":{}}]"#,
            #"{"topic":"realtime:a","event":"access_token","payload":{"access_token":"a.b.c"},"ref":"7"}"#,
        ].map { Array($0.utf8) } + [[3, 1, 1, 10, 1, 0, 1] + Array("12realtime:aex{}".utf8)]

    /// A frame whose content, head or mask was tampered with, or plain noise.
    private static func bytes(_ random: inout SplitMix) -> [UInt8] {
        var content = seeds[Int(random.next() % UInt64(seeds.count))]
        for _ in 0..<(random.next() % 4) where !content.isEmpty {
            let place = Int(random.next() % UInt64(content.count))
            switch random.next() % 4 {
            case 0: content[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: content.remove(at: place)
            case 2: content.insert(contentsOf: content[..<place], at: place)
            default: content.removeLast(content.count - place)
            }
        }
        let opcodes: [UInt8] = [1, 1, 1, 1, 2, 2, 0, 8, 9, 10, 3, 15]
        var frame = SocketClient.frame(
            opcodes[Int(random.next() % 12)], content, isFinal: random.next() % 8 != 0,
            isMasked: random.next() % 16 != 0)
        if random.next() % 8 == 0 {
            let place = Int(random.next() % UInt64(min(14, frame.count)))
            frame[place] = UInt8(truncatingIfNeeded: random.next())
        }
        if random.next() % 16 == 0 { frame = (0..<64).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        return frame
    }
}

struct FuzzFailure: Error {
    let words: String
}

/// Vigna's SplitMix64, so that a seed says everything.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
