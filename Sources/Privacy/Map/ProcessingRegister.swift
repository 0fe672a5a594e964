public import Postgres
public import Web

/// The register of processing activities, made from the catalogue: columns by their marks, recipients by their grants,
/// retention by its schedules, security by what is switched on.
public struct ProcessingRegister: Sendable {
    public struct Answer: Sendable {
        public let question: RegisterQuestion
        public let text: String
        public let source: AnswerSource
    }

    public struct Sheet: Sendable {
        public let code: String
        public let name: String
        public let answers: [Answer]
        public let columns: [DataMapStore.Column]

        /// Answers that nobody had to write.
        public var answeredAlone: Int { answers.filter { $0.source == .measured || $0.source == .label }.count }
    }

    public let sheets: [Sheet]
    public let columnCount: Int
    public let unlabelled: [DataMapStore.Missing]

    /// Part of the columns that the map knows.
    public var coverage: Double {
        columnCount == 0 ? 1 : 1 - Double(unlabelled.count) / Double(columnCount)
    }

    public static func read(_ database: any SQLExecutor) async throws -> ProcessingRegister {
        let store = DataMapStore(database: database)
        let columns = try await store.columns()
        let context = RegisterContext(
            columns: columns, controller: try await store.controller(), measures: try await store.measures(),
            readers: try await store.readers(), schedules: try await store.schedules())
        let sheets = try await store.activities().map { context.sheet($0) }
        return ProcessingRegister(sheets: sheets, columnCount: columns.count, unlabelled: try await store.unlabelled())
    }

    public var json: JSON {
        [
            "format": "digitalbank.register/1", "columns": .integer(columnCount),
            "unlabelled": .array(unlabelled.map { ["column": .string($0.column), "to_add": .string($0.toAdd)] }),
            "activities": .array(sheets.map(json)),
        ]
    }

    private func json(_ sheet: Sheet) -> JSON {
        [
            "code": .string(sheet.code), "name": .string(sheet.name),
            "answers": .array(
                sheet.answers.map { answer in
                    [
                        "number": .integer(answer.question.number), "section": .string(answer.question.section),
                        "question": .string(answer.question.french), "answer": .string(answer.text),
                        "source": .string(answer.source.rawValue),
                    ]
                }),
            "columns": .array(
                sheet.columns.map { column in
                    [
                        "column": .string("\(column.schema).\(column.table).\(column.name)"),
                        "category": .string(column.category ?? ""), "sealed": .bool(column.isSealed),
                    ]
                }),
        ]
    }

    /// One line an answer, in the order of the CNIL's model; opens in French spreadsheets.
    public var csv: String {
        var table = CSVTable(["traitement", "n°", "rubrique", "question", "réponse", "origine"])
        for sheet in sheets {
            for answer in sheet.answers {
                table.add([
                    sheet.name, String(answer.question.number), answer.question.section, answer.question.french,
                    answer.text, answer.source.rawValue,
                ])
            }
        }
        return table.text
    }

    public var html: String {
        var page = HTMLPage(title: "Registre des activités de traitement", language: "fr")
        page.paragraph(
            "Article 30 du RGPD. Produit à partir du catalogue de la base : \(columnCount) colonnes, "
                + "\(unlabelled.count) sans étiquette.")
        for sheet in sheets {
            page.heading(sheet.name)
            page.table(
                ["N°", "Rubrique", "Question", "Réponse", "Origine"],
                sheet.answers.map {
                    ["\($0.question.number)", $0.question.section, $0.question.french, $0.text, $0.source.rawValue]
                })
            page.table(
                ["Colonne", "Catégorie", "Scellée"],
                sheet.columns.filter { $0.kind != "v" && $0.category != "none" }.map {
                    ["\($0.schema).\($0.table).\($0.name)", $0.category ?? "", $0.isSealed ? "oui" : "non"]
                })
        }
        return page.text
    }
}
