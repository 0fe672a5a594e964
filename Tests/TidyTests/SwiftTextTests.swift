import Testing

/// The scanner that the rules stand on.
@Suite struct SwiftTextTests {
    @Test func `comments and the insides of texts are blanked, lines stay`() {
        let text = SwiftText("let a = \"b{\" // c {\nlet d = 1 /* e\nf */ + g\n")
        #expect(text.codeLines.map { $0.trimmingSuffix(" ") } == ["let a =", "let d = 1", "     + g", ""])
        #expect(text.literals.map(\.text) == ["b{"])
        #expect(text.comments.map(\.line) == [1, 2])
    }

    @Test func `a text inside an interpolation inside a text is read`() {
        let text = SwiftText(#"let a = "x \(f("y \(g(")"))")) z"; let b = 1"#)
        #expect(text.literals.map(\.text) == [")", "y …", "x … z"])
        #expect(text.code.hasSuffix("; let b = 1"))
    }

    @Test func `escaped quotes and raw texts end where Swift ends them`() {
        let text = SwiftText(##"let a = "b\"c"; let d = #"e"f\"#; let g = 1"##)
        #expect(text.literals.map(\.text) == [#"b\"c"#, #"e"f\"#])
        #expect(text.code.hasSuffix("; let g = 1"))
    }

    @Test func `a text of several lines counts from its first`() {
        let text = SwiftText("a\nlet b = \"\"\"\n  say \"hi\"\n  \"\"\"\nc\n")
        #expect(text.literals.map(\.line) == [2])
        #expect(text.codeLines[4] == "c")
    }

    @Test func `a raw identifier may hold braces and quotes`() {
        let text = SwiftText("@Test func `it's {a} \"b\" // c`() { d() }\n")
        #expect(FunctionLengths.all(in: text.code).count == 1)
        #expect(text.literals.isEmpty)
    }
}

extension Substring {
    fileprivate func trimmingSuffix(_ character: Character) -> Substring {
        var result = self
        while result.last == character { result.removeLast() }
        return result
    }
}
