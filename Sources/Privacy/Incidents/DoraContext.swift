/// What the fields are made of, part by part of the annex.
struct DoraContext {
    typealias Field = DoraReport.Field

    let stage: String
    let reference: String
    let facts: IncidentFacts
    let classification: DoraClassification
    let classifiedAt: String
    let controller: [String: String]

    private func measured(_ number: String, _ name: String, _ value: String) -> Field {
        Field(number: number, name: name, value: value, source: value.isEmpty ? .missing : .measured)
    }

    /// Follows from what was measured by a rule that stands here.
    private func derived(_ number: String, _ name: String, _ value: String) -> Field {
        Field(number: number, name: name, value: value, source: value.isEmpty ? .missing : .derived)
    }

    /// The answer of this bank or of the usual case; nobody looked at this incident for it.
    private func usual(_ number: String, _ name: String, _ value: String) -> Field {
        Field(number: number, name: name, value: value, source: .usual)
    }

    /// Rests on something that nobody counted.
    private func assumed(_ number: String, _ name: String, _ value: String) -> Field {
        Field(number: number, name: name, value: value, source: value.isEmpty ? .missing : .assumed)
    }

    /// A count of the books, unless the facts themselves say that they are an estimate.
    private func counted(_ number: String, _ name: String, _ value: String) -> Field {
        facts.certainty == .estimate ? assumed(number, name, value) : measured(number, name, value)
    }

    /// Zero where nobody measures is the usual answer, not a measurement.
    private func figure(_ isKnown: Bool, _ number: String, _ name: String, _ value: String) -> Field {
        isKnown ? measured(number, name, value) : usual(number, name, value)
    }

    private func profile(_ number: String, _ name: String, _ key: String) -> Field {
        let value = controller[key] ?? ""
        return Field(number: number, name: name, value: value, source: value.isEmpty ? .missing : .profile)
    }

    private func none(_ number: String, _ name: String, _ why: String) -> Field {
        Field(number: number, name: name, value: why, source: .notApplicable)
    }

    private func missing(_ number: String, _ name: String) -> Field {
        Field(number: number, name: name, value: "", source: .missing)
    }

    private func when(_ met: Bool, _ number: String, _ name: String, _ value: String) -> Field {
        met ? measured(number, name, value) : none(number, name, "condition not met")
    }

    private func percent(_ part: Double, _ whole: Double) -> String {
        guard whole > 0 else { return "0.0" }
        let tenths = Int((part / whole * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private func thousands(_ minor: Int64) -> String {
        let hundredths = (minor + 500) / 1000
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    private var isCyber: Bool { facts.isMalicious }
    private var isAbroad: Bool { facts.memberStates.count >= 2 }
    private var states: String { facts.memberStates.sorted().joined(separator: ", ") }

    var general: [Field] {
        let hasParent = controller["parent_name"] != nil
        return [
            derived("1.1", "Type of submission", "\(stage) notification"),
            profile("1.2", "Name of the entity submitting the report", "name"),
            profile("1.3", "Identification code of the entity submitting the report", "lei"),
            usual("1.4", "Type of financial entity affected", "credit institution"),
            usual("1.5", "Name of the financial entity affected", "the submitting entity itself"),
            profile("1.6", "LEI code of the financial entity affected", "lei"),
            profile("1.7", "Primary contact person name", "contact_name"),
            profile("1.8", "Primary contact person email", "contact_email"),
            profile("1.9", "Primary contact person telephone", "contact_phone"),
            profile("1.10", "Second contact person name", "second_contact_name"),
            profile("1.11", "Second contact person email", "second_contact_email"),
            profile("1.12", "Second contact person telephone", "second_contact_phone"),
            hasParent
                ? profile("1.13", "Name of the ultimate parent undertaking", "parent_name")
                : none("1.13", "Name of the ultimate parent undertaking", "no group"),
            hasParent
                ? profile("1.14", "LEI code of the ultimate parent undertaking", "parent_lei")
                : none("1.14", "LEI code of the ultimate parent undertaking", "no group"),
            profile("1.15", "Reporting currency", "currency"),
        ]
    }

    var initial: [Field] {
        let met = classification.criteria.filter(\.isMet)
        return [
            measured("2.1", "Incident reference code assigned by the financial entity", reference),
            measured("2.2", "Date and time of detection", facts.detectedAt),
            measured("2.3", "Date and time of classification as major", classifiedAt),
            derived("2.4", "Description of the major ICT-related incident", description),
            derived(
                "2.5", "Classification criteria that triggered the report",
                met.map { "\($0.code): \($0.reasonEn)" }.joined(separator: " | ")),
            isAbroad
                ? assumed("2.6", "Materiality thresholds for 'Geographical spread'", states)
                : usual("2.6", "Materiality thresholds for 'Geographical spread'", "condition not met"),
            derived(
                "2.7", "Discovery of the incident", isCyber ? "IT security (automatic detection)" : "monitoring"),
            usual(
                "2.8", "Originates from a third-party provider or another financial entity", "no sign of it in the logs"
            ),
            derived("2.9", "Activation of business continuity plan", facts.recoveredAt == nil ? "false" : "true"),
            usual("2.10", "Other relevant information", "none"),
        ]
    }

    private var description: String {
        let stages = facts.stages.isEmpty ? "" : " Stages: " + facts.stages.joined(separator: " > ") + "."
        return "\(isCyber ? "Malicious intrusion" : "Operational incident") from \(facts.occurredAt)."
            + stages
            + " \(facts.clientsAffected) clients, \(facts.operationsAffected) transactions and \(facts.recordsRead) records touched."
    }

    var intermediate: [Field] {
        let relevance = classification.isMet("clients") || classification.isMet("transactions")
        let touched = facts.operationsAffected > 0
        let isReputation = facts.dataLost.contains(.confidentiality)
        let end = facts.resolvedAt ?? facts.recoveredAt ?? facts.awareAt
        let isDown = facts.downtimeSeconds > 0
        return [
            usual("3.1", "Incident reference code provided by the competent authority", "not provided yet"),
            measured("3.2", "Date and time of occurrence", facts.occurredAt),
            isDown
                ? measured("3.3", "Date and time when services were recovered", facts.recoveredAt ?? "")
                : usual("3.3", "Date and time when services were recovered", "no downtime"),
            counted("3.4", "Number of clients affected", "\(facts.clientsAffected)"),
            counted(
                "3.5", "Percentage of clients affected",
                percent(Double(facts.clientsAffected), Double(facts.clientsTotal))),
            figure(
                facts.counterpartsAffected > 0, "3.6", "Number of financial counterparts affected",
                "\(facts.counterpartsAffected)"),
            figure(
                facts.counterpartsAffected > 0, "3.7", "Percentage of financial counterparts affected",
                percent(Double(facts.counterpartsAffected), Double(facts.counterpartsTotal))),
            relevance
                ? derived("3.8", "Impact on relevant clients or counterparts", "true")
                : none("3.8", "Impact on relevant clients or counterparts", "condition not met"),
            when(touched, "3.9", "Number of affected transactions", "\(facts.operationsAffected)"),
            when(
                touched, "3.10", "Percentage of affected transactions",
                percent(Double(facts.operationsAffected), facts.operationsPerDay)),
            when(touched, "3.11", "Value of affected transactions", thousands(facts.amountAffectedMinor)),
            derived(
                "3.12", "Actual figures, estimates or no impact",
                "clients, transactions, counterparts: \(facts.certainty.rawValue)"),
            isReputation
                ? missing("3.13", "Reputational impact") : none("3.13", "Reputational impact", "condition not met"),
            isReputation
                ? missing("3.14", "Context of the reputational impact")
                : none("3.14", "Context of the reputational impact", "condition not met"),
            derived(
                "3.15", "Duration of the incident", Moment.duration(Moment.between(facts.occurredAt, end) ?? 0)),
            isDown
                ? measured("3.16", "Service downtime", Moment.duration(Int64(facts.downtimeSeconds)))
                : usual("3.16", "Service downtime", "no downtime was told"),
            derived("3.17", "Actual or estimated duration figures", facts.certainty.rawValue),
            isAbroad
                ? assumed("3.18", "Types of impact in the Member States", states)
                : usual("3.18", "Types of impact in the Member States", "condition not met"),
            isAbroad
                ? missing("3.19", "How other Member States are affected")
                : usual("3.19", "How other Member States are affected", "condition not met"),
        ]
    }

    /// That rows were changed was counted; that they were read follows from the phases of the attack.
    private func readIsAssumed(_ number: String, _ name: String, _ value: String) -> Field {
        facts.dataLost.contains(.confidentiality) ? assumed(number, name, value) : derived(number, name, value)
    }

    var impact: [Field] {
        let lost = facts.dataLost.map(\.rawValue).sorted().joined(separator: ", ")
        let hasLoss = !facts.dataLost.isEmpty
        return [
            hasLoss
                ? readIsAssumed("3.20", "Materiality thresholds for 'Data losses'", lost)
                : none("3.20", "Materiality thresholds for 'Data losses'", "condition not met"),
            hasLoss
                ? readIsAssumed(
                    "3.21", "Description of the data losses",
                    "\(lost): \(facts.recordsRead) records read, \(facts.operationsAffected) operations altered, forged or deleted; "
                        + "categories \(facts.readCategories.sorted().joined(separator: ", "))")
                : none("3.21", "Description of the data losses", "condition not met"),
            derived(
                "3.22", "Criterion 'Critical services affected'",
                classification.criteria.first { $0.code == "critical_services" }?.reasonEn ?? ""),
            derived("3.23", "Type of the incident", isCyber ? "cybersecurity-related" : "system failure"),
            usual("3.24", "Other types of incidents", "no other type"),
        ]
    }

    var threats: [Field] {
        let actions = facts.measures.joined(separator: "; ")
        return [
            when(
                isCyber, "3.25", "Threats and techniques used by the threat actor",
                facts.techniques.joined(separator: ", ")),
            usual("3.26", "Other types of techniques", "all are in the ATT&CK catalogue"),
            facts.areas.isEmpty
                ? usual(
                    "3.27", "Affected functional areas and business processes",
                    "accounts, payments, sign-in, customer records")
                : measured(
                    "3.27", "Affected functional areas and business processes", facts.areas.joined(separator: ", ")),
            facts.components.isEmpty
                ? usual("3.28", "Affected infrastructure components", "true")
                : derived("3.28", "Affected infrastructure components", "true"),
            facts.components.isEmpty
                ? usual(
                    "3.29", "Information about affected infrastructure components",
                    "application server, PostgreSQL database, logs")
                : measured(
                    "3.29", "Information about affected infrastructure components",
                    facts.components.joined(separator: "; ")),
            derived(
                "3.30", "Impact on the financial interest of clients",
                facts.amountAffectedMinor > 0 ? "true" : "false"),
            derived(
                "3.31", "Reporting to other authorities",
                BreachAdvice(facts).tellsAuthority ? "data protection authority" : "none"),
            usual("3.32", "Specification of 'other' authorities", "no other authority"),
            derived("3.33", "Temporary actions taken or planned to recover", actions.isEmpty ? "false" : "true"),
            // What was advised; whether it was done a person has to say.
            actions.isEmpty
                ? none("3.34", "Description of temporary actions", "condition not met")
                : assumed("3.34", "Description of temporary actions", actions),
            when(
                isCyber, "3.35", "Indicators of compromise",
                (facts.addresses + facts.persistence).joined(separator: ", ")),
        ]
    }

    var final: [Field] {
        let cause = isCyber ? "malicious actions" : "system failure / malfunction"
        let isEnded = facts.resolvedAt != nil
        return [
            derived("4.1", "High-level classification of root causes", cause),
            derived(
                "4.2", "Detailed classification of root causes",
                isCyber
                    ? "deliberate external actions: \(facts.techniques.joined(separator: ", "))"
                    : "hardware or software"),
            usual("4.3", "Additional classification of root causes", "not asked for by 4.2"),
            usual("4.4", "Other types of root cause", "no other type"),
            // How they came in is the cause that logs can show; why it was open a person has to add.
            derived("4.5", "Information about the root causes", facts.entry),
            assumed(
                "4.6", "Incident resolution summary", isEnded ? facts.measures.joined(separator: "; ") : ""),
            isEnded
                ? measured(
                    "4.7", "Date and time when the root cause was addressed",
                    facts.recoveredAt ?? facts.resolvedAt ?? "")
                : missing("4.7", "Date and time when the root cause was addressed"),
            measured("4.8", "Date and time when the incident was resolved", facts.resolvedAt ?? ""),
            usual("4.9", "Permanent resolution date differs from planned", "no other date was planned"),
            missing("4.10", "Risk to critical functions for resolution purposes"),
            missing("4.11", "Information relevant for resolution authorities"),
            figure(
                facts.directLossMinor > 0, "4.12", "Materiality threshold for 'Economic impact'",
                classification.criteria.first { $0.code == "economic" }?.reasonEn ?? ""),
            figure(
                facts.directLossMinor > 0, "4.13", "Amount of gross direct and indirect costs and losses",
                thousands(facts.directLossMinor)),
            figure(
                facts.recoveredMinor > 0, "4.14", "Amount of financial recoveries", thousands(facts.recoveredMinor)),
        ] + recurrence
    }

    /// Incidents that were no major ones by themselves, from the register.
    private var recurrence: [Field] {
        let (whether, when) = (
            "Whether non-major incidents have been recurring", "Date and time of occurrence of recurring incidents"
        )
        guard facts.recurring > 0 else {
            return facts.isRecurrenceCounted
                ? [measured("4.15", whether, "false: none in six months"), none("4.16", when, "condition not met")]
                : [usual("4.15", whether, "none was told"), usual("4.16", when, "none in six months")]
        }
        return [
            measured("4.15", whether, "\(facts.recurring) in six months"),
            facts.recurringAt.isEmpty
                ? missing("4.16", when) : measured("4.16", when, facts.recurringAt.joined(separator: ", ")),
        ]
    }
}
