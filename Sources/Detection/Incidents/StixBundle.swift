internal import Cryptography
internal import Web

/// Incidents as a STIX 2.1 bundle: the incident, its attack patterns, the addresses and indicators for them. Identifiers
/// come from the content, so that the same logs give the same bundle.
public enum StixBundle {
    public static func json(_ incidents: [Incident]) -> String {
        var objects: [String: JSON] = [:]
        var order: [String] = []
        func add(_ id: String, _ object: JSON) {
            if objects.updateValue(object, forKey: id) == nil { order.append(id) }
        }
        let author = identifier("identity", "digitalbank")
        add(
            author,
            object("identity", author, author, [.init("name", "DigitalBank"), .init("identity_class", "system")], 0))
        for incident in incidents { take(incident, author, add) }
        return JSON.object([
            .init("type", "bundle"), .init("id", .string(identifier("bundle", incidents.map(\.id).joined()))),
            .init("objects", .array(order.compactMap { objects[$0] })),
        ]).text
    }

    private static func take(_ incident: Incident, _ author: String, _ add: (String, JSON) -> Void) {
        let id = identifier("incident", incident.id)
        add(
            id,
            object(
                "incident", id, author,
                [
                    .init("name", .string(incident.id)),
                    .init("description", .string(IncidentText.lines(incident).joined(separator: "\n"))),
                    .init("labels", .array(incident.phases.map { .string($0.tactic) })),
                ], incident.from))
        func relate(_ from: String, _ kind: String, _ to: String) {
            let name = identifier("relationship", from + kind + to)
            add(
                name,
                object(
                    "relationship", name, author,
                    [
                        .init("relationship_type", .string(kind)), .init("source_ref", .string(from)),
                        .init("target_ref", .string(to)),
                    ], incident.from))
        }
        for technique in incident.techniques {
            let pattern = identifier("attack-pattern", technique)
            let page = "https://attack.mitre.org/techniques/" + technique.replacing(".", with: "/")
            let reference: JSON = .object([
                .init("source_name", "mitre-attack"), .init("external_id", .string(technique)),
                .init("url", .string(page)),
            ])
            add(
                pattern,
                object(
                    "attack-pattern", pattern, author,
                    [.init("name", .string(technique)), .init("external_references", .array([reference]))], 0))
            relate(id, "related-to", pattern)
        }
        for address in incident.addresses.prefix(500) {
            let kind = address.isV4 ? "ipv4-addr" : "ipv6-addr"
            let indicator = identifier("indicator", address.text)
            add(
                indicator,
                object(
                    "indicator", indicator, author,
                    [
                        .init("name", .string(address.text)), .init("indicator_types", .array(["malicious-activity"])),
                        .init("pattern", .string("[\(kind):value = '\(address.text)']")), .init("pattern_type", "stix"),
                        .init("valid_from", .string(stamp(incident.from))),
                    ], incident.from))
            relate(indicator, "related-to", id)
        }
    }

    private static func object(
        _ type: String, _ id: String, _ author: String, _ members: [JSON.Member], _ time: Int64
    ) -> JSON {
        let stamp = JSON.string(stamp(time))
        return .object(
            [
                .init("type", .string(type)), .init("spec_version", "2.1"), .init("id", .string(id)),
                .init("created_by_ref", .string(author)), .init("created", stamp), .init("modified", stamp),
            ] + members)
    }

    private static func stamp(_ time: Int64) -> String {
        let text = Instant.text(max(time, Instant.second) / Instant.second * Instant.second)
        return text.dropLast() + ".000Z"
    }

    /// `type--` and a UUID of version 5's form out of the content's digest.
    private static func identifier(_ type: String, _ content: String) -> String {
        var bytes = Array(SHA256.hash(Array("digitalbank|\(type)|\(content)".utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = bytes.hex
        func part(_ from: Int, _ count: Int) -> Substring { hex.dropFirst(from).prefix(count) }
        return "\(type)--\(part(0, 8))-\(part(8, 4))-\(part(12, 4))-\(part(16, 4))-\(part(20, 12))"
    }
}
