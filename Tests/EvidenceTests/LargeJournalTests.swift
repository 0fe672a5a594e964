import Evidence
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct LargeJournalTests {
    /// A million entries in the long form.
    private static let entryCount = isLongRun ? 1_000_000 : 40_000

    @Test func `a large journal is sealed, exported and verified with flat memory`() async throws {
        try await Bench.run { bench in
            for start in stride(from: 0, to: Self.entryCount, by: 2000) {
                try await bench.database.run(
                    """
                    select count(evidence.append('essai', 'objet ' || n, '{"montant": ' || n || ', "texte": "é"}'))
                    from generate_series(\(start)::int, \(start + 1999)::int) n
                    """)
            }
            let before = try residentMegabytes()
            try await bench.sealAll(rowsMax: 10_000)
            let verdict = try await bench.verdict()
            let grown = try residentMegabytes() - before
            #expect(verdict.isValid, "\(verdict.lines)")
            #expect(verdict.lines[0].contains("\(Self.entryCount) entries"))
            // Other tests of the process take memory too.
            #expect(grown < 150, "\(grown) MB")
        }
    }

    private func residentMegabytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4096 >> 20
    }
}
