import Foundation
import Testing

@testable import Detection

@Suite struct `Hostile logs` {
    /// A line of each form, to be broken.
    static let seeds: [String] = [
        #"203.0.113.7 - - [20/Oct/2026:13:55:36 +0200] "GET /a?b=%27%20or%201=1 HTTP/1.1" 200 12 "-" "x""#,
        "Oct 20 13:55:36 srv sshd[7]: message repeated 5 times: [ Failed password for root from 203.0.113.7 port 4 ssh2]",
        "<38>1 2026-10-20T11:55:36Z srv sshd 7 - [a b=\"]\"] Failed password for root from 203.0.113.7 port 4 ssh2",
        #"2026-10-20 11:55:36.123 UTC,"m","bank",7,"203.0.113.7:5000",6a.7,3,"COPY",2026-10-20 11:00:00 UTC,3/1,0,LOG,00000,"statement: COPY x TO PROGRAM ""id""",,,,,,,,,"psql","client backend",,0"#,
        #"{"timestamp":"2026-10-20 11:55:36.123 UTC","user":"m","remote_host":"203.0.113.7","error_severity":"LOG","message":"AUDIT: SESSION,1,1,DDL,CREATE ROLE,,,\"create role x\",<not logged>"}"#,
        "2026-10-20 11:55:36.123 UTC [7] m@bank 203.0.113.7(5000) LOG:  statement: /* x */ DELETE FROM clients -- y",
        #"type=USER_AUTH msg=audit(1604994496.155:92733): pid=7 msg='op=PAM acct="root" addr=203.0.113.7 res=failed'"#,
        "__REALTIME_TIMESTAMP=1795667958000000\nMESSAGE\n\u{5}\0\0\0\0\0\0\0hello\n_COMM=sshd",
        "time,ip,user,status\n2026-10-20 11:55:36,203.0.113.7,\"a\"\"b\",401",
    ]

    @Test("break no reader and no detector", arguments: seeds.indices)
    func fuzz(_ index: Int) throws {
        let isLong = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1"
        var random = SystemRandomNumberGenerator()
        let engine = try DetectionEngine(DetectionOptions())
        let whole = Array(Self.seeds[index].utf8)
        for _ in 0..<(isLong ? 200_000 : 3_000) {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
                case 3: bytes.removeLast(min(bytes.count, 5))
                default: bytes.insert([0, 10, 34, 37, 39, 92, 123, 255].randomElement(using: &random) ?? 0, at: place)
                }
            }
            let reader = LogReader(ReadingOptions(), year: 2026)
            let splitter = RecordSplitter(reader: reader)
            bytes.append(10)
            func body(_ record: Bytes, _ place: LinePlace) {
                _ = reader.read(record) { event in
                    #expect(event.user.count <= bytes.count + 64)
                    engine.take(&event, place)
                }
            }
            bytes.withUnsafeBytes { splitter.take(Bytes($0), body) }
            splitter.finish(body)
        }
    }

    @Test func `with lines of megabytes, NUL bytes and no end cost no more than their limit`() throws {
        let long = String(repeating: "A", count: 3 << 20)
        let text =
            "203.0.113.7 - - [20/Oct/2026:13:55:36 +0200] \"GET /\(long) HTTP/1.1\" 200 1 \"-\" \"-\"\n"
            + String(repeating: "\0", count: 100_000) + "\n" + long + "\n"
            + Detectors.hit(5, "203.0.113.4", "GET /x?q=%27%20union%20select%201", 200)
        let result = try Logs.analyse(["access.log": text])
        let source = try #require(result.sources.first)
        #expect(source.lines == 4 && source.overlong == 2 && source.broken >= 2)
        #expect(Logs.kinds(result).contains("web-sql-injection"))
    }

    @Test func `with patterns that ruin other engines end like any other line`() throws {
        let engine = try WebEngine()
        for text in [
            String(repeating: "(", count: 30_000), String(repeating: "select from ", count: 3_000),
            String(repeating: "%25", count: 20_000), String(repeating: "'or'", count: 10_000),
            String(repeating: "<a ", count: 10_000),
        ] {
            _ = `The web attack engine`.value(text, engine)
        }
        #expect(`The web attack engine`.value("plain", engine) == nil)
    }

    @Test func `can not steer the terminal of those who read about them`() {
        #expect(FindingWriter.clean("a\u{1B}[2Jb\r\nc\u{202E}d\u{7}é") == "a·[2Jb··c·d·é")
    }

    @Test func `of a million made-up keys leave a table at its size`() {
        let table = BoundedTable<LoginState>(capacityMax: 1 << 12)
        let kept = table.at(Hash.mix(42), now: 5)
        kept.pointee.failures = 900
        for key in 1...300_000 as ClosedRange<UInt64> { _ = table.at(Hash.mix(key &+ 1000), now: UInt32(key / 100)) }
        #expect(table.count <= 1 << 12 && table.evicted > 200_000)
        #expect(table.find(Hash.mix(42))?.pointee.failures == 900)
    }
}
