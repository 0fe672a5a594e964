import Charts
import Foundation
import HTTPTypes
import Testing
import Web

@testable import Console

@Suite struct PageTests {
    private static let words = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/Console/Words").path

    @Test("how long something is kept is told whole: a year and a month are thirteen months")
    func keeps() throws {
        let french = try Words(.fr, folder: Self.words)
        for (text, told) in [
            ("1 year 1 mon", "13 mois"), ("5 years", "5 ans"), ("1 mon", "1 mois"), ("30 days", "30 jours"),
            ("1 mon 15 days", "1 mois, 15 jours"), ("00:00:00", "sur-le-champ"),
        ] {
            let said = DataPages.keep(text, french)
            #expect(said == (told == "sur-le-champ" ? french("data.at_once") : told), "\(text): \(said)")
        }
        #expect(DataPages.keep(nil, french) == french("data.at_once"))
    }

    @Test("a page takes the parameters that it names, and what was done; a form is not asked")
    func parameters() throws {
        let page = PageRoute(.get, "/fraude", [.analyst], asks: ["vue"]) { _ in throw Refused.notFound }
        try page.check([QueryItem(name: "vue", value: "moi"), QueryItem(name: "fait", value: "note")])
        #expect(throws: Refused.self) { try page.check([QueryItem(name: "vu", value: "moi")]) }
        let form = PageRoute(.post, "/fraude", [.analyst]) { _ in throw Refused.notFound }
        try form.check([QueryItem(name: "x", value: "1")])
    }

    @Test("each parameter that a page's links and forms send is one that the page takes")
    func links() throws {
        let templates = URL(filePath: Self.words).deletingLastPathComponent().appending(path: "Templates").path
        var looked = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: templates) {
            let text = try String(contentsOfFile: templates + "/" + name, encoding: .utf8)
            for match in text.matches(of: /href="(\/[^"?{]*)\?([a-z_]+)=/) {
                let parts = String(match.1).split(separator: "/").map(String.init)
                let routes = ConsoleService.routes.filter { $0.method == .get && $0.match(parts) != nil }
                #expect(routes.contains { $0.asks.contains(String(match.2)) }, "\(name): \(match.0)")
                looked += 1
            }
        }
        #expect(looked > 0)
    }

    @Test("a span is two days the right way round, of three years at most; amounts keep what is below a cent")
    func spans() {
        #expect(DaySpan("2026-02-28", "2026-03-01")?.to == "2026-03-01")
        for (from, to) in [
            ("2026-02-30", "2026-03-01"), ("2026-03-02", "2026-03-01"), ("2020-01-01", "2026-01-01"),
            ("", "2026-01-01"),
            ("2026-1-1", "2026-01-02"), ("2026-01-01x", "2026-01-02"),
        ] {
            #expect(DaySpan(from, to) == nil, "\(from) \(to)")
        }
        #expect(
            RowPages.exact("12.3400") == "12.34" && RowPages.exact("12.3450") == "12.345"
                && RowPages.exact("7") == "7.00")
    }
}
