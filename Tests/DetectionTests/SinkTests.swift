import Foundation
import Testing

@testable import Detection

@Suite struct `The memory of what was raised` {
    static func raise(
        _ sink: FindingSink, _ rule: Rule, _ address: String, _ target: String, at second: Int64 = 1_000_000
    ) throws {
        var event = LogEvent()
        event.time = second * Instant.second
        var subject = FindingSink.Subject()
        subject.address = try #require(NetworkAddress(address))
        var target = target
        target.withUTF8 {
            subject.target = Bytes(UnsafeRawBufferPointer($0))
            sink.raise(rule, event, LinePlace(), subject)
        }
    }

    @Test func `tells of a second attacker however much a first one has raised`() throws {
        let sink = FindingSink()
        sink.isThrifty = true
        var told: [String: Int] = [:]
        sink.onRaise = { told[$0.address?.text ?? "", default: 0] += 1 }
        for index in 0..<30_000 { try Self.raise(sink, Rules.enumeration, "203.0.113.7", "/n/\(index)") }
        try Self.raise(sink, Rules.takeoverWeb, "198.51.100.9", "/connexion")
        #expect(told["198.51.100.9"] == 1)
        #expect((told["203.0.113.7"] ?? 0) < 200, "one scanner does not fill what is written out")
        #expect(sink.findings.count <= FindingSink.targetsMax + 2 && sink.dropped == 0)
        #expect(sink.findings.reduce(0) { $0 + $1.count } == 30_001)
    }

    @Test func `tells again of whoever goes on, with what was not told meanwhile`() throws {
        let sink = FindingSink()
        sink.isThrifty = true
        var counts: [Int64] = []
        sink.onRaise = { counts.append($0.count) }
        for index in 0..<400 { try Self.raise(sink, Rules.enumeration, "203.0.113.7", "/n", at: 7_200 + Int64(index)) }
        #expect(counts.count > 100 && counts.count < 120 && counts.reduce(0, +) > 300, "\(counts.count)")
        try Self.raise(sink, Rules.enumeration, "203.0.113.7", "/n", at: 90_000)
        #expect(counts.reduce(0, +) == 401)
    }

    @Test func `gives up the least grave and the oldest, never the gravest`() throws {
        let sink = FindingSink()
        var told = 0
        sink.onRaise = { _ in told += 1 }
        try Self.raise(sink, Rules.newSuperuser, "203.0.113.7", "mallory", at: 1)
        for index in 0..<(FindingSink.keptMax + 5_000) {
            try Self.raise(
                sink, Rules.scanner, "203.0.\(index / 250).\(index % 250)", "/n", at: 1_000_000 + Int64(index))
        }
        #expect(told == FindingSink.keptMax + 5_001)
        #expect(sink.findings.count <= FindingSink.keptMax && sink.dropped > 0)
        #expect(Int(sink.dropped) + sink.findings.count == told)
        #expect(sink.findings.contains { $0.rule == Rules.newSuperuser })
        #expect(sink.findings.contains { $0.address?.text == "203.0.99.249" }, "the newest stays")
    }

    @Test func `knows newcomers after a hundred thousand others`() {
        var newcomers = Newcomers()
        for key in 1...150_000 as ClosedRange<UInt64> { _ = newcomers.isNew(key) }
        #expect(newcomers.isNew(999_999) && !newcomers.isNew(999_999) && !newcomers.isNew(150_000))
    }
}
