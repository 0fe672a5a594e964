import Evidence
import Foundation
import TestSupport
import Testing

/// Exports that were altered as files. The heads stand in a file of their own, which the forger does not reach.
@Suite struct ExportTamperTests {
    private static let entryCount = 1000

    /// The lines of an export of a thousand sealed entries and three that are not.
    private func export(_ bench: Bench) async throws -> [[UInt8]] {
        try await bench.appendAndSeal(0..<Self.entryCount, rowsMax: 64)
        try await bench.append(Self.entryCount..<Self.entryCount + 3)
        #expect(try await bench.verdict().isValid)
        let data = try #require(FileManager.default.contents(atPath: bench.file))
        return data.split(separator: 10).map(Array.init)
    }

    private func write(_ lines: [[UInt8]], to path: String) throws {
        try Data(lines.flatMap { $0 + [10] }).write(to: URL(filePath: path))
    }

    private static let kinds = [
        "bit", "delete", "double", "swap", "move", "block", "tail", "tail and end", "cut", "entry and end",
    ]

    @Test func `whatever is altered in an export of a thousand entries is found`() async throws {
        try await Bench.run { bench in
            let lines = try await export(bench)
            let rounds = isLongRun ? 2000 : 120
            for round in 0..<rounds {
                let seed = UInt64.random(in: .min ... .max)
                var generator = SplitMix(state: seed)
                let kind = Self.kinds[round % Self.kinds.count]
                let altered = alter(lines, kind, using: &generator)
                try write(altered, to: bench.file)
                let verdict = try? bench.verify()
                // An unreadable file is not taken for a valid one.
                #expect(verdict?.isValid != true, "kind \(kind), seed \(seed)")
            }
            try write(lines, to: bench.file)
            #expect(try bench.verify().isValid)
        }
    }

    /// Line 0 is the header; the last lines are three unsealed entries and the end.
    private func alter(
        _ lines: [[UInt8]], _ kind: String, using generator: inout some RandomNumberGenerator
    ) -> [[UInt8]] {
        var lines = lines
        let sealed = 1..<(lines.count - 5)
        let blocks = sealed.filter { lines[$0].starts(with: #"{"block""#.utf8) }
        let line = Int.random(in: sealed, using: &generator)
        switch kind {
        case "bit":
            let place = Int.random(in: lines[line].indices, using: &generator)
            lines[line][place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
        case "delete": lines.remove(at: line)
        case "double": lines.insert(lines[line], at: line)
        case "swap":
            let other = sealed.filter { $0 != line }.randomElement(using: &generator) ?? 1
            lines.swapAt(line, other)
        case "move":
            let moved = lines.remove(at: line)
            let place = (1..<line).randomElement(using: &generator) ?? line + 2
            lines.insert(moved, at: place)
        case "block":
            let index = Int.random(in: 0..<blocks.count - 1, using: &generator)
            lines.removeSubrange(blocks[index]..<blocks[index + 1])
        case "tail": lines.removeLast(Int.random(in: 1...lines.count - 2, using: &generator))
        case "tail and end":
            // As the forger would: whole blocks go, and the counts at the end are set right.
            let index = Int.random(in: 1..<blocks.count, using: &generator)
            lines.removeSubrange(blocks[index]..<sealed.upperBound)
            lines[lines.count - 1] = end(of: lines)
        case "entry and end":
            let entries = sealed.filter { !blocks.contains($0) }
            lines.remove(at: entries.randomElement(using: &generator) ?? 2)
            lines[lines.count - 1] = end(of: lines)
        default:
            let last = Int.random(in: sealed, using: &generator)
            lines.removeSubrange((last + 1)...)
            lines[last].removeLast(Int.random(in: 0..<lines[last].count, using: &generator))
        }
        return lines
    }

    private func end(of lines: [[UInt8]]) -> [UInt8] {
        let blocks = lines.count { $0.starts(with: #"{"block""#.utf8) }
        let entries = lines.count { $0.starts(with: #"{"entry""#.utf8) }
        return Array(#"{"end":1,"blocks":\#(blocks),"entries":\#(entries)}"#.utf8)
    }

    @Test func `what is said of an altered line names its block and entry`() async throws {
        try await Bench.run { bench in
            let lines = try await export(bench)
            let text = lines.map { String(decoding: $0, as: UTF8.self) }
            func said(_ change: (inout [String]) -> Void) throws -> Verdict {
                var altered = text
                change(&altered)
                try write(altered.map { Array($0.utf8) }, to: bench.file)
                return try bench.verify()
            }
            let row = try #require(text.firstIndex { $0.hasPrefix(#"{"entry":500,"#) })
            expect(
                try said { $0[row] = $0[row].replacing("objet 499", with: "objet 77") }, says: "entry 500 was changed")
            expect(try said { $0.remove(at: row) }, says: "an entry was deleted between entries 499 and 501")
            expect(try said { $0.swapAt(row, row + 1) }, says: "entry 500 stands behind entry 501")
            expect(
                try said { $0.insert($0[row].replacing(#""entry":500"#, with: #""entry":5000"#), at: row + 1) },
                says: "entry 5000 was inserted after the sealing")
            expect(try said { $0.remove(at: $0.count - 1) }, says: "the file is cut")
            expect(try said { $0[row] += " " }, says: "line \(row + 1) can not be read")
            let block = try #require(text.lastIndex { $0.hasPrefix(#"{"block""#) })
            expect(
                try said { $0.insert($0[block], at: block) }, says: "have the same predecessor: the journal forks there"
            )
        }
    }

    @Test(arguments: [
        "{", "{}", "[]", #"{"entry":1,"entry":1}"#, #"{"entry":{"a":1}}"#, #"{"entry":01}"#, #"{"entry":1} "#,
        #"{"entry":"\ud800"}"#, #"{"entry":99999999999999999999}"#, "{\"entry\":\"\u{1}\"}", #"{"entry":"\u00g0"}"#, "",
    ])
    func `a line that is not what an export writes is refused with its number`(line: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/journal.export"
            let header = #"{"format":"digitalbank.evidence/1","exported_at":"2026-01-01T00:00:00Z"}"#
            try (header + "\n" + line + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            let verdict = try OfflineVerifier.verify(path: path)
            expect(verdict, says: "line 2 ")
        }
    }

    @Test func `published heads are appended once each, behind a line that a crash tore, which is named`() async throws
    {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<20)
            let heads = try String(contentsOfFile: bench.heads, encoding: .utf8)
            try (heads + "{\"torn").write(toFile: bench.heads, atomically: true, encoding: .utf8)
            try await bench.appendAndSeal(20..<30)
            let lines = try String(contentsOfFile: bench.heads, encoding: .utf8).split(separator: "\n")
            #expect(lines.contains("{\"torn"))
            #expect(Set(lines).count == lines.count)
            #expect(try await bench.verdict().lines.contains { $0.contains("torn by a crash, or edited") })
        }
    }

    @Test func `a head that can not be published is an error, the block stays and is published later`() async throws {
        try await Bench.run { bench in
            try await bench.append(0..<3)
            let closed = EvidenceSealer(
                database: bench.database, key: bench.key,
                publishers: [FileHeadPublisher(path: bench.folder + "/absent/heads")])
            var error: EvidenceError?
            for _ in 0..<600 where error == nil {
                do { try await closed.seal() } catch let thrown as EvidenceError { error = thrown }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(error?.code == "head_not_published")
            try await bench.sealAll()
            #expect(try await bench.verdict().isValid)
            #expect(FileManager.default.fileExists(atPath: bench.heads))
        }
    }
}
