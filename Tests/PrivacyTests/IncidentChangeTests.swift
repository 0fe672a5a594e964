import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

@Suite("incidents that go on") struct IncidentChangeTests {
    private static func small() -> IncidentFacts {
        let moment = Date().addingTimeInterval(-5 * 86_400).formatted(.iso8601)
        return IncidentFacts(occurredAt: moment, detectedAt: moment, awareAt: moment)
    }

    private static func states(_ reference: String, _ stage: PrivacyStage) async throws -> [String: String] {
        Dictionary(
            try await stage.desk.clocks(reference).map { ($0.clock, $0.state) }, uniquingKeysWith: { one, _ in one })
    }

    @Test("one that becomes major and a breach later starts its clocks then, and every change stays beside it")
    func grows() async throws {
        try await PrivacyStage.run { stage in
            let reference = try await stage.desk.openIncident(
                Self.small(), titleFr: "Panne", titleEn: "Outage", by: admin)
            #expect(try await Self.states(reference, stage).isEmpty)
            // Five days after it was known: the clocks run from what makes it one, not from then.
            let verdict = try await stage.desk.updateIncident(
                reference,
                facts: try JSONReader.read(
                    #"{"malicious":true,"access":true,"clients_affected":4,"data_lost":["confidentiality"]}"#),
                by: admin)
            #expect(verdict.isMajor && verdict.isBreach)
            #expect(
                try await Self.states(reference, stage)
                    == ["gdpr_72h": "running", "dora_4h": "running", "dora_24h": "late"])
            let due = try await stage.count(
                """
                select count(*) from privacy.clocks where reference = \(reference)
                    and due_at between now() + interval '3 hours' and now() + interval '73 hours'
                """)
            #expect(due == 2)
            // What changes without changing its class does not start them anew.
            let since = try await stage.database.one("select major_since::text from privacy.incidents", as: String.self)
            try await stage.desk.updateIncident(
                reference, facts: try JSONReader.read(#"{"downtime_seconds":9000}"#), by: admin)
            #expect(
                try await stage.database.one("select major_since::text from privacy.incidents", as: String.self)
                    == since)
            let changes = try JSONReader.read(try await stage.desk.incidentChanges(reference)).array ?? []
            #expect(changes.count == 2 && changes[0]["was_major"]?.bool == false && changes[0]["major"]?.bool == true)
            #expect(changes[1]["changed"]?["downtime_seconds"]?.integer == 9000)
            #expect(try await stage.journaled("privacy.incident.updated") == 2)
            guard case .dora(let report) = try await stage.desk.report(reference, kind: .doraFinal, by: admin) else {
                Issue.record("no DORA report")
                return
            }
            #expect(report["3.4"]?.value == "4")
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update privacy.incident_changes set is_major = false")
            }
        }
    }

    @Test("facts that are none, or in the wrong order, are refused and journaled")
    func refused() async throws {
        try await PrivacyStage.run { stage in
            let reference = try await stage.desk.openIncident(
                Self.small(), titleFr: "Panne", titleEn: "Outage", by: admin)
            for facts in [
                "{}", "[]", #"{"clients":4}"#, #"{"clients_affected":-1}"#, #"{"resolved_at":"2001-01-01T00:00:00Z"}"#,
                #"{"occurred_at":"2999-01-01T00:00:00Z"}"#,
            ] {
                await expectRefused("privacy_request_invalid") {
                    try await stage.desk.updateIncident(reference, facts: try JSONReader.read(facts), by: admin)
                }
            }
            await expectRefused("privacy_incident_unknown") {
                try await stage.desk.updateIncident("INC-0", facts: ["entry": "x"], by: admin)
            }
            #expect(try await stage.count("select count(*) from privacy.incident_changes") == 0)
            #expect(try await stage.journaled("privacy.incident.updated", outcome: "refused") > 3)
        }
    }

    @Test("closing ends it once, with how long it took; a false alarm has no clocks and takes in nothing more")
    func closed() async throws {
        try await PrivacyStage.run { stage in
            let real = try await stage.desk.openIncident(Self.small(), titleFr: "Panne", titleEn: "Outage", by: admin)
            try await stage.desk.closeIncident(real, note: "service rétabli", by: admin)
            let length = try await stage.count(
                """
                select extract(epoch from resolved_at - occurred_at)::bigint / 86400 from privacy.incidents
                where closed_by = 'admin-1' and facts ->> 'resolved_at' is not null
                """)
            #expect(length >= 4 && length <= 5)
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.closeIncident(real, note: "service rétabli", by: admin)
            }
            var grave = Self.small()
            (grave.isMalicious, grave.hasAccess) = (true, true)
            let alarm = try await stage.desk.openIncident(grave, titleFr: "Alerte", titleEn: "Alarm", by: admin)
            #expect(try await Self.states(alarm, stage)["dora_4h"] == "running")
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.closeIncident(alarm, note: "rien", isFalseAlarm: true, by: admin)
            }
            try await stage.desk.closeIncident(
                alarm, note: "exercice de l'équipe rouge", isFalseAlarm: true, by: admin)
            #expect(try await Self.states(alarm, stage).isEmpty)
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.updateIncident(alarm, facts: ["entry": "x"], by: admin)
            }
        }
    }

    @Test("what the detection learns of a registered incident is taken in; what a person put right stays")
    func followed() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run(
                """
                insert into detection.incidents (reference, source, first_at, last_at, severity, title_fr, title_en, stages,
                    addresses, accounts, document)
                values ('D-1', 'live', clock_timestamp() - interval '10 minutes', clock_timestamp(), 'high', 'Balayage', 'Scan',
                    '{reconnaissance}', '{192.0.2.7}', '{}', '{}')
                """)
            let reference = try #require(try await stage.desk.openDetected().first)
            #expect(try await Self.states(reference, stage)["gdpr_72h"] == nil)
            #expect(try await stage.desk.followDetected().isEmpty)
            try await stage.desk.updateIncident(reference, facts: ["clients_affected": .integer(9)], by: admin)
            #expect(try await stage.desk.followDetected().isEmpty)
            try await stage.database.run(
                "update detection.incidents set stages = '{reconnaissance,initial-access,exfiltration}', accounts = '{c1}'"
            )
            #expect(try await stage.desk.followDetected() == [reference])
            let states = try await Self.states(reference, stage)
            #expect(states["gdpr_72h"] == "running" && states["dora_4h"] == "running")
            let clients = try await stage.database.one(
                "select facts ->> 'clients_affected' from privacy.incidents", as: String.self)
            #expect(clients == "9")
            #expect(try await stage.desk.followDetected().isEmpty)
        }
    }
}
