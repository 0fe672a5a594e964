import Automation
import Foundation
import Postgres

// A server that fires schedules until it is killed: for tests that kill it. Its clock is the one of the test's table, off by
// the microseconds it is given.
let arguments = CommandLine.arguments
guard arguments.count == 4, let skew = Int64(arguments[3]) else { exit(2) }
let database = Database(DatabaseConfiguration(arguments[1]))
let library = ScenarioLibrary(folders: [arguments[2]])
try await library.reload(nil)
let engine = try AutomationEngine(
    database: database, library: library, settings: AutomationSettings(),
    secrets: SecretBox(seal: { value, _ in value }, open: { value, _ in value }),
    clock: {
        Instant(
            microseconds: try await database.one("select at_us from public.test_clock", as: Int64.self) + skew)
    })
FileHandle.standardOutput.write(Data("ready\n".utf8))
while true {
    _ = try? await engine.schedulePass()
    _ = try? await engine.intakePass()
}
