import Evidence
import Foundation
import Testing

@testable import Detection
@testable import Simulator

@Suite struct `Detection measured` {
    /// The form that `digitalbank logs measure` runs with 2,400 attacks.
    @Test func `meets its bars on labelled logs of its own`() throws {
        var score = DetectionScore()
        var options = DetectionOptions()
        options.reading.year = 2026
        let logs = [
            try LabelledLog.web(attacks: 800, ordinary: 800, seed: 11), LabelledLog.secureShell(actors: 120, seed: 11),
            try LabelledLog.statements(count: 600, seed: 11),
        ]
        for log in logs {
            try score.measure(
                log.name, file: log.file, lines: log.lines, truth: log.truth, isByAddress: log.unit == .address,
                needsKind: log.name != "web", options: options)
        }
        #expect(
            score.problems.isEmpty, "\(score.lines.joined(separator: "\n"))\n\(score.samples.joined(separator: "\n"))")
        let totals = score.rows.filter { $0.kind == "*" }
        #expect(totals.map(\.attacks) == [800, 60, 300] && totals.map(\.ordinary) == [800, 60, 300])
    }

    @Test func `is the same for the same seed, and calls what is missed and what is wrong`() throws {
        let (one, two) = (
            try LabelledLog.web(attacks: 50, ordinary: 50, seed: 3),
            try LabelledLog.web(attacks: 50, ordinary: 50, seed: 3)
        )
        #expect(one.lines == two.lines && one.truth == two.truth)
        var score = DetectionScore()
        let lines = [
            #"203.0.113.7 - - [20/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 200 5 "-" "x""#,
            #"203.0.113.8 - - [20/Oct/2026:13:55:37 +0200] "GET /x?q=%27%20or%201=1-- HTTP/1.1" 200 5 "-" "x""#,
        ]
        try score.measure(
            "web", file: "access.log", lines: lines, truth: ["1": "sql_injection", "2": nil], isByAddress: false,
            needsKind: false, options: DetectionOptions())
        #expect(score.rows.first?.found == 0 && score.rows.first?.wrong == 1 && score.problems.count == 1)
    }
}

@Suite struct `Incidents of several attackers` {
    @Test func `are one where they share a target, and two where they share nothing`() throws {
        func breakIn(_ user: String, _ address: String, _ host: String, at second: Int) -> String {
            let failures = (0..<8).map { index in
                "\(Logs.syslogTime(second + index)) \(host) sshd[7]: Failed password for \(user) from \(address) port 4 ssh2\n"
            }
            return failures.joined()
                + "\(Logs.syslogTime(second + 60)) \(host) sshd[7]: Accepted password for \(user) from \(address) port 4 ssh2\n"
        }
        let first = breakIn("anna", "203.0.113.7", "srv-a", at: 0)
        let sameHost = breakIn("paul", "198.51.100.9", "srv-a", at: 40_000)
        let stranger = breakIn("marc", "192.0.2.4", "srv-b", at: 40_000)
        let late = breakIn("paul", "198.51.100.9", "srv-a", at: 400_000)
        #expect(try Logs.analyse(["auth.log": first + sameHost]).incidents.count == 1)
        #expect(try Logs.analyse(["auth.log": first + stranger]).incidents.count == 2)
        #expect(try Logs.analyse(["auth.log": first + late]).incidents.count == 2)
    }
}

@Suite struct `Places, clocks and seals` {
    static func login(_ time: String, _ user: String, _ address: String) -> String {
        #"{"temps":"\#(time)","evenement":"connexion","acteur":"\#(user)","user":"\#(user)","ip":"\#(address)"}"# + "\n"
    }

    static let csv = """
        network,country,latitude,longitude
        81.0.0.0/8,FR,48.85,2.35
        8.8.8.0/24,US,37.4,-122.1
        2001:db8::/32,JP,35.7,139.7

        """

    @Test func `find an account at two places too far apart, and not after the flight`() throws {
        try Logs.withFolder(["geo.csv": Array(Self.csv.utf8)]) { folder in
            let places = try GeoDatabase(path: folder + "/geo.csv")
            let text =
                Self.login("2026-10-20T10:00:00Z", "anna", "81.2.3.4")
                + Self.login("2026-10-20T11:00:00Z", "anna", "8.8.8.8")
                + Self.login("2026-10-20T10:00:00Z", "paul", "81.2.3.4")
                + Self.login("2026-10-21T10:00:00Z", "paul", "2001:db8::7")
                + Self.login("2026-10-21T10:05:00Z", "paul", "192.0.2.9")
            let found = try Logs.analyse(["app.log": text]) { $0.places = places }.findings
            let travel = found.filter { $0.rule.id == "impossible-travel" }
            #expect(travel.map(\.user) == ["anna"] && travel.first?.address?.text == "8.8.8.8", "\(found.map(\.words))")
        }
    }

    /// A tree of one level for each first bit of an IPv4 address, and one record of data.
    static func maxMind() -> [UInt8] {
        func text(_ value: String) -> [UInt8] { [0x40 | UInt8(value.utf8.count)] + Array(value.utf8) }
        func map(_ members: [(String, [UInt8])]) -> [UInt8] {
            [0xE0 | UInt8(members.count)] + members.flatMap { text($0.0) + $0.1 }
        }
        func double(_ value: Double) -> [UInt8] {
            [0x68] + (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(56 - 8 * $0)) }
        }
        func number(_ value: UInt16) -> [UInt8] { [0xA2, UInt8(value >> 8), UInt8(value & 255)] }
        // Two nodes: 0.0.0.0/2 has a place, 64.0.0.0/2 none, 128.0.0.0/1 a pointer to the same place.
        let nodes = 2
        func record(_ value: Int) -> [UInt8] { [UInt8(value >> 16), UInt8(value >> 8 & 255), UInt8(value & 255)] }
        let data = map([
            ("country", map([("iso_code", text("FR"))])),
            ("location", map([("latitude", double(48.5)), ("longitude", double(2.25))])),
        ])
        let pointer: [UInt8] = [0x20, 0]
        let tree = record(1) + record(nodes + 16 + data.count) + record(nodes + 16) + record(nodes)
        let metadata = map([
            ("node_count", number(UInt16(nodes))), ("record_size", number(24)), ("ip_version", number(4)),
        ])
        return tree + Array(repeating: 0, count: 16) + data + pointer + [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8)
            + metadata
    }

    @Test func `are read from MaxMind's form, and no cut of it traps`() throws {
        let whole = Self.maxMind()
        let reader = try #require(MaxMindReader(Data(whole)))
        let near = try #require(NetworkAddress("1.2.3.4"))
        #expect(reader.place(of: near) == GeoDatabase.Place(latitude: 48.5, longitude: 2.25, country: "FR"))
        #expect(reader.place(of: try #require(NetworkAddress("70.1.1.1"))) == nil)
        #expect(reader.place(of: try #require(NetworkAddress("200.1.1.1")))?.latitude == 48.5 && reader.hasPlaces)
        for index in whole.indices {
            var broken = whole
            broken[index] ^= 0xFF
            _ = MaxMindReader(Data(broken))?.place(of: near)
            _ = MaxMindReader(Data(whole.dropFirst(index)))?.place(of: near)
        }
    }

    @Test func `take the difference of two clocks off what is told`() throws {
        var (web, app) = ("", "")
        for index in 0..<20 {
            let address = "81.2.3.\(index + 1)"
            web += Detectors.hit(index * 60, address, "POST /api/connexion", 200)
            // The application's clock is 600 s ahead.
            let second = index * 60 + 600
            app += Self.login(
                "2026-10-20T\(String(format: "%02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60))Z",
                "u\(index)", address)
        }
        web += (0..<20).map { Detectors.hit(3_000 + $0, "81.9.9.9", "POST /api/connexion", 401) }.joined()
        let result = try Logs.analyse(["access.log": web, "z-app.log": app])
        #expect(result.sources.map { $0.skew / 1_000_000 } == [0, 600], "\(result.sources.map(\.name))")
    }

    @Test func `call a sealed journal that was changed`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "seal-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/journal.jsonl"
        let journal = try FileJournal.open(path: path, key: try SigningKey.open(path: folder + "/key"))
        for index in 0..<4 {
            try await journal.append(
                kind: "test", subject: "s\(index)", body: "{}", at: Date(timeIntervalSince1970: 1_790_000_000))
        }
        var analysis = LogAnalysis()
        analysis.checkSeal = { SealedJournal.problems($0) }
        #expect(try analysis.run([path]).findings.filter { $0.rule.id == "sealed-journal-broken" }.isEmpty)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        try (lines[0] + "\n" + lines[2] + "\n" + lines[3] + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let found = try analysis.run([path]).findings
        #expect(
            found.contains { $0.rule.id == "sealed-journal-broken" && $0.gravity == .high }, "\(found.map(\.words))")
    }
}

@Suite struct `What an operator says about a house` {
    @Test func `silence has a reason and an end`() throws {
        let good = "- {rule: web-scanner, block: 192.0.2.0/24, until: 2027-01-31, reason: our own scan}\n"
        let bad = [
            "- {rule: x, until: 2027-01-31}\n", "- {rule: x, reason: because of it}\n",
            "- {until: 2027-01-31, reason: everything}\n",
            "- {rule: x, block: 1.2, until: 2027-01-31, reason: a scan}\n",
            "- {rule: x, until: soon, reason: a scan}\n", "- {regle: x, until: 2027-01-31, reason: a scan}\n", "a: b\n",
        ]
        try Logs.withFolder(["good.yml": Array(good.utf8)]) { folder in
            let list = try SuppressionList(file: folder + "/good.yml")
            #expect(list.entries.count == 1 && list.entries.first?.until == 1_801_439_999_000_000)
        }
        for text in bad {
            try Logs.withFolder(["bad.yml": Array(text.utf8)]) { folder in
                _ = #expect(throws: DetectionError.self, "\(text)") { try SuppressionList(file: folder + "/bad.yml") }
            }
        }
    }

    @Test func `fields have names of one's own`() throws {
        var options = ReadingOptions()
        try options.map("quand=time")
        #expect(options.mapping == ["quand": "time"])
        #expect(throws: DetectionError.self) { try options.map("quand=nonsense") }
    }

    @Test func `libmodsecurity is asked with the rules of a file`() throws {
        let rules =
            "SecRuleEngine On\nSecRequestBodyAccess On\nSecRule ARGS \"@contains mauvais\" \"id:1,phase:2,deny,status:403\"\n"
        try Logs.withFolder(["rules.conf": Array(rules.utf8), "wrong.conf": Array("SecNonsense\n".utf8)]) { folder in
            let guarding = try RequestGuard(log: nil, rules: folder + "/rules.conf")
            var request = RequestGuard.Request()
            (request.method, request.path, request.query) = ("GET", "/recherche", "q=mauvais")
            #expect(guarding.judge(request)?.kind == "modsecurity")
            request.query = "q=bon"
            #expect(guarding.judge(request) == nil)
            (request.method, request.query, request.contentType) = ("POST", "", "application/x-www-form-urlencoded")
            request.body = Array("q=tres+mauvais".utf8)
            #expect(guarding.judge(request)?.kind == "modsecurity")
            #expect(throws: DetectionError.self) { try RequestGuard(log: nil, rules: folder + "/wrong.conf") }
        }
    }
}
