import Salvage
import TestSupport
import Testing

@testable import Recovery

/// Numbers and words that an intruder chose: the pure rules answer all of them.
struct HostileNumbersTests {
    @Test func `a role that is called "on" is granted to like any other`() {
        let rules = AccessJudge.rules(
            on: "ALTER DEFAULT PRIVILEGES FOR ROLE \"on\" GRANT ALL ON TABLES TO intrus;", owner: "on")
        #expect(rules.map(\.id) == [JudgementRule.allRights.id])
        let cut = AccessJudge.rules(on: "ALTER DEFAULT PRIVILEGES FOR ROLE \"on\" GRANT;", owner: "")
        #expect(cut.map(\.id) == [JudgementRule.undecidable.id])
    }

    @Test func `grants of any words are judged without a trap`() {
        let words = [
            "grant", "on", "to", "\"on\"", "\"to\"", "alter", "default", "privileges", "for", "role", "all", "table",
            "public", "with", "option", ",", "(", ")", ";", "revoke", "schema", "x", "'", "$$", "--", "/*", "\n",
        ]
        var generator = SeededGenerator(seed: 20_261_129)
        for _ in 0..<20_000 {
            let start = ["grant ", "alter default privileges ", ""].randomElement(using: &generator) ?? ""
            let count = Int.random(in: 0...12, using: &generator)
            let rest = (0..<count).compactMap { _ in words.randomElement(using: &generator) }
            _ = AccessJudge.rules(on: start + rest.joined(separator: " "), owner: "x")
        }
    }

    @Test func `a gap may reach from one end of the numbers to the other`() {
        let whole = Reconciler.Gap(first: .min, last: .max)
        #expect(whole.count == .max && whole.isLong && whole.touches(0) && whole.touches(.max))
        let low = Reconciler.Gap(first: .min, last: .min)
        #expect(low.count == 1 && low.touches(.min) && low.touches(.min + 1) && !low.touches(.min + 2))
        let high = Reconciler.Gap(first: .max, last: .max)
        #expect(high.touches(.max) && high.touches(.max - 1) && !high.touches(.max - 2) && !high.touches(.min))
        #expect(Reconciler.Gap(first: 5, last: 7).count == 3)
    }

    @Test func `days outside a bank's life are told from those within`() {
        let days = PlausibleDays(first: "1966-11-29", last: "2027-11-30")
        func holds(_ text: String) -> Bool {
            Array(text.utf8).withUnsafeBufferPointer { days.holds($0) }
        }
        for time in ["1966-11-29", "2027-11-30 23:59:59+00", "2000-02-29 10:00:00.123456"] {
            #expect(holds(time), "\(time)")
        }
        for time in [
            "1966-11-28 23:59:59", "2027-12-01", "infinity", "-infinity", "12024-01-01", "2000-02-29 BC", "", "20",
        ] {
            #expect(!holds(time), "\(time)")
        }
    }

    @Test func `a connection string is written down without its password`() {
        let given: [(String, String, String?)] = [
            (
                "postgresql://u:se%40cret@h:5432/db?sslmode=require", "postgresql://u@h:5432/db?sslmode=require",
                "se@cret"
            ),
            ("postgres://h/db?password=x%26y&application_name=a", "postgres://h/db?application_name=a", "x&y"),
            ("postgresql://u@h/db?sslpassword=zz", "postgresql://u@h/db", nil),
            ("host=h password='a b\\'c' dbname=d", "host=h dbname=d", "a b'c"),
            ("host = h  password = x\\ y user=u", "host = h user=u", "x y"),
            ("host='h h' dbname=password", "host='h h' dbname=password", nil), ("", "", nil),
        ]
        for (text, clean, password) in given {
            let secret = ConnectionSecret(text)
            #expect(
                secret?.connectionString == clean && secret?.password == password,
                "\(text): \(String(describing: secret))")
        }
        for text in ["host", "host='x", "=x", "password"] { #expect(ConnectionSecret(text) == nil, "\(text)") }
    }

    @Test func `no two tables or columns share a name in the clean room`() {
        let long = String(repeating: "a", count: 80)
        let tables = [
            "public.clients", "audit.t", "public.\"audit.t\"", "\"public.a\".t", "public.\(long)1", "public.\(long)2",
            "x.\(long)", "public.a~b", "public.é\(String(repeating: "é", count: 40))",
        ]
        let names = tables.map(RoomName.table)
        #expect(Set(names).count == tables.count && names[0] == "clients" && names[1] == "audit.t")
        #expect(names.allSatisfy { $0.utf8.count <= 63 && !$0.isEmpty })
        let columns = RoomName.columns(["id", "id", "", "ctid", long, long, "nom"])
        #expect(Set(columns).count == 7 && columns[0] == "id" && columns[6] == "nom")
        #expect(columns.allSatisfy { !$0.isEmpty && $0.utf8.count <= 63 && $0 != "ctid" })
    }
}

/// SplitMix64: the same seed gives the same numbers.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
