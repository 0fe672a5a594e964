import Foundation
import Postgres
import TestSupport
import Testing

@testable import Privacy

@Suite("retention engine") struct RetentionTests {
    private static func age(_ database: Database) async throws {
        try await database.run(
            """
            insert into public.logs (horodatage, action)
            select now() - make_interval(days => 100 * n), 'connexion' from generate_series(1, 2500 / 100) n
            """)
        try await database.run(
            """
            insert into public.logs (horodatage, action)
            select now() - interval '2 years', 'ancienne' from generate_series(1, 2500)
            """)
        try await database.run(
            "insert into realtime.messages (topic, extension, inserted_at) values ('t', 'broadcast', now() - interval '10 days')"
        )
    }

    @Test("a dry run counts and changes nothing; a run goes in batches, is registered and journaled") func logs()
        async throws
    {
        try await PrivacyStage.run { stage in
            try await Self.age(stage.database)
            let all = try await stage.count("select count(*) from public.logs")
            let dry = try await stage.desk.retain(only: "logs", isDry: true, by: admin)
            #expect(dry.map(\.found) == [2522] && dry.map(\.treated) == [0])
            #expect(try await stage.count("select count(*) from public.logs") == all)
            #expect(try await stage.desk.overdue()["logs"] == 2522)
            let done = try await stage.desk.retain(only: "logs", isDry: false, by: admin)
            #expect(done.map(\.treated) == [2522] && done.map(\.batches) == [3])
            #expect(try await stage.count("select count(*) from public.logs") == all - 2522)
            #expect(try await stage.desk.overdue()["logs"] == nil)
            #expect(try await stage.journaled("privacy.retention") == 2)
            #expect(try await stage.count("select count(*) from privacy.retention_runs where not is_dry") == 1)
            await expectRefused("privacy_request_invalid") {
                _ = try await stage.desk.retain(only: "rien", isDry: true, by: admin)
            }
        }
    }

    @Test("all schedules run, and an archive whose hold is over loses its key") func all() async throws {
        try await PrivacyStage.run { stage in
            try await Self.age(stage.database)
            for number in [3, 4] {
                try await stage.close(number)
                _ = try await stage.desk.erase(clientID(number), proof: proof(number), by: admin)
            }
            try await stage.database.run(
                "update privacy.archives set hold_until = current_date - 30 where client_id = \(clientID(3))")
            #expect(try await stage.desk.overdue()["identites"] == 1)
            let runs = try await stage.desk.retain(isDry: false, by: admin)
            #expect(runs.count == 21)
            #expect(runs.allSatisfy { $0.found == $0.treated }, "\(runs)")
            #expect(try await stage.count("select count(*) from vault.data_keys where destroyed_at is not null") == 1)
            #expect(try await stage.count("select count(*) from privacy.archives") == 1)
            let ledger = try String(contentsOfFile: stage.folder + "/erasures.ledger", encoding: .utf8)
            #expect(ledger.contains("destroyed"))
            #expect(try await stage.desk.overdue().isEmpty)
            try await stage.expectSound()
        }
    }

    @Test("rows of other partitions at the same places stay") func partitions() async throws {
        try await PrivacyStage.run { stage in
            // The same places in the default partition and in today's.
            try await stage.database.run("select realtime.maintain()")
            for age in ["10 days", "0 days"] {
                try await stage.database.run(
                    """
                    insert into realtime.messages (topic, extension, inserted_at)
                    select 't', 'broadcast', now() - \(age)::text::interval from generate_series(1, 50)
                    """)
            }
            let places = try await stage.count("select count(distinct tableoid) from realtime.messages")
            #expect(places == 2)
            let done = try await stage.desk.retain(only: "messages", isDry: false, by: admin)
            #expect(done.map(\.found) == [50] && done.map(\.treated) == [50])
            #expect(try await stage.count("select count(*) from realtime.messages") == 50)
        }
    }

    @Test("the daily run is one server's, once a day, journaled; a schedule that fails takes no other down")
    func daily()
        async throws
    {
        try await PrivacyStage.run { stage in
            try await Self.age(stage.database)
            try await stage.database.run(
                "update privacy.schedules set age_column = 'nulle_part' where code = 'messages'")
            async let first = stage.desk.retainDaily()
            async let second = stage.desk.retainDaily()
            let done = try await [first, second].compactMap { $0 }
            #expect(done.count == 1 && done.first?.count == 20)
            #expect(done.first?.first { $0.code == "logs" }?.treated == 2522)
            #expect(try await stage.journaled("privacy.retention") == 20)
            #expect(try await stage.journaled("privacy.retention", outcome: "refused") == 1)
            #expect(try await stage.desk.retainDaily() == nil)
            try await stage.database.run("alter table privacy.retention_runs disable trigger user")
            try await stage.database.run("update privacy.retention_runs set ended_at = ended_at - interval '1 day'")
            #expect(try await stage.desk.retainDaily()?.count == 20)
        }
    }

    @Test("what is kept too long shows: the age of the last run, and rows that it left") func late() async throws {
        try await PrivacyStage.run { stage in
            func value(_ name: String) async throws -> Double {
                try await stage.database.one(
                    "select coalesce(max(value), -1)::float8 from privacy.indicators where name = \(name)",
                    as: Double.self)
            }
            try await stage.database.run("update privacy.schedules set added_at = now() - interval '5 days'")
            #expect(try await value("digitalbank_privacy_retention_age_seconds") > 4 * 86_400)
            _ = try await stage.desk.retain(isDry: true, by: admin)
            #expect(try await value("digitalbank_privacy_retention_age_seconds") > 4 * 86_400)
            _ = try await stage.desk.retain(isDry: false, by: admin)
            #expect(try await value("digitalbank_privacy_retention_age_seconds") < 3_600)
            #expect(try await value("digitalbank_privacy_retention_left_rows") == -1)
            try await stage.database.run(
                """
                insert into privacy.retention_runs (code, is_dry, cut_off, found, treated, batches, run_by, remaining)
                values ('logs', false, now(), 7, 0, 1, 'x', 7)
                """)
            #expect(try await value("digitalbank_privacy_retention_left_rows") == 7)
        }
    }

    @Test("an open attack keeps its logs from a month before it began, and lets go of them when it is closed")
    func evidence() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run(
                """
                insert into public.logs (horodatage, action)
                select now() - make_interval(months => n), 'x' from unnest(array[13, 30]) n
                """)
            let moment = Date().addingTimeInterval(-400 * 86_400).formatted(.iso8601)
            var facts = IncidentFacts(occurredAt: moment, detectedAt: moment, awareAt: moment)
            facts.isMalicious = true
            let reference = try await stage.desk.openIncident(
                facts, titleFr: "Intrusion", titleEn: "Intrusion", by: admin)
            #expect(try await stage.desk.retain(only: "logs", isDry: false, by: admin).map(\.treated) == [1])
            #expect(try await stage.desk.overdue()["logs"] == nil)
            try await stage.desk.closeIncident(reference, note: "poste assaini", by: admin)
            #expect(try await stage.desk.retain(only: "logs", isDry: false, by: admin).map(\.treated) == [1])
        }
    }

    @Test(
        "each term of the register has its schedule: cases, incidents, findings, identities, merchants go in their time"
    )
    func terms() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run(
                """
                insert into fraud.dossiers (client, statut, fraude, motif, tranche_le)
                select n, 'clos', false, 'rien', now() - make_interval(years => n) from unnest(array[1, 4, 7]) n
                """)
            try await stage.database.run(
                "insert into fraud.dossiers_notes (dossier_id, auteur, note) select id, 'a', 'vu' from fraud.dossiers")
            try await stage.database.run(
                """
                insert into detection.incidents (reference, source, first_at, last_at, severity, status, title_fr, title_en,
                    document, reason)
                select 'D-' || n, 'live', now() - make_interval(years => n), now() - make_interval(years => n), 'low', 'closed',
                    'a', 'a', '{}', 'sans suite, exercice' from unnest(array[1, 6]) n
                """)
            try await stage.database.run(
                """
                insert into detection.findings (incident_id, fingerprint, at, until, rule, class, severity, technique, tactic,
                    document, recorded_at)
                select i.id, i.reference, i.last_at, i.last_at, 'r', 'c', 'low', 't', 't', '{}', now() from detection.incidents i
                """)
            try await stage.database.run(
                """
                insert into privacy.log_identities (token, sealed, last_seen)
                select 'jeton-' || n, '\\x00', now() - make_interval(months => n) from unnest(array[1, 14]) n
                """)
            let moment = Date().addingTimeInterval(-7 * 366 * 86_400).formatted(.iso8601)
            let old = try await stage.desk.openIncident(
                IncidentFacts(occurredAt: moment, detectedAt: moment, awareAt: moment), titleFr: "Panne",
                titleEn: "Outage", by: admin)
            _ = try await stage.desk.report(old, kind: .doraInitial, by: admin)
            try await stage.desk.closeIncident(old, note: "service rétabli", by: admin)
            try await stage.database.run("update privacy.incidents set closed_at = now() - interval '6 years'")

            let runs = try await stage.desk.retain(isDry: false, by: admin)
            let treated = Dictionary(runs.map { ($0.code, $0.treated) }, uniquingKeysWith: { one, _ in one })
            #expect(treated["dossiers_de_fraude"] == 1 && treated["incidents_detectes"] == 1, "\(treated)")
            #expect(treated["incidents"] == 1 && treated["identites_des_journaux"] == 1, "\(treated)")
            #expect(try await stage.count("select count(*) from fraud.dossiers_notes") == 2)
            #expect(try await stage.count("select count(*) from detection.findings") == 1)
            #expect(try await stage.count("select count(*) from privacy.incident_reports") == 0)
            #expect(try await stage.desk.overdue().isEmpty)
        }
    }

    @Test("five years run from the day on which the last account was closed") func closing() async throws {
        try await PrivacyStage.run { stage in
            try await stage.close(5)
            #expect(try await stage.count("select count(*) from comptes where id = 5 and clos_le >= current_date") == 1)
            try await stage.database.run("update comptes set clos_le = current_date - interval '3 years' where id = 5")
            let done = try await stage.desk.erase(clientID(5), proof: proof(5), by: admin)
            let wanted = try await stage.database.one(
                "select (current_date - interval '3 years' + interval '5 years')::date::text", as: String.self)
            #expect(done.keptUntil == wanted)
            // Opened again it has no such day.
            try await stage.close(6)
            try await stage.database.run("update comptes set statut = 'actif' where id = 6")
            #expect(try await stage.count("select count(*) from comptes where id = 6 and clos_le is null") == 1)
        }
    }

    @Test("the indicators name what waits and what is late") func indicators() async throws {
        try await PrivacyStage.run { stage in
            _ = try await stage.desk.file(clientID(1), kind: "access", reason: "", by: admin)
            try await stage.database.run(
                "update privacy.requests set received_at = now() - interval '2 months', due_at = now() - interval '1 month'"
            )
            func value(_ name: String) async throws -> Double {
                try await stage.database.one(
                    "select coalesce(sum(value), 0)::float8 from privacy.indicators where name = \(name)",
                    as: Double.self)
            }
            #expect(try await value("digitalbank_privacy_requests_open") == 1)
            #expect(try await value("digitalbank_privacy_requests_overdue") == 1)
            #expect(try await value("digitalbank_privacy_unlabelled_columns") == 0)
        }
    }
}
