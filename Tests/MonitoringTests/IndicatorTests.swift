import Auth
import Bank
import Evidence
import Foundation
import Fraud
import Migrations
import Postgres
import Realtime
import Rest
import TestSupport
import Testing
import Vault

@testable import Monitoring

@Suite struct IndicatorTests {
    private static let bank = TestTemplate("monitored_bank") { database in
        try await Migrator(database).apply([
            try BankMigrations.set(), try VaultMigrations.set(), try EvidenceMigrations.set(),
            try FraudMigrations.set(),
            try AuthMigrations.set(), try RestMigrations.set(), try RealtimeMigrations.set(),
            try MonitoringMigrations.set(),
        ])
        try await LedgerStore(database).openDay()
    }

    private func reader(_ database: Database) -> IndicatorReader {
        IndicatorReader(database: database) { 1_700_000_000 }
    }

    @Test("the bank's figures are read, and its books are balanced")
    func own() async throws {
        try await withTestDatabase(Self.bank) { database in
            let store = IndicatorStore(database: database)
            let rows = try await store.rows(of: "monitoring", rowsMax: 100, timeMax: .seconds(30))
            #expect(rows.count > 15)
            let reader = reader(database)
            await reader.read()
            await reader.readBalance()
            let readings = reader.readings
            func value(_ name: String, _ label: String? = nil) -> Double? {
                readings.first { $0.name == name && (label == nil || $0.labels.first?.value == label) }?.value
            }
            #expect(value("digitalbank_indicators_up", "monitoring") == 1)
            #expect(value("digitalbank_indicators_refused", "monitoring") == 0)
            #expect(value("digitalbank_business_day_age_seconds") != nil)
            #expect(value("digitalbank_fraud_decisions", "block") == 0)
            #expect(value("digitalbank_fraud_cases_open") == 0)
            #expect(value("digitalbank_rows_written_total", "virements") != nil)
            #expect(value("digitalbank_database_connections") != nil)
            #expect(value("digitalbank_ledger_checked_timestamp_seconds") == 1_700_000_000)
        }
    }

    @Test("any schema's view is served; what breaks the rules is counted and left out")
    func others() async throws {
        try await withTestDatabase(Self.bank) { database in
            for script in Self.views { try await database.withConnection { try await $0.runScript(script) } }
            let reader = reader(database)
            await reader.read()
            let readings = reader.readings
            let drill = try #require(readings.first { $0.name == "digitalbank_drill_seconds" })
            #expect(drill.value == 12.5 && drill.labels == [.init("ok", "true"), .init("scenario", "disk")])
            let refused = readings.filter { $0.name == "digitalbank_indicators_refused" }
            #expect(refused.first { $0.labels == [.init("schema", "essai")] }?.value == 7)
            #expect(
                readings.first { $0.name == "digitalbank_indicators_up" && $0.labels == [.init("schema", "casse")] }?
                    .value == 0)
            // The name belongs to the schema that had it first.
            #expect(readings.filter { $0.name == "digitalbank_drill_seconds" }.count == 1)
            let text = Exposition.prometheus.text(Family.grouping(readings))
            #expect(!text.contains("NaN") && !text.contains("evil"))
        }
    }

    private static let views = [
        """
        create schema essai;
        create view essai.indicators as
        select * from (values
            ('digitalbank_drill_seconds', '{"scenario": "disk", "ok": true}'::jsonb, 12.5::double precision, 'Time.'),
            ('digitalbank_drill_seconds', '{"ok": true, "scenario": "disk"}', 13, 'The same labels again.'),
            ('node_load1', '{}', 1, 'not ours'),
            ('digitalbank_evil{a="b"} 1', '{}', 1, 'not a name'),
            ('digitalbank_evil', '{"le": "1"}', 1, 'a reserved label'),
            ('digitalbank_evil', '{"a": {"b": 1}}', 1, 'no plain label'),
            ('digitalbank_evil', '[1]', 1, 'no labels at all'),
            ('digitalbank_evil', '{}', 'NaN', 'no number')) v (name, labels, value, help);
        """,
        """
        create schema casse;
        create function casse.diviser() returns double precision language sql as 'select 1 / (random() * 0)';
        create view casse.indicators as
        select 'digitalbank_x' as name, null::jsonb as labels, casse.diviser() as value, 'x' as help;
        """,
        """
        create schema voleur;
        create view voleur.indicators as
        select 'digitalbank_drill_seconds' as name, null::jsonb as labels, 1::double precision as value, 'x' as help;
        """,
    ]

    @Test("a view that floods is cut, and one that is slow takes no other down")
    func bounds() async throws {
        try await withTestDatabase(Self.bank) { database in
            try await database.withConnection {
                try await $0.runScript(
                    """
                    create schema flot;
                    create view flot.indicators as
                    select 'digitalbank_flood' as name, jsonb_build_object('n', n) as labels, n::double precision as value,
                        'x' as help from generate_series(1, 100000) n;
                    create schema lent;
                    create view lent.indicators as
                    select 'digitalbank_slow' as name, null::jsonb as labels,
                        (select 1 from pg_sleep(30))::double precision as value, 'x' as help;
                    """)
            }
            var settings = IndicatorReader.Settings()
            settings.readTimeMax = .seconds(1)
            let reader = IndicatorReader(database: database, settings: settings) { 0 }
            await reader.read()
            let readings = reader.readings
            #expect(readings.filter { $0.name == "digitalbank_flood" }.count == settings.rowsMax)
            #expect(readings.filter { $0.name == "digitalbank_indicators_up" && $0.value == 0 }.count == 1)
            #expect(readings.contains { $0.name == "digitalbank_business_day_age_seconds" })
        }
    }
}
