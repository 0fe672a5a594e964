internal import Postgres

/// The SQL of the chain of running balances: each operation's balance is the one before plus its amount.
enum ChainStore {
    /// Copies of operations: alike in everything, the running balance included, which no two operations can share.
    static let makeDuplicates: Statement = """
        create unlogged table travail.rapp_doubles as
        select * from (
            select t.id, t.ligne, t.compte_id, t.booked_at, t.montant, first_value(t.id) over pareilles as original,
                row_number() over pareilles as rang
            from travail.rapp_transactions t
            join (select compte_id, booked_at from travail.rapp_transactions
                where montant <> 0 group by 1, 2 having count(*) > 1) groupes using (compte_id, booked_at)
            where t.montant <> 0
            window pareilles as (
                partition by t.compte_id, t.booked_at, t.montant, t.libelle, t.contrepartie_iban, t.carte_id, t.solde_apres
                order by t.id, t.ligne)
        ) copies where rang > 1
        """

    /// What operations are called but for their numbers, as a hash: those of one kind are compared with each other. There
    /// are far fewer wordings than operations.
    static let makeWordings: [Statement] = [
        """
        create unlogged table travail.rapp_libelles as
        select type, libelle, hashtext(type || '/' || translate(libelle, '0123456789/', '')) as motif
        from (select distinct coalesce(type, '') as type, coalesce(libelle, '') as libelle
            from travail.rapp_transactions) libelles
        """,
        "analyze travail.rapp_libelles",
    ]

    /// Without running balances only a copy whose id is far from its time is one.
    static func duplicates(hasChain: Bool) -> Statement {
        """
        select id, compte_id, montant, booked_at::text, original from travail.rapp_doubles
        where id <> original and (\(hasChain) or ligne in (select ligne from travail.rapp_tardives_transactions))
        order by id limit \(RuleLimits.rowsMax)
        """
    }

    /// Operations in the order of each account's history, with the one before. Copies, rows without a balance and rows
    /// that came in later than their time stand outside.
    static func makeChain(hasLate: Bool, hasCopies: Bool) -> Statement {
        let isNotLate: Statement =
            hasLate
            ? "and not exists (select from travail.rapp_tardives_transactions l where l.ligne = t.ligne)" : ""
        let isNoCopy: Statement =
            hasCopies ? "and not exists (select from travail.rapp_doubles d where d.ligne = t.ligne)" : ""
        return """
            create unlogged table travail.rapp_chaine as
            select t.ligne, t.id, t.compte_id, t.booked_at, t.date_comptable, t.montant, t.solde_apres, m.motif,
                t.reference is null as est_seule, lag(t.id) over fil as id_avant, lag(t.solde_apres) over fil as solde_avant,
                lag(t.date_comptable) over fil as date_avant, row_number() over fil as rang,
                lead(t.id) over fil is null as est_derniere
            from travail.rapp_transactions t
            join travail.rapp_libelles m on m.type = coalesce(t.type, '') and m.libelle = coalesce(t.libelle, '')
            where t.solde_apres is not null and t.montant is not null and t.booked_at is not null
                \(fragment: isNotLate) \(fragment: isNoCopy)
            window fil as (partition by t.compte_id order by t.booked_at, t.id, t.ligne)
            """
    }

    static let analyzeDuplicates: Statement = "analyze travail.rapp_doubles"
    static let analyzeChain: Statement = "analyze travail.rapp_chaine"
    static let analyzeBreaks: Statement = "analyze travail.rapp_ruptures"

    /// Where the chain breaks. An account's first operation is held against its statement, when there is one.
    static let makeBreaks: Statement = """
        create unlogged table travail.rapp_ruptures as
        select c.*, c.solde_apres - c.solde_avant - c.montant as ecart from travail.rapp_chaine c
        where c.rang > 1 and c.solde_apres <> c.solde_avant + c.montant
        union all
        select c.*, c.solde_apres - r.solde_debut - c.montant from travail.rapp_chaine c
        join travail.rapp_releves r on r.compte_id = c.compte_id
            and r.mois = date_trunc('month', c.date_comptable)::date
        where c.rang = 1 and c.solde_apres <> r.solde_debut + c.montant
        """

    /// The breaks with what tells an altered amount from a missing operation.
    static let breaks: Statement = """
        select r.id, r.compte_id, coalesce(r.id_avant, 0), r.rang, r.montant, r.solde_apres, r.ecart,
            r.booked_at::text, r.motif::text, coalesce(r.solde_avant, 0),
            v.montant, j.montant,
            coalesce(date_trunc('month', r.date_avant), date_trunc('month', r.date_comptable))::date::text,
            date_trunc('month', r.date_comptable)::date::text
        from travail.rapp_ruptures r
        left join (
            select transaction_id, min(montant) as montant from travail.rapp_virements group by 1
        ) v on v.transaction_id = r.id
        left join (
            select x.id, min(t.montant) as montant from travail.rapp_ruptures x
            join travail.rapp_transactions ici on ici.ligne = x.ligne and ici.reference is not null
            join travail.rapp_transactions t on t.reference = ici.reference
            where t.id <> x.id and t.compte_id <> x.compte_id group by 1
        ) j on j.id = r.id
        order by r.compte_id, r.rang limit \(RuleLimits.rowsMax)
        """

    /// Amounts of operations alike, in the whole bank and on the same account: by wording of the broken rows.
    static let wordings: Statement = """
        select motif::text, count(*), avg(ln(abs(montant)))::float8, coalesce(stddev_samp(ln(abs(montant))), 0)::float8,
            count(*) filter (where montant % 1000 = 0), count(*) filter (where montant % 100 = 0)
        from travail.rapp_chaine c
        where montant <> 0 and motif in (select motif from travail.rapp_ruptures) group by 1
        """

    static let siblings: Statement = """
        select r.id, count(*), avg(ln(abs(c.montant)))::float8, coalesce(stddev_samp(ln(abs(c.montant))), 0)::float8
        from travail.rapp_ruptures r join travail.rapp_chaine c on c.compte_id = r.compte_id and c.motif = r.motif
            and c.id <> r.id and c.montant <> 0
        group by 1
        """

    /// How usual it is that an operation that stands alone is a credit, and of what size.
    static let mix: Statement = """
        select count(*) filter (where montant > 0)::float8 / greatest(count(*), 1),
            coalesce(avg(ln(abs(montant))) filter (where montant < 0), 0)::float8,
            coalesce(stddev_samp(ln(abs(montant))) filter (where montant < 0), 1)::float8
        from (select montant from travail.rapp_chaine where montant <> 0 and est_seule limit 200000) seules
        """

    /// Statements of the accounts whose chain breaks: operations missing by month (printed less counted).
    static let statementCounts: Statement = """
        select r.compte_id, r.mois::text, r.nombre_operations - count(c.id)
        from travail.rapp_releves r
        left join travail.rapp_chaine c on c.compte_id = r.compte_id
            and c.date_comptable >= r.mois and c.date_comptable < (r.mois + interval '1 month')::date
        where r.compte_id in (select compte_id from travail.rapp_ruptures) and r.nombre_operations is not null
        group by r.compte_id, r.mois, r.nombre_operations
        """

    /// Balances that are not the last running balance; what stands outside the chain explains some.
    static let balances: Statement = """
        select c.id, c.solde, d.solde_apres, d.id, coalesce(h.somme, 0) from travail.rapp_comptes c
        join travail.rapp_chaine d on d.compte_id = c.id and d.est_derniere
        left join (
            select t.compte_id, sum(t.montant)::bigint as somme from travail.rapp_transactions t
            where (t.solde_apres is null or t.ligne in (select ligne from travail.rapp_tardives_transactions))
                and not exists (select from travail.rapp_chaine x where x.ligne = t.ligne)
                and not exists (select from travail.rapp_doubles d where d.ligne = t.ligne)
            group by 1
        ) h on h.compte_id = c.id
        where c.solde is distinct from d.solde_apres order by c.id limit \(RuleLimits.rowsMax)
        """

    /// Accounts that never had an operation here: their balance is their last statement's.
    static let restingBalances: Statement = """
        select c.id, c.solde, r.solde_fin from travail.rapp_comptes c
        join (select distinct on (compte_id) compte_id, solde_fin from travail.rapp_releves
            order by compte_id, mois desc) r on r.compte_id = c.id
        where not exists (select from travail.rapp_transactions t where t.compte_id = c.id)
            and c.solde is distinct from r.solde_fin order by c.id limit \(RuleLimits.rowsMax)
        """

    /// Balances against the sum of operations, for a bank that keeps no running balance.
    static let sums: Statement = """
        select c.id, c.solde, s.somme from travail.rapp_comptes c
        join (select compte_id, sum(montant)::bigint as somme from travail.rapp_transactions group by 1) s
            on s.compte_id = c.id
        where c.solde is distinct from s.somme order by c.id limit \(RuleLimits.rowsMax)
        """

    /// For histories that know days only: no balance of a day is the sum of all operations up to its end.
    static let brokenDays: Statement = """
        select compte_id, jour::text, total, dernier from (
            select compte_id, jour, total, dernier, ecart,
                coalesce(lag(ecart) over (partition by compte_id order by jour), 0) as ecart_avant
            from (
                select t.compte_id, t.booked_at::date as jour, max(t.cumul) as total, max(t.solde_apres) as dernier,
                    case when bool_or(t.solde_apres = t.cumul) then 0
                        else min(abs(t.solde_apres - t.cumul)) end as ecart
                from (
                    select compte_id, booked_at, solde_apres,
                        sum(montant) over (partition by compte_id order by booked_at)::bigint as cumul
                    from travail.rapp_transactions where solde_apres is not null and montant is not null
                ) t group by 1, 2
            ) jours
        ) ruptures where ecart <> ecart_avant and ecart <> 0 order by 1, 2 limit \(RuleLimits.rowsMax)
        """

    /// Statements that contradict the operations of their month, or the statement before.
    static let statements: Statement = """
        select s.id, s.compte_id, s.mois::text, s.nombre_operations, s.nombre, s.solde_debut, s.fin_avant, s.solde_fin, s.dernier
        from (
            select r.id, r.compte_id, r.mois, r.nombre_operations, r.solde_debut, r.solde_fin,
                lag(r.solde_fin) over (partition by r.compte_id order by r.mois) as fin_avant,
                coalesce(m.nombre, 0) as nombre, m.dernier
            from travail.rapp_releves r
            left join (
                select f.compte_id, f.mois, f.nombre, c.solde_apres as dernier from (
                    select compte_id, date_trunc('month', date_comptable::timestamp)::date as mois, count(*) as nombre,
                        max(rang) as rang
                    from travail.rapp_chaine group by 1, 2
                ) f join travail.rapp_chaine c on c.compte_id = f.compte_id and c.rang = f.rang
            ) m on m.compte_id = r.compte_id and m.mois = r.mois
        ) s
        where s.nombre_operations is distinct from s.nombre or s.solde_debut <> s.fin_avant or s.solde_fin <> s.dernier
        order by s.id limit \(RuleLimits.rowsMax)
        """

    /// Operations that came in later than their time, or without a balance where all others have one; no copies.
    static func outOfSequence(isChronological: Bool, hasChain: Bool) -> Statement {
        """
        select t.id, t.compte_id, t.montant, t.booked_at::text, t.solde_apres is null, coalesce(t.contrepartie_iban, '')
        from travail.rapp_transactions t
        where ((\(isChronological) and t.ligne in (select ligne from travail.rapp_tardives_transactions))
            or (\(hasChain) and t.solde_apres is null))
            and not exists (select from travail.rapp_doubles d where d.ligne = t.ligne)
        order by t.id, t.ligne limit \(RuleLimits.rowsMax)
        """
    }

    /// Transfers that nobody ordered.
    static let withoutOrder: Statement = """
        select t.id, t.compte_id, t.montant, t.booked_at::text, t.solde_apres is null, coalesce(t.contrepartie_iban, '')
        from travail.rapp_transactions t
        where t.type = 'virement_emis'
            and not exists (select from travail.rapp_virements v where v.transaction_id = t.id)
            and not exists (select from travail.rapp_doubles d where d.ligne = t.ligne)
        order by t.id, t.ligne limit \(RuleLimits.rowsMax)
        """

    /// Operations of the kind that clients order, and those of them that have their order.
    static let orderedShare: Statement = """
        select count(*), count(v.transaction_id) from travail.rapp_transactions t
        left join (select distinct transaction_id from travail.rapp_virements) v on v.transaction_id = t.id
        where t.type = 'virement_emis'
        """

    /// Executed orders whose operation is gone.
    static let withoutOperation: Statement = """
        select v.id, v.compte_id, v.montant, v.transaction_id, v.demande_le::text, coalesce(v.motif, ''),
            coalesce(b.iban, ''), coalesce(b.nom, '')
        from travail.rapp_virements v left join travail.rapp_beneficiaires b on b.id = v.beneficiaire_id
        where v.transaction_id is not null
            and not exists (select from travail.rapp_transactions t where t.id = v.transaction_id)
        order by v.id limit \(RuleLimits.rowsMax)
        """
}
