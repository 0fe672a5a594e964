import Foundation
import Testing

@testable import Detection
@testable import Simulator

@Suite struct `A simulated attack in the logs` {
    static func analyse(days: Int, seed: UInt64, attacked: Bool) throws -> (LogAnalysis.Result, GroundTruth?) {
        var simulation = Simulation(output: "")
        (simulation.clients, simulation.days, simulation.seed, simulation.isAttacked) = (400, days, seed, attacked)
        let (bank, attack, _) = try simulation.makeBank()
        return try Logs.withFolder([:]) { folder in
            _ = try LogWriter(bank: bank, attack: attack, seed: seed).write(to: folder)
            var analysis = LogAnalysis()
            analysis.options.rules = Logs.rules
            analysis.options.reading.year = 2026
            return (try analysis.run([folder]), attack?.truth)
        }
    }

    /// The rules that show each act of the truth.
    static let signs: [String: Set<String>] = [
        "credential_stuffing": ["credential-stuffing", "credential-stuffing-wave"],
        "sql_injection": ["web-sql-injection", "pg-sql-errors"],
        "privilege_escalation": ["pg-superuser", "ssh-takeover"],
        "trojans": ["pg-code-object", "pg-event-trigger"], "fraudulent_transfers": ["pg-mass-update"],
        "exfiltration": ["pg-mass-read", "mass-export", "exfiltration-volume"],
        "log_wiping": ["log-gap", "pg-logs-deleted", "log-erasure-command"],
    ]

    @Test("is one incident in which every act is found", arguments: [UInt64(1), 2, 3])
    func attacked(_ seed: UInt64) throws {
        let (result, truth) = try Self.analyse(days: 40, seed: seed, attacked: true)
        #expect(result.incidents.count == 1, "\(result.incidents.map(IncidentText.lines))")
        let incident = try #require(result.incidents.first)
        let rules = Set(incident.findings.map(\.rule.id))
        for act in try #require(truth).incidents {
            let signs = try #require(Self.signs[act.kind])
            #expect(!signs.isDisjoint(with: rules), "\(act.kind)")
        }
        let named = Set(incident.addresses.map(\.text))
        let guilty = Set(
            try #require(truth).incidents.filter { $0.kind != "fraudulent_transfers" }.flatMap(\.addresses))
        #expect(guilty.isSubset(of: named), "\(guilty.subtracting(named))")
        #expect(incident.accounts.contains("svc_maintenance") && incident.gravity == .critical)
        #expect(result.sources.allSatisfy { $0.broken == 0 })
    }

    @Test("leaves thirty ordinary days without an incident", arguments: [UInt64(11), 12, 13])
    func clean(_ seed: UInt64) throws {
        let (result, _) = try Self.analyse(days: 30, seed: seed, attacked: false)
        #expect(result.incidents.isEmpty, "\(result.incidents.map(IncidentText.lines))")
        #expect(result.findings.allSatisfy { $0.gravity <= .medium })
    }

    @Test func `is told in a page and a bundle that no log line can break`() throws {
        let (result, _) = try Self.analyse(days: 20, seed: 1, attacked: true)
        let page = IncidentPage.html(result.incidents, result.sources)
        #expect(page.contains("svc_maintenance") && !page.contains("<script"))
        let bundle = StixBundle.json(result.incidents)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bundle.utf8)) as? [String: Any])
        let objects = try #require(object["objects"] as? [[String: Any]])
        let names = objects.compactMap { $0["id"] as? String }
        #expect(names.count == Set(names).count && objects.allSatisfy { $0["spec_version"] as? String == "2.1" })
        for relation in objects where relation["type"] as? String == "relationship" {
            #expect(names.contains(relation["target_ref"] as? String ?? ""))
        }
    }
}
