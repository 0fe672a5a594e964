/// The logs of a simulated bank without its dump.
public enum SimulatedLogs {
    /// - Returns: the kinds of the attack's acts; none without an attack.
    public static func write(
        to folder: String, clients: Int, days: Int, seed: UInt64, isAttacked: Bool
    ) throws -> [String] {
        var simulation = Simulation(output: "")
        (simulation.clients, simulation.days, simulation.seed, simulation.isAttacked) = (
            clients, days, seed, isAttacked
        )
        let (bank, attack, _) = try simulation.makeBank()
        _ = try LogWriter(bank: bank, attack: attack, seed: seed).write(to: folder)
        return attack?.truth.incidents.map(\.kind) ?? []
    }
}
