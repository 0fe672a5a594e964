import Bank
import Foundation
import Postgres
import PostgresServer
import Simulator
import TestSupport
import Testing
import Vault

@testable import Platform
@testable import Privacy

@Suite("erasures and recoveries elsewhere") struct RecoveredElsewhereTests {
    @Test("a recovery into a server of others does not bring an erased client back", .timeLimit(.minutes(10)))
    func into() async throws {
        try await withTemporaryDirectory { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            var simulation = Simulation(output: folder + "/banque")
            simulation.clients = 12
            simulation.days = 15
            simulation.seed = 11
            simulation.damage = .none
            let (files, _) = try await simulation.run()
            let data = DataDirectory(folder + "/var")
            let first = try await Self.recover(files, data)
            let desk = try await PrivacyDeskService.open(first, data: data)
            try await Self.judgeLogs(first, desk, data)
            let client = try await Self.leave(first)
            let known = try await desk.sealedIdentity(of: client)
            _ = try await desk.erase(
                client,
                proof: IdentityProof(lastName: known["nom"] ?? "", birthDate: known["date_naissance"] ?? ""),
                closedOn: Date(timeIntervalSinceNow: -6 * 366 * 86_400), by: admin)
            _ = try await desk.destroy(client, by: admin)
            let wanted = try await first.one(
                "select count(*) from clients where nom_chiffre is not null", as: Int64.self)
            await first.close()

            // Another machine: nothing but the keys, the ledger of erasures among them.
            let other = DataDirectory(folder + "/autre")
            try FileManager.default.createDirectory(atPath: other.path, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: data.keys, toPath: other.keys)
            let second = try await Self.recover(files, other)
            let left = try await second.one(
                """
                select num_nonnulls(nom_chiffre, prenom_chiffre, email_chiffre, email_index, telephone_chiffre,
                    adresse_chiffre, date_naissance_chiffre, nir_chiffre)::bigint from clients where id = \(client)
                """, as: Int64.self)
            #expect(left == 0)
            let others = try await second.one(
                "select count(*) from clients where nom_chiffre is not null", as: Int64.self)
            #expect(others == wanted && wanted >= 10)
            let replayed = try await second.one(
                "select count(*) from evidence.entries where kind = 'privacy.erasures.replayed'", as: Int64.self)
            #expect(replayed == 1)
            #expect(try await LedgerStore(second).verify().isEmpty)
            await second.close()
        }
    }

    /// Each pseudonym of the recovered logs can be turned back by two admins, and stands for what it was made of.
    private static func judgeLogs(_ database: Database, _ desk: PrivacyDesk, _ data: DataDirectory) async throws {
        #expect(!FileManager.default.fileExists(atPath: PrivacyDeskService.identities(data)))
        let tokens = try await database.all(
            """
            select distinct t.token from public.logs l
                cross join lateral (values (l.adresse_jeton), (l.acteur_jeton), (l.objet_jeton)) t (token)
            where t.token is not null order by 1
            """, as: String.self)
        #expect(tokens.count > 10)
        let glass = try await desk.askGlass(purpose: "incident", reason: "enquête après la reprise", by: admin)
        try await desk.approveGlass(glass, by: otherAdmin)
        let pseudonyms = BlindIndex(root: try KeyProvider.file(data.indexKey).key(), purpose: "logs")
        for token in tokens.prefix(50) {
            let value = try #require(try await desk.reveal(token: token, glass: glass, by: admin), "\(token)")
            #expect(pseudonyms.token(value) == token && value.contains("/"))
        }
        let kept = try await database.one("select count(*) from privacy.log_identities", as: Int64.self)
        #expect(kept == Int64(tokens.count))
    }

    /// Empties and closes the accounts of a client who may go, and returns who that is.
    private static func leave(_ database: Database) async throws -> UUID {
        let client = try await database.one(
            """
            select c.id::text from clients c where not exists (
                select from comptes k where k.client_id = c.id and (k.solde_minor < 0 or k.type like 'cr%'))
                and exists (select from comptes k where k.client_id = c.id)
            order by numero limit 1
            """, as: String.self)
        let id = try #require(UUID(uuidString: client))
        let accounts = try await database.run("select id, solde_minor from comptes where client_id = \(id)")
        let heir = try await database.one(
            "select min(id) from comptes where client_id <> \(id) and statut = 'actif' and type = 'courant'",
            as: Int64.self)
        for row in accounts {
            let (account, balance): (Int64, Int64) = (try row.decode(0), try row.decode(1))
            if balance > 0 {
                try await database.run(
                    "select virer(\(account), \(heir), \(balance), \("solde-\(account)"), 'EUR', 'SOLDE')")
            }
            try await database.run("update comptes set statut = 'clos' where id = \(account)")
        }
        return id
    }

    private static func recover(_ files: Simulation.Files, _ data: DataDirectory) async throws -> Database {
        let cluster = try await TestCluster.shared()
        let name = TestCluster.freshName("ailleurs")
        try await cluster.createDatabase(name)
        let target = try await TestCluster.configuration(database: name)
        var request = RecoverRequest(dump: files.dump, dataDirectory: data.path)
        request.into = target.connectionString + " password='\(target.password ?? "")'"
        request.legacyKeyFile = files.legacyKey
        request.baseline = files.baseline
        request.makesBackup = false
        request.typesetsReport = false
        request.restarts = true
        _ = try await RecoverService.recover(request, progress: { _ in })
        return Database(target)
    }
}
