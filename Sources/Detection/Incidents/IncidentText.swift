internal import Web

/// Incidents for people and as JSON.
public enum IncidentText {
    public static func lines(_ incident: Incident) -> [String] {
        func list(_ name: String, _ values: [String]) -> [String] {
            values.isEmpty
                ? [] : ["  \(name) : \(values.prefix(12).joined(separator: ", "))\(values.count > 12 ? "…" : "")"]
        }
        var lines = ["Incident \(incident.id) — gravité \(incident.gravity.label) (\(incident.gravity.name))"]
        lines.append(
            "  du \(Instant.text(incident.from)) au \(Instant.text(incident.until)), \(incident.findings.count) constats"
        )
        lines += list("phases", incident.phases.map(\.label))
        lines += list("adresses", incident.addresses.map(\.text))
        if let entry = incident.entry {
            lines.append(
                "  entrée : \(entry.rule.title), \(Instant.text(entry.time))\(entry.address.map { " depuis \($0.text)" } ?? "")"
            )
        }
        lines += list("comptes compromis", incident.accounts)
        lines += list("données lues", incident.dataRead)
        lines += list("données modifiées", incident.dataChanged)
        lines += list("laissé derrière", incident.persistence.map(\.act))
        lines += TouchedText.lines(incident).map { "  \($0.name) : \($0.words)" }
        if let point = incident.safePoint { lines.append("  restaurer à : \(Instant.text(point)) au plus tard") }
        lines += ["  à faire :"] + incident.advice.prefix(12).map { "    - \($0)" }
        return lines.map(FindingWriter.clean)
    }

    static func json(_ incident: Incident) -> JSON {
        func texts(_ values: [String]) -> JSON { .array(values.map { .string(FindingWriter.clean($0)) }) }
        return .object([
            .init("id", .string(incident.id)), .init("severity", .string(incident.gravity.name)),
            .init("from", .string(Instant.text(incident.from))), .init("to", .string(Instant.text(incident.until))),
            .init("phases", texts(incident.phases.map(\.tactic))), .init("techniques", texts(incident.techniques)),
            .init("addresses", texts(incident.addresses.map(\.text))), .init("accounts", texts(incident.accounts)),
            .init("entry", incident.entry.map(FindingWriter.json) ?? .null),
            .init("data_read", texts(incident.dataRead)), .init("data_changed", texts(incident.dataChanged)),
            .init("persistence", .array(incident.persistence.map(FindingWriter.json))),
            .init("restore_before", incident.safePoint.map { .string(Instant.text($0)) } ?? .null),
            .init("touched", TouchedText.json(incident.touched)),
            .init("tampered", TouchedText.json(incident.tampered)),
            .init("persons", incident.persons.map(TouchedText.json) ?? .null),
            .init("advice", texts(incident.advice)),
            .init("timeline", .array(incident.findings.map(FindingWriter.json))),
        ])
    }
}

/// A page that needs nothing else: no script, no font, no address of another site.
public enum IncidentPage {
    public static func html(_ incidents: [Incident], _ sources: [LogAnalysis.SourceReport]) -> String {
        var page = """
            <!doctype html><html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>Incidents</title><style>
            :root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6575;--line:#dde2ea;--paper:#fff;--tint:#f5f7fa;--critical:#a80f1f;--high:#a84300;--medium:#7a6000}
            @media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b5;--line:#333c4a;--paper:#12161d;--tint:#1a202a;--critical:#ff8a93;--high:#ffb27a;--medium:#e6cf6b}}
            body{font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:var(--ink);background:var(--paper)}
            h1{font-size:1.6rem}h2{font-size:1.25rem;margin:2.2rem 0 .6rem;padding-bottom:.3rem;border-bottom:2px solid var(--line)}
            dl{display:grid;grid-template-columns:11rem 1fr;gap:.25rem 1rem;margin:0 0 1rem}dt{font-weight:600;color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}dd ul{margin:0;padding-left:1.1rem}
            table{border-collapse:collapse;width:100%;margin:.7rem 0;table-layout:fixed}td,th{padding:.35rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
            th{border-bottom:2px solid var(--line);color:var(--soft);font-weight:600}.findings th:nth-child(1){width:11.5rem}.findings th:nth-child(2){width:9rem}
            tr.finding td{border-top:1px solid var(--line)}tr.proof td{padding-top:0}code{font-size:12px;color:var(--soft);background:var(--tint);display:block;padding:.3rem .5rem;border-radius:4px}
            .critical{color:var(--critical)}.high{color:var(--high)}.medium{color:var(--medium)}.low,.info,small{color:var(--soft)}
            @page{size:A4 landscape;margin:12mm}@media print{body{font-size:10px;margin:0;max-width:none;padding:0}code{font-size:8px}tr{break-inside:avoid}}
            </style><h1>Incidents trouvés dans les journaux</h1>
            <p>\(incidents.count) incident(s). Heures en temps universel (UTC). <i>Incidents found in the logs; times in UTC.</i></p>

            """
        for incident in incidents { page += section(incident) }
        page += "<h2>Journaux lus</h2><table><tr><th>source<th>forme<th>lignes<th>illisibles<th>de<th>à</tr>"
        for source in sources {
            page += "<tr><td>\(escape(source.name))<td>\(source.form.rawValue)<td>\(source.lines)<td>\(source.broken)"
            page += "<td>\(Instant.text(source.first))<td>\(Instant.text(source.last))</tr>"
        }
        return page + "</table></html>\n"
    }

    private static func section(_ incident: Incident) -> String {
        var text = "<h2>\(incident.id) <span class=\(incident.gravity.name)>\(incident.gravity.label)</span></h2><dl>"
        func item(_ name: String, _ values: [String]) {
            guard !values.isEmpty else { return }
            text += "<dt>\(name)<dd>\(values.map(escape).joined(separator: ", "))"
        }
        item("Période", ["\(Instant.text(incident.from)) – \(Instant.text(incident.until))"])
        item("Phases", incident.phases.map(\.label))
        item("Adresses", incident.addresses.map(\.text))
        item("Entrée", incident.entry.map { ["\($0.rule.title), \(Instant.text($0.time))"] } ?? [])
        item("Comptes compromis", incident.accounts)
        item("Données lues", incident.dataRead)
        item("Données modifiées", incident.dataChanged)
        item("Laissé derrière", incident.persistence.map(\.act))
        for (name, words) in TouchedText.lines(incident) {
            item(name.prefix(1).uppercased() + name.dropFirst(), [words])
        }
        item("Restaurer au plus tard à", incident.safePoint.map { [Instant.text($0)] } ?? [])
        text += "<dt>À faire<dd><ul>" + incident.advice.map { "<li>\(escape($0))" }.joined() + "</ul></dl>"
        text += "<table class=findings><tr><th>heure<th>phase<th>constat<th>qui<th>quoi</tr>"
        for finding in incident.findings.prefix(2000) {
            let who = [finding.address?.text, finding.user].compactMap { $0 }.joined(separator: " ")
            text +=
                "<tr class='finding \(finding.gravity.name)'><td>\(Instant.text(finding.time))<td>\(finding.rule.phase.label)"
            text += "<td>\(escape(finding.rule.title)) <small>\(finding.rule.technique)</small><td>\(escape(who))"
            text += "<td>\(escape([finding.target, finding.words].compactMap { $0 }.joined(separator: " — ")))"
            let proof = escape(String(finding.evidence.prefix(300)))
            text +=
                "</tr><tr class=proof><td colspan=5><code>\(escape(finding.file)):\(finding.line)  \(proof)</code></tr>"
        }
        return text + "</table>\n"
    }

    static func escape(_ text: String) -> String {
        FindingWriter.clean(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(
            ">", with: "&gt;"
        )
        .replacing("\"", with: "&quot;")
    }
}
