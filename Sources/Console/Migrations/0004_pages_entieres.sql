-- Pages and their tables in full: as many rows as are asked for, the clocks that the law really runs, and whom a case of the
-- fraud desk deals with.

drop function console.utilisateurs(text);
drop function console.journal(bigint, text);

-- Accounts of people who sign in; admins find them by a part of the address.
create function console.utilisateurs(p_recherche text, p_nombre integer default 100) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
begin
    perform console.exiger('admin');
    return (
        select coalesce(jsonb_agg(to_jsonb(u)), '[]') from (
            select x.id, x.email, coalesce(x.raw_app_meta_data ->> 'role', 'client') as role, x.created_at, x.last_sign_in_at,
                x.banned_until > now() as is_banned,
                exists (select from auth.mfa_factors f where f.user_id = x.id and f.status = 'verified') as has_factor,
                (select count(*) from auth.sessions s where s.user_id = x.id) as sessions
            from auth.users x
            where x.deleted_at is null and not x.is_anonymous
                and (p_recherche is null or x.email ilike '%' || p_recherche || '%')
            order by coalesce(x.raw_app_meta_data ->> 'role', 'client') <> 'client' desc, x.last_sign_in_at desc nulls last,
                x.email limit least(greatest(coalesce(p_nombre, 100), 1), 10001)) u);
end
$$;

-- The journal, the newest entries first.
create function console.journal(p_avant bigint, p_genre text default null, p_nombre integer default 51) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
begin
    perform console.exiger('admin');
    if to_regclass('evidence.entries') is null then
        return null;
    end if;
    execute $q$
        select coalesce(jsonb_agg(to_jsonb(e) order by e.id desc), '[]') from (
            select id, recorded_at, actor, kind, subject, outcome from evidence.entries
            where ($1::bigint is null or id < $1) and ($2::text is null or kind ilike '%' || $2 || '%')
            order by id desc limit $3) e
    $q$ into v_reponse using p_avant, p_genre, least(greatest(coalesce(p_nombre, 51), 1), 10001);
    return v_reponse;
end
$$;

-- The clocks of the law that run for an incident of the detection, as the register of incidents has them: none until somebody,
-- or the watch, has opened it there. Null where no register is kept.
create function console.horloges(p_incident text) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
begin
    perform console.exiger('analyst', 'admin');
    if to_regclass('privacy.clocks') is null then
        return null;
    end if;
    execute $q$
        select jsonb_build_object(
            'reference', (select i.reference from privacy.incidents i where i.source = 'detection' and i.source_id = $1 limit 1),
            'clocks', (
                select coalesce(jsonb_agg(to_jsonb(c) order by c.due_at), '[]') from (
                    select k.clock, k.due_at, k.stopped_at, k.state
                    from privacy.clocks k join privacy.incidents i on i.id = k.incident_id
                    where i.source = 'detection' and i.source_id = $1) c))
    $q$ into v_reponse using p_incident;
    return v_reponse;
end
$$;

-- A case of the fraud desk seen from the account: its holder in coarse terms, its habits in the year before, whom it paid, who
-- else paid those whom the case is about, and cases that share a payee, a device, an address or a rule. Pseudonyms only.
create function console.dossier(p_dossier bigint) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_compte bigint;
    v_depuis timestamptz;
    v_vises bigint[];
    v_regles text[];
    v_cle bytea;
    v_reponse jsonb;
begin
    perform console.exiger('analyst', 'admin');
    if to_regclass('fraud.dossiers') is null then
        return null;
    end if;
    select k.octets into v_cle from pseudonymes.cle k;
    execute 'select d.client, least(d.ouvert_le, (select max(booked_at) from public.transactions)) from fraud.dossiers d where d.id = $1'
        into v_compte, v_depuis using p_dossier;
    if v_compte is null then
        return null;
    end if;
    execute $q$
        select coalesce(array_agg(distinct x.cles[2]) filter (where x.cles[2] is not null), '{}'),
            coalesce((select array_agg(distinct r) from fraud.dossiers_paiements p2
                join fraud.decisions x2 on x2.paiement = p2.paiement, unnest(x2.regles) r where p2.dossier_id = $1), '{}')
        from fraud.dossiers_paiements p join fraud.decisions x on x.paiement = p.paiement where p.dossier_id = $1
    $q$ into v_vises, v_regles using p_dossier;

    with h as materialized (
        select t.compte_credit_id as vers, t.booked_at, t.montant_minor
        from public.transactions t
        where t.compte_debit_id = v_compte and t.booked_at > v_depuis - interval '365 days' and t.booked_at <= v_depuis
    ), v as (
        select h.vers, count(*) as nombre, sum(h.montant_minor) as minor, min(h.booked_at) as premiere from h group by h.vers
    )
    select jsonb_build_object(
        'account', (
            select jsonb_build_object('pseudonym', pseudonymes.pseudonyme('K', int8send(c.id), v_cle), 'type', c.type,
                'currency', c.devise, 'client', pseudonymes.pseudonyme('C', uuid_send(c.client_id), v_cle),
                'age', pseudonymes.tranche(f.annee_naissance), 'department', f.departement, 'status', l.statut,
                'since', date_trunc('month', l.cree_le)::date)
            from public.comptes c left join public.clients l on l.id = c.client_id
                left join pseudonymes.profils f on f.client_id = c.client_id
            where c.id = v_compte),
        'payments', (select count(*) from h),
        'median', (select percentile_disc(0.5) within group (order by h.montant_minor) from h),
        'high', (select percentile_disc(0.95) within group (order by h.montant_minor) from h),
        'months', (
            select coalesce(jsonb_agg(jsonb_build_array(m.mois, m.nombre, m.minor) order by m.mois), '[]') from (
                select to_char(h.booked_at at time zone 'Europe/Paris', 'YYYY-MM') as mois, count(*) as nombre,
                    sum(h.montant_minor) as minor from h group by 1) m),
        'payees', (
            select coalesce(jsonb_agg(jsonb_build_object(
                    'account', pseudonymes.pseudonyme('K', int8send(r.vers), v_cle), 'count', r.nombre, 'minor', r.minor,
                    'since', r.premiere, 'is_meant', r.est_vise, 'is_ours', r.type is not distinct from 'interne',
                    'others', r.autres) order by r.est_vise desc, r.minor desc), '[]')
            from (
                select w.*, c.type, (
                    select coalesce(jsonb_agg(pseudonymes.pseudonyme('K', int8send(a.de), v_cle)), '[]') from (
                        select t.compte_debit_id as de, max(t.booked_at) as quand from public.transactions t
                        where w.est_vise and c.type is distinct from 'interne' and t.compte_credit_id = w.vers
                            and t.compte_debit_id <> v_compte and t.booked_at > v_depuis - interval '90 days'
                        group by 1 order by 2 desc limit 4) a) as autres
                from (
                    select v.vers, v.nombre, v.minor, v.premiere, v.vers = any (v_vises) as est_vise from v
                    union all
                    select n, 0, 0, null, true from unnest(v_vises) n
                    where not exists (select from v where v.vers = n) and exists (select from public.comptes c where c.id = n)
                    order by 5 desc, 3 desc limit 14) w
                    left join public.comptes c on c.id = w.vers) r)
    ) into v_reponse;

    execute $q$
        select $4 || jsonb_build_object('similar', (
            select coalesce(jsonb_agg(to_jsonb(s)), '[]') from (
                select o.id, o.statut as status, o.fraude as fraud, o.priorite as expected_loss, count(distinct k.place) as keys,
                    count(distinct r.regle) as rules
                from fraud.dossiers o
                    join fraud.dossiers_paiements p on p.dossier_id = o.id
                    join fraud.decisions x on x.paiement = p.paiement
                    left join lateral (
                        select u.place from unnest(x.cles) with ordinality u (cle, place)
                        where u.place between 2 and 4 and exists (
                            select from fraud.dossiers_paiements p1 join fraud.decisions x1 on x1.paiement = p1.paiement
                            where p1.dossier_id = $1 and x1.cles[u.place] = u.cle)) k on true
                    left join lateral (select u as regle from unnest(x.regles) u where u = any ($2)) r on true
                where o.id <> $1 and o.ouvert_le > $3 - interval '180 days'
                    and (x.regles && $2 or k.place is not null)
                group by o.id order by count(distinct k.place) desc, count(distinct r.regle) desc,
                    abs(o.priorite - (select d.priorite from fraud.dossiers d where d.id = $1)), o.id desc
                limit 6) s))
    $q$ into v_reponse using p_dossier, v_regles, now(), v_reponse;
    return v_reponse;
end
$$;

revoke execute on function console.utilisateurs(text, integer), console.journal(bigint, text, integer),
    console.horloges(text), console.dossier(bigint) from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        grant execute on function console.utilisateurs(text, integer), console.journal(bigint, text, integer),
            console.horloges(text), console.dossier(bigint) to authenticated;
    end if;
end
$$;
