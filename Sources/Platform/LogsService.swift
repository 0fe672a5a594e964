internal import Detection
public import Diagnostics
internal import Foundation

/// Reads logs, and tells people and machines what happened.
public enum LogsService {
    public struct Request: Sendable {
        public var places: [String] = []
        public var findings: String?
        public var json = false
        public var zone = "Europe/Paris"
        public var logLinePrefix: String?

        public init() {}

        var options: DetectionOptions {
            var options = DetectionOptions()
            options.reading.zone = zone
            options.reading.logLinePrefix = logLinePrefix
            return options
        }
    }

    public static func analyse(_ request: Request, progress: @escaping ProgressSink) throws -> [String] {
        var analysis = LogAnalysis()
        analysis.options = request.options
        analysis.progress = progress
        let writer = try request.findings.map { try FindingWriter(path: $0) }
        if let writer { analysis.onFinding = { writer.write($0) } }
        let result = try analysis.run(request.places)
        try writer?.finish()
        return request.json ? [AnalysisText.json(result)] : AnalysisText.lines(result)
    }
}
