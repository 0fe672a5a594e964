public import Web

/// What the daily report says, before it is set in type.
public struct DailyFigures: Sendable, Hashable {
    public struct Line: Sendable, Hashable {
        public let measure: Measure
        public let value: String?
        /// The day before, and the same day a week before.
        public let before: String?
        public let weekBefore: String?
    }

    public struct Section: Sendable, Hashable {
        public let title: String
        public let lines: [Line]
    }

    /// A figure split by a column.
    public struct Table: Sendable, Hashable {
        public let title: String
        public let head: String
        public let measure: Measure
        public let rows: [MeasureRow]
    }

    public let day: Day
    public let sections: [Section]
    public let tables: [Table]
    /// Operations of each of the last 30 days, the day itself last.
    public let series: [(day: Day, value: String)]
    public let hours: [String]

    public var json: JSON {
        [
            "jour": .string(day.text),
            "sections": .array(
                sections.map { section in
                    [
                        "titre": .string(section.title),
                        "lignes": .array(
                            section.lines.map { line in
                                [
                                    "mesure": .string(line.measure.name), "unite": .string(line.measure.unit),
                                    "valeur": text(line.value), "veille": text(line.before),
                                    "semaine": text(line.weekBefore),
                                ]
                            }),
                    ]
                }),
            "tables": .array(
                tables.map { table in
                    [
                        "titre": .string(table.title), "mesure": .string(table.measure.name),
                        "lignes": .array(table.rows.map { row in .array((row.by + [row.value]).map(text)) }),
                    ]
                }), "serie": .array(series.map { [.string($0.day.text), .string($0.value)] }),
        ]
    }

    private func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }

    public static func == (left: DailyFigures, right: DailyFigures) -> Bool { left.json == right.json }
    public func hash(into hasher: inout Hasher) { hasher.combine(json) }
}

extension AnalyticsService {
    private static let sections: [(title: String, measures: [String])] = [
        (
            "Opérations",
            [
                "nombre_operations", "montant_operations", "montant_moyen", "montant_max", "comptes_debites",
                "part_carte",
            ]
        ),
        ("Fraude", ["nombre_alertes", "montant_en_alerte", "fraude_arretee", "fraude_perdue", "taux_de_confirmation"]),
        ("Sécurité", ["evenements_securite", "nombre_incidents", "incidents_ouverts", "delai_de_detection"]),
        ("Disponibilité", ["nombre_requetes", "disponibilite", "p95_max"]),
        ("Sauvegardes", ["nombre_sauvegardes", "taux_de_sauvegarde", "rto_max", "rpo_max"]),
        ("Conformité et automatisations", ["demandes_rgpd", "demandes_en_retard", "executions", "taux_de_reussite"]),
    ]

    private static let tables: [(title: String, head: String, measure: String, column: String)] = [
        ("Opérations par type", "Type", "montant_operations", "type_operation/type_operation"),
        ("Opérations par canal", "Canal", "nombre_operations", "canal/canal"),
        ("Opérations par segment", "Segment", "montant_operations", "client/segment"),
        ("Alertes par règle", "Règle", "nombre_alertes", "regle_fraude/regle"),
        ("Événements de sécurité par action", "Action", "evenements_securite", "action"),
    ]

    private static let rowsMax = 12

    /// Everything that the daily report of `day` says.
    public func dailyFigures(_ day: Day) async throws -> DailyFigures {
        func filter(_ day: Day) -> String { "date/jour eq \(day.text)" }
        var sections: [DailyFigures.Section] = []
        for section in Self.sections {
            var lines: [DailyFigures.Line] = []
            for name in section.measures {
                guard let known = measures.measure(name) else { throw AnalyticsError.unknownMeasure(name) }
                lines.append(
                    DailyFigures.Line(
                        measure: known, value: try await measure(name, filter: filter(day)),
                        before: try await measure(name, filter: filter(day.adding(-1))),
                        weekBefore: try await measure(name, filter: filter(day.adding(-7)))))
            }
            sections.append(DailyFigures.Section(title: section.title, lines: lines))
        }
        var tables: [DailyFigures.Table] = []
        for table in Self.tables {
            guard let known = measures.measure(table.measure) else {
                throw AnalyticsError.unknownMeasure(table.measure)
            }
            let rows = try await measure(table.measure, filter: filter(day), by: [table.column])
            let sorted = rows.sorted { (Double($0.value ?? "") ?? 0) > (Double($1.value ?? "") ?? 0) }
            tables.append(
                DailyFigures.Table(
                    title: table.title, head: table.head, measure: known, rows: Array(sorted.prefix(Self.rowsMax))))
        }
        let month = "date/jour ge \(day.adding(-29).text) and date/jour le \(day.text)"
        let days = try await measure("nombre_operations", filter: month, by: ["date/jour"])
        let found = Dictionary(days.compactMap { row in row.by[0].map { ($0, row.value ?? "0") } }) { first, _ in first
        }
        let hours = try await measure("nombre_operations", filter: filter(day), by: ["heure/heure"])
        let byHour = Dictionary(hours.compactMap { row in row.by[0].map { ($0, row.value ?? "0") } }) { first, _ in
            first
        }
        return DailyFigures(
            day: day, sections: sections, tables: tables,
            series: (-29...0).map { (day.adding($0), found[day.adding($0).text] ?? "0") },
            hours: (0..<24).map { byHour["\($0)"] ?? "0" })
    }
}
