public import Web

/// What the platform measured of an incident. Everything is a count or a moment; no person is named.
public struct IncidentFacts: Sendable, Hashable {
    public enum Certainty: String, Sendable { case actual, estimate }

    /// Moments as `2026-10-12T01:00:00Z`, nil where they are not known.
    public var occurredAt: String
    public var detectedAt: String
    public var awareAt: String
    public var recoveredAt: String?
    public var resolvedAt: String?

    public var clientsAffected = 0
    public var clientsTotal = 0
    public var counterpartsAffected = 0
    public var counterpartsTotal = 0
    public var operationsAffected = 0
    /// The daily average of operations before the incident.
    public var operationsPerDay = 0.0
    public var amountAffectedMinor: Int64 = 0
    public var amountPerDayMinor: Int64 = 0
    public var directLossMinor: Int64 = 0
    public var recoveredMinor: Int64 = 0
    public var recordsRead = 0
    public var downtimeSeconds = 0
    public var isMalicious = false
    public var hasAccess = false
    public var dataLost: Set<DataLoss> = []
    public var readCategories: Set<String> = []
    public var memberStates: Set<String> = ["FR"]
    public var addresses: [String] = []
    public var techniques: [String] = []
    public var stages: [String] = []
    public var measures: [String] = []
    public var persistence: [String] = []
    /// Systems whose logs show it, with how much: `auth.log on srv-db1: 12 findings`.
    public var components: [String] = []
    /// Business areas whose rows or pages were touched.
    public var areas: [String] = []
    /// What let them in, as the logs have it.
    public var entry = ""
    public var recurring = 0
    /// When the recurring ones occurred.
    public var recurringAt: [String] = []
    /// The register of incidents was asked for recurring ones.
    public var isRecurrenceCounted = false
    public var certainty = Certainty.actual

    public enum DataLoss: String, Sendable, CaseIterable {
        case availability, authenticity, integrity, confidentiality
    }

    public init(occurredAt: String, detectedAt: String, awareAt: String) {
        self.occurredAt = occurredAt
        self.detectedAt = detectedAt
        self.awareAt = awareAt
    }

    public var json: JSON {
        func texts(_ values: some Sequence<String>) -> JSON { .array(values.map { .string($0) }) }
        func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
        return [
            "occurred_at": .string(occurredAt), "detected_at": .string(detectedAt), "aware_at": .string(awareAt),
            "recovered_at": text(recoveredAt), "resolved_at": text(resolvedAt),
            "clients_affected": .integer(clientsAffected), "clients_total": .integer(clientsTotal),
            "counterparts_affected": .integer(counterpartsAffected), "counterparts_total": .integer(counterpartsTotal),
            "operations_affected": .integer(operationsAffected),
            "operations_per_day": .number(String(operationsPerDay)),
            "amount_affected_minor": .integer(amountAffectedMinor), "amount_per_day_minor": .integer(amountPerDayMinor),
            "direct_loss_minor": .integer(directLossMinor), "recovered_minor": .integer(recoveredMinor),
            "records_read": .integer(recordsRead), "downtime_seconds": .integer(downtimeSeconds),
            "malicious": .bool(isMalicious), "access": .bool(hasAccess),
            "data_lost": texts(dataLost.map(\.rawValue).sorted()), "read_categories": texts(readCategories.sorted()),
            "member_states": texts(memberStates.sorted()), "addresses": texts(addresses),
            "techniques": texts(techniques),
            "stages": texts(stages), "measures": texts(measures), "persistence": texts(persistence),
            "components": texts(components), "areas": texts(areas), "entry": .string(entry),
            "recurring": .integer(recurring), "recurring_at": texts(recurringAt),
            "recurrence_counted": .bool(isRecurrenceCounted), "certainty": .string(certainty.rawValue),
        ]
    }

    /// Reads what `json` wrote, and what a person gives: unknown members are refused.
    public init(_ json: JSON) throws {
        func text(_ name: String) throws -> String {
            guard let text = json[name]?.string, Moment.seconds(text) != nil else {
                throw PrivacyError.request("\(name) is no moment such as 2026-10-12T01:00:00Z")
            }
            return text
        }
        func texts(_ name: String) -> [String] { json[name]?.array?.compactMap(\.string) ?? [] }
        func count(_ name: String) throws -> Int {
            guard let value = json[name], !value.isNull else { return 0 }
            guard let number = value.integer, number >= 0, number < 1 << 53 else {
                throw PrivacyError.request("\(name) is no count")
            }
            return Int(number)
        }
        let known = Set(IncidentFacts(occurredAt: "", detectedAt: "", awareAt: "").json.members?.map(\.name) ?? [])
        if let unknown = json.members?.first(where: { !known.contains($0.name) }) {
            throw PrivacyError.request("\(unknown.name) is no fact of an incident")
        }
        self.init(
            occurredAt: try text("occurred_at"), detectedAt: try text("detected_at"), awareAt: try text("aware_at"))
        recoveredAt = json["recovered_at"]?.string == nil ? nil : try text("recovered_at")
        resolvedAt = json["resolved_at"]?.string == nil ? nil : try text("resolved_at")
        clientsAffected = try count("clients_affected")
        clientsTotal = try count("clients_total")
        counterpartsAffected = try count("counterparts_affected")
        counterpartsTotal = try count("counterparts_total")
        operationsAffected = try count("operations_affected")
        if case .number(let words)? = json["operations_per_day"], let value = Double(words) { operationsPerDay = value }
        amountAffectedMinor = Int64(try count("amount_affected_minor"))
        amountPerDayMinor = Int64(try count("amount_per_day_minor"))
        directLossMinor = Int64(try count("direct_loss_minor"))
        recoveredMinor = Int64(try count("recovered_minor"))
        recordsRead = try count("records_read")
        downtimeSeconds = try count("downtime_seconds")
        isMalicious = json["malicious"]?.bool ?? false
        hasAccess = json["access"]?.bool ?? false
        dataLost = Set(texts("data_lost").compactMap(DataLoss.init))
        readCategories = Set(texts("read_categories"))
        if let states = json["member_states"]?.array { memberStates = Set(states.compactMap(\.string)) }
        addresses = texts("addresses")
        techniques = texts("techniques")
        stages = texts("stages")
        measures = texts("measures")
        persistence = texts("persistence")
        components = texts("components")
        areas = texts("areas")
        entry = json["entry"]?.string ?? ""
        recurring = try count("recurring")
        recurringAt = texts("recurring_at")
        isRecurrenceCounted = json["recurrence_counted"]?.bool ?? false
        certainty = Certainty(rawValue: json["certainty"]?.string ?? "") ?? .actual
    }
}

/// Moments in UTC as the reports write them.
enum Moment {
    /// Seconds since 1970 of `2026-10-12T01:00:00Z`.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84, bytes[13] == 58, bytes[16] == 58,
            bytes[19] == 90
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            guard bytes[range].allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int($1 - 48) }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month),
            (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        // Days by the civil calendar's own arithmetic (Howard Hinnant's).
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Int64(days * 86_400 + hour * 3600 + minute * 60 + second)
    }

    static func between(_ from: String, _ to: String) -> Int64? {
        guard let from = seconds(from), let to = seconds(to) else { return nil }
        return to - from
    }

    /// `DD:HH:MM`, as the form wants durations.
    static func duration(_ seconds: Int64) -> String {
        let minutes = max(0, seconds) / 60
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(two(minutes / 1440)):\(two(minutes / 60 % 24)):\(two(minutes % 60))"
    }
}
