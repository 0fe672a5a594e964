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
        var own: [Scenario] = []
        var documents: [String: (text: String, origin: Origin)] = [:]
        var problems: [String] = []
        var disabled: Set<String> = []
    }

    /// Where the document in force comes from.
    enum Origin: String, Sendable {
        case shipped, folder, stored
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

    /// Those of the folders: what servers may differ in.
    var own: [Scenario] { state.withLock { $0.own } }

    public var all: [Scenario] { state.withLock { $0.scenarios } }

    /// What could not be read at the last look; what was before stays in force.
    public var problems: [String] { state.withLock { $0.problems } }

    public func isEnabled(_ name: String) -> Bool { state.withLock { !$0.disabled.contains(name) } }

    public func scenario(_ name: String) throws -> Scenario {
        guard let found = all.first(where: { $0.name == name }) else { throw AutomationError.scenarioUnknown(name) }
        return found
    }

    /// The document in force and where it comes from.
    func document(_ name: String) -> (text: String, origin: Origin)? { state.withLock { $0.documents[name] } }

    /// The folder's documents, by name of file.
    public static func documents(folder: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        return try names.filter { $0.hasSuffix(".yml") || $0.hasSuffix(".yaml") }.map { name in
            guard let data = FileManager.default.contents(atPath: folder + "/" + name) else {
                throw AutomationError.scenario(name, "the file can not be read")
            }
            return String(decoding: data, as: UTF8.self)
        }
    }

    /// Reads one document.
    public static func read(_ document: String) throws -> Scenario { try ScenarioReader.read(document) }

    /// Reads the folder's files.
    public static func read(folder: String) throws -> [Scenario] { try documents(folder: folder).map { try read($0) } }

    /// Looks again. A document that is wrong keeps what was in force before it.
    public func reload(_ database: Database?) async throws {
        var found = Found()
        for (index, folder) in folders.enumerated() {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            where name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
                let data = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
                take(String(decoding: data, as: UTF8.self), index == 0 ? .shipped : .folder, &found)
            }
        }
        let own = Array(found.scenarios.values)
        var disabled: Set<String> = []
        if let database {
            for row in try await ScenarioStore(database: database).all() {
                if let document = row.document { take(document, .stored, &found) }
                if !row.isEnabled { disabled.insert(row.name) }
            }
        }
        let (read, off) = (found, disabled)
        state.withLock { state in
            state.scenarios = read.scenarios.values.sorted { $0.name < $1.name }
            state.own = own
            state.documents = read.documents
            state.problems = read.problems
            state.disabled = off
        }
    }

    private struct Found {
        var scenarios: [String: Scenario] = [:]
        var documents: [String: (text: String, origin: Origin)] = [:]
        var problems: [String] = []
    }

    private func take(_ text: String, _ origin: Origin, _ found: inout Found) {
        do {
            let scenario = try ScenarioReader.read(text)
            found.scenarios[scenario.name] = scenario
            found.documents[scenario.name] = (text, origin)
        } catch {
            found.problems.append(error.message)
            guard let before = all.first(where: { error.message.contains("scenario \($0.name) ") }) else { return }
            found.scenarios[before.name] = before
            found.documents[before.name] = document(before.name)
        }
    }
}
