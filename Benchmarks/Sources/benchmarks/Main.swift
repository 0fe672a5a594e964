import Foundation

/// `swift run -c release benchmarks [NAME…] [--seconds N] [--rounds N] [--accounts N] [--clients N]`
@main
struct Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            if arguments.first == SalvageRead.childFlag { return try SalvageRead.child(Array(arguments.dropFirst())) }
            let isMet = try await run(arguments)
            exit(isMet ? 0 : 1)
        } catch {
            say("benchmarks: \(error)")
            exit(2)
        }
    }

    /// True when every bar was met.
    static func run(_ arguments: [String]) async throws -> Bool {
        var names: [String] = []
        var numbers = ["--seconds": 5, "--rounds": 5, "--accounts": 500_000, "--clients": 25_400]
        var rest = arguments[...]
        while let word = rest.popFirst() {
            if numbers[word] != nil {
                guard let value = rest.popFirst().flatMap({ Int($0) }), value > 0 else {
                    throw BenchmarkError(description: "\(word) takes a positive number")
                }
                numbers[word] = value
            } else if Benchmarks.all.contains(where: { $0.name == word }) {
                names.append(word)
            } else {
                let known = Benchmarks.all.map(\.name).joined(separator: ", ")
                throw BenchmarkError(description: "no benchmark \(word); there are \(known)")
            }
        }
        guard FileManager.default.fileExists(atPath: "../docs") else {
            throw BenchmarkError(
                description: "run it in the folder Benchmarks: the results go to ../docs/benchmarks.md")
        }
        let context = Context(
            seconds: numbers["--seconds"] ?? 5, rounds: numbers["--rounds"] ?? 5,
            accountCount: Int64((numbers["--accounts"] ?? 500_000) / 5 * 5),
            clientCount: numbers["--clients"] ?? 25_400,
            folder: FileManager.default.temporaryDirectory.path
                + "/digitalbank-bench-\(ProcessInfo.processInfo.processIdentifier)")
        do {
            let isMet = try await measure(names, context)
            await context.stop()
            return isMet
        } catch {
            await context.stop()
            throw error
        }
    }

    private static func measure(_ names: [String], _ context: Context) async throws -> Bool {
        var isMet = true
        for benchmark in Benchmarks.all where names.isEmpty || names.contains(benchmark.name) {
            say("\(benchmark.name): \(benchmark.title)")
            let rows = try await benchmark.run(context)
            try Report(path: "../docs/benchmarks.md").update(benchmark, rows, context)
            for row in rows { say("  " + Report.cells(row).joined(separator: "  ")) }
            if rows.contains(where: { $0.isMet == false }) { isMet = false }
        }
        return isMet
    }
}
