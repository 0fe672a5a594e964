internal import Cryptography

/// The semantic model as TMDL: tables, measures, relationships, one date table, a role. Tabs, no comments.
struct TMDLWriter: Sendable {
    let model: Model
    let book: MeasureBook
    let server: String
    let database: String

    /// Text by its path below `DigitalBank.SemanticModel/definition`.
    func files() -> [String: String] {
        var files = [
            "database.tmdl": "database DigitalBank\n\tcompatibilityLevel: 1601\n", "model.tmdl": modelText(),
            "relationships.tmdl": relationships(), "expressions.tmdl": parameters(),
            "cultures/en-US.tmdl": english(),
        ]
        for role in RowRules.all { files["roles/\(role.name).tmdl"] = role.tmdl(model) }
        for entity in model.entities { files["tables/\(entity.name).tmdl"] = table(entity) }
        return files
    }

    private func modelText() -> String {
        var out = """
            model Model
            \tculture: fr-FR
            \tdefaultPowerBIDataSourceVersion: powerBI_V3
            \tsourceQueryCulture: fr-FR
            \tdiscourageImplicitMeasures


            """
        for entity in model.entities { out += "ref table \(entity.name)\n" }
        return out + "\nref cultureInfo en-US\n\n" + RowRules.all.map { "ref role \($0.name)\n" }.joined()
    }

    private func parameters() -> String {
        """
        expression Serveur = "\(Self.quotedM(server))" meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]
        \tlineageTag: \(Self.tag("expression Serveur"))

        expression Base = "\(Self.quotedM(database))" meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]
        \tlineageTag: \(Self.tag("expression Base"))

        """
    }

    /// The first link to a table filters by itself; further ones (value date, counterparty) wait for USERELATIONSHIP.
    private func relationships() -> String {
        var out = ""
        for entity in model.entities {
            var seen: Set<String> = []
            for link in entity.links {
                out += "relationship \(Self.tag("relationship \(entity.name).\(link.column)"))\n"
                if !seen.insert(link.target).inserted { out += "\tisActive: false\n" }
                out +=
                    "\tfromColumn: \(entity.name).\(link.column)\n\ttoColumn: \(link.target).\(link.targetColumn)\n\n"
            }
        }
        return out
    }

    private func table(_ entity: Entity) -> String {
        var out = entity.comment.isEmpty ? "" : "/// \(entity.comment)\n"
        out += "table \(entity.name)\n\tlineageTag: \(Self.tag("table \(entity.name)"))\n"
        if entity.name == "dim_date" { out += "\tdataCategory: Time\n" }
        out += "\n"
        for measure in book.measures(of: entity.name) {
            out += "\t/// \(measure.english)\n\tmeasure \(Self.name(measure.french)) = \(measure.dax)\n"
            out += "\t\tformatString: \(Self.format(measure.unit))\n"
            out += "\t\tlineageTag: \(Self.tag("measure \(measure.name)"))\n\n"
        }
        for column in entity.columns { out += self.column(column, of: entity) }
        out += "\tpartition \(entity.name) = m\n\t\tmode: import\n\t\tsource =\n"
        // The member that is not known has no place in a calendar: facts without a date show as blank.
        let filter =
            entity.name == "dim_date"
            ? "Table.SelectRows(Table, each [date_cle] > 0)" : "Table"
        for line in [
            "let", "\tSource = PostgreSQL.Database(Serveur, Base),",
            "\tTable = Source{[Schema=\"bi\",Item=\"\(entity.name)\"]}[Data]", "in", "\t\(filter)",
        ] {
            out += "\t\t\t\t\(line)\n"
        }
        return out
    }

    private func column(_ column: Column, of entity: Entity) -> String {
        let isKey = entity.key == [column.name]
        let isHidden = column.name.hasSuffix("_cle")
        var out = "\tcolumn \(column.name)\n\t\tdataType: \(Self.type(column.type))\n"
        if isHidden { out += "\t\tisHidden\n" }
        if entity.name == "dim_date" ? column.name == "jour" : isKey { out += "\t\tisKey\n" }
        if column.type == .date { out += "\t\tformatString: dd/mm/yyyy\n" }
        if column.type == .timestamp { out += "\t\tformatString: dd/mm/yyyy hh:nn:ss\n" }
        out += "\t\tlineageTag: \(Self.tag("column \(entity.name).\(column.name)"))\n"
        out += "\t\tsummarizeBy: none\n\t\tsourceColumn: \(column.name)\n"
        if entity.name == "dim_date", column.name == "mois_nom" { out += "\t\tsortByColumn: mois\n" }
        if entity.name == "dim_date", column.name == "jour_nom" { out += "\t\tsortByColumn: jour_semaine\n" }
        return out + "\n"
    }

    private func english() -> String {
        var out = "cultureInfo en-US\n\n\ttranslations\n\t\tmodel Model\n\n"
        for entity in model.entities {
            let measures = book.measures(of: entity.name)
            guard !measures.isEmpty else { continue }
            out += "\t\t\ttable \(entity.name)\n\n"
            for measure in measures {
                out += "\t\t\t\tmeasure \(Self.name(measure.french))\n\t\t\t\t\tcaption: \(measure.english)\n\n"
            }
        }
        return out
    }

    /// Quoted where it is more than letters, digits and underscores.
    static func name(_ text: String) -> String {
        text.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95 }
            ? text : "'" + text.replacing("'", with: "''") + "'"
    }

    /// The same for the same thing in each project, so that a project that is made again shows only what changed.
    static func tag(_ text: String) -> String {
        let hex = Array(SHA256.hash(Array(text.utf8))[..<16]).hex
        var parts: [Substring] = []
        var rest = hex[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }

    private static func quotedM(_ text: String) -> String { text.replacing("\"", with: "\"\"") }

    private static func type(_ type: ColumnType) -> String {
        switch type {
        case .bool: "boolean"
        case .int32, .int64: "int64"
        case .double: "double"
        case .decimal: "decimal"
        case .text: "string"
        case .date, .timestamp: "dateTime"
        }
    }

    private static func format(_ unit: String) -> String {
        switch unit {
        case "EUR": "#,0.00 €"
        case "ratio": "0.00 %"
        case "nombre", "octets": "#,0"
        default: "#,0.0"
        }
    }
}
