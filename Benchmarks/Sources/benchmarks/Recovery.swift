import Diagnostics
import Foundation
import Postgres
import PostgresServer
import Salvage

/// Every row of an intact dump, read by our reader and by pg_restore, without a database.
struct SalvageRead: Benchmark {
    let name = "salvage"
    let title = "Reading an intact dump"
    let explanation = """
        The dump of a simulated bank (custom format, compressed; 5 million rows unless `--clients` says otherwise). Ours
        cuts every row, counts its fields and proves it by the stream's checksum, in a process of its own whose peak memory
        is the last line.
        """
    static let childFlag = "--read-dump"
    private static let memoryMax = 200.0

    func rounds(_ context: Context) -> String {
        "\(context.rounds) rounds of one whole read, a bank of \(context.clientCount) clients"
    }

    func run(_ context: Context) async throws -> [Row] {
        let dump = try await context.dump()
        let cluster = try await context.cluster()
        let memory = Peak()
        let rows = try await context.alternate([
            Side(what: "pg_restore -f /dev/null", unit: "s") {
                try await seconds {
                    let run = try await ToolRun.run(
                        cluster.binaries.path(of: "pg_restore"), ["--file=/dev/null", dump.path])
                    try run.checked("pg_restore")
                }
            },
            Side(what: "our reader, every row proven", unit: "s", bar: .atMost(1.2)) {
                try await seconds {
                    let run = try await ToolRun.run(
                        CommandLine.arguments[0], [Self.childFlag, dump.path, String(dump.rows)])
                    guard run.status == 0 else { throw BenchmarkError(description: run.errorText) }
                    let text = run.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
                    await memory.take(Double(text) ?? .infinity)
                }
            },
        ])
        let peak = await memory.megabytes
        return rows + [
            Row(
                what: "our reader's peak memory (bar: \(Int(Self.memoryMax)) MB)", values: [peak], unit: "MB",
                failure: peak > Self.memoryMax ? "above the bar" : nil)
        ]
    }

    /// Reads the dump, refuses a wrong number of rows and prints the peak of resident memory in megabytes.
    static func child(_ arguments: [String]) throws {
        guard arguments.count == 2, let expected = Int(arguments[1]) else {
            throw BenchmarkError(description: "\(childFlag) takes a dump and its number of rows")
        }
        var rows = 0
        let reader = try DumpReader(path: arguments[0])
        _ = try reader.read(progress: { _ in }) { event in
            if case .rows(let batch) = event, batch.confidence == .intact || batch.confidence == .proven {
                rows += batch.rowCount
            }
        }
        guard rows == expected else {
            throw BenchmarkError(description: "\(rows) rows were read, \(expected) are in the dump")
        }
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        let kilobytes = line.split(separator: " ").compactMap { Double($0) }.first ?? 0
        print(String(format: "%.1f", kilobytes / 1024))
    }
}

/// The highest value of several runs.
private actor Peak {
    private(set) var megabytes = 0.0
    func take(_ value: Double) { megabytes = max(megabytes, value) }
}

/// A whole recovery of an intact dump, all checks on, against a parallel restore of the same dump.
struct Recovery: Benchmark {
    let name = "recovery"
    let title = "Recovering an intact dump"
    let explanation = """
        The same dump. The yardstick restores it as it is, with its few indexes, into an empty database. Ours reads every
        row, judges every definition, reconciles operations with balances, statements, orders and logs, converts the bank
        to double entry with sealed columns, builds and verifies keys, indexes and checks (amcheck too), makes a first
        backup, and proves it by restoring it.
        """

    func rounds(_ context: Context) -> String {
        "\(context.rounds) rounds of one whole recovery, a bank of \(context.clientCount) clients"
    }

    func run(_ context: Context) async throws -> [Row] {
        let dump = try await context.dump()
        let cluster = try await context.cluster()
        let jobs = ProcessInfo.processInfo.activeProcessorCount
        let environment = [
            "PGHOST": cluster.socketDirectory, "PGPORT": "5432", "PGUSER": cluster.options.superuser,
            "PGPASSWORD": cluster.superuserPassword,
        ]
        return try await context.alternate(
            [
                Side(what: "pg_restore -j\(jobs)", unit: "s") {
                    try await cluster.dropDatabase("restored")
                    try await cluster.createDatabase("restored")
                    return try await seconds {
                        // Roles of the dump do not exist here: grants fail, rows and indexes go in.
                        _ = try await ToolRun.run(
                            cluster.binaries.path(of: "pg_restore"),
                            ["--no-owner", "--no-acl", "--jobs=\(jobs)", "--dbname=restored", dump.path],
                            environment: environment)
                    }
                },
                Side(what: "digitalbank recover, all checks on", unit: "s", bar: .atMost(1.5)) {
                    let data = context.folder + "/recovered"
                    let arguments = [
                        "recover", dump.path, "--logs", dump.folder + "/logs",
                        "--baseline", dump.folder + "/schema-reference.sql",
                        "--legacy-key-file", dump.folder + "/cle-heritee.txt", "--data-dir", data, "--report",
                        data + "-report", "--yes",
                    ]
                    let time = try await seconds { _ = try await context.digitalbank(arguments) }
                    _ = try? await context.digitalbank(["down", "--data-dir", data])
                    try FileManager.default.removeItem(atPath: data)
                    return time
                },
            ], warmsUp: false)
    }
}

private func seconds(_ body: () async throws -> Void) async throws -> Double {
    let start = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - start) / .seconds(1)
}
