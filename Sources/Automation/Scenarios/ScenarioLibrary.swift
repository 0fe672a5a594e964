internal import Diagnostics
internal import Foundation
public import Postgres
internal import Synchronization

/// The scenarios in force: those that are shipped, those of the operator's folder, those that the console has
/// written; of
/// one name the last counts.
public final class ScenarioLibrary: Sendable {
    private struct State {
        var scenarios: [Scenario] = []
        var problems: [String] = []
        var disabled: Set<String> = []
    }

    private let folders: [String]
    private let state = Mutex(State())

    public init(folders: [String]) { self.folders = folders }

    public static func shippedFolder() throws -> String {
        try ResourceFolder.find(target: "Automation", name: "Shipped")
    }

    /// Those that run.
    public var active: [Scenario] {
        state.withLock { state in state.scenarios.filter { !state.disabled.contains($0.name) } }
    }

    public var all: [Scenario] { state.withLock { $0.scenarios } }

    /// What could not be read at the last look; what was before stays in force.
    public var problems: [String] { state.withLock { $0.problems } }

    public func isEnabled(_ name: String) -> Bool { state.withLock { !$0.disabled.contains(name) } }

    public func scenario(_ name: String) throws -> Scenario {
        guard let found = all.first(where: { $0.name == name }) else { throw AutomationError.scenarioUnknown(name) }
        return found
    }

    /// Reads the folders' files.
    public static func read(folder: String) throws -> [Scenario] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        return try names.filter { $0.hasSuffix(".yml") || $0.hasSuffix(".yaml") }.map { name in
            guard let data = FileManager.default.contents(atPath: folder + "/" + name) else {
                throw AutomationError.scenario(name, "the file can not be read")
            }
            return try ScenarioReader.read(String(decoding: data, as: UTF8.self))
        }
    }

    /// Looks again. A document that is wrong keeps what was in force before it.
    public func reload(_ database: Database?) async throws {
        var found: [String: Scenario] = [:]
        var problems: [String] = []
        for folder in folders {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            where name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
                let data = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
                take(String(decoding: data, as: UTF8.self), &found, &problems)
            }
        }
        var disabled: Set<String> = []
        if let database {
            for row in try await ScenarioStore(database: database).all() {
                if let document = row.document { take(document, &found, &problems) }
                if !row.isEnabled { disabled.insert(row.name) }
            }
        }
        let scenarios = found.values.sorted { $0.name < $1.name }
        let (wrong, off) = (problems, disabled)
        state.withLock { state in
            state.scenarios = scenarios
            state.problems = wrong
            state.disabled = off
        }
    }

    private func take(_ text: String, _ found: inout [String: Scenario], _ problems: inout [String]) {
        do {
            let scenario = try ScenarioReader.read(text)
            found[scenario.name] = scenario
        } catch {
            problems.append(error.message)
            let before = all.first { error.message.contains("scenario \($0.name) ") }
            if let before { found[before.name] = before }
        }
    }
}
