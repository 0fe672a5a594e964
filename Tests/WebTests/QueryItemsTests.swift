import Testing
import Web

@Suite struct QueryItemsTests {
    @Test func `names and values are decoded, empty ones kept`() {
        let items = QueryItems.parse("select=a,b&nom=eq.%C3%A9+t%2B&vide=&seul&a=b=c")
        #expect(
            items == [
                QueryItem(name: "select", value: "a,b"), QueryItem(name: "nom", value: "eq.é t+"),
                QueryItem(name: "vide", value: ""), QueryItem(name: "seul", value: ""),
                QueryItem(name: "a", value: "b=c"),
            ])
        #expect(QueryItems.parse("") == [])
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=1"])
    func `a broken escape is refused`(text: String) { #expect(QueryItems.parse(text) == nil) }

    @Test func `more items than allowed are refused`() {
        #expect(QueryItems.parse("a=1&b=2&c=3", itemsMax: 2) == nil)
    }

    @Test func `a plus sign in a path is a plus sign`() { #expect(QueryItems.decodePath("a+b%20c") == "a+b c") }
}
