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
            #expect(runs.count == 11)
            #expect(runs.allSatisfy { $0.found == $0.treated }, "\(runs)")
            #expect(try await stage.count("select count(*) from vault.data_keys where destroyed_at is not null") == 1)
            #expect(try await stage.count("select count(*) from privacy.archives") == 1)
            let ledger = try String(contentsOfFile: stage.folder + "/erasures.ledger", encoding: .utf8)
            #expect(ledger.contains("destroyed"))
            #expect(try await stage.desk.overdue().isEmpty)
            try await stage.expectSound()
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
