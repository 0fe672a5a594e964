internal import Foundation

/// A recovery's report as one HTML page that needs nothing else.
struct HTMLReport {
    let report: RecoveryReport
    let language: ReportLanguage

    private static let textLengthMax = 1200
    private static let rowsMax = 200

    func page() -> HTML {
        let l = language
        return """
            <!doctype html><html lang="\(l.rawValue)"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(l("Rapport de restauration", "Recovery report")) \(report.run.id)</title>
            <style>\(HTML(stringLiteral: ReportStyle.css))</style></head><body><main>
            \(header())\(verdict())\(tiles())\(tables())\(damage())\(objects())\(findings())\(checks())\(dump())\
            \(timings())\(footer())</main></body></html>
            """
    }

    private func header() -> HTML {
        let l = language
        return """
            <h1>\(l("Rapport de restauration", "Recovery report"))</h1>
            <p class="soft">\(l("Restauration", "Recovery")) <code>\(report.run.id)</code> ·
            \(l.date(report.run.startedAt)) · DigitalBank \(report.run.version)</p>\(keptRoom())
            """
    }

    private func keptRoom() -> HTML {
        guard let path = report.run.roomKept else { return "" }
        let l = language
        return """
            <p><b>\(l("La salle blanche a été gardée à la demande de l’opérateur : elle contient les données du dump en clair.", "The clean room was kept as the operator asked: it holds the dump's data in clear."))</b>
            <code>\(path)</code></p>
            """
    }

    private func verdict() -> HTML {
        let l = language
        let text =
            switch report.outcome {
            case .complete:
                l(
                    "La banque est revenue entière : chaque ligne du fichier est dans la base restaurée.",
                    "The bank is back, whole: every row of the dump is in the restored database.")
            case .partial:
                l(
                    "La banque est revenue. Des éléments manquent, sont en quarantaine, ont été écartés ou réparés : "
                        + "ils sont nommés ci-dessous.",
                    "The bank is back. Some things are missing, quarantined, left behind or repaired: they are named below."
                )
            case .nothing:
                l("Aucune ligne n’a pu être récupérée de ce fichier.", "No row could be recovered from this dump.")
            }
        return "<div class=\"verdict \(report.outcome.rawValue)\"><b>\(text)</b></div>"
    }

    private func tiles() -> HTML {
        let l = language
        let loaded = report.tables.reduce(0) { $0 + $1.loaded }
        let quarantined = report.tables.reduce(0) { $0 + $1.quarantined }
        let lost = report.tables.reduce(0) { $0 + ($1.lost ?? 0) }
        let values: [(String, String)] = [
            (l.number(loaded), l("lignes récupérées", "rows recovered")),
            (l.number(quarantined), l("en quarantaine", "quarantined")),
            (l.number(lost), l("lignes perdues connues", "rows known lost")),
            (l.number(Int64(report.objects.count)), l("objets écartés", "objects left behind")),
            (
                l.number(report.findings.reduce(0) { $0 + $1.rowCount }),
                l("lignes suspectes de fraude ou d’erreur", "rows tampered with or wrong")
            ),
            (l.number(report.findings.reduce(0) { $0 + $1.repaired }), l("lignes réparées", "rows repaired")),
        ]
        let items = values.map { "<div class=\"tile\"><b>\($0.0)</b><span>\($0.1)</span></div>" as HTML }
        return "<div class=\"tiles\">\(items)</div>"
    }

    private func tables() -> HTML {
        let l = language
        let rows = report.tables.map { table -> HTML in
            """
            <tr><td><code>\(table.name)</code></td><td>\(bar(table))</td>\(cell(table.proven))\(cell(table.intact))\
            \(cell(table.quarantined, "warn"))\(table.lost.map { cell($0, "bad") } ?? "<td class=\"n zero\">?</td>")\
            \(cell(table.loaded))<td class="n">\(table.restored.map { l.number($0) } ?? "–")</td></tr>
            """
        }
        return """
            <h2>\(l("Tables", "Tables"))</h2><div class="scroll"><table><thead><tr><th>\(l("Table", "Table"))</th><th></th>
            <th class="n">\(l("prouvées", "proven"))</th><th class="n">\(l("intactes", "intact"))</th>
            <th class="n">\(l("quarantaine", "quarantine"))</th><th class="n">\(l("perdues", "lost"))</th>
            <th class="n">\(l("chargées", "loaded"))</th><th class="n">\(l("restaurées", "restored"))</th></tr></thead>
            <tbody>\(rows)</tbody></table></div>
            <p class="small soft key"><span><i class="b-proven"></i>\(l("prouvée : couverte par une somme de contrôle exacte", "proven: covered by a checksum that holds"))</span>
            <span><i class="b-intact"></i>\(l("intacte : hors de tout dommage localisé, bien formée", "intact: outside all located damage, well formed"))</span>
            <span><i class="b-quarantined"></i>\(l("quarantaine : déduite, suspecte ou refusée, jamais mêlée aux autres", "quarantine: deduced, suspect or refused, never mixed with the rest"))</span>
            <span><i class="b-lost"></i>\(l("perdue", "lost"))</span></p>
            """
    }

    private func bar(_ table: TableOutcome) -> HTML {
        let parts: [(String, Int64)] = [
            ("b-proven", table.proven), ("b-intact", table.intact), ("b-quarantined", table.inferred + table.suspect),
            ("b-lost", table.lost ?? 0),
        ]
        let total = max(parts.reduce(0) { $0 + $1.1 }, 1)
        let items = parts.filter { $0.1 > 0 }.map { part -> HTML in
            let width = String(max(Double(part.1) * 100 / Double(total), 0.8))
            return "<i class=\"\(part.0)\" style=\"width:\(width)%\"></i>"
        }
        return "<div class=\"bar\">\(items)</div>"
    }

    private func cell(_ value: Int64, _ style: String = "") -> HTML {
        "<td class=\"n \(value == 0 ? "zero" : style)\">\(language.number(value))</td>"
    }

    private func damage() -> HTML {
        let l = language
        guard !report.damage.isEmpty else {
            return
                "<h2>\(l("Dommages", "Damage"))</h2><p class=\"good\">\(l("Aucun dommage trouvé dans le fichier.", "No damage was found in the dump."))</p>"
        }
        let rows = report.damage.prefix(Self.rowsMax).map { item -> HTML in
            """
            <tr><td><code>\(item.kind)</code></td><td class="n">\(item.offset.map { l.number($0) } ?? "–")</td>
            <td class="n">\(item.length.map { l.number($0) } ?? "–")</td><td><code>\(item.table ?? "")</code></td>
            <td>\(l.damage(item.kind) ?? "") <span class="small soft">\(l(item.explanationFr ?? item.explanation, item.explanation))</span></td></tr>
            """
        }
        return """
            <h2>\(l("Dommages", "Damage"))</h2><div class="scroll"><table><thead><tr><th>\(l("Genre", "Kind"))</th>
            <th class="n">\(l("Octet", "Byte"))</th><th class="n">\(l("Longueur", "Length"))</th><th>\(l("Table", "Table"))</th>
            <th>\(l("Constat", "Finding"))</th></tr></thead><tbody>\(Array(rows))</tbody></table></div>
            """
    }

    private func objects() -> HTML {
        let l = language
        let title: HTML = "<h2>\(l("Objets écartés", "Objects left behind"))</h2>"
        guard !report.objects.isEmpty else {
            return
                "\(title)<p class=\"good\">\(l("Aucun objet du fichier ne sort de la liste permise.", "No object of the dump is outside the allow-list."))</p>"
        }
        let worstFirst = ["critical", "high", "medium", "low"].flatMap { severity in
            report.objects.filter { $0.severity == severity }
        }
        let others = report.objects.filter { !["critical", "high", "medium", "low"].contains($0.severity) }
        let items = (worstFirst + others).prefix(Self.rowsMax).map { object -> HTML in
            """
            <h3>\(badge(object.severity)) \(object.kind) <code>\(object.name)</code></h3>
            <p>\(l(object.reason)) <span class="soft small">(\(object.rule), \(object.location))</span></p>
            <pre>\(String(object.text.prefix(Self.textLengthMax)))</pre>
            """
        }
        return """
            \(title)<p class="soft">\(l(
                "Aucune définition du fichier n’a été exécutée ; celles-ci n’ont pas été reprises.",
                "No definition of the dump was run; these were not carried over."))</p>\(Array(items))
            """
    }

    private func findings() -> HTML {
        let l = language
        let title: HTML = "<h2>\(l("Contrôle des données", "Reconciliation"))</h2>"
        guard !report.findings.isEmpty else {
            return
                "\(title)<p class=\"good\">\(l("Clés, soldes, relevés, IBAN et cartes concordent.", "Keys, balances, statements, IBANs and cards agree."))</p>"
        }
        let rows = report.findings.prefix(Self.rowsMax).map { finding -> HTML in
            """
            <tr><td>\(badge(finding.severity))</td><td><code>\(finding.rule)</code></td><td><code>\(finding.table)</code></td>
            <td class="n">\(l.number(finding.rowCount))</td><td>\(l(finding.reason))\(repair(finding))
            \(samples(finding.samples))</td><td class="n">\(l.number(finding.repaired))</td></tr>
            """
        }
        return """
            \(title)\(attack())<div class="scroll"><table><thead><tr><th></th><th>\(l("Règle", "Rule"))</th><th>\(l("Table", "Table"))</th>
            <th class="n">\(l("Lignes", "Rows"))</th><th>\(l("Constat", "Finding"))</th>
            <th class="n">\(l("Réparées", "Repaired"))</th></tr></thead><tbody>\(Array(rows))</tbody></table></div>
            """
    }

    private func attack() -> HTML {
        let l = language
        guard let attack = report.attack else { return "" }
        let signs = attack.evidence.map { l.sign($0) }.joined(separator: ", ")
        return """
            <p><b>\(l("Période de l’attaque, d’après les lignes", "Period of the attack, after the rows"))</b> :
            \(attack.from) – \(attack.to) <span class="soft">(\(signs))</span></p>
            """
    }

    private func repair(_ finding: DataFinding) -> HTML {
        guard let repair = finding.repair else { return "" }
        return " <span class=\"soft\">→ \(language(repair))</span>"
    }

    private func samples(_ samples: [String]) -> HTML {
        guard !samples.isEmpty else { return "" }
        return "<br><span class=\"small soft\"><code>\(samples.prefix(3).joined(separator: " · "))</code></span>"
    }

    private func badge(_ severity: String) -> HTML {
        let style = ["critical", "high"].contains(severity) ? "bad" : severity == "medium" ? "warn" : "soft"
        return "<span class=\"badge \(style)\">\(language.severity(severity))</span>"
    }

    private func checks() -> HTML {
        let l = language
        guard let restored = report.restored else { return "" }
        let rows = report.checks.map { check -> HTML in
            """
            <tr><td class="\(check.passed ? "good" : "bad")">\(check.passed ? "✓" : "✗")</td><td>\(l(check.name))</td>
            <td>\(check.detail)</td><td class="n">\(l.seconds(check.seconds))</td></tr>
            """
        }
        let protection = report.protection.map { protection -> HTML in
            """
            <p class="\(protection.isProved ? "good" : "bad")">\(l("Première sauvegarde", "First backup")) :
            \(protection.detail) (\(l.bytes(protection.bytes)), \(l.seconds(protection.seconds)))</p>
            """
        }
        return """
            <h2>\(l("Base restaurée", "Restored bank"))</h2>
            <p><code>\(restored.database)</code> · PostgreSQL \(restored.serverVersion) · \(l("modèle", "mapping")) <code>\(restored.mapping)</code></p>
            <p><code>\(restored.connectionLine)</code></p>
            <div class="scroll"><table><tbody>\(rows)</tbody></table></div>\(protection ?? "")
            """
    }

    private func dump() -> HTML {
        let l = language
        let facts: [(String, String?)] = [
            (l("Fichier", "File"), report.dump.path), (l("Taille", "Size"), l.bytes(report.dump.bytes)),
            ("SHA-256", report.dump.sha256), ("Format", report.dump.format),
            (l("Compression", "Compression"), report.dump.compression),
            (l("Version d’archive", "Archive version"), report.dump.archiveVersion),
            (l("Serveur d’origine", "Source server"), report.dump.serverVersion),
            ("pg_dump", report.dump.dumpToolVersion),
            (l("Base d’origine", "Source database"), report.dump.databaseName),
            (l("Daté du", "Dated"), report.dump.createdAt),
        ]
        let rows = facts.compactMap { fact in
            fact.1.map { "<tr><th>\(fact.0)</th><td><code>\($0)</code></td></tr>" as HTML }
        }
        return "<h2>\(l("Le fichier", "The dump"))</h2><table><tbody>\(rows)</tbody></table>"
    }

    private func timings() -> HTML {
        let l = language
        let rows = report.timings.map { timing -> HTML in
            "<tr><td>\(timing.stage.number)</td><td>\(timing.stage.rawValue)</td><td class=\"n\">\(l.seconds(timing.seconds))</td></tr>"
        }
        return "<h2>\(l("Durées", "Timings"))</h2><table><tbody>\(rows)</tbody></table>"
    }

    private func footer() -> HTML {
        let l = language
        guard let evidence = report.evidence else { return "" }
        return """
            <footer>\(l("Journal", "Journal")) : \(evidence.entryCount) \(l("entrées", "entries")), \(l("tête", "head"))
            <code>\(evidence.headHash)</code>. \(l("Clé de signature", "Signing key")) <code>\(evidence.publicKeyFingerprint)</code>.
            \(l("Vérifier", "Verify")) : <code>digitalbank evidence verify report.json</code></footer>
            """
    }
}
