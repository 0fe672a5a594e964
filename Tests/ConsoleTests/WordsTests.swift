import Charts
import Foundation
import Testing
import Web

@testable import Console

@Suite struct WordsTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/Console")

    private func words(_ language: Language) throws -> Words {
        try Words(language, folder: Self.sources.appending(path: "Words").path)
    }

    private static func files(_ folder: String, _ ending: String) throws -> [(name: String, text: String)] {
        let place = sources.appending(path: folder)
        let names = try FileManager.default.subpathsOfDirectory(atPath: place.path).filter { $0.hasSuffix(ending) }
        return try names.map { ($0, try String(contentsOf: place.appending(path: $0), encoding: .utf8)) }
    }

    @Test("both languages have the same words, with the same places in them")
    func twins() throws {
        let (french, english) = (try words(.fr), try words(.en))
        #expect(french.keys == english.keys)
        for key in french.keys {
            let places = [french, english].map { words in
                let pieces = words(key).split(separator: "{", omittingEmptySubsequences: false).dropFirst()
                return Set(pieces.map { $0.prefix { $0 != "}" } })
            }
            #expect(places[0] == places[1], "\(key)")
            #expect(!french(key).isEmpty && !english(key).isEmpty, "\(key)")
        }
    }

    @Test("every word that a template or the code asks for is there")
    func asked() throws {
        let keys = try words(.fr).keys
        for (name, text) in try Self.files("Templates", ".mustache") {
            for match in text.matches(of: /\{\{t\.([a-z0-9_.\-]+)\}\}/) {
                #expect(keys.contains(String(match.1)), "\(name): \(match.1)")
            }
        }
        for (name, text) in try Self.files("Pages", ".swift") {
            for match in text.matches(of: /words\(\s*"([a-z_]+\.[a-z0-9_]+)"/) {
                #expect(keys.contains(String(match.1)), "\(name): \(match.1)")
            }
            for match in text.matches(of: /words\.count\("([a-z_]+\.[a-z0-9_]+)"/) {
                #expect(keys.contains("\(match.1)_one") && keys.contains("\(match.1)_many"), "\(name): \(match.1)")
            }
            for match in text.matches(of: /fait=([a-z_]+)/) {
                #expect(keys.contains("done.\(match.1)"), "\(name): \(match.1)")
            }
        }
    }

    @Test("templates hold no script, no style and no address of another host")
    func plain() throws {
        for (name, text) in try Self.files("Templates", ".mustache") {
            #expect(!text.contains("style=") && !text.contains("<script>"), "\(name)")
            #expect(text.firstMatch(of: /<[^>]* on[a-z]+=/) == nil, "\(name): an act in the page itself")
            #expect(!text.contains("http://") && !text.contains("https://"), "\(name)")
            for match in text.matches(of: /<form method="post"[^>]*>/) {
                let rest = text[match.range.upperBound...].prefix(400)
                #expect(rest.contains("form_key"), "\(name): a form without the session's key")
            }
        }
    }

    @Test("0 and 1 are one in French, only 1 in English")
    func plural() throws {
        let (french, english) = (try words(.fr), try words(.en))
        #expect(french.count("accounts.count", 0) == "0 compte" && french.count("accounts.count", 2) == "2 comptes")
        #expect(english.count("accounts.count", 0) == "0 accounts" && english.count("accounts.count", 1) == "1 account")
    }
}

@Suite struct TextTests {
    @Test("moments are Paris's, with its summer time")
    func paris() throws {
        let dates = DateText(language: .fr)
        // Before and after both changes of 2026.
        #expect(dates.moment("2026-03-29T00:59:59Z") == "29 mars 2026 à 01:59")
        #expect(dates.moment("2026-03-29T01:00:00.123Z") == "29 mars 2026 à 03:00")
        #expect(dates.moment("2026-10-25 02:59:59+02") == "25 octobre 2026 à 02:59")
        #expect(dates.moment("2026-10-25T01:00:00+00:00") == "25 octobre 2026 à 02:00")
        #expect(dates.moment("2024-02-29T23:30:00Z") == "1 mars 2024 à 00:30")
        #expect(DateText(language: .en).moment("1999-12-31T23:30:00Z") == "1 January 2000 at 00:30")
        #expect(dates.moment("none") == "none")
    }

    @Test("days that the calendar has not are none")
    func days() {
        #expect(CivilDay("2026-02-31") == nil && CivilDay("2025-02-29") == nil && CivilDay("2024-02-29") != nil)
        for number in stride(from: Int64(-800_000), to: 800_000, by: 997) {
            let day = CivilDay(number: number)
            #expect(CivilDay.number(day.year, day.month, day.day) == number)
        }
    }

    @Test("amounts are read as people type them, or refused")
    func amounts() {
        let read: [(String, String?)] = [
            ("42,50", "42.50"), ("42.5", "42.5"), ("1\u{202F}234,56 €", "1234.56"), ("1 234", "1234"), ("007", "7"),
            ("1,234.56", "1234.56"), ("12", "12"), ("", nil), ("-5", nil), ("1e5", nil), ("1,2,3", nil), ("5,123", nil),
            ("9999999999999999", nil), ("٣", nil),
        ]
        for (typed, wanted) in read { #expect(Decimals.typed(typed) == wanted, "\(typed)") }
        #expect(Decimals.major("-5", "EUR") == "-0.05" && Decimals.major("123456", "JPY") == "123456")
    }

    @Test("what a spreadsheet would take for a formula is text")
    func formulas() {
        #expect(SheetText.cell("=1+1") == "'=1+1" && SheetText.cell("@x") == "'@x" && SheetText.cell("+cmd") == "'+cmd")
        #expect(SheetText.cell("-2+3") == "'-2+3" && SheetText.cell("-12,50\u{A0}€") == "-12,50\u{A0}€")
        #expect(SheetText.cell("a;\"b\"") == "\"a;\"\"b\"\"\"")
        let sheet = Sheet(title: "t", filters: ["jours=7"], head: ["a"], rows: [[.text("=x")]], language: .fr)
        #expect(SheetText.csv(sheet) == "\u{FEFF}a\r\n'=x\r\n# jours=7\r\n")
    }

    @Test("figures of a board are shown once more while one caller reads them anew, and not for ever")
    func boards() {
        let cache = BoardCache()
        #expect(cache.find("a", now: 1000) == nil)
        cache.keep(.bool(true), as: "a", now: 1000)
        #expect(cache.find("a", now: 1059)?.isToRenew == false)
        #expect(cache.find("a", now: 1061)?.isToRenew == true && cache.find("a", now: 1061)?.isToRenew == false)
        cache.release("a")
        #expect(cache.find("a", now: 1062)?.isToRenew == true)
        #expect(cache.find("a", now: 1000 + BoardCache.keptSeconds) == nil)
    }

    @Test("a cookie that was changed, or is for something else, opens nothing")
    func cookies() throws {
        let sealer = CookieSealer(key: Array(repeating: 7, count: 32))
        let sealed = try sealer.seal("secret", as: "a")
        #expect(sealer.open(sealed, as: "a") == "secret" && sealer.open(sealed, as: "b") == nil)
        #expect(CookieSealer(key: Array(repeating: 8, count: 32)).open(sealed, as: "a") == nil)
        for place in sealed.indices where sealed[place] != "A" {
            var other = sealed
            other.replaceSubrange(place...place, with: "A")
            #expect(sealer.open(other, as: "a") != "secret" || Data(other.utf8) == Data(sealed.utf8))
        }
        #expect(sealer.open("", as: "a") == nil && sealer.open("*", as: "a") == nil)
        #expect(sealer.open(String(repeating: "a", count: 100_000), as: "a") == nil)
        #expect(Cookies.value("session", in: "a=1; session=x; other_session=y") == "x")
        #expect(Cookies.value("session", in: "xsession=1") == nil)
    }
}
