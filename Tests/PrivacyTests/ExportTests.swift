import Bank
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing
import Vault

@testable import Privacy

/// A bank of many clients with profiles and operations, loaded straight into the tables: exports read no sealed value.
private func crowd(_ database: Database, clients: Int, operations: Int) async throws {
    try await database.run(
        """
        insert into clients (id, numero, statut, cree_le)
        select ('00000000-0000-4000-a000-' || lpad(n::text, 12, '0'))::uuid, n + 100000, 'actif',
            timestamptz '2015-01-01' + make_interval(days => n * 7 % 3000)
        from generate_series(1, \(clients)::integer) n
        """)
    try await database.run(
        """
        insert into pseudonymes.profils (client_id, annee_naissance, departement)
        select id, 1940 + (numero * 13 % 65), (array['75', '69', '13', '31', '44', '67', '33', '59', '35', '06'])[1 + numero * 7 % 10]
        from clients where numero > 100000
        """)
    try await database.run(
        """
        insert into comptes (id, client_id, type, ouvert_le)
        select numero, id, 'courant', date '2020-01-01' from clients where numero > 100000
        """)
    try await database.run("select creer_partitions(date '2025-01-01', date '2025-12-01')")
    try await database.run(
        """
        insert into transactions (booked_at, date_valeur, date_comptable, type, montant_minor, compte_debit_id, compte_credit_id,
            libelle, historique)
        select at, at::date, at::date, (array['virement', 'carte', 'prelevement'])[1 + n % 3],
            100 + (n::bigint * 7919) % 500000, 100001 + (n::bigint * 31) % \(clients), 100001 + (n::bigint * 31 + 1) % \(clients),
            'achat ' || n, true
        from generate_series(1, \(operations)::integer) n,
            lateral (select timestamptz '2025-01-01' + make_interval(secs => (n::bigint * 101) % 31000000) as at) x
        """)
}

@Suite("exports that show nobody") struct ExportTests {
    @Test(
        "the public set keeps its promise against somebody who knows a person and their payments",
        .timeLimit(.minutes(15)))
    func attack() async throws {
        try await PrivacyStage.run { stage in
            try await crowd(stage.database, clients: 2_000, operations: isLongRun ? 1_000_000 : 30_000)
            let began = ContinuousClock.now
            let report = try await stage.desk.export(.public, to: stage.folder + "/public", by: admin)
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            #expect(report.k >= 10 && report.l >= 2 && report.t <= 0.5)
            #expect(report.amountError <= 0.01)
            #expect(Double(report.lines) >= 0.99 * (isLongRun ? 1_000_000 : 30_000))
            let text = try String(contentsOfFile: report.files[0], encoding: .utf8)
            #expect(!text.contains("achat") && !text.contains("-4000-a000-"))
            if isLongRun {
                try Figures.note(
                    String(
                        format: "export of 1,000,000 operations: %.1f s; the process had at most %d MB", seconds,
                        Figures.memoryMax))
                #expect(seconds < 60, "\(seconds)")
            }
            try await Self.expectHidden(stage, text, k: 10)
        }
    }

    /// The attacker knows an operation's person (age, place, since when), month, type, side and amount to half a decade, and
    /// looks for lines that it may be. Whatever line it is, at least k persons have one like it.
    private static func expectHidden(_ stage: PrivacyStage, _ text: String, k: Int64) async throws {
        try await stage.database.withConnection { connection in
            try await connection.run(
                """
                create temp table released (tranche_age text, lieu text, client_depuis text, periode text, type text, sens text,
                    montant numeric)
                """)
            let bytes = Array(text.utf8)
            try await connection.copyIn("copy released from stdin (format csv, header)") { try $0.write(bytes) }
            try await connection.run(
                """
                create temp table classes as
                select distinct tranche_age, lieu, client_depuis, periode, type, sens from released
                """)
            let least = try await connection.one(
                """
                with known as (
                    select c.id, pseudonymes.tranche(f.annee_naissance) as age, f.departement as dept, r.region,
                        extract(year from c.cree_le)::integer as since
                    from clients c join pseudonymes.profils f on f.client_id = c.id
                        join privacy.regions r on r.departement = f.departement
                ), operations as (
                    select distinct k.client_id, to_char(t.booked_at, 'YYYY-MM') as month, t.type
                    from transactions t join comptes k on k.id = t.compte_debit_id where k.client_id is not null
                )
                select min(persons) from (
                    select x.tranche_age, x.lieu, x.client_depuis, x.periode, x.type, count(distinct w.id) as persons
                    from classes x join known w on x.tranche_age in ('*', w.age) and x.lieu in ('*', w.dept, w.region)
                        and x.client_depuis in ('*', w.since::text, (w.since / 5 * 5)::text)
                    join operations o on o.client_id = w.id and o.month like x.periode || '%' and x.type in ('*', o.type)
                    group by 1, 2, 3, 4, 5) y
                """, as: Int64.self)
            #expect(least >= k)
            // The sums of what was let out are the truth's.
            let gap = try await connection.one(
                """
                select abs(a.s - b.s) / b.s <= 0.01 from (select sum(montant) * 100 as s from released) a,
                    (select sum(t.montant_minor) as s from transactions t join comptes k on k.id = t.compte_debit_id
                    where k.client_id is not null) b
                """, as: Bool.self)
            #expect(gap)
        }
    }

    @Test("below the bar nothing is written, and the refusal is journaled") func refused() async throws {
        try await PrivacyStage.run { stage in
            let folder = stage.folder + "/non"
            for (profile, k, l, t) in [
                (ExportProfile.public, 200, 2, 0.5), (.analytics, 13, 2, 0.5), (.test, 200, 1, 1.0),
            ] {
                var bar = ExportBar()
                (bar.k, bar.l, bar.t) = (k, l, t)
                await expectRefused("privacy_export_refused") {
                    _ = try await stage.desk.export(profile, to: folder, bar: bar, by: admin)
                }
            }
            var odd = ExportBar()
            odd.k = 1
            await expectRefused("privacy_request_invalid") {
                _ = try await stage.desk.export(.public, to: folder, bar: odd, by: admin)
            }
            #expect(!FileManager.default.fileExists(atPath: folder))
            let journaled = try await stage.journaled("privacy.exported", outcome: "refused")
            let noted = try await stage.count("select count(*) from privacy.exports where is_refused")
            #expect(journaled == 3 && noted == 3)
        }
    }

    @Test("a test bank keeps its keys and knows nobody; who objects is in no set") func testBank() async throws {
        try await PrivacyStage.run { stage in
            try await crowd(stage.database, clients: 2_000, operations: 3_000)
            let objector = UUID(uuidString: "00000000-0000-4000-a000-000000000001") ?? UUID()
            try await stage.desk.object(objector, purpose: "analysis", reason: nil, by: admin)
            let report = try await stage.desk.export(.test, to: stage.folder + "/test", by: admin)
            func rows(_ name: String) throws -> [[String]] {
                try String(contentsOfFile: stage.folder + "/test/" + name, encoding: .utf8).split(separator: "\n")
                    .dropFirst()
                    .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
            }
            let clients = Set(try rows("clients.csv").map { $0[0] })
            let accounts = try rows("comptes.csv")
            let operations = try rows("operations.csv")
            #expect(clients.count == report.persons)
            #expect(accounts.allSatisfy { $0[1].isEmpty || clients.contains($0[1]) })
            let tokens = Set(accounts.map { $0[0] })
            #expect(
                operations.count > 2_000 && operations.allSatisfy { tokens.contains($0[4]) && tokens.contains($0[5]) })
            #expect(operations.allSatisfy { $0[6] == "Opération de test" })
            #expect(report.persons + report.suppressed == 2_012 - 1)
            let again = try await stage.desk.export(.test, to: stage.folder + "/encore", by: admin)
            #expect(again.persons == report.persons)
            let other = Set(
                try String(contentsOfFile: again.files[0], encoding: .utf8).split(separator: "\n").map {
                    $0.split(separator: ",")[0]
                })
            #expect(other.isDisjoint(with: clients.map { $0[...] }))
        }
    }

    @Test("analysts' pseudonyms are the same in every set") func lasting() async throws {
        try await PrivacyStage.run { stage in
            try await crowd(stage.database, clients: 2_000, operations: 500)
            let one = try await stage.desk.export(.analytics, to: stage.folder + "/un", by: admin)
            let two = try await stage.desk.export(.analytics, to: stage.folder + "/deux", by: admin)
            #expect(try Data(contentsOf: URL(filePath: one.files[0])) == Data(contentsOf: URL(filePath: two.files[0])))
        }
    }
}
