import Evidence
import Foundation
import Postgres
import TestSupport
import Testing

/// What the cluster's superuser does with triggers switched off, and how the export gives it away.
@Suite struct TamperTests {
    private func tampered(_ statements: Statement..., says words: String) async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<30)
            #expect(try await bench.verdict().isValid)
            for statement in statements { try await bench.tamper(statement) }
            expect(try await bench.verdict(), says: words)
        }
    }

    @Test(arguments: [
        "body = '{}'", "subject = 'objet 99'", "kind = 'autre'", "actor = 'personne'", "outcome = 'refused'",
        "recorded_at = recorded_at + interval '1 microsecond'", "recorded_at = 'infinity'",
        "recorded_at = (extract(year from recorded_at)::text || '-01-01 BC')::timestamptz",
        "actor = actor || kind, kind = subject", "body = body || ' '",
    ])
    func `a changed field is found and its entry named`(change: String) async throws {
        try await tampered(
            Statement(unchecked: "update evidence.entries set \(change) where id = 17"), says: "entry 17 was changed")
    }

    @Test func `a changed id is found`() async throws {
        try await tampered(
            "alter table evidence.entries alter column id drop identity",
            "update evidence.entries set id = 1017 where id = 17", says: "deleted between entries 16 and 18")
    }

    @Test func `an entry moved to another transaction is found in the block it left`() async throws {
        try await tampered(
            """
            update evidence.entries set xid = (select e.xid from evidence.entries e where e.id = 30) where id = 2
            """, says: "deleted between entries 1 and 3")
    }

    @Test func `a deleted entry is found between its neighbours`() async throws {
        try await tampered("delete from evidence.entries where id = 17", says: "deleted between entries 16 and 18")
    }

    @Test func `a block whose entries were all deleted is found`() async throws {
        try await tampered("delete from evidence.entries", says: "deleted all that it had")
    }

    @Test func `an inserted entry is found and named`() async throws {
        try await tampered(
            """
            insert into evidence.entries (id, cluster, xid, recorded_at, actor, kind, subject, outcome, body)
            overriding system value
            select 1000, cluster, xid, recorded_at, actor, kind, 'jamais eu lieu', outcome, body
            from evidence.entries where id = 17
            """, says: "entry 1000 was inserted after the sealing")
    }

    @Test func `two swapped entries are found as swapped`() async throws {
        try await tampered(
            """
            update evidence.entries e set (xid, recorded_at, actor, kind, subject, outcome, body) =
                (select o.xid, o.recorded_at, o.actor, o.kind, o.subject, o.outcome, o.body
                 from evidence.entries o where o.id = case e.id when 3 then 4 else 3 end)
            where id in (3, 4)
            """, says: "entries 3 and 4 were swapped")
    }

    @Test func `a cut tail shows against the published head, and not without it`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<30)
            let kept = try await bench.database.one("select max(number) - 1 from evidence.blocks", as: Int.self)
            try await bench.tamper(
                """
                delete from evidence.entries where xid >= (select end_xid from evidence.blocks where number = \(kept))
                """, "delete from evidence.blocks where number > \(kept)")
            expect(try await bench.verdict(), says: "the tail was cut off")
            let blind = try await bench.verdict(withHeads: false)
            #expect(blind.isValid)
            #expect(blind.lines.contains { $0.contains("a tail that was cut off does not show") })
            // Going on from there is refused at the next publication.
            try await bench.append(30..<31)
            let error = await #expect(throws: EvidenceError.self) { try await bench.sealAll() }
            #expect(error?.code == "head_contradicted")
        }
    }

    @Test func `a missing block is named`() async throws {
        try await tampered("delete from evidence.blocks where number = 2", says: "block 2 is missing")
    }

    @Test func `two blocks with one predecessor are a fork`() async throws {
        try await tampered(
            "alter table evidence.blocks drop constraint blocks_one_after_another",
            """
            insert into evidence.blocks
            select (select max(number) + 1 from evidence.blocks), cluster, first_xid, end_xid, row_count, first_id,
                last_id, last_recorded_at, root, marks, sealed_at, previous, hash, signature, key
            from evidence.blocks where number = 2
            """, says: "have the same predecessor: the journal forks there")
    }

    @Test(arguments: [
        "row_count = row_count, sealed_at = sealed_at + interval '1 s'", "hash = sha256(hash)",
        "root = sha256(root)", "signature = signature || ''::bytea, previous = sha256(previous)",
        "marks = sha256(marks) || substr(marks, 33)", "first_id = first_id - 1",
        "end_xid = (end_xid::text::numeric + 1)::text::xid8", "key = sha256(key)",
    ])
    func `an edited head block is found`(change: String) async throws {
        let sql = """
            update evidence.blocks set \(change)
            where number = (select max(number) from evidence.blocks where row_count >= 4)
            """
        try await tampered(Statement(unchecked: sql), says: ": a field of the block was changed")
    }

    @Test func `an edited signature is found`() async throws {
        try await tampered(
            """
            update evidence.blocks set signature = overlay(signature placing '\\x00000000' from 5)
            where number = (select max(number) from evidence.blocks)
            """, says: "is not signed by its key")
    }

    @Test func `a journal rebuilt under another key is found by the key and by the heads`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<30)
            try await bench.tamper("delete from evidence.entries where id = 17", "delete from evidence.blocks")
            let other = try SigningKey.open(path: bench.folder + "/forger.key")
            let forger = EvidenceSealer(database: bench.database, key: other, publishers: [], rowsMax: 10)
            try await bench.sealAll(by: forger)
            let verdict = try await bench.verdict()
            expect(verdict, says: "which is not a key you named")
            expect(verdict, says: "is not the one whose head was published")
            let keyless = try OfflineVerifier.verify(path: bench.file, headPath: bench.heads)
            expect(keyless, says: "is not the one whose head was published")
        }
    }

    @Test func `an edited line among the published heads is found`() async throws {
        try await Bench.run { bench in
            try await bench.appendAndSeal(0..<30)
            _ = try await bench.verdict()
            let text = try String(contentsOfFile: bench.heads, encoding: .utf8)
            try text.replacing("\"entries\":30", with: "\"entries\":29").write(
                toFile: bench.heads, atomically: true, encoding: .utf8)
            expect(try bench.verify(), says: "published heads: line ")
        }
    }
}
