import Bank
import Cryptography
import Foundation
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing
import Vault

@testable import Recovery

/// Columns written by pgcrypto under the old bank's key, on their way into the restored bank.
@Suite struct LegacyColumnsTests {
    private static let room = TestTemplate("legacy_room") { database in
        try await database.run("create extension pgcrypto")
        try await database.run("create table clients (id bigint, nom text, nir bytea)")
        try await database.run(
            """
            insert into clients select n, 'nom ' || n,
                case when n % 10 = 0 then null else pgp_sym_encrypt('nir ' || n, 'la clé') end
            from generate_series(1, 30) n
            """)
        // One value that nobody wrote, and one that was changed.
        try await database.run("update clients set nir = '\\x00ff' where id = 7")
        try await database.run("update clients set nir = set_byte(nir, 40, get_byte(nir, 40) # 1) where id = 8")
    }

    private static let bank = TestTemplate("legacy_bank") { database in
        try await Migrator(database).apply([BankMigrations.set(), VaultMigrations.set()])
    }

    private static let mapping = """
        mapping: essai
        title: {fr: essai, en: test}
        source: CREATE TABLE public.clients (id bigint, nom text, nir bytea);
        target:
          clients:
            from: clients
            columns: {numero: id, nom: nom, nir: {legacy: nir}}
        """

    /// What was rebuilt: the opened NIR by client number, the closed values by reason, and how many were archived.
    private struct Outcome {
        var opened: [Int64: String] = [:]
        var closed: [String: Int] = [:]
        var archived: [String] = []
    }

    private func rebuild(key: String?) async throws -> Outcome {
        try await withTestDatabase(Self.room) { room in
            try await withTestDatabase(Self.bank) { target in
                try await withTemporaryDirectory { folder in
                    try Self.mapping.write(toFile: folder + "/m.yaml", atomically: true, encoding: .utf8)
                    try key?.write(toFile: folder + "/key", atomically: true, encoding: .utf8)
                    let keys = VaultKeys(
                        wrapping: try KeyEncryptionKey(bytes: SecureRandom.bytes(32)),
                        indexing: try KeyEncryptionKey(bytes: SecureRandom.bytes(32)))
                    let rebuilder = Rebuilder(
                        mapping: try Mapping.read(path: folder + "/m.yaml"), room: room, target: target, keys: keys,
                        quarantine: try QuarantineFile(path: folder + "/q.jsonl"),
                        legacy: try LegacyColumns(keyFile: key == nil ? nil : folder + "/key"), progress: { _ in })
                    try await rebuilder.copyClients()
                    try await rebuilder.archiveClosedColumns()
                    return try await outcome(of: rebuilder, in: target)
                }
            }
        }
    }

    private func outcome(of rebuilder: Rebuilder, in target: Database) async throws -> Outcome {
        var outcome = Outcome()
        let (dataKeys, closed) = rebuilder.state.withLock { ($0.dataKeys, $0.closed) }
        for (place, rows) in closed { outcome.closed[place.refusal] = rows.count }
        let sealer = try Sealer()
        for row in try await target.run("select numero, id, nir_chiffre from clients where nir_chiffre is not null") {
            let id: UUID = try row.decode(1)
            let place = SealedPlace(table: "clients", column: "nir", row: id.uuidString)
            let plain = try sealer.open(row.decode(2), with: #require(dataKeys[id]), at: place)
            outcome.opened[try row.decode(0)] = String(decoding: plain, as: UTF8.self)
        }
        guard !closed.isEmpty else { return outcome }
        outcome.archived = try await target.all(
            "select ligne || ' ' || motif from archive.colonnes_non_ouvertes where chiffre is not null order by ligne::int",
            as: String.self)
        return outcome
    }

    @Test func `a legacy column is opened with its key and sealed anew; what is broken stays as it was`() async throws {
        let outcome = try await rebuild(key: "la clé\n")
        #expect(outcome.opened.count == 25)
        #expect(outcome.opened.allSatisfy { $0.value == "nir \($0.key)" })
        #expect(outcome.archived == ["7 legacy_value_broken", "8 legacy_key_wrong"])
        #expect(outcome.closed == ["legacy_value_broken": 1, "legacy_key_wrong": 1])
    }

    @Test(arguments: [("une autre clé", "legacy_key_wrong"), (nil, "legacy_key_missing")])
    func `with a wrong key or none every value is kept encrypted and counted`(key: String?, reason: String) async throws
    {
        let outcome = try await rebuild(key: key)
        #expect(outcome.opened.isEmpty)
        #expect(outcome.archived.count == 27)
        #expect(outcome.closed[reason] ?? 0 >= 26)
    }

    @Test func `a key file that is missing or empty is one sentence`() async throws {
        try await withTemporaryDirectory { folder in
            try Data().write(to: URL(filePath: folder + "/empty"))
            for path in [folder + "/absent", folder + "/empty", folder] {
                #expect(throws: RecoveryError.self) { try LegacyColumns(keyFile: path) }
            }
        }
    }
}
