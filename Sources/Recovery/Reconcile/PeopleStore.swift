internal import Postgres

/// The SQL of the rules about clients, accounts, cards, beneficiaries, staff and the bank's own log.
enum PeopleStore {
    /// References: child role and column, parent role.
    static let references: [(child: RoleTable, column: String, parent: RoleTable)] = [
        (.comptes, "client_numero", .clients), (.beneficiaires, "client_numero", .clients),
        (.cartes, "compte_id", .comptes), (.transactions, "compte_id", .comptes),
        (.transactions, "carte_id", .cartes), (.virements, "compte_id", .comptes),
        (.virements, "beneficiaire_id", .beneficiaires), (.releves, "compte_id", .comptes),
    ]

    /// Parents that children name and that are not there, with the number of children.
    static func orphans(_ child: RoleTable, _ column: String, _ parent: RoleTable) -> Statement {
        Statement(
            unchecked: """
                select e.\(column), count(*) from travail.rapp_\(child.rawValue) e
                where e.\(column) is not null
                    and not exists (select from travail.rapp_\(parent.rawValue) p where p.\(parent.key) = e.\(column))
                group by 1 order by 1 limit \(RuleLimits.rowsMax)
                """)
    }

    static func duplicateKeys(_ role: RoleTable) -> Statement {
        Statement(
            unchecked: """
                select \(role.key), count(*) from travail.rapp_\(role.rawValue) where \(role.key) is not null
                group by 1 having count(*) > 1 order by 1 limit \(RuleLimits.rowsMax)
                """)
    }

    /// Beneficiaries whose transfers went elsewhere than the IBAN that stands there now.
    static let contradicted: Statement = """
        select b.id, b.iban, min(t.contrepartie_iban), max(t.contrepartie_iban), count(*)
        from travail.rapp_beneficiaires b
        join travail.rapp_virements v on v.beneficiaire_id = b.id
        join travail.rapp_transactions t on t.id = v.transaction_id and t.contrepartie_iban is not null
        group by b.id, b.iban having bool_or(t.contrepartie_iban <> b.iban) order by b.id limit \(RuleLimits.rowsMax)
        """

    /// Beneficiaries whose IBAN stands with several clients under several names.
    static let shared: Statement = """
        select b.id, b.iban, b.nom from travail.rapp_beneficiaires b
        join (
            select iban from travail.rapp_beneficiaires where iban is not null
            group by 1 having count(distinct client_numero) >= 3 and count(distinct lower(nom)) >= 3
        ) partages using (iban)
        order by b.iban, b.id limit \(RuleLimits.rowsMax)
        """

    static func held(by ibans: [String]) -> Statement {
        """
        select id, iban, nom from travail.rapp_beneficiaires
        where iban = any(\(SQLArray(ibans.map(Optional.some)))::text[]) order by id limit \(RuleLimits.rowsMax)
        """
    }

    /// For each suspicious beneficiary: the IBAN of the one client of the bank who bears that name, and the IBAN that other,
    /// unsuspected beneficiaries of that name have.
    static func ibansByName(_ suspects: [Int64]) -> Statement {
        """
        with douteux as (select id, nom, bic from travail.rapp_beneficiaires where id = any(\(SQLArray(suspects))::bigint[]))
        select d.id, c.iban, a.iban, d.bic from douteux d
        left join (
            select lower(cl.nom_complet) as nom, min(co.iban) as iban from travail.rapp_clients cl
            join lateral (select iban from travail.rapp_comptes where client_numero = cl.numero order by id limit 1) co
                on true
            where lower(cl.nom_complet) in (select lower(nom) from douteux)
            group by 1 having count(*) = 1
        ) c on c.nom = lower(d.nom)
        left join (
            select lower(nom) as nom, min(iban) as iban from travail.rapp_beneficiaires
            where id <> all(\(SQLArray(suspects))::bigint[]) and lower(nom) in (select lower(nom) from douteux)
            group by 1 having count(distinct iban) = 1
        ) a on a.nom = lower(d.nom)
        """
    }

    /// The BIC that IBANs of a bank go with: country, bank code and the only BIC of it among the unsuspected.
    static func bicsByBank(without suspects: [Int64]) -> Statement {
        """
        select left(iban, 2) || substr(iban, 5, 5), min(bic) from (
            select iban, bic from travail.rapp_beneficiaires where id <> all(\(SQLArray(suspects))::bigint[])
            union all select iban, bic from travail.rapp_comptes
        ) comptes where iban is not null and bic is not null
        group by 1 having count(distinct bic) = 1
        """
    }

    /// Staff, and the last instant of the bank's history.
    static let staff: Statement = """
        select e.id, coalesce(e.login, ''), coalesce(e.role, ''), e.cree_le::text,
            extract(hour from e.cree_le)::bigint, e.cree_le > f.fin - interval '30 days',
            (select count(*) from travail.rapp_logs l where l.acteur = e.login and l.action = 'export'),
            e.cree_le > (select max(autre.cree_le) from travail.rapp_employes autre where autre.id <> e.id)
                + interval '180 days'
        from travail.rapp_employes e,
            (select greatest((select max(booked_at) from travail.rapp_transactions),
                (select max(horodatage) from travail.rapp_logs)) as fin) f
        where e.cree_le > f.fin - interval '30 days' order by e.id limit \(RuleLimits.rowsMax)
        """

    /// The longest usual silences of the log, in seconds: what 99.9 % of the pauses stay below.
    static let usualSilence: Statement = """
        select coalesce(percentile_cont(0.999) within group (
            order by extract(epoch from suivant - horodatage)), 0)::float8
        from (select horodatage, lead(horodatage) over (order by id) as suivant from travail.rapp_logs) suite
        where suivant is not null
        """

    /// Dates that can not be: beyond the dump's own end, before the account was opened, value dates far off.
    static func impossibleDates(end: String?) -> Statement {
        """
        select id, date, sorte from (
            select s.rang, t.ligne, t.id, s.date, s.sorte from travail.rapp_transactions t
            cross join lateral (
                select 1 as rang, t.booked_at::text as date, 'future' as sorte
                where t.booked_at > coalesce(\(end)::timestamptz, now()) + interval '1 day'
                union all
                select 3, t.date_valeur::text, 'value date' where abs(t.date_valeur - t.booked_at::date) > 370
                union all
                select 4, null, 'no date' where t.booked_at is null
            ) s
            where t.booked_at is null or t.booked_at > coalesce(\(end)::timestamptz, now()) + interval '1 day'
                or t.date_valeur - t.booked_at::date not between -370 and 370
            union all
            select 2, t.ligne, t.id, t.booked_at::text, 'before opening' from travail.rapp_transactions t
            join travail.rapp_comptes c on c.id = t.compte_id
            where t.booked_at::date < c.ouvert_le
        ) dates order by rang, ligne limit \(RuleLimits.rowsMax)
        """
    }

    static let impossibleCardDates: Statement = """
        select id, expire_le::text from travail.rapp_cartes where expire_le < emise_le order by id
        limit \(RuleLimits.rowsMax)
        """

    /// Operations of a kind at hours at which that kind never happens but on one to three days.
    static let unusualHours: Statement = """
        with moments as (
            select type, date_trunc('hour', booked_at) as moment, count(*) as nombre
            from travail.rapp_transactions where type is not null and booked_at is not null group by 1, 2
        ), heures as (
            select type, extract(hour from moment) as heure, sum(nombre) as nombre, count(*) as jours from moments
            group by 1, 2
        ), types as (
            select type, sum(nombre) as total, count(*) as heures from heures group by 1
        ), rares as (
            select type, heure from heures h join types y using (type)
            where y.total >= 400 and y.heures >= 6 and h.jours <= 3 and h.nombre >= 4 and h.nombre < y.total / 25
        )
        select t.id, t.type, t.booked_at::text, t.compte_id from travail.rapp_transactions t
        where t.type in (select type from rares)
            and (t.type, extract(hour from t.booked_at)) in (select type, heure from rares)
        order by t.id, t.ligne limit \(RuleLimits.rowsMax)
        """

    /// Amounts more than eight standard deviations (of their logarithm) above what their kind and wording usually are.
    static let unusualAmounts: Statement = """
        with usages as (
            select motif, exp(avg(ln(abs(montant))) + 8 * greatest(stddev_samp(ln(abs(montant))), 0.4)) as limite
            from travail.rapp_chaine where montant <> 0 group by 1
            having count(*) >= 200
                and ln(max(abs(montant))) > avg(ln(abs(montant))) + 8 * greatest(stddev_samp(ln(abs(montant))), 0.4)
        )
        select c.id, c.montant, c.booked_at::text from travail.rapp_chaine c
        join usages u on u.motif = c.motif
        where abs(c.montant) > u.limite order by c.id, c.ligne limit \(RuleLimits.rowsMax)
        """

    /// Numbers to be checked in the process: key, number.
    static func numbers(_ role: RoleTable, _ column: String) -> Statement {
        Statement(
            unchecked: """
                select \(role.key)::text, \(column) from travail.rapp_\(role.rawValue)
                where \(column) is not null and \(column) <> '' order by ligne
                """)
    }
}
