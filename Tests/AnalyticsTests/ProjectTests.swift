import Foundation
import PostgresServer
import TestSupport
import Testing
import Web

@testable import Analytics

@Suite(.enabled(if: Star.isThere, "\(Star.absent)")) struct ProjectTests {
    private func with(_ body: @Sendable (String, Model) async throws -> Void) async throws {
        try await Star.with { bank in
            let model = try await bank.analytics.model()
            let writer = ProjectWriter(
                model: model, measures: bank.analytics.measures, server: "db.bank.example:5432", database: "banque",
                odata: "https://bank.example/bi/odata")
            try await withTemporaryDirectory { folder in
                try writer.write(to: folder)
                try await body(folder, model)
            }
        }
    }

    @Test("every column, measure, link and field of the Power BI project resolves against the database")
    func resolves() async throws {
        try await with { folder, model in
            #expect(try ProjectLint.faults(in: folder, model: model) == [])
            let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
            #expect(paths.filter { $0.hasSuffix("page.json") }.count == 5)
            for path in paths
            where [".json", ".pbir", ".pbism", ".pbip", ".pbids", ".platform"].contains(where: path.hasSuffix) {
                let text = try String(contentsOfFile: folder + "/" + path, encoding: .utf8)
                #expect(throws: Never.self, "\(path)") { try JSONReader.read(text) }
            }
            // Nothing a person or a machine could sign in with.
            for path in paths where !path.hasSuffix("/") {
                let text = (try? String(contentsOfFile: folder + "/" + path, encoding: .utf8)) ?? ""
                #expect(!text.lowercased().contains("password") && !text.contains("dbi_"), "\(path)")
            }
        }
    }

    @Test("a project that names what is not there is found out")
    func broken() async throws {
        let definition = "/DigitalBank.SemanticModel/definition"
        let cases: [(path: String, from: String, to: String, word: String)] = [
            (
                definition + "/tables/dim_client.tmdl", "sourceColumn: segment", "sourceColumn: segmant",
                "no column segmant"
            ),
            (definition + "/tables/dim_client.tmdl", "Item=\"dim_client\"", "Item=\"dim_clients\"", "not there"),
            (
                definition + "/tables/fact_transaction.tmdl", "fact_transaction[montant]", "fact_transaction[montent]",
                "no column montent"
            ),
            (definition + "/tables/fact_transaction.tmdl", "COUNTROWS", "COUNTROW", "COUNTROW is no function"),
            (definition + "/tables/fact_transaction.tmdl", "\tcolumn montant", "  column montant", "holds spaces"),
            (
                definition + "/relationships.tmdl", "fact_transaction.client_cle", "fact_transaction.clients_cle",
                "no column"
            ),
            (
                definition + "/roles/Departement.tmdl", "dim_client[departement]", "dim_client[ville]",
                "no column ville"
            ),
            (definition + "/roles/Fraude.tmdl", "fact_incident", "fact_incidents", "no table fact_incidents"),
            (
                "/DigitalBank.Report/definition/pages/operations/visuals/operations_2/visual.json",
                "Nombre d'opérations", "Nombre", "no measure"
            ),
        ]
        try await with { folder, model in
            for (path, from, to, word) in cases {
                let whole = try String(contentsOfFile: folder + path, encoding: .utf8)
                try #require(whole.contains(from), "\(path) holds \(from)")
                try whole.replacing(from, with: to).write(toFile: folder + path, atomically: true, encoding: .utf8)
                let faults = try ProjectLint.faults(in: folder, model: model)
                #expect(faults.contains { $0.contains(word) }, "\(to): \(faults)")
                try whole.write(toFile: folder + path, atomically: true, encoding: .utf8)
            }
        }
    }

    @Test("the model's roles hide what is not theirs, and pages are in English when asked for")
    func roles() async throws {
        try await Star.with { bank in
            let model = try await bank.analytics.model()
            for role in RowRules.all {
                for (table, _) in role.filters { #expect(model.entity(table) != nil, "\(role.name): \(table)") }
                #expect(RowRules.faults(role.tmdl(model), model) == [], "\(role.name)")
            }
            let files = try ProjectWriter(
                model: model, measures: bank.analytics.measures, server: "x:5432", database: "b", odata: "http://x",
                language: "en"
            ).files()
            let whole = try #require(files["DigitalBank.SemanticModel/definition/model.tmdl"])
            #expect(RowRules.all.allSatisfy { whole.contains("ref role \($0.name)\n") })
            let page = try #require(files["DigitalBank.Report/definition/pages/securite/page.json"])
            #expect(page.contains("\"Security\"") && !page.contains("Sécurité"))
            let card = try #require(
                files["DigitalBank.Report/definition/pages/operations/visuals/operations_2/visual.json"])
            #expect(card.contains("\"displayName\": \"Operations\"") || card.contains("\"displayName\""))
        }
    }
}
