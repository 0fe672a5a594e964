/// A drill's report as a page, French first.
enum DrillPage {
    static func page(_ report: DrillReport) -> String {
        let verdict = report.passed ? "RÉUSSI — PASSED" : "ÉCHEC — FAILED"
        let figures: [(String, String)] = [
            ("Scénario / scenario", report.scenario),
            ("Début / start", Moment.text(report.startedAt)), ("Fin / end", Moment.text(report.endedAt)),
            ("Sauvegarde / set", "\(report.label), dépôt / repository \(report.repository)"),
            ("Ce jeu est / the set is", report.outcome.words), ("Cible / target", report.target),
            ("RTO mesuré / measured", DrillReport.seconds(report.rtoSeconds)),
            (
                "dont copie, rejeu, contrôles / of which copy, replay, checks",
                [report.restoreSeconds, report.recoverySeconds, report.checkSeconds].map(DrillReport.seconds)
                    .joined(separator: ", ")
            ),
            ("RPO mesuré / measured", report.rpoSeconds.map(DrillReport.seconds) ?? "inconnu / unknown"),
            ("Dernier instant restauré / last moment restored", report.lastMoment ?? "—"),
            ("Position du journal / log position", report.replayed),
        ]
        let rows = figures.map { "<tr><th>\(Markup.escaped($0.0))</th><td>\(Markup.escaped($0.1))</td></tr>" }
        let checks = report.checks.map { check in
            "<tr class=\"\(check.passed ? "good" : "bad")\"><td>\(check.passed ? "✓" : "✗")</td>"
                + "<td>\(Markup.escaped(check.nameFrench))<br><small>\(Markup.escaped(check.name))</small></td>"
                + "<td>\(Markup.escaped(check.detail))</td><td>\(DrillReport.seconds(check.seconds))</td></tr>"
        }
        let notes = report.notes.map { "<li>\(Markup.escaped($0))</li>" }
        return Markup.page(
            title: "Exercice de restauration — Restore drill",
            body: """
                <p class="verdict \(report.passed ? "good" : "bad")">\(verdict)</p>
                <table>\(rows.joined())</table>
                <h2>Contrôles / Checks</h2>
                <table><tr><th></th><th>Contrôle</th><th>Constat</th><th>Durée</th></tr>\(checks.joined())</table>
                \(notes.isEmpty ? "" : "<h2>Remarques / Notes</h2><ul>\(notes.joined())</ul>")
                """)
    }
}

/// HTML of ours: everything that is not markup is escaped.
enum Markup {
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case _ where scalar.value < 32 && scalar != "\n": out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    static func page(title: String, body: String) -> String {
        """
        <!doctype html><html lang="fr"><head><meta charset="utf-8"><title>\(escaped(title))</title><style>
        body { font: 15px/1.5 "DejaVu Sans", system-ui, sans-serif; max-width: 60em; margin: 2em auto; color: #16202c }
        h1 { font-size: 24px } h2 { font-size: 18px; border-bottom: 2px solid #d9dfe6; margin-top: 28px }
        table { border-collapse: collapse; width: 100%; font-size: 13.5px } th { text-align: left; color: #5b6877 }
        td, th { border-bottom: 1px solid #d9dfe6; padding: 4px 8px; vertical-align: top }
        .verdict { padding: 12px 16px; border-left: 6px solid; background: #f4f6f9; font-weight: bold }
        .good { border-color: #1a7f4b } .bad { border-color: #b3261e; color: #b3261e } small { color: #5b6877 }
        code { font: 12px "DejaVu Sans Mono", monospace }
        @page { size: A4; margin: 16mm 14mm }
        </style></head><body><h1>\(escaped(title))</h1>
        \(body)
        </body></html>

        """
    }
}
