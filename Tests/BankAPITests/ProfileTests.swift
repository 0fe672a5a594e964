import Bank
import BankAPI
import Foundation
import Postgres
import Testing
import Vault

/// What analysts see of clients' age and place.
@Suite struct ProfileTests {
    @Test func `profiles hold a year and a département of what is sealed, and follow it`() async throws {
        try await BankStage.run { stage in
            let kek = try stageKey()
            let vault = Vault(database: stage.database, keyring: Keyring(current: kek))
            let secrets = BankSecrets(vault: vault, indexing: kek)
            let clients = try await stage.database.run("select id from clients order by numero").map {
                try $0.decode(0, as: UUID.self)
            }
            func seal(_ number: Int, _ column: String, _ text: String) async throws {
                let client = clients[number - 1]
                let sealed = try await vault.seal(
                    Array(text.utf8), for: client,
                    at: SealedPlace(table: "clients", column: column, row: client.uuidString))
                try await stage.database.run(
                    "update clients set \(identifier: column + "_chiffre") = \(sealed) where id = \(client)")
            }
            let addresses = [
                "12 rue des Lilas, 75011 Paris": "75", "3 cours Napoléon, 20000 Ajaccio": "2A",
                "1 place St-Nicolas, 20200 Bastia": "2B", "8 rue Pasteur, 97400 Saint-Denis": "974",
                "Příbram, Central Bohemia": nil, "rue 12345, 00000 Nulle part": nil, "Papeete 98714": "987",
                "5 rue 69003, 01000 Bourg": "01",
            ].sorted { $0.key < $1.key }
            for (index, (address, _)) in addresses.enumerated() {
                try await seal(index + 1, "adresse", address)
                try await seal(index + 1, "date_naissance", "19\(60 + index)-05-31")
            }
            let filler = ProfileFiller(database: stage.database, secrets: secrets)
            #expect(try await filler.fill() == addresses.count)
            #expect(try await filler.fill() == 0)
            for (index, (address, department)) in addresses.enumerated() {
                let row = try #require(
                    try await stage.database.run(
                        "select annee_naissance::int, departement from pseudonymes.profils where client_id = \(clients[index])"
                    ).first)
                #expect(try row.decode(0, as: Int32.self) == Int32(1960 + index))
                #expect(try row.decodeIfPresent(1, as: String.self) == department, "\(address)")
            }
            // A client who moves, one whose key is gone.
            try await seal(1, "adresse", "1 quai de Saône, 69002 Lyon")
            try await stage.database.run("update clients set adresse_chiffre = '\\x00' where id = \(clients[1])")
            #expect(try await filler.fill() == 2)
            let moved = try await stage.database.run(
                "select departement from pseudonymes.profils where client_id = any (\(SQLArray([clients[0].uuidString, clients[1].uuidString]))::uuid[]) order by departement nulls last"
            )
            #expect(try moved.map { try $0.decodeIfPresent(0, as: String.self) } == ["69", nil])
        }
    }
}
