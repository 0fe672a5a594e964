internal import Diagnostics
internal import Foundation
internal import Platform

/// Shows a recovery while it runs and what came of it.
enum RecoverOutput {
    static func follow(
        json: Bool, _ work: (@escaping ProgressSink) async throws -> RecoverOutcome
    ) async throws -> Int32 {
        let printer = ProgressPrinter(style: json ? .json : .bar)
        let outcome: RecoverOutcome
        do {
            outcome = try await work(printer.sink)
        } catch {
            printer.finish()
            throw error
        }
        printer.finish()
        if json {
            Terminal.output(try outcome.json())
        } else {
            for line in outcome.summaryLines() { Terminal.output(line) }
        }
        return outcome.exitStatus
    }
}
