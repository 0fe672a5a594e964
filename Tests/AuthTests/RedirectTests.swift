@testable import Auth
import Testing

@Suite struct RedirectTests {
    let policy = RedirectPolicy(
        siteURL: "https://bank.example",
        allowList: [
            "https://*.bank.example/**", "https://app.example/back", "http://localhost:3000/**",
            "com.bank.app://callback",
            "https://shop-*.example/a/*/b",
        ])

    @Test(arguments: [
        "https://bank.example", "https://bank.example/", "https://BANK.example/any/where?x=1",
        "https://a.bank.example/x/y",
        "https://app.example/back", "https://app.example/back?x=1", "http://localhost:3000/", "com.bank.app://callback",
        "https://shop-12.example/a/1/b", "https://a.bank.example", "https://bank.example/#part",
    ])
    func `places that are listed are gone to`(text: String) throws {
        let asked = try #require(RedirectURL(text))
        #expect(policy.isAllowed(asked))
        #expect(policy.place(for: text) == asked)
    }

    @Test(arguments: [
        "https://evil.example", "https://bank.example.evil.example", "https://bank.example@evil.example",
        "https://bank.example:444/", "http://bank.example/", "https://evil.example/https://bank.example",
        "https://evil.example?https://bank.example", "https://evil.example#.bank.example", "//bank.example",
        "https:/bank.example", "https://evil.example\\.bank.example", "https://evil.example%2f.bank.example/",
        "https://a.b.bank.example/", "javascript:alert(1)", "javascript://bank.example/%0aalert(1)",
        "data:text/html,x", "https://bank.example\n.evil.example", " https://evil.example",
        "https://app.example/back/more",
        "https://app.example/other", "https://localhost:3000/", "http://localhost:30001/", "http://localhost/",
        "https://app.example/x/../back", "https://app.example/%2e%2e/back", "https://app.example//back", "", "x",
        "https://bank。example/", "https://shop-.example.evil/a/1/b", "https://shop-1.example/a/1/2/b", "https://[::1]/",
        "https://bank.example:/", "https://:443/", "https://", "com.bank.app://callback.evil", "ftp://bank.example/",
    ])
    func `supabase auth 347e23a9, directus CVE-2026-22032: everything else leads to the site`(text: String) {
        #expect(policy.text(for: text) == "https://bank.example")
    }

    @Test func `what is sent is put together from the parts that were compared`() {
        let place = policy.place(for: "https://A.bank.example:/x")
        #expect(place?.text() == "https://bank.example")
        let other = policy.place(for: "https://A.Bank.Example/x?a=1#frag")
        #expect(other?.text() == "https://a.bank.example/x?a=1")
        #expect(other?.text(adding: "code=2") == "https://a.bank.example/x?a=1&code=2")
        #expect(other?.text(fragment: "t=1") == "https://a.bank.example/x?a=1#t=1")
        #expect(policy.text(for: nil) == "https://bank.example")
    }

    @Test func `settings that cannot be kept do not start`() {
        #expect(
            RedirectPolicy.unreadable(in: ["*", "https://ok.example/**", "bank.example"]) == ["*", "bank.example"])
    }
}
