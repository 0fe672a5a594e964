import Evidence
import Foundation
import Postgres
import PostgresServer
import Recovery
import Simulator
import TestSupport
import Testing
import Vault
import Web

@testable import Platform
@testable import Privacy

@Suite("incidents and breaches") struct IncidentTests {
    private static func facts() -> IncidentFacts {
        IncidentFacts(
            occurredAt: "2026-10-01T00:00:00Z", detectedAt: "2026-10-01T06:00:00Z", awareAt: "2026-10-01T07:00:00Z")
    }

    @Test("an incident is major by the regulation's thresholds and no others") func classification() {
        var facts = Self.facts()
        #expect(!DoraClassification(facts).isMajor)
        facts.isMalicious = true
        facts.hasAccess = true
        #expect(DoraClassification(facts).isMajor)
        facts.isMalicious = false
        (facts.clientsAffected, facts.clientsTotal) = (101, 1000)
        #expect(!DoraClassification(facts).isMajor, "one threshold besides the critical service")
        facts.downtimeSeconds = 7_201
        #expect(DoraClassification(facts).isMajor, "two thresholds")
        facts.clientsAffected = 100
        #expect(!DoraClassification(facts).isMajor, "ten per cent is not more than ten per cent")
        (facts.clientsAffected, facts.clientsTotal) = (100_001, 100_000_000)
        #expect(DoraClassification(facts).isMajor)
        facts.downtimeSeconds = 7_200
        facts.directLossMinor = 10_000_001
        #expect(DoraClassification(facts).isMajor)
        facts.directLossMinor = 10_000_000
        #expect(!DoraClassification(facts).isMajor)
        facts.resolvedAt = "2026-10-02T00:00:01Z"
        #expect(DoraClassification(facts).isMet("duration"))
        facts.memberStates = ["FR", "DE"]
        #expect(DoraClassification(facts).isMet("geography"))
    }

    @Test("moments and durations are those of the form") func moments() {
        #expect(Moment.seconds("1970-01-01T00:00:00Z") == 0)
        #expect(Moment.seconds("2026-11-29T02:00:00Z") == 1795917600)
        #expect(Moment.seconds("2026-11-29 02:00:00Z") == nil && Moment.seconds("2026-13-01T00:00:00Z") == nil)
        #expect(Moment.duration(3 * 86_400 + 4 * 3600 + 59 * 60 + 59) == "03:04:59")
    }

    @Test("the four clocks run, stop and tell when they are late") func clocks() async throws {
        try await PrivacyStage.run { stage in
            var facts = Self.facts()
            facts.awareAt = Date().addingTimeInterval(-3600).formatted(.iso8601)
            facts.isMalicious = true
            facts.hasAccess = true
            facts.clientsAffected = 4
            facts.dataLost = [.confidentiality]
            facts.readCategories = ["financial"]
            let reference = try await stage.desk.openIncident(
                facts, titleFr: "Intrusion", titleEn: "Intrusion", by: admin)
            func states() async throws -> [String: String] {
                Dictionary(
                    try await stage.desk.clocks(reference).map { ($0.clock, $0.state) },
                    uniquingKeysWith: { one, _ in one })
            }
            #expect(try await states() == ["gdpr_72h": "running", "dora_4h": "running", "dora_24h": "kept"])
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.markSent(reference, kind: .doraInitial, by: admin)
            }
            _ = try await stage.desk.report(reference, kind: .doraInitial, by: admin)
            try await stage.desk.markSent(reference, kind: .doraInitial, by: admin)
            _ = try await stage.desk.report(reference, kind: .doraIntermediate, by: admin)
            try await stage.desk.markSent(reference, kind: .doraIntermediate, by: admin)
            // An update that comes after the 72 hours does not take them back.
            try await stage.database.run(
                """
                update privacy.incident_reports set sent_at = sent_at - interval '80 hours'
                where kind in ('dora_initial', 'dora_intermediate')
                """)
            _ = try await stage.desk.report(reference, kind: .doraIntermediate, by: admin)
            try await stage.desk.markSent(reference, kind: .doraIntermediate, by: admin)
            _ = try await stage.desk.report(reference, kind: .cnilInitial, by: admin)
            try await stage.desk.markSent(reference, kind: .cnilInitial, by: admin)
            #expect(
                try await states() == [
                    "gdpr_72h": "kept", "dora_4h": "kept", "dora_24h": "kept", "dora_72h": "kept", "dora_1m": "running",
                ])
            facts.awareAt = Date().addingTimeInterval(-4 * 86_400).formatted(.iso8601)
            let late = try await stage.desk.openIncident(facts, titleFr: "Vieux", titleEn: "Old", by: admin)
            let lateStates = Dictionary(
                try await stage.desk.clocks(late).map { ($0.clock, $0.state) }, uniquingKeysWith: { one, _ in one })
            #expect(lateStates == ["gdpr_72h": "overdue", "dora_4h": "running", "dora_24h": "late"])
            let breaches = try JSONReader.read(try await stage.desk.breaches()).array ?? []
            #expect(breaches.count == 2)
            await expectRefused("privacy_incident_unknown") {
                _ = try await stage.desk.report("INC-0", kind: .doraFinal, by: admin)
            }
        }
    }

    @Test("earlier incidents of the same cause that were no major ones are counted, with their moments")
    func recurrence() async throws {
        try await PrivacyStage.run { stage in
            var small = Self.facts()
            small.occurredAt = "2026-06-01T00:00:00Z"
            _ = try await stage.desk.openIncident(small, titleFr: "Panne", titleEn: "Outage", by: admin)
            small.occurredAt = "2026-01-01T00:00:00Z"
            _ = try await stage.desk.openIncident(small, titleFr: "Panne", titleEn: "Outage", by: admin)
            small.occurredAt = "2026-07-01T00:00:00Z"
            small.isMalicious = true
            _ = try await stage.desk.openIncident(small, titleFr: "Scan", titleEn: "Scan", by: admin)
            let reference = try await stage.desk.openIncident(
                Self.facts(), titleFr: "Panne", titleEn: "Outage", by: admin)
            guard case .dora(let report) = try await stage.desk.report(reference, kind: .doraFinal, by: admin) else {
                Issue.record("no DORA report")
                return
            }
            #expect(report["4.15"]?.value == "1 in six months" && report["4.15"]?.source == .measured)
            #expect(report["4.16"]?.value == "2026-06-01T00:00:00Z" && report["4.16"]?.source == .measured)
        }
    }

    @Test("a report of a kind that there is not can not be said to be sent") func unknownKind() async {
        await #expect(throws: RecoveryError.self) {
            _ = try await PrivacyIncidentService.sent(
                reference: "INC-1", kind: "dora_premier", dataDirectory: "/nulle/part")
        }
    }

    @Test("facts that are none are refused") func facts() throws {
        for text in [
            "{}", #"{"occurred_at":"hier","detected_at":"x","aware_at":"y"}"#,
            #"{"occurred_at":"2026-10-01T00:00:00Z","detected_at":"2026-10-01T00:00:00Z","aware_at":"2026-10-01T00:00:00Z","clients_affected":-1}"#,
            #"{"occurred_at":"2026-10-01T00:00:00Z","detected_at":"2026-10-01T00:00:00Z","aware_at":"2026-10-01T00:00:00Z","autre":1}"#,
        ] {
            #expect(throws: PrivacyError.self) { _ = try IncidentFacts(JSONReader.read(text)) }
        }
        var facts = Self.facts()
        facts.dataLost = [.integrity]
        facts.addresses = ["192.0.2.1"]
        #expect(try IncidentFacts(facts.json) == facts)
    }

    /// The whole way: a bank is simulated, attacked and recovered; the incident is measured from logs and rows, and its report
    /// is held against what really happened.
    @Test(
        "the simulated attack is measured as it was: 55 of DORA's 76 fields without a human", .timeLimit(.minutes(10)))
    func attack() async throws {
        try await withTemporaryDirectory { folder in
            var simulation = Simulation(output: folder + "/banque")
            simulation.clients = 300
            simulation.days = 40
            simulation.seed = 7
            simulation.damage = .none
            let (files, truth) = try await simulation.run()
            let database = try await Self.recover(files, in: folder)
            try await PrivacyMigrations.apply(to: database)
            let stage = try PrivacyStage.make(database, folder: folder)
            try await stage.desk.prepare()
            try await stage.desk.setController(Self.controller)
            let measured = try IncidentMeasurer.measure(
                logs: [files.logs], findings: folder + "/travail/recovery/findings.jsonl", now: Date(), rules: nil,
                year: 2026)
            let reference = try await PrivacyIncidentService.open(measured, stage.desk)
            guard case .dora(let report) = try await stage.desk.report(reference, kind: .doraIntermediate, by: .command)
            else {
                Issue.record("no DORA report")
                return
            }
            #expect(report.fields.count == 76)
            #expect(Set(report.fields.map(\.number)).count == 76)
            try Figures.note("DORA report: \(report.filledAlone) of \(report.fields.count) alone: \(report.countsText)")
            #expect(report.filledAlone >= 55, "\(report.filledAlone)")
            // What is a constant of this bank or the usual answer is not called measured.
            let counts = Dictionary(report.counts.map { ($0.source, $0.count) }) { one, _ in one }
            #expect(counts.values.reduce(0, +) == 76)
            #expect((counts[.measured] ?? 0) >= 10 && (counts[.usual] ?? 0) <= 22, "\(report.countsText)")
            for number in ["1.4", "2.8", "2.10", "4.9"] { #expect(report[number]?.source == .usual, "\(number)") }
            // What the logs and the register show stands in place of the usual answer.
            for number in ["3.27", "3.29", "4.15"] { #expect(report[number]?.source == .measured, "\(number)") }
            for number in ["3.12", "3.17", "3.22", "3.28", "4.5"] {
                #expect(report[number]?.source == .derived, "\(number)")
            }
            #expect(
                report["3.27"]?.value.contains("payments") == true && report["3.27"]?.value.contains("accounts") == true
            )
            #expect(report["3.29"]?.value.contains("findings") == true && report["4.16"]?.source == .notApplicable)
            for number in ["3.21", "3.34"] { #expect(report[number]?.source == .assumed, "\(number)") }
            try await Self.expectTrue(report, measured, truth, stage)
            #expect(try await DataMapStore(database: database).unlabelled().isEmpty)
            let register = try await stage.desk.register()
            #expect(register.coverage == 1)
            #expect(register.sheets.allSatisfy { $0.answeredAlone >= 30 })
            await database.close()
        }
    }

    private static func expectTrue(
        _ report: DoraReport, _ measured: IncidentMeasurer.Measured, _ truth: GroundTruth, _ stage: PrivacyStage
    ) async throws {
        let operations = truth.tampered.filter { $0.kind.rawValue.hasPrefix("transaction_") }
        let counted = Int(report["3.9"]?.value ?? "") ?? 0
        #expect(
            Double(abs(counted - operations.count)) <= 0.1 * Double(operations.count),
            "\(counted) operations, \(operations.count) in truth")
        let addresses = Set(truth.incidents.flatMap(\.addresses))
        let known = Set(measured.facts.addresses)
        #expect(
            Double(known.intersection(addresses).count) >= 0.8 * Double(addresses.count), "\(known) of \(addresses)")
        #expect(measured.facts.hasAccess && measured.facts.isMalicious)
        #expect(measured.facts.dataLost.isSuperset(of: [.integrity, .confidentiality]))
        // The truth's times are Paris's; the form's are UTC.
        let first = try #require(truth.incidents.map(\.from).min())
        let gap = try await stage.database.one(
            """
            select abs(extract(epoch from \(measured.facts.occurredAt)::text::timestamptz
                - (\(first)::text::timestamp at time zone 'Europe/Paris')))::bigint
            """, as: Int64.self)
        #expect(gap <= 6 * 3600, "\(measured.facts.occurredAt) where the attack began at \(first) in Paris")
        #expect(report["2.5"]?.value.contains("malicious_access") == true)
        try await expectCounts(report, truth, stage)
    }

    /// Persons and money, by the rows that the simulator says it touched.
    private static func expectCounts(
        _ report: DoraReport, _ truth: GroundTruth, _ stage: PrivacyStage
    ) async throws {
        let accounts = truth.tampered.filter { $0.kind == .balanceAltered }.compactMap { Int64($0.key) }
        let operations = truth.tampered.filter {
            [.transactionAltered, .transactionForged, .transactionDuplicated].contains($0.kind)
        }.compactMap { Int64($0.key) }
        #expect(!accounts.isEmpty && !operations.isEmpty)
        let row = try #require(
            try await stage.database.run(
                """
                with o as (
                    select * from public.transactions where id = any (\(SQLArray(operations))::bigint[])
                ), touched as (
                    select unnest(\(SQLArray(accounts))::bigint[]) as id
                    union select compte_debit_id from o union select compte_credit_id from o
                )
                select (select count(distinct c.client_id) from public.comptes c join touched t on t.id = c.id
                        where c.client_id is not null),
                    (select coalesce(sum(montant_minor), 0)::bigint from o)
                """
            ).first)
        let (clients, amount): (Int64, Int64) = (try row.decode(0), try row.decode(1))
        let counted = Double(report["3.4"]?.value ?? "") ?? 0
        #expect(clients > 0 && abs(counted - Double(clients)) <= 0.1 * Double(clients), "\(counted) of \(clients)")
        let thousands = Double(report["3.11"]?.value ?? "") ?? 0
        #expect(
            abs(thousands * 100_000 - Double(amount)) <= 0.1 * Double(amount) + 1_000, "\(thousands) of \(amount)")
    }

    private static let controller = """
        {"lei": "969500TJ5KRTCJQWXH05", "contact_name": "Claude Test", "contact_email": "secu@exemple.fr",
        "contact_phone": "+33 1 99 00 11 22", "second_contact_name": "Dominique Test", "second_contact_email": "secu2@exemple.fr",
        "second_contact_phone": "+33 1 99 00 11 23"}
        """

    private static func recover(_ files: Simulation.Files, in folder: String) async throws -> Database {
        let cluster = try await TestCluster.shared()
        let name = TestCluster.freshName("reprise")
        try await cluster.createDatabase(name)
        let target = try await TestCluster.configuration(database: name)
        let data = folder + "/travail"
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        var options = RecoveryOptions(dump: files.dump, dataDirectory: data, reportDirectory: data + "/rapport")
        options.target = .server(connectionString: target.connectionString + " password='\(target.password ?? "")'")
        options.makesBackup = false
        options.legacyKeyFile = files.legacyKey
        options.logs = files.logs
        options.baseline = files.baseline
        let key = try stageKey()
        let engine = try RecoveryEngine.begin(
            options, restarts: false, binaries: PostgresBinaries.find(),
            key: SigningKey.open(path: folder + "/travail.cle"), vault: VaultKeys(wrapping: key, indexing: key),
            progress: { _ in })
        _ = try await engine.recover()
        return Database(target)
    }
}
