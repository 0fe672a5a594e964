import Foundation
import PostgresServer
import TestSupport
import Testing

@testable import Analytics

@Suite struct ReportTests {
    @Test(
        "the day's report says the bank's figures in four forms, and is kept",
        .enabled(if: Star.isThere, "\(Star.absent)"))
    func daily() async throws {
        try await Star.with { bank in
            let maker = DailyReportMaker(
                analytics: bank.analytics, database: bank.database, now: { "29/11/2026 à 06:30" })
            let report = try await maker.make("2018-04-01")
            let count = try await bank.number("select count(*) from bi.fact_transaction where date_cle = 20180401")
            let amount = try #require(
                try await bank.text("select sum(montant)::text from bi.fact_transaction where date_cle = 20180401"))
            #expect(report.html.contains(FrenchText.figure("\(count)", unit: "nombre")))
            #expect(report.html.contains(FrenchText.figure(amount, unit: "EUR")))
            #expect(report.html.contains("Dimanche 1er avril 2018"))
            #expect(report.csv.hasPrefix("\u{FEFF}Section;"))
            #expect(report.xlsx.starts(with: Array("PK".utf8)))
            let sets = FileManager.default.isExecutableFile(atPath: "/usr/bin/weasyprint")
            #expect((report.pdf != nil) == sets)
            if let pdf = report.pdf {
                #expect(pdf.starts(with: Array("%PDF".utf8)))
                try await withTemporaryDirectory { folder in
                    try Data(pdf).write(to: URL(filePath: folder + "/r.pdf"))
                    let text = try await ToolRun.run("/usr/bin/pdftotext", ["-layout", folder + "/r.pdf", "-"])
                        .outputText
                    #expect(text.contains("Dimanche 1er avril 2018") && text.contains("Sauvegardes"))
                }
            }
            // Made again it is the same report.
            _ = try await maker.make("2018-04-01")
            #expect(try await bank.number("select count(*) from bi.rapports") == 1)
            #expect(
                try await bank.number("select (chiffres #>> '{sections,0,lignes,0,valeur}')::bigint from bi.rapports")
                    == count)
            await #expect(throws: AnalyticsError.self) { try await maker.make("2018-02-30") }
            let empty = try await maker.make("2031-01-01")
            #expect(empty.html.contains("Rien ce jour-là."))
            let english = try await maker.make("2018-04-01", words: .english)
            #expect(english.html.contains("Sunday 1 April 2018") && english.html.contains("<html lang=\"en\">"))
            #expect(english.html.contains(DailyWords.english.figure(amount, unit: "EUR")))
            #expect(english.csv.contains("Backups;") && english.csv.contains("Operations by type"))
            for word in ["Sauvegardes", "Veille", "Indicateur", "Établi", "Rien"] {
                #expect(!english.html.contains(word) && !english.csv.contains(word), "\(word)")
            }
            // The one that is kept stays the bank's own.
            #expect(try await bank.number("select count(*) from bi.rapports where html like '%lang=\"en\"%'") == 0)
        }
    }

    @Test("English has the same digits with its own signs") func english() {
        let words = DailyWords.english
        #expect(words.figure("-1234567.891", unit: "EUR") == "-€1,234,567.89")
        #expect(words.figure("0.1234", unit: "ratio") == "12.34%" && words.figure("1234", unit: "nombre") == "1,234")
        #expect(words.figure(nil, unit: "EUR") == "–" && words.figure("2.5", unit: "jours") == "2.5\u{00A0}d")
        #expect(words.change("3", "2") == "+50.0%" && DailyWords.french.change("3", "2") == "+50,0\u{00A0}%")
    }

    private func figures(_ words: String) throws -> DailyFigures {
        let book = try MeasureBook.parse(
            """
            measures:
              - { name: m, table: t, unit: EUR, fr: "\(words)", en: e, sql: "count(*)", dax: x }
            """)
        let measure = try #require(book.measure("m"))
        let day = try #require(Day("2026-03-01"))
        return DailyFigures(
            day: day,
            sections: [
                .init(title: words, lines: [.init(measure: measure, value: "-1234.5", before: nil, weekBefore: "2")])
            ],
            tables: [.init(title: words, head: words, measure: measure, rows: [MeasureRow(by: [words], value: "3")])],
            series: [], hours: [])
    }

    @Test(
        "text that a spreadsheet would run is text in CSV and XLSX",
        arguments: ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1:A9)", "\tx", "=HYPERLINK(1)"])
    func injection(words: String) async throws {
        let figures = try figures(words.replacing("\t", with: "\\t"))
        let csv = DailySheets.csv(figures)
        for cell in csv.split(whereSeparator: { $0 == ";" || $0.isNewline }) {
            let first = cell.drop { $0 == "\"" }.first
            let isNumber = Double(cell.replacing(",", with: ".")) != nil
            #expect(isNumber || !"=+-@\t".contains(first ?? "x"), "\(cell)")
        }
        let bytes = try DailySheets.xlsx(figures)
        try await withTemporaryDirectory { folder in
            try Data(bytes).write(to: URL(filePath: folder + "/r.xlsx"))
            let sheet = try await ToolRun.run("/usr/bin/python3", ["-m", "zipfile", "-e", folder + "/r.xlsx", folder])
            try #require(sheet.status == 0, "\(sheet.errorText)")
            for name in ["sheet1.xml", "sheet2.xml"] {
                let xml = try String(contentsOfFile: folder + "/xl/worksheets/\(name)", encoding: .utf8)
                #expect(xml.contains("<c ") && !xml.contains("<f>") && !xml.contains("<f "))
            }
        }
    }

    @Test("markup in the data stays text")
    func markup() throws {
        let html = DailyHTML(figures: try figures("<script>alert(1)</script>"), made: "<b>").page()
        #expect(!html.contains("<script>") && html.contains("&lt;script&gt;") && html.contains("&lt;b&gt;"))
    }

    @Test("numbers and days are French to the code point")
    func french() throws {
        let figures: [(String?, String, String)] = [
            ("1234567.891", "EUR", "1\u{202F}234\u{202F}567,89\u{A0}€"), ("-1234.5", "EUR", "-1\u{202F}234,50\u{A0}€"),
            ("0.1234", "ratio", "12,34\u{A0}%"), ("1", "ratio", "100,00\u{A0}%"), ("0.00005", "ratio", "0,01\u{A0}%"),
            ("999.995", "EUR", "1\u{202F}000,00\u{A0}€"), ("-0.001", "EUR", "0,00\u{A0}€"), ("12", "nombre", "12"),
            ("1000", "nombre", "1\u{202F}000"), (nil, "EUR", "–"), ("90.25", "secondes", "90,3\u{A0}s"),
            ("NaN", "EUR", "NaN\u{A0}€"),
        ]
        for (value, unit, wanted) in figures { #expect(FrenchText.figure(value, unit: unit) == wanted) }
        #expect(FrenchText.day(try #require(Day("2026-03-01"))) == "dimanche 1er mars 2026")
        #expect(Day("2026-02-29") == nil && Day("2026-3-1") == nil && Day("x") == nil)
        for number in stride(from: -800_000, through: 800_000, by: 997) {
            #expect(Day(number: number).number == number)
            if number > 0 { #expect(Day(Day(number: number).text) == Day(number: number)) }
        }
        #expect(DailyWords.french.change("110", "100") == "+10,0\u{A0}%" && DailyWords.french.change("1", "0") == nil)
        #expect(
            DailyWords.french.change("90", "100") == "-10,0\u{A0}%"
                && DailyWords.french.change("100", "100") == "0,0\u{A0}%")
    }
}
