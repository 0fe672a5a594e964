internal import Web

/// Whom an incident concerns, for people (French first), as JSON, and as the database takes it.
enum TouchedText {
    static let shownMax = 200

    static func lines(_ incident: Incident) -> [(name: String, words: String)] {
        var lines: [(String, String)] = []
        if let persons = incident.persons {
            lines.append(
                (
                    "personnes touchées",
                    "\(persons.count) (données lues : \(persons.read), modifiées : \(persons.changed), "
                        + "falsifiées : \(persons.tampered))"
                ))
        }
        let counts: [(TouchedObject.Kind, String)] = [
            (.account, "comptes"), (.card, "cartes"), (.client, "clients"), (.operation, "opérations"),
            (.payee, "bénéficiaires"), (.user, "identifiants"),
        ]
        let words = counts.compactMap { kind, name in
            let count = incident.touched.count(of: kind)
            return count > 0 ? "\(count) \(name)" : nil
        }
        if !words.isEmpty { lines.append(("objets nommés dans les journaux", words.joined(separator: ", "))) }
        let tables = incident.touched.keys(of: .table)
        if !tables.isEmpty {
            lines.append(("tables touchées sans liste de lignes", tables.prefix(20).joined(separator: ", ")))
        }
        if !incident.tampered.isEmpty {
            let linked = incident.tampered.count { $0.finding != nil }
            lines.append(
                (
                    "lignes falsifiées selon la reprise",
                    "\(incident.tampered.count), dont \(linked) reliées à un constat des journaux"
                ))
        }
        return lines
    }

    static func json(_ persons: PersonsTouched) -> JSON {
        [
            "count": .integer(persons.count), "read": .integer(persons.read), "changed": .integer(persons.changed),
            "tampered": .integer(persons.tampered),
        ]
    }

    /// Counts, whole tables, and the span; the objects themselves are for the bank's own database.
    static func json(_ touched: Touched) -> JSON {
        let counts = TouchedObject.Kind.allCases.filter { $0 != .table }.map {
            JSON.Member("\($0.rawValue)s", .integer(touched.count(of: $0)))
        }
        let first = touched.acts.values.map(\.first).min()
        let last = touched.acts.values.map(\.last).max()
        return .object(
            counts + [
                .init("tables", .array(touched.keys(of: .table).map { .string(FindingWriter.clean($0)) })),
                .init("from", first.map { .string(Instant.text($0)) } ?? .null),
                .init("to", last.map { .string(Instant.text($0)) } ?? .null),
                .init("dropped", .integer(touched.dropped)),
            ])
    }

    static func json(_ links: [TamperedLink]) -> JSON {
        let kinds = Dictionary(grouping: links, by: \.row.kind).mapValues(\.count).sorted { $0.key < $1.key }
        return [
            "rows": .integer(links.count), "linked": .integer(links.count { $0.finding != nil }),
            "by_kind": .object(kinds.map { .init(FindingWriter.clean($0.key), .integer($0.value)) }),
            "links": .array(links.prefix(shownMax).map(link)),
        ]
    }

    private static func link(_ link: TamperedLink) -> JSON {
        let finding: JSON
        if let made = link.finding {
            finding = [
                "rule": .string(made.rule.id), "time": .string(Instant.text(made.time)),
                "source": .string(FindingWriter.clean(made.file)), "line": .integer(made.line),
                "sha256": .string(made.digest), "fingerprint": .string(IncidentRecord.fingerprint(made)),
            ]
        } else {
            finding = .null
        }
        return [
            "table": .string(FindingWriter.clean(link.row.table)), "key": .string(FindingWriter.clean(link.row.key)),
            "kind": .string(FindingWriter.clean(link.row.kind)), "rule": .string(FindingWriter.clean(link.row.rule)),
            "at": link.row.at > 0 ? .string(Instant.text(link.row.at)) : .null, "finding": finding,
        ]
    }

    /// As `detection.touch` takes it.
    static func record(_ incident: Incident) -> String {
        var rows: [JSON] = incident.touched.acts.map { object, act in
            [
                "s": "log", "k": .string(object.kind.rawValue), "n": .string(FindingWriter.clean(object.key)),
                "r": .bool(act.isRead), "c": .bool(act.isChanged), "f": .integer(act.first), "l": .integer(act.last),
                "a": .integer(act.count),
            ]
        }
        for made in incident.tampered {
            guard let object = made.row.object else { continue }
            // A forged row carries whatever time its forger liked: the act's own is better where it is known.
            let time = made.finding?.time ?? (made.row.at > 0 ? made.row.at : incident.from)
            rows.append([
                "s": "recovery", "k": .string(object.kind.rawValue), "n": .string(FindingWriter.clean(object.key)),
                "r": false, "c": true, "f": .integer(time), "l": .integer(max(time, incident.until)), "a": 1,
                "d": link(made),
            ])
        }
        return JSON.array(rows).text
    }
}
