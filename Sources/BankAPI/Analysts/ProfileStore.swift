internal import Foundation
internal import Postgres

/// What the pseudonymised views tell of a client: year of birth and département, nothing finer.
struct ProfileStore: Sendable {
    /// Logs in as whoever owns the bank: no role of the API reads this table.
    let database: Database

    struct Client: Sendable {
        let id: UUID
        let address: [UInt8]?
        let birthDate: [UInt8]?
    }

    func withoutProfile(most: Int) async throws -> [Client] {
        try await database.run(
            """
            select c.id, c.adresse_chiffre, c.date_naissance_chiffre
            from public.clients c left join pseudonymes.profils p on p.client_id = c.id
            where p.client_id is null and c.statut <> 'efface'
                and (c.adresse_chiffre is not null or c.date_naissance_chiffre is not null)
            order by c.id limit \(most)
            """
        ).map { row in
            Client(
                id: try row.decode(0), address: try row.decodeIfPresent(1), birthDate: try row.decodeIfPresent(2))
        }
    }

    func keep(_ profiles: [(client: UUID, year: Int32?, department: String?)]) async throws {
        try await database.pipeline(
            profiles.map { profile in
                """
                insert into pseudonymes.profils (client_id, annee_naissance, departement)
                select \(profile.client)::uuid, \(profile.year)::smallint, \(profile.department)::text
                where exists (select from public.clients where id = \(profile.client)::uuid)
                on conflict (client_id) do nothing
                """
            })
    }
}
