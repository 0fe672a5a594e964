import Foundation
import Testing

/// The repository keeps its own rules. Each rule is tested with a planted violation in `RuleTests`.
@Suite struct RepositoryTests {
    private let files: [TextFile]

    init() throws {
        files = try Repository.files()
        // An empty walk would pass every rule.
        #expect(files.count > 50)
    }

    private func file(_ path: String) -> TextFile? { files.first { $0.path == path } }

    @Test func `every file keeps the rules of the house`() {
        for violation in files.flatMap({ file in Rules.all.flatMap { $0(file) } }) {
            Issue.record(Comment(rawValue: violation.description))
        }
    }

    @Test func `every target is in the table of layers and the table names no other`() {
        let targets = Set(files.filter { $0.path.hasPrefix("Sources/") }.compactMap(\.target))
        #expect(targets == Set(Layers.allowed.keys).union(Layers.shims))
    }

    @Test func `an exemption is for a file that is there`() {
        for path in Rules.bannedCallsAllowed.keys { #expect(file(path) != nil, "\(path)") }
        for path in Rules.sqlAllowedFiles.keys { #expect(file(path) != nil, "\(path)") }
    }

    @Test func `migrations are numbered without a gap`() {
        for violation in DocumentRules.migrationNumbers(files.map(\.path)) {
            Issue.record(Comment(rawValue: violation.description))
        }
    }

    @Test func `every relative link leads somewhere`() {
        for violation in files.flatMap({ DocumentRules.brokenLinks(in: $0, exists: Repository.exists) }) {
            Issue.record(Comment(rawValue: violation.description))
        }
    }

    @Test(.enabled(if: Repository.exists("ARCHITECTURE.md"))) func `every path in ARCHITECTURE is there`() throws {
        let architecture = try #require(file("ARCHITECTURE.md"))
        for violation in DocumentRules.missingPaths(in: architecture, exists: Repository.exists) {
            Issue.record(Comment(rawValue: violation.description))
        }
    }

    @Test(.enabled(if: Repository.exists("docs/reference/settings.md"))) func `every setting is documented`() throws {
        let document = try #require(file("docs/reference/settings.md"))
        let settings = files.reduce(into: Set<String>()) { $0.formUnion(DocumentRules.settings(in: $1)) }
        for violation in DocumentRules.undocumented(settings, in: document) {
            Issue.record(Comment(rawValue: violation.description))
        }
        let named = DocumentRules.captures("`(DIGITALBANK_[A-Z_]+)`", in: document.text)
        #expect(named.subtracting(settings).isEmpty, "documented, and read nowhere")
    }

    private static let errorPage = "docs/reference/errors.md"

    /// With DIGITALBANK_WRITE_DOCS=1 (`make docs`) the page is written first.
    @Test func `every error code is documented`() throws {
        let entries = ErrorCatalogue.entries(in: files)
        #expect(entries.count > 20)
        let url = Repository.root.appending(path: Self.errorPage)
        if ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"] == "1" {
            try Data(ErrorCatalogue.page(entries).utf8).write(to: url)
        }
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return }
        let page = TextFile(path: Self.errorPage, text: text)
        for violation in DocumentRules.undocumented(Set(entries.map(\.code)), in: page) {
            Issue.record("\(violation); `make docs` writes it")
        }
    }

    /// With DIGITALBANK_WRITE_DOCS=1 (`make docs`) the figures are written first.
    @Test func `each feature of REST has as many cases as its reference says, and none has none`() throws {
        let counts = Conformance.counts(in: files)
        let url = Repository.root.appending(path: Conformance.page)
        var text = try String(contentsOf: url, encoding: .utf8)
        if ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"] == "1" {
            text = Conformance.corrected(text, counts)
            try Data(text.utf8).write(to: url)
        }
        let figures = Conformance.figures(in: text)
        #expect(figures.count > 20)
        for (group, count) in counts {
            #expect(figures[group] == count, "\(group) has \(count) cases; `make docs` writes it")
        }
        for (group, count) in figures {
            #expect(count > 0 && counts[group] != nil, "\(group) has no test")
        }
    }

    /// With DIGITALBANK_WRITE_DOCS=1 (`make docs`) the table is written first.
    @Test func `every figure is documented, with the words that it is served with`() throws {
        let entries = MetricCatalogue.entries(in: files)
        #expect(entries.count > 40)
        let url = Repository.root.appending(path: MetricCatalogue.page)
        var text = try String(contentsOf: url, encoding: .utf8)
        if ProcessInfo.processInfo.environment["DIGITALBANK_WRITE_DOCS"] == "1" {
            text = MetricCatalogue.corrected(text, entries)
            try Data(text.utf8).write(to: url)
        }
        for entry in entries where entry.help.isEmpty { Issue.record("\(entry.name) says nothing of itself") }
        #expect(text == MetricCatalogue.corrected(text, entries), "`make docs` writes it")
    }

    @Test func `every alert has a page of its name and tests, and the reverse`() throws {
        let rules = try #require(file("deploy/prometheus/rules/alerts.yml"))
        let tests = try #require(file("deploy/prometheus/tests/alerts.test.yml"))
        let alerts = DocumentRules.captures(#"- alert: (\w+)"#, in: rules.text)
        #expect(alerts.count > 40)
        let pages = files.filter { $0.path.hasPrefix("docs/runbooks/") && $0.name != "README.md" }
        // Pages of alerts are named as they are; those of disasters begin with a small letter.
        let named = pages.map { String($0.name.dropLast(3)) }.filter { $0.first?.isUppercase == true }
        #expect(Set(named) == alerts)
        for alert in alerts.sorted() {
            #expect(tests.text.contains("name: \(alert) fires"), "\(alert)")
            #expect(tests.text.components(separatedBy: "alertname: \(alert)\n").count > 2, "\(alert)")
        }
    }

    @Test func `the Makefile has at most 15 targets, each with a line of help`() throws {
        let makefile = try #require(file("Makefile"))
        let targets = makefile.lines.filter { Rules.matches($0, #"^[a-z][a-z-]*:"#) }
        #expect((1...15).contains(targets.count))
        for target in targets { #expect(target.contains(" ## "), "\(target)") }
    }
}
