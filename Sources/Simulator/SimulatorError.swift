public import Diagnostics

/// What stops a simulation.
public struct SimulatorError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func resource(_ what: String) -> SimulatorError {
        SimulatorError(
            code: "simulator_resource", message: "a file of the simulator is damaged: \(what)",
            hint: "Build again from a clean checkout.")
    }

    static func parameter(_ what: String, _ hint: String) -> SimulatorError {
        SimulatorError(code: "simulator_parameter", message: what, hint: hint)
    }

    static func file(_ action: String, _ path: String, _ reason: String) -> SimulatorError {
        SimulatorError(
            code: "simulator_file", message: "cannot \(action) \(path): \(reason)",
            hint: "Check that the folder exists, is writable and has room.")
    }
}
