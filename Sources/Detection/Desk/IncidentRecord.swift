internal import Cryptography
internal import Web

/// An incident as the database takes it: what `IncidentText` tells, titles, and a fingerprint for each finding.
enum IncidentRecord {
    static func text(_ incident: Incident) -> String {
        guard case .object(var members) = IncidentText.json(incident) else { return "{}" }
        // Counted in the bank's books behind it.
        members.removeAll { $0.name == "timeline" || $0.name == "persons" }
        members.append(.init("title_fr", .string(FindingWriter.clean(incident.titleFrench))))
        members.append(.init("title_en", .string(FindingWriter.clean(incident.titleEnglish))))
        members.append(.init("finding_count", .integer(incident.findings.count)))
        let timeline = incident.findings.map { finding -> JSON in
            guard case .object(var parts) = FindingWriter.json(finding) else { return .null }
            parts.append(.init("fingerprint", .string(fingerprint(finding))))
            return .object(parts)
        }
        members.append(.init("timeline", .array(timeline)))
        return JSON.object(members).text
    }

    /// The same line read twice, in whichever file it stands by then, is one finding.
    static func fingerprint(_ finding: Finding) -> String {
        let place = finding.digest.isEmpty ? finding.target ?? "" : finding.digest
        return digest("\(finding.rule.id)|\(finding.time)|\(place)")
    }

    static func digest(_ text: String) -> String { SHA256.hash(Array(text.utf8)).hex }
}

extension Incident {
    /// The gravest thing that was done, and where they came in.
    private var worst: Finding? { findings.max { ($0.gravity, $1.time) < ($1.gravity, $0.time) } }

    public var titleFrench: String {
        guard let worst else { return id }
        guard let entry, entry.rule != worst.rule else { return worst.rule.title }
        return "\(worst.rule.title) (entrée : \(entry.rule.title.lowercased()))"
    }

    public var titleEnglish: String {
        func words(_ rule: Rule) -> String { rule.kind.split(separator: "_").joined(separator: " ") }
        guard let worst else { return id }
        let text = words(worst.rule)
        guard let entry, entry.rule != worst.rule else { return text }
        return "\(text) (entered by \(words(entry.rule)))"
    }
}
