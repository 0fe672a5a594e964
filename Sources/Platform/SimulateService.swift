public import Diagnostics
internal import Foundation
internal import Recovery

/// Simulated banks.
public enum SimulateService {
    /// The files of a simulated, attacked and damaged bank.
    struct Files: Codable, Sendable {
        let dump: String
        let logs: String?
        let baseline: String?
        let legacyKey: String?
    }

    /// The simulation of this data directory: the one that is there, or a new one.
    static func prepare(
        data: DataDirectory, clients: Int, days: Int, seed: UInt64, progress: @escaping ProgressSink
    ) async throws -> Files {
        throw RecoveryError(
            code: "simulation_missing", message: "there is no simulated bank in \(data.simulation)",
            hint: "Recover a dump of your own: digitalbank recover DUMP", exitStatus: .environment)
    }

    public static func simulate(
        clients: Int, days: Int, seed: UInt64, format: String, damage: String, attack: Bool, output: String,
        progress: @escaping ProgressSink
    ) async throws -> [String] {
        throw RecoveryError(
            code: "simulation_missing", message: "the simulator is not part of this build",
            hint: "Recover a dump of your own: digitalbank recover DUMP", exitStatus: .environment)
    }
}
