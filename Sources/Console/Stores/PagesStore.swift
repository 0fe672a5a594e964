internal import Postgres
internal import Web

/// What the further pages read and keep: views, categories of expenses, backups, erasures.
struct PagesStore: Sendable {
    let console: ConsoleStore

    // MARK: Views

    static let viewsMax = 30

    func views(as actor: Actor) async throws -> [JSON] {
        try await console.json(
            """
            select coalesce(json_agg(v order by v.nom), '[]')::text from (
                select id, nom, adresse, cree_le from console.vues limit \(Int64(Self.viewsMax))) v
            """, as: actor
        ).array ?? []
    }

    /// A name that is there already gets the new address.
    func keepView(_ name: String, _ address: String, as actor: Actor) async throws {
        _ = try await console.run(
            """
            insert into console.vues (nom, adresse) values (\(name), \(address))
            on conflict (proprietaire, nom) do update set adresse = excluded.adresse
            """, as: actor, isReadOnly: false)
    }

    func removeView(_ id: String, as actor: Actor) async throws {
        _ = try await console.run("delete from console.vues where id = \(id)::uuid", as: actor, isReadOnly: false)
    }

    // MARK: Expenses

    /// What left the caller's accounts of a currency in a month, by category; and in which the labels are.
    func expenses(_ month: String, _ currency: String, as actor: Actor) async throws -> JSON {
        try await console.json(
            """
            with m as (
                select -m.montant_minor as minor, coalesce(nullif(console.libelle_nu(m.libelle), ''), m.type) as libelle,
                    m.type, m.carte_id is not null as par_carte
                from (\(fragment: ConsoleStore.moves)) m join public.comptes k on k.id = m.compte_id
                where m.compte_id in (select public.mes_comptes()) and m.montant_minor < 0 and k.devise = \(currency)
                    and m.type <> 'reprise'
                    and m.booked_at >= (\(month) || '-01')::date::timestamp at time zone 'Europe/Paris'
                    and m.booked_at
                        < ((\(month) || '-01')::date + interval '1 month')::timestamp at time zone 'Europe/Paris'
            ), l as (
                select m.libelle, sum(m.minor)::bigint as minor, count(*) as operations,
                    coalesce(c.categorie, console.categorie(m.libelle, min(m.type), bool_or(m.par_carte))) as categorie,
                    c.categorie is not null as est_choisie
                from m left join console.categories_choisies c on c.libelle = m.libelle
                group by m.libelle, c.categorie
            )
            select json_build_object(
                'categories', (select coalesce(json_agg(g order by g.minor desc), '[]') from (
                    select categorie, sum(minor)::bigint as minor, sum(operations)::bigint as operations
                    from l group by categorie) g),
                'labels', (select coalesce(json_agg(x order by x.minor desc), '[]') from (
                    select libelle, minor, operations, categorie, est_choisie from l order by minor desc limit 100) x))::text
            """, as: actor)
    }

    func months(as actor: Actor) async throws -> [String] {
        try await console.json(
            """
            select coalesce(json_agg(r.month order by r.month desc), '[]')::text from (
                select distinct to_char(m.booked_at at time zone 'Europe/Paris', 'YYYY-MM') as month
                from (\(fragment: ConsoleStore.moves)) m
                where m.compte_id in (select public.mes_comptes()) and m.montant_minor < 0 and m.type <> 'reprise'
                order by 1 desc limit 24) r
            """, as: actor
        ).array?.compactMap(\.string) ?? []
    }

    /// Nil goes back to the bank's rules.
    func choose(_ category: String?, for label: String, as actor: Actor) async throws {
        guard let category else {
            _ = try await console.run(
                "delete from console.categories_choisies where libelle = \(label)", as: actor, isReadOnly: false)
            return
        }
        _ = try await console.run(
            """
            insert into console.categories_choisies (libelle, categorie) values (\(label), \(category))
            on conflict (utilisateur_id, libelle) do update set categorie = excluded.categorie, choisie_le = now()
            """, as: actor, isReadOnly: false)
    }

    // MARK: Admins

    func backups(as actor: Actor) async throws -> JSON {
        try await console.json("select console.sauvegardes()::text", as: actor)
    }

    func drill(_ id: String, as actor: Actor) async throws -> JSON {
        try await console.json("select console.exercice(\(id)::uuid)::text", as: actor)
    }

    func data(as actor: Actor) async throws -> JSON {
        try await console.json("select console.donnees()::text", as: actor)
    }
}
