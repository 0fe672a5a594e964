import Testing

@testable import Recovery

@Suite struct HTMLTests {
    @Test(arguments: ["<script>alert(1)</script>", "\" onload=\"x", "' onclick='x", "a & b"])
    func `text from a dump can not become markup`(text: String) {
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        let inner = html.markup.dropFirst("<p title=\"".count).dropLast("</p>".count)
        #expect(!inner.contains("<script") && !inner.contains("onload=\"") && !inner.contains("onclick='"))
        #expect(html.markup.filter { $0 == "<" }.count == 2)
    }

    @Test func `control characters are shown and never sent`() {
        let html: HTML = "\("a\u{0}b\u{1B}[31m\u{9B}")"
        #expect(html.markup == "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}")
    }

    @Test(arguments: [
        (Int64(0), "0", "0"), (999, "999", "999"), (1000, "1\u{202F}000", "1,000"),
        (-1_234_567, "−1\u{202F}234\u{202F}567", "−1,234,567"),
        (.min, "−9\u{202F}223\u{202F}372\u{202F}036\u{202F}854\u{202F}775\u{202F}808", "−9,223,372,036,854,775,808"),
    ])
    func `numbers are grouped as each language does`(value: Int64, french: String, english: String) {
        #expect(ReportLanguage.fr.number(value) == french)
        #expect(ReportLanguage.en.number(value) == english)
    }

    @Test func `sizes and durations keep a sensible number of decimals`() {
        #expect(ReportLanguage.en.bytes(999) == "999 B")
        #expect(ReportLanguage.fr.bytes(1_500_000) == "1,5 Mo")
        #expect(ReportLanguage.en.seconds(0.05) == "0.05 s")
        #expect(ReportLanguage.en.seconds(12.34) == "12.3 s")
    }
}
