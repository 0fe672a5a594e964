public import Web

/// The form of Implementing Regulation (EU) 2025/302, Annex I: 76 fields, filled with what was measured.
public struct DoraReport: Sendable {
    public enum Source: String, Sendable, CaseIterable {
        /// Counted or read by the platform in this incident.
        case measured
        /// Follows by a rule from what was measured.
        case derived
        /// The answer of this bank or of the usual case, the same for each incident until a person says otherwise.
        case usual = "default"
        /// Rests on something that nobody counted: what was read, what was done of what was advised.
        case assumed
        /// From the controller's entries, made once.
        case profile
        /// The condition of the field is not met, and that is known.
        case notApplicable = "not_applicable"
        /// A person has to say it.
        case missing
    }

    public struct Field: Sendable, Hashable {
        public let number: String
        public let name: String
        public let value: String
        public let source: Source
    }

    public let reference: String
    public let fields: [Field]

    /// Fields that nobody had to fill in for this incident.
    public var filledAlone: Int { fields.filter { $0.source != .missing }.count }
    /// Of these, the ones with a measured value.
    public var measured: Int { fields.filter { $0.source == .measured }.count }

    /// How many fields have each source.
    public var counts: [(source: Source, count: Int)] {
        Source.allCases.map { source in (source, fields.count { $0.source == source }) }
    }

    /// `21 measured, 15 derived, …`
    public var countsText: String {
        counts.filter { $0.count > 0 }.map { "\($0.count) \($0.source.rawValue)" }.joined(separator: ", ")
    }

    public subscript(number: String) -> Field? { fields.first { $0.number == number } }

    /// - Parameter stage: `initial`, `intermediate` or `final`.
    init(
        stage: String, reference: String, facts: IncidentFacts, classification: DoraClassification,
        classifiedAt: String, controller: [String: String]
    ) {
        self.reference = reference
        let context = DoraContext(
            stage: stage, reference: reference, facts: facts, classification: classification,
            classifiedAt: classifiedAt, controller: controller)
        fields =
            context.general + context.initial + context.intermediate + context.impact + context.threats + context.final
    }

    public var json: JSON {
        [
            "format": "digitalbank.dora/1", "reference": .string(reference),
            "filled": .integer(filledAlone), "measured": .integer(measured), "of": .integer(fields.count),
            "sources": .object(counts.map { JSON.Member($0.source.rawValue, .integer($0.count)) }),
            "fields": .array(
                fields.map {
                    [
                        "number": .string($0.number), "name": .string($0.name),
                        "value": $0.value.isEmpty ? .null : .string($0.value), "source": .string($0.source.rawValue),
                    ]
                }),
        ]
    }

    public func page(language: String) -> HTMLPage {
        let isFrench = language == "fr"
        var page = HTMLPage(
            title: isFrench
                ? "Notification d'incident majeur lié aux TIC — \(reference)"
                : "Major ICT-related incident report — \(reference)",
            language: language)
        page.paragraph(
            isFrench
                ? "Règlement d'exécution (UE) 2025/302, annexe I. \(filledAlone) champs sur \(fields.count) remplis par la plateforme."
                : "Implementing Regulation (EU) 2025/302, Annex I. \(filledAlone) of \(fields.count) fields filled by the platform."
        )
        let words: [Source: String] =
            isFrench
            ? [
                .measured: "mesuré", .derived: "déduit", .usual: "par défaut", .assumed: "SUPPOSÉ, à vérifier",
                .profile: "fiche de la banque", .notApplicable: "sans objet",
                .missing: "À REMPLIR",
            ]
            : [
                .measured: "measured", .derived: "derived", .usual: "default", .assumed: "ASSUMED, to be checked",
                .profile: "bank's record", .notApplicable: "not applicable",
                .missing: "TO FILL IN",
            ]
        page.table(
            isFrench ? ["Champ", "Intitulé", "Valeur", "Origine"] : ["Field", "Name", "Value", "Source"],
            fields.map { [$0.number, $0.name, $0.value, words[$0.source] ?? ""] })
        return page
    }
}
