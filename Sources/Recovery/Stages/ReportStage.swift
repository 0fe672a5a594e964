internal import Cryptography
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Salvage

extension RecoveryEngine {
    /// Puts together what the stages found, writes it in every form and signs it.
    func report(
        _ intake: Intake, _ inspected: Inspected, _ salvaged: Salvaged, _ disinfected: Disinfected?,
        _ reconciled: Reconciled?, _ rebuilt: Rebuilt?,
        _ protection: Protection?, _ mapping: Mapping
    ) async throws -> (RecoveryReport, ReportFiles) {
        var report = RecoveryReport(
            run: RunSummary(
                id: String(intake.sha256.prefix(12)), startedAt: try timings().first?.startedAt ?? now(),
                finishedAt: now(), version: Self.version, target: rebuilt?.bank.database ?? "",
                roomKept: options.keepsRoom == true ? run.cleanRoomDirectory : nil),
            dump: inspected.summary, outcome: .complete, tables: tables(salvaged, rebuilt, mapping),
            damage: salvaged.damage,
            objects: disinfected?.findings ?? [],
            findings: (reconciled?.findings ?? []) + (rebuilt.map(Self.notes) ?? [])
                + (salvaged.largeObjects?.findings ?? []) + Self.parts(salvaged),
            attack: reconciled?.attack, checks: rebuilt?.checks ?? [],
            restored: rebuilt?.bank, protection: protection, timings: try timings(),
            ruleSeconds: reconciled?.seconds,
            evidence: EvidenceSummary(
                journal: run.journalFile, entryCount: await journal.entryCount, headHash: await journal.headHash,
                publicKeyFingerprint: key.publicKey.fingerprint))
        report.outcome = Self.outcome(of: report)
        let final = report
        let files = try await perform(.report) {
            let writer = ReportWriter(
                directory: options.reportDirectory, signer: FileSigner(key: key), now: now(),
                typesets: options.typesetsReport ?? true)
            return try await writer.write(final)
        }
        return (final, files)
    }

    private func tables(_ salvaged: Salvaged, _ rebuilt: Rebuilt?, _ mapping: Mapping) -> [TableOutcome] {
        salvaged.tables.map { table in
            var table = table
            let name = RoomName.table(table.name)
            for candidate in [mapping.canonicalTable(of: name), name, "archive." + name].compactMap({ $0 }) {
                if let count = rebuilt?.bank.rows[candidate] {
                    table.restored = count
                    table.restoredAs = candidate
                }
            }
            if rebuilt != nil, table.restored == nil, table.loaded > 0 { table.excluded = table.loaded }
            return table
        }
    }

    /// What the rebuild had to refuse or adapt, as findings.
    private static func notes(_ rebuilt: Rebuilt) -> [DataFinding] {
        let refused = rebuilt.refused.sorted { $0.key < $1.key }.map { table, count in
            DataFinding(
                rule: "rebuild-refused", severity: "high", table: table, rowCount: count, samples: [],
                reason: BilingualText(
                    fr:
                        "lignes qui ne peuvent pas tenir dans la banque restaurée ; elles sont en quarantaine avec leur motif",
                    en: "rows that can not stand in the restored bank; they are quarantined with the reason"),
                repair: nil, repaired: 0)
        }
        let notes = rebuilt.notes.sorted { $0.key < $1.key }.map { note, count in
            DataFinding(
                rule: "overdraft-raised", severity: "low", table: "comptes", rowCount: count, samples: [],
                reason: BilingualText(
                    fr: "comptes au-delà de leur découvert autorisé : la limite a été portée au solde", en: note),
                repair: BilingualText(fr: "limite portée au solde", en: "the limit raised to the balance"),
                repaired: count)
        }
        let masked = (rebuilt.masked ?? [:]).sorted { $0.key < $1.key }.map { table, count in
            DataFinding(
                rule: "card-data-masked", severity: "high", table: table, rowCount: count, samples: [],
                reason: BilingualText(
                    fr:
                        "numéros ou codes de cartes en clair dans une table archivée : masqués ; les lignes sont en quarantaine",
                    en: "card numbers or codes in clear in an archived table: masked; the rows are in quarantine"),
                repair: nil, repaired: count)
        }
        return refused + notes + masked + (rebuilt.closed ?? []).map(\.finding)
    }

    /// Tables that the dump brings in parts: told, because a part that nobody expects may be an intruder's.
    private static func parts(_ salvaged: Salvaged) -> [DataFinding] {
        salvaged.tables.filter { ($0.parts ?? 1) > 1 }.map { table in
            DataFinding(
                rule: partsRule, severity: "low", table: table.name, rowCount: 0, samples: [],
                reason: BilingualText(
                    fr: "le dump apporte cette table en \(table.parts ?? 1) parties : toutes sont reprises",
                    en: "the dump brings this table in \(table.parts ?? 1) parts: all are taken over"),
                repair: nil, repaired: 0)
        }
    }

    private static let partsRule = "table-in-parts"

    static func outcome(of report: RecoveryReport) -> RecoveryReport.Outcome {
        guard report.tables.contains(where: { $0.loaded > 0 }) else { return .nothing }
        let isWhole =
            report.damage.isEmpty && report.objects.isEmpty && report.findings.allSatisfy { $0.rule == partsRule }
            && report.tables.allSatisfy { $0.quarantined == 0 && ($0.lost ?? 0) == 0 }
            && report.checks.allSatisfy(\.passed) && report.protection?.isProved != false
        return isWhole ? .complete : .partial
    }
}

extension LargeObjects {
    /// What the dump holds beside its tables is said, never loaded.
    var findings: [DataFinding] {
        guard count > 0 else { return [] }
        return [
            DataFinding(
                rule: "large-objects-left", severity: "low", table: "pg_largeobject", rowCount: Int64(count),
                samples: [],
                reason: BilingualText(
                    fr: "objets binaires du dump (\(bytes) octets) : ils restent dans le dump, rien n’en est repris",
                    en: "large objects of the dump (\(bytes) bytes): they stay in the dump, none is taken over"),
                repair: nil, repaired: 0)
        ]
    }
}
