internal import Diagnostics
internal import Evidence
internal import Foundation
internal import PostgresServer

/// The continuity plan as one document, French first: what is protected, how far, who acts, and the evidence of the last
/// drills. Laid out after articles 11, 12, 24 and 25 of regulation (EU) 2022/2554 (DORA).
public struct PlanExport: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    private static let drillsMax = 20
    private static let pdfTimeMax: Duration = .seconds(120)

    /// What each service may lose and how long it may be away; the bank sets these, they are the default.
    static let impact: [(service: String, rto: String, rpo: String, consequence: String)] = [
        (
            "Paiements et grand livre / payments and ledger", "30 min", "0 s (récepteur / receiver)",
            "arrêt des ordres, préjudice client"
        ),
        ("Consultation des comptes / account reading", "30 min", "0 s", "clients aveugles"),
        ("Lutte contre la fraude / fraud desk", "1 h", "60 s", "paiements retenus en examen"),
        ("Journal de preuve / journal", "4 h", "0 s", "perte de preuve"),
        ("Analytique et rapports / analytics", "24 h", "24 h", "décisions retardées"),
    ]

    public func write(to directory: String) async throws -> [String] {
        let settings = try BackupSettings.load(desk.folder)
        let (sets, troubles) = try await desk.list()
        let drills = try desk.journal.entries().filter { [.proved, .refuted, .unproved].contains($0.kind) }
            .suffix(Self.drillsMax).reversed()
        let page = Markup.page(
            title: "Plan de continuité — Continuity plan",
            body: [
                "<p>Édité le / made on \(Markup.escaped(Moment.text(Int64(desk.now().timeIntervalSince1970))))</p>",
                Self.impactTable, Self.backupTable(settings, sets, troubles), Self.drillTable(Array(drills)),
                Self.roles,
                Self.runbooks,
            ].joined(separator: "\n"))
        try ContinuityFolder.make(directory, mode: 0o755)
        let html = directory + "/plan.html"
        let signer = FileSigner(key: try SigningKey.open(path: desk.folder.evidenceKey))
        try ContinuityFolder.write(page, to: html)
        try signer.sign(html, at: desk.now())
        var lines = ["plan  \(html)"]
        guard let weasyprint = Tools.find("weasyprint") else { return lines + ["no PDF: weasyprint is not installed"] }
        let pdf = directory + "/plan.pdf"
        try await ToolRun.run(weasyprint, ["--quiet", html, pdf], timeMax: Self.pdfTimeMax).checked("weasyprint")
        try signer.sign(pdf, at: desk.now())
        lines.append("plan  \(pdf)")
        return lines
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        let heads = head.map { "<th>\(Markup.escaped($0))</th>" }.joined()
        let body = rows.map { row in "<tr>" + row.map { "<td>\(Markup.escaped($0))</td>" }.joined() + "</tr>" }.joined()
        return "<table><tr>\(heads)</tr>\(body)</table>"
    }

    private static var impactTable: String {
        "<h2>1. Bilan d’impact — Business impact (DORA art. 11 § 5, 12 § 6)</h2>"
            + table(
                ["Service", "RTO visé / target", "RPO visé / target", "Conséquence"],
                impact.map { [$0.service, $0.rto, $0.rpo, $0.consequence] })
    }

    private static func backupTable(
        _ settings: BackupSettings, _ sets: [BackupDesk.ListedSet], _ troubles: [String]
    ) -> String {
        "<h2>2. Sauvegardes — Backups (DORA art. 12 § 1-3)</h2><p>"
            + Markup.escaped(
                "Dépôts / repositories: \(settings.repositories.joined(separator: ", ")). "
                    + "Fenêtre / window: \(settings.retention.days) jours, au moins \(settings.retention.fullsMin) complètes. "
                    + "Le dernier jeu prouvé n’est jamais retiré / the last proved set is never removed.")
            + "</p>"
            + table(
                ["Jeu / set", "Dépôt", "Type", "Fin / end", "État / state"],
                sets.suffix(30).map {
                    [
                        $0.set.label, "\($0.set.repository)", $0.set.kind.rawValue, Moment.text($0.set.stoppedAt),
                        $0.isDamaged ? "ENDOMMAGÉ / DAMAGED" : $0.isProved ? "prouvé / proved" : "fait / made",
                    ]
                })
            + troubles.map { "<p class=\"bad\">\(Markup.escaped($0))</p>" }.joined()
    }

    private static func drillTable(_ drills: [ContinuityJournal.Entry]) -> String {
        "<h2>3. Exercices — Drills (DORA art. 11 § 6, 24, 25)</h2>"
            + table(
                ["Quand / when", "Scénario", "Jeu / set", "Résultat", "RTO (s)", "Motif / reason"],
                drills.map {
                    [
                        $0.at, $0.fields["scenario"] ?? "", $0.subject,
                        $0.isPassed ? "réussi / passed" : "ÉCHEC / FAILED",
                        $0.fields["rto"].flatMap { Double($0) }.map { "\(($0 * 10).rounded() / 10)" } ?? "",
                        $0.fields["reason"] ?? "",
                    ]
                })
    }

    private static var roles: String {
        "<h2>4. Rôles et contacts — Roles and contacts</h2>"
            + table(
                ["Rôle", "Nom", "Téléphone", "Suppléant"],
                [
                    "Responsable de crise / crisis lead", "Exploitation / operations", "Sécurité / security",
                    "Délégué à la protection des données / DPO", "ACPR (notification, DORA art. 19)",
                ].map { [$0, "", "", ""] })
            + "<p>À remplir à la main, hors du système / filled in by hand, outside of the system.</p>"
    }

    private static var runbooks: String {
        "<h2>5. Fiches — Runbooks</h2><ul>"
            + [
                "lost-server", "ransomware", "dropped-table", "lost-repository", "lost-key", "damaged-pages",
                "bad-migration", "malicious-insider",
            ].map { "<li><code>docs/runbooks/\($0).md</code></li>" }.joined() + "</ul>"
    }
}
