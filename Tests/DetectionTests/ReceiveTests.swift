import Foundation
import Testing

@testable import Detection

@Suite struct `Syslog as it is received` {
    private func whole(_ stream: [UInt8], in parts: Int) -> [String] {
        var framing = SyslogFraming()
        var messages: [[UInt8]] = []
        for start in stride(from: 0, to: stream.count, by: parts) {
            messages += framing.take(stream[start..<min(start + parts, stream.count)])
        }
        return (messages + framing.finish()).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `is cut into messages by length or by line, in whatever pieces it comes`() {
        let stream = Array("<34>one\r\n12 <34>two\nmore4 <3>x<34>three\n\n<34>last".utf8)
        for parts in [1, 2, 3, 7, 1000] {
            #expect(
                whole(stream, in: parts) == ["<34>one", "<34>two#012more", "<3>x", "<34>three", "<34>last"], "\(parts)")
        }
        #expect(whole(Array("2026-11-29 a line\n99 not all of it".utf8), in: 5) == ["2026-11-29 a line"])
    }

    @Test func `of any length is held in little memory, cut and counted`() {
        let long = [UInt8](repeating: 65, count: 300_000)
        var framing = SyslogFraming()
        var messages: [[UInt8]] = []
        for part in [long, [10], Array("300000 ".utf8), long, Array("<34>after\n".utf8)] {
            for start in stride(from: 0, to: part.count, by: 8192) {
                messages += framing.take(part[start..<min(start + 8192, part.count)])
            }
        }
        #expect(messages.map(\.count) == [65_536, 65_536, 9] && framing.cutCount == 2)
    }

    @Test func `never stops at bytes that are no syslog`() {
        var seed: UInt64 = 42
        for _ in 0..<300 {
            var framing = SyslogFraming()
            var total = 0
            for _ in 0..<20 {
                let bytes = (0..<200).map { _ -> UInt8 in
                    seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return [48, 49, 57, 32, 10, 13, 0, 60, 255, UInt8(truncatingIfNeeded: seed >> 40)][
                        Int(seed >> 33) % 10]
                }
                total += framing.take(bytes).reduce(0) { $0 + $1.count }
            }
            total += framing.finish().reduce(0) { $0 + $1.count }
            // A line end inside a message becomes four characters.
            #expect(total <= 16_000)
        }
    }

    @Test func `is spooled by sender, turned over by size, and a line that was cut stays alone`() throws {
        try Logs.withFolder(["10.0.0.5.log": Array("<34>whole\n<34>cu".utf8)]) { folder in
            let spool = try LineSpool(folder, fileBytesMax: 40)
            for number in 0..<6 {
                #expect(spool.write([Array("<34>message \(number)".utf8), Array("<34>x".utf8)], from: "10.0.0.5"))
            }
            #expect(spool.write([Array("<34>y".utf8)], from: "../../etc/passwd"))
            spool.sync()
            var text = ""
            for name in ["10.0.0.5.log.3", "10.0.0.5.log.2", "10.0.0.5.log.1", "10.0.0.5.log"] {
                text += (try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)) ?? ""
            }
            #expect(text.hasPrefix("<34>whole\n<34>cu\n<34>message 0\n<34>x\n"))
            #expect(text.split(separator: "\n").count == 14 && spool.lineCount == 13)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names.allSatisfy { $0.hasPrefix("10.0.0.5.log") || $0 == "others.log" }, "\(names)")
        }
    }
}
