public import Monitoring
public import Realtime

extension RealtimeHub {
    /// What `/metrics` says of Realtime.
    public func readings() async -> [Reading] {
        let figures = self.figures
        var readings: [Reading] = [
            Reading("digitalbank_realtime_sockets", .gauge, Int64(figures.sessions), help: "Open sockets."),
            Reading("digitalbank_realtime_channels", .gauge, Int64(figures.channels), help: "Joined channels."),
            Reading(
                "digitalbank_realtime_subscriptions", .gauge, Int64(figures.subscriptions),
                help: "Subscriptions to changes of tables."),
            Reading(
                "digitalbank_realtime_changes_total", .counter, Int64(figures.changes),
                help: "Changes read from the slot."),
            Reading(
                "digitalbank_realtime_deliveries_total", .counter, Int64(figures.deliveries),
                help: "Changes handed to sockets."),
            Reading(
                "digitalbank_realtime_gaps_total", .counter, Int64(figures.gaps),
                help: "Times a client was told that it missed changes."),
            Reading(
                "digitalbank_realtime_reading", .gauge, Int64(figures.isReading ? 1 : 0),
                help: "1 while changes are read from the slot."),
        ]
        // The server is away or has no slot: no figure rather than a wrong one.
        if let lag = try? await slotLagBytes() {
            readings.append(
                Reading(
                    "digitalbank_realtime_slot_lag_bytes", .gauge, lag,
                    help: "Bytes of the server's log that the slot holds back."))
        }
        return readings
    }
}
