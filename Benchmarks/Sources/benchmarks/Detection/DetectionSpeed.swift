import Foundation
import PostgresServer

/// Lines of an access log per second of CPU time, the program's start included.
struct DetectionSpeed: Benchmark {
    let name = "detection-speed"
    let title = "Log analysis: access-log lines per CPU-second"
    let explanation = """
        `digitalbank logs analyse` with all detectors and the shipped Sigma rules, beside `fail2ban-regex` with its filter
        `nginx-botsearch` and `grep -c`. Every line has an address and a target of its own, so that no cache helps: real
        logs, which repeat themselves, run two to three times as fast. fail2ban reads the first 30,000 lines. CPU time is
        user and system of the process.
        """
    private static let lineCount = 400_000
    private static let fewLines = 30_000
    private static let least = 200_000.0

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(Self.lineCount) lines" }

    func run(_ context: Context) async throws -> [Row] {
        let (path, few) = try Self.write(context.folder)
        let program = context.program
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw BenchmarkError(description: "\(program) is missing: run make release first")
        }
        var rows = try await context.alternate(
            [
                Side(what: "fail2ban-regex, nginx-botsearch", unit: "lines/CPU-s") {
                    try await Self.rate("fail2ban-regex", [few, "nginx-botsearch"], Self.fewLines)
                },
                Side(what: "grep -c UNION", unit: "lines/CPU-s") {
                    try await Self.rate("grep", ["-c", "UNION", path], Self.lineCount)
                },
                Side(what: "digitalbank logs analyse", unit: "lines/CPU-s", bar: .atLeast(5)) {
                    try await Self.rate(
                        program, ["logs", "analyse", path, "--rules", "../rules/detection"], Self.lineCount)
                },
            ], warmsUp: false)
        let last = rows.count - 1
        if let median = rows[last].values.median, median < Self.least {
            rows[last].failure = "below \(Int(Self.least)) lines per CPU-second"
        }
        return rows
    }

    static func rate(_ program: String, _ arguments: [String], _ lines: Int) async throws -> Double {
        let before = childSeconds()
        let path = program.hasPrefix("/") ? program : "/usr/bin/" + program
        let run = try await ToolRun.run(path, arguments)
        // grep says 1 when it finds nothing.
        guard run.status == 0 || program == "grep" && run.status == 1 else {
            throw BenchmarkError(description: "\(program) failed: \(run.errorText)")
        }
        return Double(lines) / max(childSeconds() - before, 0.001)
    }

    /// CPU time of all children that have ended.
    static func childSeconds() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        return seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    /// The same lines in each run.
    private static func write(_ folder: String) throws -> (path: String, few: String) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var state: UInt64 = 2
        func below(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var (text, few) = ("", "")
        for index in 0..<lineCount {
            let second = index / 20
            let number = below(100_000_000)
            let target =
                switch below(6) {
                case 0: "/rest/v1/comptes?id=eq.\(number)&select=id,iban,solde::text"
                case 1: "/api/comptes/\(number)/operations?page=\(number % 7)"
                case 2: "/rest/v1/clients?nom=ilike.*ma\(number % 999)*&order=id.desc&limit=20"
                case 3: "/assets/app.\(number).js"
                case 4: "/recherche?q=virement%20de%20\(number)%20euros"
                default: "/rest/v1/transactions?date_operation=gte.2026-10-01&montant=lt.-\(number)&offset=\(number)"
                }
            let time = "\(two(second / 3600 % 24)):\(two(second / 60 % 60)):\(two(second % 60))"
            text += "\(1 + below(222)).\(below(256)).\(below(256)).\(1 + below(254)) - - "
            text += "[\(20 + second / 86_400)/Oct/2026:\(time) +0200] \"GET \(target) HTTP/1.1\" "
            text += "\(below(30) == 0 ? 404 : 200) \(number % 50_000) \"https://banque.example/\" "
            text +=
                "\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/\(100 + below(30)).0.\(below(400)).0\"\n"
            if index + 1 == fewLines { few = text }
        }
        let (path, fewPath) = (folder + "/access.log", folder + "/access-few.log")
        try Data(text.utf8).write(to: URL(filePath: path))
        try Data(few.utf8).write(to: URL(filePath: fewPath))
        return (path, fewPath)
    }
}
