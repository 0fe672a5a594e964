-- Limitation and objection are real for those who could see: what analysts read, the figures' segments and every set that
-- leaves. A restricted client's data are stored and nothing else; who objects to analysis or profiling is in none of it. Fraud
-- and security go on: law asks for them, and they protect others (article 18(2), 21(1)).

-- Whom analysis does not touch. Marketing is not among it because the bank does none: the objection is on record.
create view privacy.unseen as
    select r.client_id from privacy.restrictions r
    union
    select o.client_id from privacy.objections o where o.purpose in ('analysis', 'profiling');
revoke all on privacy.unseen from public, anon, authenticated, service_role;

create or replace view pseudonymes.clients with (security_barrier = true) as
    select pseudonymes.pseudonyme('C', uuid_send(c.id), k.octets) as client, pseudonymes.tranche(p.annee_naissance) as tranche_age,
        p.departement, c.statut, date_trunc('month', c.cree_le)::date as client_depuis
    from public.clients c cross join pseudonymes.cle k left join pseudonymes.profils p on p.client_id = c.id
    where (select pseudonymes.peut_lire()) and not exists (select from privacy.unseen x where x.client_id = c.id);

create or replace view pseudonymes.transactions with (security_barrier = true) as
    select t.id as operation, t.booked_at, t.date_valeur, t.date_comptable, t.type, t.montant_minor, t.devise,
        pseudonymes.pseudonyme('C', uuid_send(d.client_id), k.octets) as client_debite,
        pseudonymes.pseudonyme('K', int8send(d.id), k.octets) as compte_debite, d.type as type_debite,
        pseudonymes.pseudonyme('C', uuid_send(c.client_id), k.octets) as client_credite,
        pseudonymes.pseudonyme('K', int8send(c.id), k.octets) as compte_credite, c.type as type_credite,
        t.carte_id is not null as par_carte, t.historique
    from public.transactions t
        join public.comptes d on d.id = t.compte_debit_id
        join public.comptes c on c.id = t.compte_credit_id
        cross join pseudonymes.cle k
    where (select pseudonymes.peut_lire())
        and not exists (select from privacy.unseen x where x.client_id = d.client_id)
        and not exists (select from privacy.unseen x where x.client_id = c.client_id);

-- The accounts of restricted clients, for an analyst's policies only: nobody else is told.
create function privacy.restricted_accounts() returns bigint[]
    language plpgsql stable security definer
    set search_path = ''
    as $$
begin
    if (select public.role_metier()) is distinct from 'analyst' then
        return '{}';
    end if;
    return array(
        select k.id from public.comptes k join privacy.restrictions r on r.client_id = k.client_id);
end
$$;
revoke all on function privacy.restricted_accounts() from public;
grant execute on function privacy.restricted_accounts() to authenticated, service_role;

do $$
declare
    v_table text;
    v_comptes constant text :=
        '(array (select k.id from public.comptes k where k.utilisateur_id = (select auth.uid())))';
begin
    -- A client's own rows come first: their reads cost what they did.
    foreach v_table in array array['ecritures', 'plafonds', 'reservations'] loop
        execute format(
            'alter policy %I on public.%I using (compte_id = any %s or (select public.role_metier()) = ''admin'' '
            'or ((select public.role_metier()) = ''analyst'' '
            'and compte_id <> all ((select privacy.restricted_accounts())::bigint[])))',
            v_table || '_lecture', v_table, v_comptes);
    end loop;
    -- The reservations that an analyst sees are the unrestricted ones.
    execute format(
        'alter policy captures_lecture on public.captures using ('
        'reservation_id in (select id from public.reservations where compte_id = any %s) '
        'or (select public.role_metier()) = ''admin'' or ((select public.role_metier()) = ''analyst'' '
        'and exists (select from public.reservations r where r.id = reservation_id)))', v_comptes);
end
$$;

create or replace function privacy.prepare_export(p_profile text, p_k integer, p_l integer, p_key bytea) returns jsonb
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
        and not exists (select from privacy.unseen x where x.client_id = c.id);
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

update privacy.activities set purpose_fr = purpose_fr
    || ' ; les personnes opposées à l''analyse ou au profilage et les données limitées en sont écartées ; '
    || 'aucune prospection commerciale n''est faite : l''opposition à la prospection est consignée'
where code = 'analysis';
select privacy.label('privacy.unseen', 'rights', 'technical', '*');
select privacy.apply_labels();
