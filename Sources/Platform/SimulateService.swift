public import Diagnostics
internal import Foundation
internal import Recovery
internal import Simulator

/// Simulated banks.
public enum SimulateService {
    private static let record = "/simulation.json"

    /// The simulation of this data directory: the one that is there, or a new one.
    static func prepare(
        data: DataDirectory, clients: Int, days: Int, seed: UInt64, progress: @escaping ProgressSink
    ) async throws -> Simulation.Files {
        let path = data.simulation + record
        if let bytes = FileManager.default.contents(atPath: path) {
            return try JSONDecoder().decode(Simulation.Files.self, from: bytes)
        }
        // A simulation that was cut off left no record: it is made anew.
        if FileManager.default.fileExists(atPath: data.simulation) {
            try FileManager.default.removeItem(atPath: data.simulation)
        }
        var simulation = Simulation(output: data.simulation)
        simulation.clients = clients
        simulation.days = days
        simulation.seed = seed
        simulation.progress = progress
        let files = try await simulation.run().files
        try JSONEncoder().encode(files).write(to: URL(fileURLWithPath: path), options: .atomic)
        return files
    }

    public static func simulate(
        clients: Int, days: Int, seed: UInt64, format: String, damage: String, attack: Bool, output: String,
        progress: @escaping ProgressSink
    ) async throws -> [String] {
        let startedAt = ContinuousClock.now
        var simulation = Simulation(output: DataDirectory(output).path)
        simulation.clients = clients
        simulation.days = days
        simulation.seed = seed
        simulation.format = try choice(DumpFormat.self, format, of: "format")
        simulation.damage = try choice(Damage.self, damage, of: "damage")
        simulation.isAttacked = attack
        simulation.progress = progress
        let (files, truth) = try await simulation.run()
        let rows = truth.rows.values.reduce(0, +)
        let seconds = Double((ContinuousClock.now - startedAt) / .milliseconds(100)).rounded() / 10
        var lines = [
            "A bank of \(clients) clients over \(days) days: \(rows) rows, made in \(seconds) s.",
            "dump         \(files.dump)",
            "logs         \(files.logs)",
            "baseline     \(files.baseline)",
            "legacy key   \(files.legacyKey)",
            "truth        \(files.truth): \(truth.tampered.count) rows tampered with, \(truth.trojans.count) trojans",
        ]
        for change in truth.damage?.changes ?? [] {
            lines.append("damage       \(change.file) at \(change.offset), \(change.length) bytes: \(change.what)")
        }
        return lines
    }

    private static func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type, _ text: String, of parameter: String
    ) throws -> Choice where Choice.RawValue == String {
        if let choice = Choice(rawValue: text) { return choice }
        throw RecoveryError(
            code: "unknown_\(parameter)", message: "there is no \(parameter) \(text)",
            hint: "Take one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).", exitStatus: .badInput)
    }
}
