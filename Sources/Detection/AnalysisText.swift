internal import Web

/// What an analysis found, for people (French first) and as JSON.
public enum AnalysisText {
    private static let shownMax = 60

    public static func lines(_ result: LogAnalysis.Result) -> [String] {
        let total = result.sources.reduce(Int64(0)) { $0 + $1.lines }
        var lines = [
            "Journaux lus : \(total) lignes en \(hundredths(result.seconds)) s (logs read: lines, seconds)", "",
        ]
        lines.append(row("source", "forme", "lignes", "évènements", "illisibles", "de", "à"))
        for source in result.sources {
            lines.append(
                row(
                    FindingWriter.clean(String(source.name.suffix(44))), source.form.rawValue, "\(source.lines)",
                    "\(source.events)",
                    "\(source.broken)", String(Instant.text(source.first).prefix(16)),
                    String(Instant.text(source.last).prefix(16))))
            for sample in source.samples.prefix(3) {
                lines.append("    ligne \(sample.line) : \(FindingWriter.clean(String(sample.text.prefix(90))))")
            }
            for damage in source.damage { lines.append("    \(FindingWriter.clean(damage))") }
            if source.skew != 0 {
                let seconds = abs(source.skew) / Instant.second
                lines.append(
                    "    horloge \(source.skew > 0 ? "en avance" : "en retard") de \(seconds) s, corrigée (clock skew)")
            }
        }
        lines += ["", "Incidents : \(result.incidents.count)"]
        for incident in result.incidents { lines += IncidentText.lines(incident) }
        let findings = result.findings.filter { $0.gravity >= .low }
        lines += ["", "Constats : \(findings.count) (findings)"]
        for finding in findings.sorted(by: { ($0.gravity, $1.time) > ($1.gravity, $0.time) }).prefix(shownMax) {
            lines.append(line(finding))
        }
        if findings.count > shownMax {
            lines.append("… \(findings.count - shownMax) autres : --findings FILE les écrit tous")
        }
        if result.dropped > 0 {
            lines.append("\(result.dropped) constats, les moins graves, ont seulement été comptés")
        }
        return lines
    }

    public static func line(_ finding: Finding) -> String {
        let who = [finding.address?.text, finding.user].compactMap { $0 }.joined(separator: " ")
        let parts = [
            pad(finding.gravity.label, 12), String(Instant.text(finding.time).prefix(19)),
            pad(finding.rule.technique, 10),
            finding.rule.title + (who.isEmpty ? "" : " — " + who)
                + (finding.target.map { " → " + String($0.prefix(40)) } ?? ""),
            "(\(finding.words)\(finding.count > 1 ? ", \(finding.count) fois" : ""))",
        ]
        return FindingWriter.clean(parts.joined(separator: "  "))
    }

    private static func hundredths(_ seconds: Double) -> String {
        let value = Int((seconds * 100).rounded())
        return "\(value / 100),\(value % 100 < 10 ? "0" : "")\(value % 100)"
    }

    private static func row(_ cells: String...) -> String {
        let widths = [46, 16, 10, 12, 10, 17, 17]
        return zip(cells, widths).map { pad($0, $1) }.joined()
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text.count >= width ? text + " " : text + String(repeating: " ", count: width - text.count)
    }

    public static func json(_ result: LogAnalysis.Result) -> String {
        JSON.object([
            .init("form", "digitalbank.logs/1"),
            .init(
                "sources",
                .array(
                    result.sources.map { source in
                        .object([
                            .init("name", .string(source.name)), .init("form", .string(source.form.rawValue)),
                            .init("files", .integer(source.files.count)), .init("lines", .integer(source.lines)),
                            .init("events", .integer(source.events)), .init("headers", .integer(source.headers)),
                            .init("blanks", .integer(source.blanks)), .init("broken", .integer(source.broken)),
                            .init("overlong", .integer(source.overlong)),
                            .init("from", .string(Instant.text(source.first))),
                            .init("to", .string(Instant.text(source.last))),
                            .init("damage", .array(source.damage.map { .string($0) })),
                            .init(
                                "unread",
                                .array(
                                    source.samples.map { sample in
                                        .object([
                                            .init("source", .string(sample.file)), .init("line", .integer(sample.line)),
                                            .init("text", .string(FindingWriter.clean(sample.text))),
                                        ])
                                    })),
                            .init("skew_seconds", .integer(source.skew / Instant.second)),
                        ])
                    })), .init("raised", .integer(result.raised)), .init("dropped", .integer(result.dropped)),
            .init("incidents", .array(result.incidents.map(IncidentText.json))),
            .init("findings", .array(result.findings.map(FindingWriter.json))),
        ]).text
    }
}
