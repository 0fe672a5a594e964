import Foundation
import Salvage
import TestSupport
import Testing

/// Rows fused of two, in a plain script, where nothing checks the bytes.
@Suite struct SeamTests {
    private static let rowCount = 600

    /// `id, code, le`: a code of one form, a time that rises with the id.
    private static func row(_ id: Int, code: String? = nil, second: Int? = nil) -> String {
        let second = second ?? id * 20
        let digits = String(id * 7919 % 900_000 + 100_000)
        let time = String(
            format: "2024-05-%02d %02d:%02d:%02d", 1 + second / 86400, second / 3600 % 24, second / 60 % 60, second % 60
        )
        return "\(id)\t\(code ?? "CB-\(digits)")\t\(time)"
    }

    private static func read(_ rows: [String], key: String = "id") throws -> (intact: [String], suspect: [String]) {
        let script = """
            --
            -- PostgreSQL database dump
            --

            SET statement_timeout = 0;

            CREATE TABLE public.operations (
                id bigint NOT NULL,
                code text,
                le timestamp without time zone
            );

            COPY public.operations (id, code, le) FROM stdin;
            \(rows.joined(separator: "\n"))
            \\.

            ALTER TABLE ONLY public.operations
                ADD CONSTRAINT operations_pkey PRIMARY KEY (\(key));

            --
            -- PostgreSQL database dump complete
            --

            """
        let path = NSTemporaryDirectory() + "/seam-\(UUID().uuidString).sql"
        try Data(script.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        var (intact, suspect) = ([String](), [String]())
        _ = try DumpReader(path: path).read(progress: { _ in }) { event in
            guard case .rows(let batch) = event else { return }
            let lines = String(decoding: batch.text, as: UTF8.self).split(separator: "\n").map(String.init)
            if batch.confidence == .intact { intact += lines } else { suspect += lines }
        }
        return (intact, suspect)
    }

    private static func rows(without missing: ClosedRange<Int>) -> [String] {
        (1...rowCount).filter { !missing.contains($0) }.map { row($0) }
    }

    @Test func `a row that bears the time of the row behind a jump is a suspect`() throws {
        var rows = Self.rows(without: 301...340)
        rows[299] = Self.row(300, second: 340 * 20)
        let read = try Self.read(rows)
        #expect(read.suspect == [rows[299]])
        #expect(read.intact.count == rows.count - 1)
    }

    @Test func `a row before a jump that is written as no other is a suspect`() throws {
        var rows = Self.rows(without: 301...301)
        rows[299] = Self.row(300, code: "CB-12CB-3456")
        let read = try Self.read(rows)
        #expect(read.suspect == [rows[299]])
    }

    @Test func `a number that is only part of the key may come again`() throws {
        // Every account is opened, then a few are paid, as on a bank's first day.
        let rows = (1...300).map { Self.row($0) } + [17, 201, 300].map { Self.row($0, second: 7000 + $0) }
        let ofPart = try Self.read(rows, key: "id, code")
        #expect(ofPart.suspect == [] && ofPart.intact == rows)
        let ofAll = try Self.read(rows)
        #expect(ofAll.suspect.count == 3)
        // A partition's key has its time beside the number.
        let ofPartition = try Self.read(rows, key: "id, le")
        #expect(ofPartition.suspect.count == 3)
    }

    @Test func `a row behind a night is no suspect where every day begins with one`() throws {
        // Forty rows a day; the eighth day's first row stands before a jump.
        let rows = Self.rows(without: 281...318).map { row in
            let id = Int(row.prefix { $0 != "\t" }) ?? 0
            return Self.row(id, second: id / 40 * 86_400 + id % 40 * 20)
        }
        let read = try Self.read(rows)
        #expect(read.suspect == [] && read.intact == rows)
    }

    @Test(arguments: [301...301, 301...303, 301...340, 200...420])
    func `rows that were deleted leave their neighbours as they are`(missing: ClosedRange<Int>) throws {
        let rows = Self.rows(without: missing)
        let read = try Self.read(rows)
        #expect(read.suspect == [] && read.intact == rows)
    }

    @Test func `numbers that were skipped without time passing leave the rows as they are`() throws {
        let rows = (1...Self.rowCount).map { Self.row($0 > 300 ? $0 + 32 : $0, second: $0 * 20) }
        let read = try Self.read(rows)
        #expect(read.suspect == [] && read.intact == rows)
    }

    @Test func `free text is unlike nothing`() throws {
        let words = (0..<40).map { String(repeating: "a ", count: $0 + 1) + "!" }
        var rows = Self.rows(without: 301...301).enumerated().map { index, row in
            let fields = row.split(separator: "\t")
            return "\(fields[0])\t\(words[index % words.count])\t\(fields[2])"
        }
        let fields = rows[299].split(separator: "\t")
        rows[299] = "\(fields[0])\tune ligne, écrite à la main (12)\t\(fields[2])"
        let read = try Self.read(rows)
        #expect(read.suspect == [] && read.intact == rows)
    }
}
