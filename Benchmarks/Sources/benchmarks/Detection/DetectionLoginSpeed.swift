import Foundation
import PostgresServer

/// Lines of sshd's log per second of CPU time, the program's start included.
struct DetectionLoginSpeed: Benchmark {
    let name = "detection-login-speed"
    let title = "Log analysis: auth.log lines per CPU-second"
    let explanation = """
        `digitalbank logs analyse` with all detectors and the shipped Sigma rules over lines of sshd, each of an address and
        an account of its own, beside `fail2ban-regex` with its filter `sshd` on the first 30,000 of them. CPU time is user
        and system of the process.
        """
    private static let lineCount = 600_000
    private static let fewLines = 30_000
    private static let least = 300_000.0

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(Self.lineCount) lines" }

    func run(_ context: Context) async throws -> [Row] {
        let (path, few) = try Self.write(context.folder)
        let program = context.program
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw BenchmarkError(description: "\(program) is missing: run make release first")
        }
        var rows = try await context.alternate(
            [
                Side(what: "fail2ban-regex, sshd", unit: "lines/CPU-s") {
                    try await DetectionSpeed.rate("fail2ban-regex", [few, "sshd"], Self.fewLines)
                },
                Side(what: "digitalbank logs analyse", unit: "lines/CPU-s", bar: .atLeast(5)) {
                    try await DetectionSpeed.rate(
                        program, ["logs", "analyse", path, "--rules", "../rules/detection"], Self.lineCount)
                },
            ], warmsUp: false)
        let last = rows.count - 1
        if let median = rows[last].values.median, median < Self.least {
            rows[last].failure = "below \(Int(Self.least)) lines per CPU-second"
        }
        return rows
    }

    /// The same lines in each run.
    private static func write(_ folder: String) throws -> (path: String, few: String) {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var state: UInt64 = 3
        func below(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var (text, few) = ("", "")
        for index in 0..<lineCount {
            let second = index / 20
            let time = "\(two(second / 3600 % 24)):\(two(second / 60 % 60)):\(two(second % 60))"
            let address = "\(1 + below(222)).\(below(256)).\(below(256)).\(1 + below(254))"
            let words =
                switch below(5) {
                case 0: "Accepted publickey for u\(below(90)) from \(address) port 4\(below(9_999)) ssh2"
                case 1: "Invalid user x\(below(99_999)) from \(address) port 4\(below(9_999))"
                case 2: "Connection closed by \(address) port 4\(below(9_999)) [preauth]"
                default: "Failed password for u\(below(99_999)) from \(address) port 4\(below(9_999)) ssh2"
                }
            text += "Oct \(20 + second / 86_400) \(time) srv sshd[\(1_000 + below(30_000))]: \(words)\n"
            if index + 1 == fewLines { few = text }
        }
        let (path, fewPath) = (folder + "/auth.log", folder + "/auth-few.log")
        try Data(text.utf8).write(to: URL(filePath: path))
        try Data(few.utf8).write(to: URL(filePath: fewPath))
        return (path, fewPath)
    }
}
