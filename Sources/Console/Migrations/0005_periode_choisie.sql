-- The dashboard of days that somebody chose, for banks that keep no sums of their operations; more of the reveals than a page
-- shows, for a file.
create function console.tableau_entre(p_du date, p_au date, p_type text default null) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    set work_mem = '64MB'
    as $$
declare
    v_jours constant integer := least(p_au - p_du + 1, 1100);
    v_debut constant timestamptz := p_du::timestamp at time zone 'Europe/Paris';
    -- The last moment of the last day.
    v_fin constant timestamptz := (p_au + 1)::timestamp at time zone 'Europe/Paris' - interval '1 microsecond';
    v_reponse jsonb;
begin
    perform console.exiger('analyst', 'admin');
    if v_jours is null or v_jours < 1 then
        raise exception 'the first day comes after the last' using errcode = '22023';
    end if;
    with heures as materialized (
        -- Paris is a whole number of hours from Greenwich: hours of the one are hours of the other.
        select date_trunc('hour', x.booked_at) at time zone 'Europe/Paris' as heure,
            case when x.carte_id is not null then 'carte' else x.type end as type,
            width_bucket(x.montant_minor, array[1000, 5000, 10000, 50000, 100000, 500000, 1000000]::bigint[]) as rang,
            count(*) as nombre, sum(x.montant_minor) as minor, max(x.montant_minor) as plus_grand
        from public.transactions x
        where x.booked_at >= v_debut and x.booked_at <= v_fin and x.devise = 'EUR'
            and (p_type is null or case when x.carte_id is not null then 'carte' else x.type end = p_type)
        group by 1, 2, 3
    ), paires as materialized (
        select x.compte_debit_id, x.compte_credit_id, case when x.carte_id is not null then 'carte' else x.type end as type,
            count(*) as nombre, sum(x.montant_minor) as minor
        from public.transactions x
        where x.booked_at >= v_debut and x.booked_at <= v_fin and x.devise = 'EUR'
            and (p_type is null or case when x.carte_id is not null then 'carte' else x.type end = p_type)
        group by 1, 2, 3
    ), comptes as (
        select k.id, k.type, p.departement, k.client_id from public.comptes k
        left join pseudonymes.profils p on p.client_id = k.client_id
    ), debits as materialized (
        select s.compte_debit_id, c.type, c.departement, c.client_id, s.nombre, s.minor
        from (
            select compte_debit_id, sum(nombre)::bigint as nombre, sum(minor) as minor from paires group by 1) s
        join comptes c on c.id = s.compte_debit_id
    )
    select jsonb_build_object(
        'from', v_debut, 'to', v_fin, 'days', v_jours,
        'operations', (select coalesce(sum(nombre), 0)::bigint from heures),
        'minor', (select coalesce(sum(minor), 0) from heures),
        'clients', (select count(distinct client_id) from debits),
        'largest', (select coalesce(max(plus_grand), 0) from heures),
        'by_day', (
            select coalesce(jsonb_agg(jsonb_build_array(g.jour::date, coalesce(d.nombre, 0), coalesce(d.minor, 0))
                order by g.jour), '[]')
            from generate_series(
                    date_trunc('day', v_debut at time zone 'Europe/Paris'),
                    date_trunc('day', v_fin at time zone 'Europe/Paris'), interval '1 day') g (jour)
                left join (
                    select h.heure::date as jour, sum(h.nombre)::bigint as nombre, sum(h.minor) as minor
                    from heures h group by 1) d on d.jour = g.jour::date),
        'by_type', (
            select coalesce(jsonb_agg(jsonb_build_array(d.type, d.nombre, d.minor) order by d.minor desc), '[]') from (
                select h.type, sum(h.nombre)::bigint as nombre, sum(h.minor) as minor from heures h group by h.type) d),
        'by_hour', (
            select coalesce(jsonb_agg(jsonb_build_array(d.jour, d.heure, d.nombre)), '[]') from (
                select extract(isodow from h.heure)::integer as jour, extract(hour from h.heure)::integer as heure,
                    sum(h.nombre)::bigint as nombre
                from heures h group by 1, 2) d),
        'by_department', (
            select coalesce(jsonb_object_agg(d.departement, d.minor), '{}') from (
                select departement, sum(minor) as minor from debits where departement is not null group by 1) d),
        'flows', (
            select coalesce(jsonb_agg(jsonb_build_array(d.de, d.type, d.vers, d.minor) order by d.minor desc), '[]') from (
                select a.type as de, p.type, b.type as vers, sum(p.minor) as minor
                from paires p join public.comptes a on a.id = p.compte_debit_id
                join public.comptes b on b.id = p.compte_credit_id
                group by 1, 2, 3) d),
        'sizes', (
            select coalesce(jsonb_agg(jsonb_build_array(d.rang, d.nombre) order by d.rang), '[]') from (
                select h.rang, sum(h.nombre)::bigint as nombre from heures h group by 1) d),
        'top', (
            select coalesce(jsonb_agg(jsonb_build_array(d.compte, d.nombre, d.minor) order by d.minor desc), '[]') from (
                select pseudonymes.pseudonyme('K', int8send(s.compte_debit_id), (select octets from pseudonymes.cle)) as compte,
                    s.nombre, s.minor
                from (
                    select compte_debit_id, nombre, minor from debits where type <> 'interne'
                    order by minor desc limit 10) s) d)
    ) into v_reponse;
    return v_reponse;
end
$$;

drop function console.revelations();
create function console.revelations(p_nombre integer default 50) returns jsonb
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
            order by v.accordee_le desc limit least(greatest(coalesce(p_nombre, 50), 1), 10001)) r);
end
$$;

revoke execute on function console.tableau_entre(date, date, text), console.revelations(integer) from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        grant execute on function console.tableau_entre(date, date, text), console.revelations(integer) to authenticated;
    end if;
end
$$;
