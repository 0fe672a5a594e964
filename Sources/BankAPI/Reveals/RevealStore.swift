internal import Foundation
internal import Postgres
internal import Vault
internal import Web

/// One personal datum of one client, shown to one admin for a quarter of an hour.
struct Reveal: Sendable {
    let id: UUID
    let client: UUID
    let field: String
    /// The column without its suffix: where the value is sealed.
    let column: String
    let sealed: [UInt8]?
    let expiresOn: String
}

/// Grants and redeems reveals. The database decides who may, and writes the journal; the value is opened here.
struct RevealStore: Sendable {
    let core: BankCore

    /// What is shown, by the name it goes by here.
    static let fields = [
        "last_name": "nom", "first_name": "prenom", "email": "email", "phone": "telephone", "address": "adresse",
        "birth_date": "date_naissance", "social_security_number": "nir",
    ]

    /// Whether the caller, an admin, sees such a client.
    func knows(_ client: UUID, _ caller: BankCaller) async throws -> Bool {
        try await core.store.read("select 1 from public.clients where id = \(client)", as: caller).first != nil
    }

    func grant(_ client: UUID, _ column: String, reason: String, _ caller: BankCaller) async throws -> UUID? {
        try await core.store.write(
            "select revelation from public.reveler(\(client), \(column), \(reason))", as: caller
        ).first.map { try $0.decode(0) }
    }

    /// Nil when it is another's, has ended, or never was.
    func redeem(_ id: UUID, _ caller: BankCaller) async throws -> Reveal? {
        let rows = try await core.store.read(
            """
            select v.client, v.champ,
                case v.champ
                    when 'nom' then c.nom_chiffre when 'prenom' then c.prenom_chiffre when 'email' then c.email_chiffre
                    when 'telephone' then c.telephone_chiffre when 'adresse' then c.adresse_chiffre
                    when 'date_naissance' then c.date_naissance_chiffre when 'nir' then c.nir_chiffre
                end,
                to_char(r.expire_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from public.revelation_valide(\(id)) v
                join public.clients c on c.id = v.client
                join public.revelations r on r.id = \(id)
            """, as: caller)
        guard let row = rows.first else { return nil }
        let column: String = try row.decode(1)
        guard let field = Self.fields.first(where: { $0.value == column })?.key else { return nil }
        return Reveal(
            id: id, client: try row.decode(0), field: field, column: column, sealed: try row.decodeIfPresent(2),
            expiresOn: try row.decode(3))
    }
}
