-- Sets for analysis, tests and the public. Persons are generalised as little as k, l and t allow (local recoding, the finest
-- level first); in the public set operations are too, and an amount is the mean of its class, so that sums stay true.

create table privacy.regions (departement text primary key, region text not null);
insert into privacy.regions (departement, region)
select d, r from (values
    ('Auvergne-Rhône-Alpes', '01 03 07 15 26 38 42 43 63 69 73 74'), ('Bourgogne-Franche-Comté', '21 25 39 58 70 71 89 90'),
    ('Bretagne', '22 29 35 56'), ('Centre-Val de Loire', '18 28 36 37 41 45'), ('Corse', '20 2A 2B'),
    ('Grand Est', '08 10 51 52 54 55 57 67 68 88'), ('Hauts-de-France', '02 59 60 62 80'),
    ('Île-de-France', '75 77 78 91 92 93 94 95'), ('Normandie', '14 27 50 61 76'),
    ('Nouvelle-Aquitaine', '16 17 19 23 24 33 40 47 64 79 86 87'), ('Occitanie', '09 11 12 30 31 32 34 46 48 65 66 81 82'),
    ('Pays de la Loire', '44 49 53 72 85'), ('Provence-Alpes-Côte d''Azur', '04 05 06 13 83 84'),
    ('Outre-mer', '971 972 973 974 975 976 977 978 984 986 987 988')) v (r, ds),
    unnest(string_to_array(v.ds, ' ')) d;
alter table privacy.regions enable row level security;

create table privacy.exports (
    id uuid primary key default gen_random_uuid(),
    profile text not null,
    k integer not null,
    l integer not null,
    t numeric not null,
    measured jsonb not null,
    is_refused boolean not null,
    made_by text not null,
    made_at timestamptz not null default clock_timestamp(),
    constraint exports_profile_known check (profile in ('analytics', 'test', 'public'))
);
alter table privacy.exports enable row level security;
create trigger exports_stay before update or delete on privacy.exports
    for each row execute function privacy.refuse_change();

-- Prepares temporary tables export_people and, for the public, export_ops in the caller's transaction; returns what was
-- measured. `p_key` makes the pseudonyms; the same key gives the same ones.
create function privacy.prepare_export(p_profile text, p_k integer, p_l integer, p_key bytea) returns jsonb
    language plpgsql volatile
    as $$
declare
    v_level integer;
    v_place constant text[] := array['p.dept', 'p.region', '''*''', '''*''', '''*'''];
    v_since constant text[] := array['p.since::text', '(p.since / 5 * 5)::text', '(p.since / 5 * 5)::text', '''*''', '''*'''];
    v_age constant text[] := array['p.age', 'p.age', 'p.age', 'p.age', '''*'''];
    v_result jsonb;
begin
    create temp table export_people on commit drop as
    select c.id as client, pseudonymes.pseudonyme('C', uuid_send(c.id), p_key) as token,
        coalesce(pseudonymes.tranche(f.annee_naissance), '?') as age, coalesce(f.departement, '?') as dept,
        coalesce(r.region, '?') as region, extract(year from c.cree_le)::integer as since,
        ntile(5) over (order by coalesce(v.volume, 0), c.id) as band,
        null::integer as level, '*'::text as c_age, '*'::text as c_place, '*'::text as c_since
    from public.clients c
        left join pseudonymes.profils f on f.client_id = c.id
        left join privacy.regions r on r.departement = f.departement
        left join (
            select k.client_id, sum(e.n) as volume from public.comptes k join (
                select compte_id, sum(abs(montant_minor)) as n from public.ecritures group by 1) e on e.compte_id = k.id
            group by 1) v on v.client_id = c.id
    where c.statut <> 'efface'
        and not exists (select from privacy.objections o where o.client_id = c.id and o.purpose = 'analysis')
        and not exists (select from privacy.restrictions x where x.client_id = c.id);
    for v_level in 1..5 loop
        execute format(
            'update export_people p set level = %1$s, c_age = %2$s, c_place = %3$s, c_since = %4$s
            where p.level is null and (%2$s, %3$s, %4$s) in (
                select %2$s, %3$s, %4$s from export_people p where p.level is null group by 1, 2, 3
                having count(*) >= $1 and count(distinct p.band) >= $2)',
            v_level, v_age[v_level], v_place[v_level], v_since[v_level]) using p_k, p_l;
    end loop;
    create unique index on export_people (client);
    analyze export_people;

    with released as (
        select * from export_people where level is not null
    ), overall as (
        select b, count(p.band)::numeric / nullif((select count(*) from released), 0) as share
        from generate_series(1, 5) b left join released p on p.band = b group by b
    ), classes as (
        select c_age, c_place, c_since, count(*) as size, count(distinct band) as diversity
        from released group by 1, 2, 3
    ), bands as (
        select k.c_age, k.c_place, k.c_since, o.b, k.size,
            count(p.client)::numeric / k.size - o.share as gap
        from classes k cross join overall o left join released p
            on (p.c_age, p.c_place, p.c_since) = (k.c_age, k.c_place, k.c_since) and p.band = o.b
        group by 1, 2, 3, 4, 5, o.share
    ), moved as (
        -- Earth mover's distance of ordered values.
        select c_age, c_place, c_since,
            abs(sum(gap) over (partition by c_age, c_place, c_since order by b)) as carried
        from bands
    )
    select jsonb_build_object(
        'persons', (select count(*) from released), 'suppressed', (select count(*) from export_people where level is null),
        'classes', (select count(*) from classes), 'k', (select min(size) from classes),
        'l', (select min(diversity) from classes),
        't', (select round(max(total), 4) from (
            select sum(carried) / 4 as total from moved group by c_age, c_place, c_since) d))
    into v_result;
    if p_profile = 'public' then
        v_result := v_result || privacy.prepare_operations(p_k);
    end if;
    return v_result;
end
$$;

create function privacy.prepare_operations(p_k integer) returns jsonb
    language plpgsql volatile
    as $$
declare
    v_level integer;
    v_groups constant text[] := array[
        'concat_ws(''|'', o.c_age, o.c_place, o.c_since, o.month, o.type, o.side, o.bucket)',
        'concat_ws(''|'', o.c_age, ''*'', ''*'', o.month, o.type, o.side, o.bucket)',
        'concat_ws(''|'', ''*'', ''*'', ''*'', o.month, o.type, o.side, o.bucket)',
        'concat_ws(''|'', ''*'', ''*'', ''*'', left(o.month, 4), o.type, o.side, ''*'')',
        'concat_ws(''|'', ''*'', ''*'', ''*'', left(o.month, 4), ''*'', o.side, ''*'')'];
    v_all bigint;
    v_true numeric;
    v_out numeric;
    v_rest bigint;
begin
    create temp table export_rest on commit drop as
    select p.client, p.c_age, p.c_place, p.c_since, to_char(t.booked_at, 'YYYY-MM') as month, t.type, s.side,
        floor(2 * log(t.montant_minor))::integer as bucket, t.montant_minor as amount
    from public.transactions t
        join public.comptes d on d.id = t.compte_debit_id
        join public.comptes c on c.id = t.compte_credit_id
        cross join lateral (select case when d.client_id is not null then 'debit' else 'credit' end as side) s
        join export_people p on p.client = coalesce(d.client_id, c.client_id) and p.level is not null;
    select count(*), sum(amount) into v_all, v_true from export_rest;
    create temp table export_ops (g text not null, amount bigint not null) on commit drop;
    create temp table export_groups (g text primary key, mean bigint not null, persons integer not null) on commit drop;
    for v_level in 1..5 loop
        truncate export_groups;
        execute format(
            'insert into export_groups select g, round(sum(s) / sum(n)), count(*) from (
                select %s as g, o.client, sum(o.amount) as s, count(*) as n from export_rest o group by 1, 2) x
            group by g having count(*) >= $1', v_groups[v_level]) using p_k;
        analyze export_groups;
        execute format(
            'insert into export_ops select k.g, k.mean from export_rest o join export_groups k on k.g = %s',
            v_groups[v_level]);
        execute format(
            'create temp table export_left on commit drop as select o.* from export_rest o
            where not exists (select from export_groups k where k.g = %s)', v_groups[v_level]);
        drop table export_rest;
        alter table export_left rename to export_rest;
        analyze export_rest;
    end loop;
    select count(*) into v_rest from export_rest;
    select sum(amount) into v_out from export_ops;
    return jsonb_build_object(
        'operations', v_all - v_rest, 'operations_suppressed', v_rest,
        'amount_error', case when v_true > 0 then round(abs(coalesce(v_out, 0) - v_true) / v_true, 6) else 0 end);
end
$$;

select privacy.label('privacy.regions', 'analysis', 'none', '*');
select privacy.label('privacy.exports', 'analysis', 'none', '*');
select privacy.apply_labels();
revoke all on privacy.regions, privacy.exports from public, anon, authenticated, service_role;
revoke all on function privacy.prepare_export(text, integer, integer, bytea), privacy.prepare_operations(integer) from public;
