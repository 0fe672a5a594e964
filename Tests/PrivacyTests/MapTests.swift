import Foundation
import Migrations
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

@Suite("data map and register") struct MapTests {
    @Test("every column of every table has a label") func everyColumn() async throws {
        try await PrivacyStage.run { stage in
            let missing = try await DataMapStore(database: stage.database).unlabelled()
            #expect(
                missing.isEmpty,
                "add to a new migration of Sources/Privacy/Migrations: \(missing.map(\.toAdd).joined(separator: "\n"))")
            let marked = try await stage.count(
                """
                select count(*) from pg_description d join pg_class c on c.oid = d.objoid
                where d.objsubid > 0 and d.description like '%[privacy:%'
                """)
            let columns = try await DataMapStore(database: stage.database).columns()
            #expect(Int(marked) >= columns.count)
        }
    }

    @Test("a new column without a label is found, and the finding says what to add") func newColumn() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run("create table public.prets (id bigint primary key, client_nom text)")
            let missing = try await DataMapStore(database: stage.database).unlabelled()
            #expect(missing.map(\.column) == ["public.prets.client_nom", "public.prets.id"])
            #expect(missing[0].toAdd == "select privacy.label('public.prets', 'ACTIVITY', 'CATEGORY', 'client_nom');")
            try await stage.database.run("select privacy.label('public.prets', 'relation', 'person', 'id client_nom')")
            #expect(try await DataMapStore(database: stage.database).applyLabels() == 2)
            #expect(try await DataMapStore(database: stage.database).unlabelled().isEmpty)
        }
    }

    @Test("the words of a column's comment stay beside the mark") func words() async throws {
        try await PrivacyStage.run { stage in
            let comment = try await stage.database.one(
                """
                select col_description('public.plafonds'::regclass, attnum) from pg_attribute
                where attrelid = 'public.plafonds'::regclass and attname = 'plafond_minor'
                """, as: String.self)
            #expect(comment == "Null follows the channel's default. [privacy:financial/payments]")
        }
    }

    @Test("the register answers at least 30 of the 38 questions without a person") func register() async throws {
        try await PrivacyStage.run { stage in
            let register = try await stage.desk.register()
            #expect(RegisterQuestion.all.count == 38)
            #expect(register.coverage == 1)
            #expect(register.sheets.count == 8)
            try Figures.note(
                "register: \(register.columnCount) columns, coverage \(register.coverage); answered alone of 38: "
                    + register.sheets.map { "\($0.code) \($0.answeredAlone)" }.joined(separator: ", "))
            for sheet in register.sheets {
                #expect(sheet.answers.count == 38)
                #expect(sheet.answeredAlone >= 30, "\(sheet.name): \(sheet.answeredAlone)")
            }
            let relation = try #require(register.sheets.first { $0.code == "relation" })
            #expect(relation.answers.first { $0.question.number == 27 }?.text == "oui (scellé) : clients.nir_chiffre")
            #expect(register.csv.hasPrefix("\u{FEFF}traitement;n°;rubrique"))
            #expect(register.csv.split(separator: "\r\n").count == 1 + 8 * 38)
            #expect(register.html.contains("<h2>Lutte contre la fraude</h2>"))
        }
    }

    @Test("a cell that a spreadsheet would compute is made text") func formula() {
        var table = CSVTable(["a", "b"])
        table.add(["=1+1", "-12,50"])
        table.add(["x;\"y\"", "@SUM"])
        #expect(table.text == "\u{FEFF}a;b\r\n'=1+1;-12,50\r\n\"x;\"\"y\"\"\";'@SUM\r\n")
    }

    @Test("a database without superuser rights takes the migrations") func plainOwner() async throws {
        try await withTestDatabase(owner: .plain) { database in
            try await Migrator(database).apply([
                try BankSets.bank(), try BankSets.vault(), try BankSets.evidence(), try PrivacyMigrations.set(),
            ])
            #expect(try await DataMapStore(database: database).unlabelled().isEmpty)
        }
    }

    @Test("impact assessment and register of providers are made of what is there") func living() async throws {
        try await PrivacyStage.run { stage in
            let page = try await stage.desk.impactAssessment().text
            #expect(page.contains("Lutte contre la fraude") && page.contains("Retour d&#39;une personne") == false)
            let providers = try await stage.desk.providers()
            let postgres = try #require(providers["providers"]?.array?.first { $0["code"]?.string == "postgresql" })
            #expect(postgres["version"]?.string?.hasPrefix("15") == true)
        }
    }
}
