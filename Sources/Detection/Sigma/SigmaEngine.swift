/// Runs Sigma rules over events.
final class SigmaEngine {
    func take(_ event: LogEvent, _ place: LinePlace) {}
}
