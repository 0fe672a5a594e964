internal import Detection
internal import Foundation
internal import Privacy
internal import Recovery
internal import Web

/// What an attack came to, from the logs and from what the recovery found in the rows. What was read is assumed, not counted.
enum IncidentMeasurer {
    struct Measured {
        var facts: IncidentFacts
        var accounts: [Int64] = []
        var operations: [Int64] = []
        let id: String
    }

    private static let linesMax = 1_000_000

    /// - Parameters:
    ///   - logs: files and folders, as `digitalbank logs analyse` takes them.
    ///   - findings: the recovery's `findings.jsonl`; nil where there was none.
    ///   - year: of log lines that name none.
    static func measure(logs: [String], findings: String?, now: Date, rules: String?, year: Int? = nil) throws
        -> Measured
    {
        var analysis = LogAnalysis()
        analysis.options.rules = rules
        if let year { analysis.options.reading.year = year }
        let result = try analysis.run(logs)
        guard let incident = result.incidents.max(by: { $0.findings.count < $1.findings.count }) else {
            throw PrivacyError(
                code: "privacy_nothing_measured", message: "the logs show no incident",
                hint: "Give the logs of the time of the attack, or open the incident by hand with its facts.")
        }
        // The first act that was grave enough to be told of is when it was seen.
        let seen = incident.findings.first { $0.gravity >= .high } ?? incident.findings[0]
        var facts = IncidentFacts(
            occurredAt: moment(incident.from), detectedAt: moment(seen.time),
            awareAt: moment(Int64(now.timeIntervalSince1970) * 1_000_000))
        facts.isMalicious = true
        facts.hasAccess = incident.phases.contains { $0 >= .initialAccess }
        facts.stages = incident.phases.map(\.label)
        facts.techniques = incident.techniques
        facts.addresses = incident.addresses.prefix(200).map(\.text)
        facts.measures = Array(incident.advice.prefix(10))
        facts.components = components(incident)
        facts.areas = areas(incident)
        if let entry = incident.entry {
            // The rule and where it struck; the words of the line may name a person.
            facts.entry = "\(entry.rule.id) (\(entry.rule.technique)) at \(moment(entry.time))"
            if let host = entry.host { facts.entry += " on \(host)" }
        }
        facts.persistence = Array(Set(incident.persistence.map(\.rule.title))).sorted()
        if !incident.dataRead.isEmpty || incident.phases.contains(.exfiltration) {
            facts.dataLost.insert(.confidentiality)
            facts.readCategories = ["person", "contact", "financial"]
            facts.recordsRead = Int(
                clamping: incident.findings.filter { $0.rule.phase == .exfiltration || $0.rule.phase == .collection }
                    .reduce(Int64(0)) { $0 &+ max($1.count, 0) })
        }
        if !incident.dataChanged.isEmpty { facts.dataLost.insert(.integrity) }
        var measured = Measured(facts: facts, id: incident.id)
        if let findings { try add(findings, to: &measured) }
        return measured
    }

    /// The systems whose logs show it, those with most findings first.
    private static func components(_ incident: Incident) -> [String] {
        let places = Dictionary(grouping: incident.findings) { finding in
            (finding.file as NSString).lastPathComponent + (finding.host.map { " on \($0)" } ?? "")
        }
        return places.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.prefix(20).map {
            "\($0.key): \($0.value.count) findings"
        }
    }

    private static let areasOfTables = [
        "comptes": "accounts", "transactions": "payments", "virements": "payments", "cartes": "cards",
        "clients": "customer records", "beneficiaires": "payees", "employes": "staff access", "logs": "logs",
    ]

    /// What the tables that were read and changed belong to.
    private static func areas(_ incident: Incident) -> [String] {
        var found: Set<String> = []
        for target in incident.dataRead + incident.dataChanged {
            for (table, area) in areasOfTables where target.lowercased().contains(table) { found.insert(area) }
        }
        if !incident.accounts.isEmpty { found.insert("sign-in") }
        return found.sorted()
    }

    private static func area(of kind: String) -> String? {
        switch kind {
        case "balance_altered": "accounts"
        case "client_deleted": "customer records"
        case "card_deleted": "cards"
        case "beneficiary_iban": "payees"
        case "employee_added": "staff access"
        case "log_wiped": "logs"
        default: kind.hasPrefix("transaction_") ? "payments" : nil
        }
    }

    private static func add(_ path: String, to measured: inout Measured) throws {
        guard let data = FileManager.default.contents(atPath: path) else { return }
        var accounts: Set<Int64> = []
        var operations: Set<Int64> = []
        var areas = Set(measured.facts.areas)
        var gone = 0
        for line in data.split(separator: 10).prefix(linesMax) {
            guard let json = try? JSONReader.read(Array(line)), let kind = json["kind"]?.string,
                let key = json["key"]?.string
            else { continue }
            if let area = area(of: kind) { areas.insert(area) }
            switch kind {
            case "balance_altered": if let id = Int64(key) { accounts.insert(id) }
            case "transaction_altered", "transaction_forged", "transaction_duplicated":
                if let id = Int64(key) { operations.insert(id) }
            case "transaction_deleted": gone += 1
            case "client_deleted", "card_deleted", "row_deleted": measured.facts.dataLost.insert(.availability)
            case "beneficiary_iban", "row_altered": measured.facts.dataLost.insert(.integrity)
            case "employee_added": measured.facts.persistence.append("compte d'employé ajouté")
            case "log_wiped": measured.facts.dataLost.insert(.availability)
            default: break
            }
        }
        if !operations.isEmpty || !accounts.isEmpty { measured.facts.dataLost.formUnion([.integrity, .authenticity]) }
        if gone > 0 { measured.facts.dataLost.insert(.availability) }
        measured.facts.areas = areas.sorted()
        measured.accounts = accounts.sorted()
        measured.operations = operations.sorted()
        measured.facts.operationsAffected = operations.count + gone
    }

    private static func moment(_ micros: Int64) -> String {
        Date(timeIntervalSince1970: Double(micros / 1_000_000)).formatted(.iso8601)
    }
}

extension PrivacyIncidentService {
    /// Opens the incident that the logs and the last recovery show.
    public static func measure(logs: [String], dataDirectory: String) async throws -> [String] {
        try await PrivacyService.with(dataDirectory) { desk, data in
            let found = data.path + "/recovery/findings.jsonl"
            let measured = try IncidentMeasurer.measure(
                logs: logs.map(RecoverService.absolute),
                findings: FileManager.default.fileExists(atPath: found) ? found : nil, now: Date(),
                rules: LogsService.shippedRules)
            let reference = try await open(measured, desk)
            return ["opened       \(reference)"] + (try await clockLines(desk, reference))
        }
    }

    static func open(_ measured: IncidentMeasurer.Measured, _ desk: PrivacyDesk) async throws -> String {
        var facts = measured.facts
        try await desk.measure(&facts, accounts: measured.accounts, operations: measured.operations)
        return try await desk.openIncident(
            facts, titleFr: "Intrusion et fraude mesurées dans les journaux",
            titleEn: "Intrusion and fraud measured in the logs",
            source: "recovery", sourceID: measured.id, by: .command)
    }
}
