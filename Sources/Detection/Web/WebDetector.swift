/// Raises what the web engine sees in requests.
final class WebDetector {
    private let sink: FindingSink

    init(_ sink: FindingSink) throws(DetectionError) { self.sink = sink }

    func take(_ event: LogEvent, _ place: LinePlace) {}
}
