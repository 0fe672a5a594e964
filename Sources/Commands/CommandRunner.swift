internal import ArgumentParser
internal import Diagnostics
internal import Foundation
internal import Platform

/// Runs a command's work and turns its errors into one sentence, a hint and a documented exit status.
enum CommandRunner {
    static func run(json: Bool = false, _ work: () async throws -> Int32) async throws {
        let status: Int32
        do {
            status = try await work()
        } catch let fault as any Fault {
            report(fault, json: json)
            throw ExitCode(ExitStatus.of(fault))
        } catch is CancellationError {
            Terminal.error("interrupted\nhint: Go on with: digitalbank recover resume")
            throw ExitCode(130)
        }
        if status != 0 { throw ExitCode(status) }
    }

    private static func report(_ fault: any Fault, json: Bool) {
        if json {
            let line = ["error": fault.code, "message": fault.message, "hint": fault.hint]
            if let data = try? JSONSerialization.data(withJSONObject: line, options: [.sortedKeys]) {
                Terminal.output(String(decoding: data, as: UTF8.self))
            }
        }
        Terminal.error("error: \(fault.message)\nhint: \(fault.hint)")
    }
}
