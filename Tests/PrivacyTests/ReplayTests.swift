import Foundation
import Postgres
import TestSupport
import Testing

@testable import Privacy

/// The bank goes back to before a client was made who was erased later.
@Suite("numbers that are given again") struct ReplayTests {
    private static func newcomer(_ number: Int64?, _ stage: PrivacyStage) async throws -> Int64 {
        let (id, email) = (UUID(), "nouveau-\(UInt32.random(in: .min ... .max))")
        try await stage.database.run("insert into auth.users (id, email) values (\(id), \(email))")
        return try await stage.database.one(
            """
            insert into clients (id, utilisateur_id, civilite, email_index, numero)
            values (\(id), \(id), 'M.', sha256(convert_to(\(email), 'UTF8')),
                coalesce(\(number), nextval(pg_get_serial_sequence('public.clients', 'numero'))))
            returning numero
            """, as: Int64.self)
    }

    @Test("a newcomer gets another number, and is not erased for the one who had it") func again() async throws {
        try await withTemporaryDirectory { folder in
            try await withTestDatabase(privacyTemplate) { database in
                let stage = try PrivacyStage.make(database, folder: folder)
                try await stage.desk.prepare()
                try await stage.database.run("select setval(pg_get_serial_sequence('public.clients', 'numero'), 12)")
                let number = try await Self.newcomer(nil, stage)
                let last = try await Self.newcomer(nil, stage)
                #expect(number == 13 && last == 14)
                let client = try await database.value("select id from clients where numero = 13", as: UUID.self)
                _ = try await stage.desk.erase(client, proof: nil, by: admin)
            }
            // The same folder of keys, a copy of the bank from before: twelve clients, the thirteenth number is free.
            try await withTestDatabase(privacyTemplate) { database in
                let stage = try PrivacyStage.make(database, folder: folder)
                try await database.run("select setval(pg_get_serial_sequence('public.clients', 'numero'), 12)")
                #expect(try await stage.desk.prepare().isEmpty)
                #expect(try await Self.newcomer(nil, stage) == 15)
                // Whoever gets it all the same, by hand, is somebody else.
                #expect(try await Self.newcomer(13, stage) == 13)
                #expect(try await stage.desk.replayErasures().isEmpty)
                #expect(
                    try await stage.count("select count(*) from clients where numero = 13 and statut = 'actif'") == 1)
            }
        }
    }

    @Test("the same client with another id is known by number and moment; an old entry by the number, if made before")
    func origin() async throws {
        try await PrivacyStage.run { stage in
            try await stage.close(3)
            _ = try await stage.desk.erase(clientID(3), proof: proof(3), by: admin)
            // As a recovery under another id would bring them back.
            try await stage.database.run(
                """
                with gone as (update clients set numero = 1003 where numero = 3 returning cree_le)
                insert into clients (id, numero, civilite, cree_le) select gen_random_uuid(), 3, 'Mme', cree_le from gone
                """)
            let back = try await stage.desk.replayErasures()
            #expect(back.map(\.stage) == ["archived"])

            // Entries that know no moment.
            try await stage.database.run("alter table privacy.erasure_ledger disable trigger user")
            try await stage.database.run("update privacy.erasure_ledger set origin_hash = null, number_mark = null")
            try await stage.database.run("update clients set numero = 2003 where numero = 3")
            try FileManager.default.removeItem(atPath: stage.folder + "/erasures.ledger")
            try await stage.database.run(
                "insert into clients (id, numero, civilite) values (gen_random_uuid(), 3, 'M.')")
            #expect(try await stage.desk.replayErasures().isEmpty)
            try await stage.database.run(
                "update clients set cree_le = now() - interval '1 year' where numero = 3")
            #expect(try await stage.desk.replayErasures().count == 1)
        }
    }

    @Test("a ledger of before still reads, goes on in the new form and is whole") func forms() async throws {
        try await withTemporaryDirectory { folder in
            let file = ErasureLedgerFile(path: folder + "/l", key: [UInt8](repeating: 1, count: 32))
            let old = ErasureEntry(
                entry: "a", stage: "archived", subject: "01", number: "02", holdUntil: "2031-01-01", decidedAt: 5)
            let new = ErasureEntry(
                entry: "b", stage: "archived", subject: "03", number: "04", holdUntil: "2031-01-01", decidedAt: 6,
                origin: "05", numberMark: 7)
            try file.append([old])
            try file.append([new])
            #expect(try file.read() == [old, new])
            let text = try String(contentsOfFile: folder + "/l", encoding: .utf8)
            #expect(text.split(separator: "\n").map { $0.split(separator: " ").count } == [7, 9])
            try text.replacing(" 05 7 ", with: " 05 8 ").write(toFile: folder + "/l", atomically: true, encoding: .utf8)
            #expect(throws: PrivacyError.self) { try file.read() }
        }
    }
}
