internal import Foundation
internal import Privacy
internal import Recovery
internal import Web

/// `digitalbank privacy incident …`.
public enum PrivacyIncidentService {
    public static func open(
        facts file: String, titleFr: String, titleEn: String, dataDirectory: String
    ) async throws -> [String] {
        let json = try facts(file)
        return try await PrivacyService.with(dataDirectory) { desk, _ in
            let reference = try await desk.openIncident(
                try IncidentFacts(json), titleFr: titleFr, titleEn: titleEn, by: .command)
            return ["opened       \(reference)"] + (try await clockLines(desk, reference))
        }
    }

    /// - Parameter file: the members that change.
    public static func update(reference: String, facts file: String, dataDirectory: String) async throws -> [String] {
        let json = try facts(file)
        return try await PrivacyService.with(dataDirectory) { desk, _ in
            let verdict = try await desk.updateIncident(reference, facts: json, by: .command)
            let words = (verdict.isMajor ? "major" : "not major") + ", " + (verdict.isBreach ? "a breach" : "no breach")
            return ["classified   \(words)"] + (try await clockLines(desk, reference))
        }
    }

    public static func close(
        reference: String, note: String, isFalseAlarm: Bool, dataDirectory: String
    ) async throws -> [String] {
        try await PrivacyService.with(dataDirectory) { desk, _ in
            try await desk.closeIncident(reference, note: note, isFalseAlarm: isFalseAlarm, by: .command)
            return ["closed       \(reference)"] + (try await clockLines(desk, reference))
        }
    }

    private static func facts(_ file: String) throws -> JSON {
        guard let bytes = FileManager.default.contents(atPath: file), let json = try? JSONReader.read(Array(bytes))
        else {
            throw RecoveryError(
                code: "privacy_facts_unreadable", message: "\(file) holds no JSON",
                hint: "docs/reference/privacy.md lists the facts of an incident.", exitStatus: .badInput)
        }
        return json
    }

    public static func report(
        reference: String, kind: String, output: String, dataDirectory: String
    ) async throws -> [String] {
        let kind = try reportKind(kind)
        return try await PrivacyService.with(dataDirectory) { desk, data in
            let document = try await desk.report(reference, kind: kind, by: .command)
            let folder = try PrivacyService.folder(output, data)
            try folder.write("\(kind.rawValue).json", document.jsonText.utf8)
            for language in ["fr", "en"] {
                try await folder.writePDF("\(kind.rawValue).\(language)", of: document.page(language: language))
            }
            var lines = ["written      \(folder.path)"]
            if case .dora(let report) = document {
                lines.append(
                    "fields       \(report.filledAlone) of \(report.fields.count) without a human: \(report.countsText)"
                )
            }
            return lines + (try await clockLines(desk, reference))
        }
    }

    public static func sent(reference: String, kind: String, dataDirectory: String) async throws -> [String] {
        let kind = try reportKind(kind)
        return try await PrivacyService.with(dataDirectory) { desk, _ in
            try await desk.markSent(reference, kind: kind, by: .command)
            return try await clockLines(desk, reference)
        }
    }

    private static func reportKind(_ name: String) throws -> IncidentReportKind {
        guard let kind = IncidentReportKind(rawValue: name) else {
            throw RecoveryError(
                code: "privacy_report_unknown", message: "there is no report \(name)",
                hint: "Choose one of \(IncidentReportKind.allCases.map(\.rawValue).joined(separator: ", ")).",
                exitStatus: .badInput)
        }
        return kind
    }

    public static func list(dataDirectory: String) async throws -> String {
        try await PrivacyService.with(dataDirectory) { desk, _ in try await desk.incidents() }
    }

    static func clockLines(_ desk: PrivacyDesk, _ reference: String) async throws -> [String] {
        try await desk.clocks(reference).map { "\($0.state)  \($0.clock)  due \($0.dueAt)" }
    }
}
