internal import Detection
public import Diagnostics
internal import Foundation

/// Reads logs, and tells people and machines what happened.
public enum LogsService {
    public struct Request: Sendable {
        public var places: [String] = []
        public var findings: String?
        /// Where the page of incidents goes.
        public var html: String?
        /// Where the STIX 2.1 bundle goes.
        public var stix: String?
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
        if let html = request.html { try write(IncidentPage.html(result.incidents, result.sources), to: html) }
        if let stix = request.stix { try write(StixBundle.json(result.incidents) + "\n", to: stix) }
        return request.json ? [AnalysisText.json(result)] : AnalysisText.lines(result)
    }

    private static func write(_ text: String, to path: String) throws {
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw DetectionError.unwritable(path, error.localizedDescription)
        }
    }
}
