import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

@Suite("incidents of the detection") struct DetectedTests {
    private static func detect(_ stage: PrivacyStage, _ name: String, severity: String) async throws {
        try await stage.database.run(
            """
            insert into detection.incidents (reference, source, first_at, last_at, severity, title_fr, title_en, stages,
                addresses, accounts, document)
            values (\(name), 'live', clock_timestamp() - interval '10 minutes', clock_timestamp(), \(severity),
                'Intrusion', 'Intrusion', '{initial-access,exfiltration}', '{192.0.2.7}', '{c1,c2}', '{}')
            """)
    }

    @Test("grave ones are opened in the register by themselves, once, with their clocks; light ones are not")
    func opened() async throws {
        try await PrivacyStage.run { stage in
            try await Self.detect(stage, "D-1", severity: "high")
            try await Self.detect(stage, "D-2", severity: "medium")
            // Two servers look at once.
            async let first = stage.desk.openDetected()
            async let second = stage.desk.openDetected()
            let opened = try await first + second
            #expect(opened.count == 1)
            #expect(try await stage.desk.openDetected().isEmpty)
            let reference = try #require(opened.first)
            let clocks = try await stage.desk.clocks(reference)
            #expect(Set(clocks.map(\.clock)) == ["gdpr_72h", "dora_4h", "dora_24h"])
            #expect(
                try await stage.count(
                    """
                    select count(*) from privacy.indicators where name = 'digitalbank_privacy_clock_remaining_seconds'
                        and value > 0
                    """) >= 2)
            guard case .dora(let report) = try await stage.desk.report(reference, kind: .doraInitial, by: admin) else {
                Issue.record("no DORA report")
                return
            }
            // Counted from the log, not in the books.
            #expect(report["3.4"]?.value == "2" && report["3.4"]?.source == .assumed)
            #expect(report["2.2"]?.source == .measured && report["3.35"]?.value == "192.0.2.7")
        }
    }

    @Test("reports count the persons that came to light, also after the incident was registered")
    func persons() async throws {
        try await PrivacyStage.run { stage in
            try await Self.detect(stage, "D-1", severity: "high")
            let reference = try #require(try await stage.desk.openDetected().first)
            try await stage.database.run(
                """
                select detection.touch(i.id, jsonb_build_array(
                    jsonb_build_object(
                        's', 'log', 'k', 'table', 'n', 'clients', 'r', true, 'c', false, 'f', 1, 'l', 2, 'a', 7)))
                from detection.incidents i
                """)
            let clients = try await stage.count("select count(*) from clients")
            guard case .dora(let report) = try await stage.desk.report(reference, kind: .doraInitial, by: admin) else {
                Issue.record("no DORA report")
                return
            }
            #expect(clients > 2 && report["3.4"]?.value == "\(clients)", "\(report["3.4"]?.value ?? "-")")
            let kept = try await stage.desk.dossier(of: clientID(1)).sections.first { $0.name == "incidents" }
            #expect(kept?.rows.count == 1)
        }
    }

    @Test("a request's time left is a figure that the deadline's scenario watches") func deadline() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run(
                """
                insert into privacy.requests (client_id, kind, status, channel, requested_by, outcome)
                values (\(clientID(1)), 'objection', 'received', 'client', 'x', '{}')
                """)
            let left = try await stage.database.one(
                "select value from privacy.indicators where name = 'digitalbank_privacy_request_remaining_seconds'",
                as: Double.self)
            #expect(left > 27 * 86_400 && left < 32 * 86_400)
        }
    }
}
