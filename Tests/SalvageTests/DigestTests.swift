import Cryptography
import Foundation
import PostgresServer
import Salvage
import TestSupport
import Testing

/// Intact dumps, read by us and by PostgreSQL's own tool: the same rows in the same order, by their digests.
struct DigestTests {
    private static func sum(_ bytes: some Collection<UInt8>) -> String { SHA256.hash(Array(bytes)).hex }

    /// Digests of each table's rows as COPY text, in the dump's order.
    private static func ours(_ path: String) throws -> [String: String] {
        let reader = try DumpReader(path: path, shapes: [])
        var texts: [String: [UInt8]] = [:]
        var open = ""
        _ = try reader.read(progress: { _ in }) { event in
            switch event {
            case .begin(let table, _):
                open = table
                texts[table] = texts[table] ?? []
            case .restart(let table): texts[table] = []
            case .rows(let batch):
                #expect(batch.confidence == .proven || batch.confidence == .intact, "\(open)")
                texts[open]? += Array(batch.text[batch.bytes(ofRows: 0..<batch.rowCount)])
            case .end: break
            }
        }
        return texts.mapValues(sum)
    }

    private static func restored(_ path: String, _ table: String) async throws -> String {
        let cluster = try await TestCluster.shared()
        let name = String(table.split(separator: ".")[1])
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pg_restore"),
            ["--data-only", "--schema=public", "--table=\(name)", "--file=-", path])
        try run.checked("pg_restore")
        let begin = try #require(run.output.firstRange(of: Array(" FROM stdin;\n".utf8)), "\(table)")
        let rest = run.output[begin.upperBound...]
        // An empty table's end stands at once.
        if rest.starts(with: "\\.\n".utf8) { return sum([]) }
        let end = try #require(rest.firstRange(of: Array("\n\\.\n".utf8)), "\(table)")
        return sum(rest[...end.lowerBound])
    }

    @Test(arguments: [SampleFormat.custom, .directory, .tar, .customPlain])
    func `archives have the digests that pg_restore gives`(format: SampleFormat) async throws {
        let dump = try #require(try await SampleDumps.all().dumps[format])
        try await withTemporaryDirectory { folder in
            let path = try dump.write(to: folder)
            let ours = try Self.ours(path)
            #expect(ours.keys.sorted() == SampleBank.tables)
            for table in SampleBank.tables {
                let theirs = try await Self.restored(path, table)
                #expect(ours[table] == theirs, "\(table)")
            }
            #expect(Set(ours.values).count == SampleBank.tables.count)
        }
    }

    @Test(arguments: [SampleFormat.plain, .plainGzip])
    func `scripts have the digests of the server's own rows`(format: SampleFormat) async throws {
        let all = try await SampleDumps.all()
        let dump = try #require(all.dumps[format])
        try await withTemporaryDirectory { folder in
            let ours = try Self.ours(try dump.write(to: folder))
            let theirs = all.rows.mapValues { Self.sum($0.flatMap(\.self)) }
            #expect(ours == theirs)
        }
    }
}
