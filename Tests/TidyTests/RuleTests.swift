import Testing

/// Each rule finds a violation that was planted, and lets the honest neighbour pass.
@Suite struct RuleTests {
    private func source(_ text: String, _ path: String = "Sources/Bank/Money.swift") -> TextFile {
        TextFile(path: path, text: text)
    }

    private func lines(_ violations: [Violation]) -> [Int] { violations.map(\.line) }

    @Test(arguments: [
        "import Recovery", "internal import Recovery", "@testable import Recovery",
        "public import struct Recovery.Report",
    ])
    func `an import against the layers is found`(line: String) {
        #expect(lines(Layers.violations(in: source("import Cryptography\n\(line)\n"))) == [2])
    }

    @Test func `imports that point down, and words in comments, pass`() {
        let text =
            "internal import Foundation\npublic import Postgres\n// import Recovery\nlet a = \"import Recovery\"\n"
        #expect(Layers.violations(in: source(text)).isEmpty)
    }

    @Test func `a library that is not the target's is found`() {
        #expect(lines(Layers.violations(in: source("import Yams\n"))) == [1])
    }

    @Test func `a target without a layer is found`() {
        #expect(Layers.violations(in: source("", "Sources/Novelty/A.swift")).count == 1)
    }

    @Test func `cases are counted by their group, requests before tests`() {
        let tests = """
            // group: reads
            @Test func a() { get("/films"); get("/films?id=eq.1") }
                // group: keys
            @Test func b() {}
            @Test func c() {}
            // group: reads
            let more = ["/x"]
            """
        let counts = Conformance.counts(in: [source(tests, "Tests/RestTests/A.swift"), source(tests)])
        #expect(counts == ["reads": 3, "keys": 2])
        let page = "| group | what | cases |\n| --- | --- | ---: |\n| reads | a | 9 | b |\n| keys | c | 2 | |"
        #expect(Conformance.figures(in: page) == ["reads": 9, "keys": 2])
        #expect(Conformance.figures(in: Conformance.corrected(page, counts)) == counts)
    }

    @Test func `a file of 401 lines is found, one of 400 passes`() {
        #expect(Rules.fileLength(source(String(repeating: "\n", count: 401))).count == 1)
        #expect(Rules.fileLength(source(String(repeating: "\n", count: 400))).isEmpty)
    }

    @Test(arguments: [
        "func long(_ a: [Int] = [1])\n    async throws -> Int\n{", "init() {", "deinit {", "subscript(a: Int) -> Int {",
    ])
    func `a function of 71 lines is found, one of 70 passes`(head: String) {
        let extra = head.split(separator: "\n").count + 1
        let body = { (count: Int) in String(repeating: "    if true { a() }\n", count: count - extra) }
        #expect(Rules.functionLength(source("struct S {\n\(head)\n\(body(71))}\n}\n")).map(\.line) == [2])
        #expect(Rules.functionLength(source("struct S {\n\(head)\n\(body(70))}\n}\n")).isEmpty)
    }

    @Test func `a requirement has no body, a call of init is no function`() {
        let text = "protocol P {\n    func a() throws -> Int\n    func b()\n}\nlet a = A.init(1)\nfunc c() { a() }\n"
        #expect(FunctionLengths.all(in: SwiftText(text).code).map(\.name) == ["c"])
    }

    @Test(arguments: ["try! a()", "a as! B", "fatalError(\"x\")", "print(a)", "if a { debugPrint(a) }", "f(print(a))"])
    func `a banned call is found`(call: String) {
        #expect(lines(Rules.bannedCalls(source("let a = 1\n\(call)\n"))) == [2])
    }

    @Test(arguments: [
        "try? a()", "a as? B", "// print(a)", "\"print(a)\"", "page.print(a)", "func print(a: Int) {}", "blueprint(a)",
        "/* try! a() /* nested */ fatalError() */", "let a = #\"print(\"a\")\"#", "let x = \"\\(a) try! b\"",
    ])
    func `what only looks like a banned call passes`(text: String) {
        #expect(Rules.bannedCalls(source(text + "\n")).isEmpty)
    }

    @Test func `a banned call inside an interpolation is found`() {
        #expect(lines(Rules.bannedCalls(source("let x = \"a \\(try! b(\"c\")) d\"\n"))) == [1])
    }

    @Test func `unchecked sendability needs its SAFETY line nearby`() {
        let bare = "final class A: @unchecked Sendable {\n}\n"
        #expect(lines(Rules.unexplainedSendability(source(bare))) == [1])
        #expect(lines(Rules.unexplainedSendability(source("nonisolated(unsafe) var a = 1\n"))) == [1])
        #expect(Rules.unexplainedSendability(source("// SAFETY: one thread.\n" + bare)).isEmpty)
        let far = "// SAFETY: another.\n" + String(repeating: "\n", count: 20) + bare
        #expect(lines(Rules.unexplainedSendability(source(far))) == [22])
    }

    @Test func `unfinished work is found in any file`() {
        let word = "TO" + "DO"
        #expect(lines(Rules.leftovers(source("a\n-- \(word): b\n", "Sources/Bank/Migrations/0001_a.sql"))) == [2])
        #expect(Rules.leftovers(source("mastodon and \(word.lowercased())\n")).isEmpty)
    }

    @Test func `a path of one machine is found`() {
        let path = "/wo" + "rk/main/Sources"
        #expect(lines(Rules.machinePaths(source("see \(path)\n", "docs/a.md"))) == [1])
        #expect(Rules.machinePaths(source("see docs\(path)\n", "docs/a.md")).isEmpty)
    }

    @Test(arguments: [
        "select id from comptes", "select 1", "select now()", "insert into comptes values (1)",
        "update comptes set a = 1",
        "delete from comptes", "create unique index a on b (c)", "CREATE TABLE a ()", "alter table a add b int",
        "drop role a", "grant select on a to b", "copy a from stdin", "with a as (select 1) table a",
        "truncate comptes",
        "begin", "do $$ begin end $$",
    ])
    func `SQL outside a store is found`(sql: String) {
        let text = "import Postgres\nlet statement: Statement = \"\(sql)\"\n"
        #expect(lines(Rules.sqlOutsideStores(source(text, "Sources/Bank/Transfers.swift"))) == [2])
        #expect(Rules.sqlOutsideStores(source(text, "Sources/Bank/TransferStore.swift")).isEmpty)
        #expect(Rules.sqlOutsideStores(source(text, "Sources/Postgres/Pool.swift")).isEmpty)
    }

    @Test func `SQL over several lines is found`() {
        let text = "import Postgres\nlet a: Statement = \"\"\"\n    select id\n    from comptes\n    \"\"\"\n"
        #expect(lines(Rules.sqlOutsideStores(source(text))) == [2])
    }

    @Test(arguments: [
        "select an account first", "the update is set aside", "create one with: digitalbank up", "begin again",
        "copy it from the release", "with an account as payer", "drop it", "dropped table of contents",
    ])
    func `English that only looks like SQL passes`(sentence: String) {
        #expect(Rules.sqlOutsideStores(source("import Postgres\nlet a = \"\(sentence)\"\n")).isEmpty)
    }

    @Test func `a reader of dumps, which cannot run SQL, may name it`() {
        let text = "import Foundation\nlet a = \"create table x ()\"\n"
        #expect(Rules.sqlOutsideStores(source(text, "Sources/Salvage/Plain.swift")).isEmpty)
    }

    @Test func `a document that names a missing path is found`() {
        let file = source(
            "The code is in `Sources/Bank` and `Sources/Nowhere/A.swift`.\n`Sources/<Target>`, `docs/*.md`, `make up`\n",
            "ARCHITECTURE.md")
        let found = DocumentRules.missingPaths(in: file) { $0 == "Sources/Bank" }
        #expect(found.map(\.words) == ["names Sources/Nowhere/A.swift, which is not there"])
    }

    @Test func `a broken link is found, an outside one passes`() {
        let text = "[a](guides/a.md) [b](b.md#part) [c](https://example.org) [d](#part)\n"
        let found = DocumentRules.brokenLinks(in: source(text, "docs/index.md")) { $0 == "docs/b.md" }
        #expect(found.map(\.words) == ["links to guides/a.md, which is not there"])
    }

    @Test(arguments: [
        ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["0002_a.sql"], ["1_a.sql"], ["0001-a.sql"],
    ])
    func `a gap, a repetition or a bad name among migrations is found`(names: [String]) {
        let paths = names.map { "Sources/Bank/Migrations/" + $0 }
        #expect(!DocumentRules.migrationNumbers(paths).isEmpty)
    }

    @Test func `migrations of two targets are counted apart`() {
        let paths = ["Bank/Migrations/0001_a.sql", "Bank/Migrations/0002_b.sql", "Vault/Migrations/0001_c.sql"]
        #expect(DocumentRules.migrationNumbers(paths.map { "Sources/" + $0 }).isEmpty)
    }

    @Test func `settings are collected from programs and scripts, and missed in a document`() {
        let file = source("let a = \"DIGITALBANK_KEY\"\nexport DIGITALBANK_OTHER=1\n")
        #expect(DocumentRules.settings(in: file) == ["DIGITALBANK_KEY", "DIGITALBANK_OTHER"])
        let document = source("`DIGITALBANK_KEY`\n", "docs/reference/settings.md")
        #expect(DocumentRules.undocumented(["DIGITALBANK_KEY"], in: document).isEmpty)
        #expect(DocumentRules.undocumented(["DIGITALBANK_OTHER"], in: document).count == 1)
    }

    @Test func `errors are read with their words, also when é or a nested text comes before`() {
        let text = """
            // é
            throw BankError(
                code: "key_missing", message: "the key \\(names.joined(separator: ", ")) is not there",
                hint: "Make one with: digitalbank keys create")
            let other = E(code: "plain", message: words, hint: "Wait.")
            """
        #expect(
            ErrorCatalogue.entries(in: source(text)) == [
                .init(
                    code: "key_missing", target: "Bank", message: "the key … is not there",
                    hint: "Make one with: digitalbank keys create"),
                .init(code: "plain", target: "Bank", message: "", hint: "Wait."),
            ])
    }
}
