import Foundation
import TestSupport
import Testing

@testable import PostgresServer

/// The built program, run as a person runs it.
enum Program {
    /// Beside the test bundle, where `swift build --build-tests` puts it.
    static let path: String = {
        let here = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        return here + "/digitalbank"
    }()

    struct Result: Sendable {
        let status: Int32
        let output: String
        let error: String
    }

    static func run(
        _ arguments: String..., environment: [String: String] = [:], directory: String? = nil
    ) async throws -> Result {
        let run = try await ToolRun.run(
            path, arguments, environment: environment, directory: directory, timeMax: .seconds(900))
        return Result(status: run.status, output: run.outputText, error: run.errorText)
    }

    /// Starts a recovery in `data` and kills it, itself alone and without warning; false when it had ended before.
    static func killed(_ arguments: [String], at moment: Moment, of data: String) async throws -> Bool {
        let process = try ChildProcess.spawn(
            [path] + arguments, environment: ProcessInfo.processInfo.environment, directory: nil,
            streams: ChildProcess.Streams())
        if let result = moment.after {
            while process.statusIfEnded() == nil,
                !FileManager.default.fileExists(atPath: "\(data)/recovery/stages/\(result)")
            {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        try await Task.sleep(for: moment.delay)
        guard process.statusIfEnded() == nil else { return false }
        // Itself alone: its servers have to notice.
        kill(process.identifier, SIGKILL)
        while true {
            if let status = process.statusIfEnded() { return status == -SIGKILL }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension ChildProcess {
    /// Sends the signal and waits for the end: a program that does not end in two minutes is an issue, and is killed.
    func end(by number: Int32) {
        kill(identifier, number)
        for _ in 0..<24_000 {
            if statusIfEnded() != nil { return }
            usleep(5000)
        }
        Issue.record("process \(identifier) did not end two minutes after signal \(number)")
        kill(identifier, SIGKILL)
        wait()
    }
}

/// When a recovery is killed: so long after a stage has left its result.
struct Moment: CustomStringConvertible {
    /// The stage's result file; nil for the start.
    let after: String?
    let delay: Duration

    var description: String { "\(delay) after \(after ?? "the start")" }
}

/// Moments spread over a recovery's time, measured on an undisturbed one: told by stage, so that a busy machine does not
/// move them behind the end.
struct Moments {
    private let results: [String]
    private let seconds: [Double]

    init(dataDirectory: String) throws {
        results = try FileManager.default.contentsOfDirectory(atPath: dataDirectory + "/recovery/stages").sorted()
        seconds = try results.map { name in
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(dataDirectory)/recovery/stages/\(name)"))
            let record = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            return record?["seconds"] as? Double ?? 0
        }
    }

    func draw(using generator: inout some RandomNumberGenerator) -> Moment {
        var left = Double.random(in: 0..<max(seconds.reduce(0, +), 0.001), using: &generator)
        for (index, length) in seconds.enumerated() {
            if left < length { return Moment(after: index > 0 ? results[index - 1] : nil, delay: .seconds(left)) }
            left -= length
        }
        return Moment(after: results.dropLast().last, delay: .zero)
    }
}

/// A small simulated bank, made once for the whole test process.
enum SmallBank {
    struct Files: Sendable {
        let folder: String
        var dump: String { folder + "/banque.dump" }
        var key: String { folder + "/cle-heritee.txt" }
        var baseline: String { folder + "/schema-reference.sql" }
    }

    static func files() async throws -> Files { try await making.value }

    // Ends with the simulation; every test that needs the bank waits for it.
    private static let making = Task {
        let folder = FileManager.default.temporaryDirectory.path + "/digitalbank-small-bank-\(getpid())"
        try? FileManager.default.removeItem(atPath: folder)
        let run = try await Program.run(
            "simulate", "--clients", "60", "--days", "40", "--seed", "7", "--damage", "bit-flip", "--output", folder)
        guard run.status == 0 else { throw SimulationFailed(words: run.error) }
        return Files(folder: folder)
    }

    struct SimulationFailed: Error {
        let words: String
    }
}
