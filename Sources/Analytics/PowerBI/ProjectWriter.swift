internal import Foundation
internal import Web

/// Writes a Power BI project (PBIP) from the star schema and the measures.
public struct ProjectWriter: Sendable {
    private let model: Model
    private let book: MeasureBook
    private let server: String
    private let database: String
    private let odata: String
    private let language: String

    /// - Parameters:
    ///   - server: host and port of PostgreSQL as Power BI sees it.
    ///   - odata: the address of `/bi/odata`.
    ///   - language: of the report's pages: `fr` or `en`. The model is the same.
    public init(
        model: Model, measures: MeasureBook, server: String, database: String, odata: String, language: String = "fr"
    ) {
        self.model = model
        book = measures
        self.server = server
        self.database = database
        self.odata = odata
        self.language = language
    }

    /// Every file of the project by its path.
    public func files() throws -> [String: String] {
        var files = [
            "DigitalBank.pbip": PBIRWriter.text([
                "$schema":
                    "https://developer.microsoft.com/json-schemas/fabric/pbip/pbipProperties/1.0.0/schema.json",
                "version": "1.0", "artifacts": [["report": ["path": "DigitalBank.Report"]]],
                "settings": ["enableAutoRecovery": true],
            ]), "DigitalBank.Report/.platform": platform("Report"),
            "DigitalBank.SemanticModel/.platform": platform("SemanticModel"),
            "DigitalBank.SemanticModel/definition.pbism": PBIRWriter.text([
                "$schema":
                    "https://developer.microsoft.com/json-schemas/fabric/item/semanticModel/definitionProperties/1.0.0/schema.json",
                "version": "4.2", "settings": [:],
            ]),
            "postgresql.pbids": source(
                "postgresql", ["server": .string(server), "database": .string(database)], "DirectQuery"),
            "odata.pbids": source("odata", ["url": .string(odata)], "Import"),
        ]
        let tmdl = TMDLWriter(model: model, book: book, server: server, database: database)
        for (path, text) in tmdl.files() { files["DigitalBank.SemanticModel/definition/" + path] = text }
        for (path, text) in try PBIRWriter(book: book, isEnglish: language == "en").files() {
            files["DigitalBank.Report/" + path] = text
        }
        return files
    }

    /// Writes all files below `folder`; the paths that were written.
    @discardableResult
    public func write(to folder: String) throws -> [String] {
        let files = try files()
        for (path, text) in files {
            let whole = folder + "/" + path
            do {
                try FileManager.default.createDirectory(
                    atPath: URL(filePath: whole).deletingLastPathComponent().path, withIntermediateDirectories: true)
                try Data(text.utf8).write(to: URL(filePath: whole))
            } catch { throw AnalyticsError.file(whole) }
        }
        return files.keys.sorted()
    }

    private func platform(_ type: String) -> String {
        PBIRWriter.text([
            "$schema":
                "https://developer.microsoft.com/json-schemas/fabric/gitIntegration/platformProperties/2.0.0/schema.json",
            "metadata": ["type": .string(type), "displayName": "DigitalBank"],
            "config": ["version": "2.0", "logicalId": .string(TMDLWriter.tag("item \(type)"))],
        ])
    }

    /// One source, no credentials: Power BI asks for them.
    private func source(_ kind: String, _ address: JSON, _ mode: String) -> String {
        PBIRWriter.text([
            "version": "0.1",
            "connections": [
                [
                    "details": ["protocol": .string(kind), "address": address], "options": [:], "mode": .string(mode),
                ]
            ],
        ])
    }
}
