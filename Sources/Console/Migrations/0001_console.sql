-- What the console's pages read beyond the API's tables. Each function answers one question, asks who looks, and gives no
-- more than the page shows: sums, pseudonyms, the caller's own sessions. Tables of other capabilities are read where they
-- exist.

create schema if not exists console;
revoke all on schema console from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        execute 'grant usage on schema console to authenticated';
    end if;
end
$$;

create function console.exiger(variadic p_roles text[]) returns void
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if not public.role_metier() = any (p_roles) then
        raise exception 'this is not for the role %', public.role_metier() using errcode = '42501';
    end if;
end
$$;

-- The caller's own sessions: where they are signed in.
create function console.mes_sessions()
    returns table (id uuid, aal text, user_agent text, ip text, created_at timestamptz, refreshed_at timestamptz)
    language sql stable security definer
    set search_path = ''
    as $$
        select s.id, s.aal, s.user_agent, s.ip, s.created_at, s.refreshed_at
        from auth.sessions s where s.user_id = (select auth.uid()) order by s.refreshed_at desc limit 50
    $$;

-- Ends one of the caller's own sessions; the trigger of auth.sessions tells every server.
create function console.fermer_session(p_session uuid) returns boolean
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    delete from auth.sessions where id = p_session and user_id = auth.uid();
    return found;
end
$$;

-- Figures of the operations of the last days that there are, without anybody's name or number.
create function console.tableau(p_jours integer, p_type text default null) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_jours constant integer := least(greatest(coalesce(p_jours, 30), 1), 366);
    v_fin timestamptz;
    v_debut timestamptz;
    v_reponse jsonb;
begin
    perform console.exiger('analyst', 'admin');
    select max(booked_at) into v_fin from public.transactions;
    v_debut := (date_trunc('day', v_fin at time zone 'Europe/Paris') - (v_jours - 1) * interval '1 day')
        at time zone 'Europe/Paris';
    with t as materialized (
        select x.booked_at at time zone 'Europe/Paris' as heure, x.montant_minor, x.compte_debit_id, x.compte_credit_id,
            case when x.carte_id is not null then 'carte' else x.type end as type
        from public.transactions x
        where x.booked_at >= v_debut and x.devise = 'EUR'
            and (p_type is null or case when x.carte_id is not null then 'carte' else x.type end = p_type)
    ), c as (
        select k.id, k.type, p.departement, k.client_id from public.comptes k
        left join pseudonymes.profils p on p.client_id = k.client_id
    )
    select jsonb_build_object(
        'from', v_debut, 'to', v_fin, 'days', v_jours,
        'operations', (select count(*) from t), 'minor', (select coalesce(sum(montant_minor), 0) from t),
        'clients', (
            select count(distinct c.client_id) from t join c on c.id = t.compte_debit_id where c.client_id is not null),
        'largest', (select coalesce(max(montant_minor), 0) from t),
        'by_day', (
            select coalesce(jsonb_agg(jsonb_build_array(d.jour, d.nombre, d.minor) order by d.jour), '[]') from (
                select g.jour::date as jour, count(t.heure) as nombre, coalesce(sum(t.montant_minor), 0) as minor
                from generate_series(
                        date_trunc('day', v_debut at time zone 'Europe/Paris'),
                        date_trunc('day', v_fin at time zone 'Europe/Paris'), interval '1 day') g (jour)
                    left join t on t.heure >= g.jour and t.heure < g.jour + interval '1 day'
                group by g.jour) d),
        'by_type', (
            select coalesce(jsonb_agg(jsonb_build_array(d.type, d.nombre, d.minor) order by d.minor desc), '[]') from (
                select t.type, count(*) as nombre, sum(t.montant_minor) as minor from t group by t.type) d),
        'by_hour', (
            select coalesce(jsonb_agg(jsonb_build_array(d.jour, d.heure, d.nombre)), '[]') from (
                select extract(isodow from t.heure)::integer as jour, extract(hour from t.heure)::integer as heure,
                    count(*) as nombre
                from t group by 1, 2) d),
        'by_department', (
            select coalesce(jsonb_object_agg(d.departement, d.minor), '{}') from (
                select c.departement, sum(t.montant_minor) as minor from t join c on c.id = t.compte_debit_id
                where c.departement is not null group by 1) d),
        'flows', (
            select coalesce(jsonb_agg(jsonb_build_array(d.de, d.type, d.vers, d.minor) order by d.minor desc), '[]') from (
                select a.type as de, t.type, b.type as vers, sum(t.montant_minor) as minor
                from t join c a on a.id = t.compte_debit_id join c b on b.id = t.compte_credit_id
                group by 1, 2, 3) d),
        'sizes', (
            select coalesce(jsonb_agg(jsonb_build_array(d.rang, d.nombre) order by d.rang), '[]') from (
                select width_bucket(t.montant_minor, array[1000, 5000, 10000, 50000, 100000, 500000, 1000000]::bigint[])
                    as rang, count(*) as nombre from t group by 1) d),
        'top', (
            select coalesce(jsonb_agg(jsonb_build_array(d.compte, d.nombre, d.minor) order by d.minor desc), '[]') from (
                select pseudonymes.pseudonyme('K', int8send(s.compte_debit_id), (select octets from pseudonymes.cle)) as compte,
                    s.nombre, s.minor
                from (
                    select t.compte_debit_id, count(*) as nombre, sum(t.montant_minor) as minor
                    from t join c on c.id = t.compte_debit_id where c.type <> 'interne'
                    group by 1 order by 3 desc limit 10) s) d)
    ) into v_reponse;
    return v_reponse;
end
$$;

-- What the fraud desk decided by day, and how its cases ended.
create function console.fraude(p_jours integer) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_jours constant integer := least(greatest(coalesce(p_jours, 30), 1), 366);
    v_reponse jsonb;
begin
    perform console.exiger('analyst', 'admin');
    if to_regclass('fraud.decisions') is null then
        return null;
    end if;
    execute $q$
        select jsonb_build_object(
            'by_day', (
                select coalesce(jsonb_agg(jsonb_build_array(d.jour, d.verdict, d.nombre) order by d.jour), '[]') from (
                    select (x.decide_le at time zone 'Europe/Paris')::date as jour, x.verdict, count(*) as nombre
                    from fraud.decisions x where x.decide_le > now() - $1 * interval '1 day' group by 1, 2) d),
            'decisions', (select count(*) from fraud.decisions where decide_le > now() - $1 * interval '1 day'),
            'open', (select count(*) from fraud.dossiers where statut <> 'clos'),
            'proposed', (select count(*) from fraud.dossiers where statut = 'propose'),
            'unassigned', (select count(*) from fraud.dossiers where statut <> 'clos' and confie_a is null),
            'expected_loss', (select coalesce(sum(priorite), 0) from fraud.dossiers where statut <> 'clos'),
            'closed', (select count(*) from fraud.dossiers where statut = 'clos' and tranche_le > now() - $1 * interval '1 day'),
            'confirmed', (
                select count(*) from fraud.dossiers
                where statut = 'clos' and fraude and tranche_le > now() - $1 * interval '1 day'),
            'scores', (
                select coalesce(jsonb_agg(jsonb_build_array(d.rang, d.nombre) order by d.rang), '[]') from (
                    select width_bucket(x.probabilite, 0, 1, 10) as rang, count(*) as nombre from fraud.decisions x
                    where x.probabilite is not null and x.decide_le > now() - $1 * interval '1 day' group by 1) d))
    $q$ into v_reponse using v_jours;
    return v_reponse;
end
$$;

-- Incidents of the detection, open ones first; null where nothing watches.
create function console.incidents() returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
begin
    perform console.exiger('analyst', 'admin');
    if to_regclass('detection.incidents') is null then
        return null;
    end if;
    execute $q$
        select coalesce(jsonb_agg(to_jsonb(i)), '[]') from (
            select id, opened_at, updated_at, first_at, last_at, severity, status, title_fr, title_en, stages, document
            from detection.incidents order by status = 'closed', last_at desc limit 100) i
    $q$ into v_reponse;
    return v_reponse;
end
$$;

-- The bank at a glance.
create function console.etat() returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
    v_journal jsonb;
    v_cles jsonb;
begin
    perform console.exiger('admin');
    if to_regclass('evidence.entries') is not null then
        execute $q$
            select jsonb_build_object(
                'entries', (select count(*) from evidence.entries), 'last_at', (select max(recorded_at) from evidence.entries),
                'blocks', (select count(*) from evidence.blocks), 'sealed_at', (select max(sealed_at) from evidence.blocks),
                'refused_day', (
                    select count(*) from evidence.entries
                    where outcome = 'refused' and recorded_at > now() - interval '1 day'))
        $q$ into v_journal;
    end if;
    if to_regclass('vault.data_keys') is not null then
        execute 'select jsonb_build_object(''data_keys'', (select count(*) from vault.data_keys))' into v_cles;
    end if;
    select jsonb_build_object(
        'clients', (select count(*) from public.clients where statut <> 'efface'),
        'accounts', (select count(*) from public.comptes where type <> 'interne'),
        'deposits', (
            select coalesce(jsonb_object_agg(d.devise, d.minor), '{}') from (
                select devise, sum(solde_minor) as minor from public.comptes where type <> 'interne' group by devise) d),
        'trial_balance', (
            select coalesce(jsonb_object_agg(d.devise, d.minor), '{}') from (
                select devise, sum(solde_minor) as minor from public.comptes group by devise) d),
        'operations', (select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint from pg_catalog.pg_class c
            join pg_catalog.pg_inherits i on i.inhrelid = c.oid where i.inhparent = 'public.transactions'::regclass),
        'last_operation_at', (select max(booked_at) from public.transactions),
        'operations_day', (
            select coalesce(jsonb_agg(jsonb_build_array(d.jour, d.nombre) order by d.jour), '[]') from (
                select (t.booked_at at time zone 'Europe/Paris')::date as jour, count(*) as nombre from public.transactions t
                where t.booked_at > (select max(booked_at) from public.transactions) - interval '30 days'
                group by 1) d),
        'database_bytes', pg_database_size(current_database()),
        'sessions', (select count(*) from auth.sessions),
        'staff', (
            select count(*) from auth.users
            where raw_app_meta_data ->> 'role' in ('analyst', 'admin') and deleted_at is null),
        'staff_with_factor', (
            select count(*) from auth.users u
            where u.raw_app_meta_data ->> 'role' in ('analyst', 'admin') and u.deleted_at is null
                and exists (select from auth.mfa_factors f where f.user_id = u.id and f.status = 'verified')),
        'connections', (select count(*) from pg_catalog.pg_stat_activity where datname = current_database()),
        'version', current_setting('server_version'),
        'started_at', pg_postmaster_start_time(),
        'journal', v_journal, 'keys', v_cles
    ) into v_reponse;
    return v_reponse;
end
$$;

-- Accounts of people who sign in; admins find them by a part of the address.
create function console.utilisateurs(p_recherche text) returns jsonb
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
                x.email limit 100) u);
end
$$;

-- The journal, the newest entries first.
create function console.journal(p_avant bigint, p_genre text default null) returns jsonb
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
            order by id desc limit 51) e
    $q$ into v_reponse using p_avant, p_genre;
    return v_reponse;
end
$$;

-- Who was let see what, and why.
create function console.revelations() returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
begin
    perform console.exiger('admin');
    return (
        select coalesce(jsonb_agg(to_jsonb(r)), '[]') from (
            select v.id, (select u.email from auth.users u where u.id = v.demandee_par) as asked_by, c.numero as client,
                v.champ as field, v.motif as reason, v.accordee_le as granted_at, v.expire_le as expires_at,
                v.expire_le > now() as is_open
            from public.revelations v join public.clients c on c.id = v.client_id
            order by v.accordee_le desc limit 50) r);
end
$$;

revoke execute on all functions in schema console from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        execute 'grant execute on all functions in schema console to authenticated';
    end if;
end
$$;
