import Charts
import Foundation
import HTTPTypes
import PostgresServer
import Testing

@testable import Console

@Suite("exports") struct ExportTests {
    private static let attacks = [
        "=1+1", "+1+1", "-1+1|cmd", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "\r\n=1+1", "＝1+1",
        "=HYPERLINK(\"http://x\")",
    ]

    private func sheet(_ texts: [String]) -> Sheet {
        Sheet(
            title: "Essai: [a/b]", filters: ["jours=30"], head: ["Libellé", "Montant"],
            rows: texts.map { [.text($0), CellText.cell("1\u{202F}234,50\u{A0}€", .fr)] }, language: .fr)
    }

    @Test("a spreadsheet finds no formula in a CSV, whatever a label begins with", arguments: attacks)
    func csv(text: String) {
        let cell = SheetText.cell(text)
        let inner =
            cell.hasPrefix("\"")
            ? String(cell.unicodeScalars.dropFirst().prefix(1)) : String(cell.unicodeScalars.prefix(1))
        #expect(inner == "'", "\(cell)")
        #expect(SheetText.cell("-1\u{202F}234,50\u{A0}€") == "-1\u{202F}234,50\u{A0}€", "an amount stays one")
    }

    @Test("a CSV is one that a French Excel opens: mark, semicolons, quotes twice, filters below")
    func form() {
        let text = SheetText.csv(sheet(["Loyer; \"août\"", "-12,00"]))
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(text.unicodeScalars.first == "\u{FEFF}")
        #expect(lines[1] == "\"Loyer; \"\"août\"\"\";1\u{202F}234,50\u{A0}€")
        #expect(lines[3] == "# jours=30")
    }

    @Test("figures in words become numbers with their form, in both languages")
    func numbers() {
        #expect(
            CellText.cell("1\u{202F}234,50\u{A0}€", .fr)
                == .number(1234.5, shown: "1\u{202F}234,50\u{A0}€", form: "#,##0.00\u{A0}\"€\""))
        #expect(CellText.cell("-€1,234.50", .en) == .number(-1234.5, shown: "-€1,234.50", form: "#,##0.00\u{A0}\"€\""))
        #expect(CellText.cell("12,5\u{A0}%", .fr) == .number(0.125, shown: "12,5\u{A0}%", form: "0.0%"))
        #expect(CellText.cell("1\u{202F}234", .fr) == .number(1234, shown: "1\u{202F}234", form: "#,##0"))
        for text in ["–", "12 rue", "", "1,2,3", "FR76", "=1", "1e9", "--1", "∞"] {
            #expect(CellText.cell(text, .fr) == .text(text), "\(text)")
        }
    }

    @Test("a workbook holds texts and numbers and not one formula")
    func workbook() async throws {
        let bytes = try Workbook.xlsx(sheet(Self.attacks))
        let folder = FileManager.default.temporaryDirectory.path + "/xlsx-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(bytes).write(to: URL(filePath: folder + "/a.xlsx"))
        let script = """
            import sys, zipfile
            book = zipfile.ZipFile(sys.argv[1])
            page = book.read('xl/worksheets/sheet1.xml').decode()
            texts = book.read('xl/sharedStrings.xml').decode()
            print(page.count('<f>') + page.count('<f '), page.count('<v>1234.5</v>'), texts.count('1+1'), book.testzip())
            """
        let run = try await ToolRun.run("/usr/bin/python3", ["-c", script, folder + "/a.xlsx"])
        #expect(run.outputText == "0 \(Self.attacks.count) 8 None\n", "\(run.outputText)\(run.errorText)")
    }

    @Test("a page of paper escapes what it prints")
    func paper() {
        var made = sheet(["<script>alert(1)</script>", "a & \"b\""])
        made.picture = "<svg/>"
        let html = SheetPaper.html(made, bank: "B\"</style><script>", made: "1 mars")
        #expect(!html.contains("<script>") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        #expect(html.contains("a &amp; &quot;b&quot;") && html.contains("data:image/svg+xml;base64,"))
        #expect(html.components(separatedBy: "</style>").count == 2, "the bank's name does not end the style sheet")
    }
}

@Suite("views and boards") struct ViewTests {
    @Test(
        "a view is a page that its owner may see, and nothing else",
        arguments: [
            ("/tableaux?jours=90", true), ("/fraude?vue=moi", true), ("/supervision/digitalbank-slo?duree=1h", true),
            ("/automatisations?etat=dead", true), ("/utilisateurs", false), ("/comptes/1", false), ("/rien", false),
            ("//evil.example", false), ("https://evil.example", false), ("/tableaux?x=<b>", false),
            ("/tableaux\\evil", false), ("/", false), ("/tableaux?" + String(repeating: "a", count: 400), false),
            ("/tableaux?a b", false), ("/vues", true),
        ])
    func pages(address: String, isOne: Bool) {
        #expect(ViewPages.isPage(address, for: .analyst) == isOne)
    }

    @Test("every page of the navigation is a page for that role", arguments: [Person.Role.client, .analyst, .admin])
    func navigation(role: Person.Role) {
        for entry in Navigation.entries(role) {
            let parts = entry.path.split(separator: "/").map(String.init)
            let found = ConsoleService.routes.contains {
                $0.method == .get && $0.roles.contains(role) && $0.match(parts) != nil
            }
            #expect(found, "\(entry.path)")
        }
        let keys = Navigation.entries(role).map(\.key)
        #expect(Set(keys).count == keys.count, "each has a key of its own")
        #expect(Navigation.entries(role).count(where: \.isMain) <= 6, "as many as a phone's bar has room for")
    }

    @Test("every form's address is taken by one role at least, and never by nobody")
    func forms() {
        for route in ConsoleService.routes where route.method == .post && route.roles.isEmpty {
            #expect(["connexion", "deconnexion", "preferences"].contains(route.pattern[0]), "\(route.pattern)")
        }
        for table in TablePages.all { #expect(!table.roles.isEmpty && !table.columns.isEmpty, "\(table.name)") }
    }
}
