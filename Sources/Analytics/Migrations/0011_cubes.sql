-- Sums kept ahead for the dashboards: operations by day and what a dashboard is filtered or split by. A change of a fact puts
-- its day on a list, and a refresh counts the days of the list anew: run again it is the same, and a late fact or a correction
-- is counted once. `genre` is a dashboard's kind of operation, `carte` or the operation's own; `*` stands for all of them.

create table bi.cube_heure (
    date_cle bigint not null,
    heure_cle bigint not null,
    genre text not null,
    devise text not null,
    nombre bigint not null,
    montant numeric(22, 4) not null,
    montant_max numeric(18, 4) not null,
    dernier timestamptz not null,
    primary key (date_cle, heure_cle, genre, devise)
);
comment on table bi.cube_heure is 'Sommes par jour, heure et genre d''opération';

create table bi.cube_taille (
    date_cle bigint not null,
    rang integer not null,
    genre text not null,
    devise text not null,
    nombre bigint not null,
    montant numeric(22, 4) not null,
    primary key (date_cle, rang, genre, devise)
);
comment on table bi.cube_taille is 'Sommes par jour et tranche de montant';

create table bi.cube_flux (
    date_cle bigint not null,
    de text not null,
    genre text not null,
    vers text not null,
    devise text not null,
    nombre bigint not null,
    montant numeric(22, 4) not null,
    primary key (date_cle, de, genre, vers, devise)
);
comment on table bi.cube_flux is 'Sommes par jour, type de compte débité et type de compte crédité';

-- A period is a day (20261130), a part of a month (2026113: days 1 to 10, 11 to 20, 21 to the end), a month (202611) or a
-- quarter (20264): a year is read as some thirty of them.
create table bi.cube_departement (
    periode_cle bigint not null,
    genre text not null,
    devise text not null,
    departement text not null,
    nombre bigint not null,
    montant numeric(22, 4) not null,
    primary key (periode_cle, genre, devise, departement)
);
comment on table bi.cube_departement is 'Sommes par période et département du client débité';

-- By month and quarter only, and only of those that are over: a table by account and day would be as long as the facts. What a
-- span has beside whole periods is read from the facts themselves.
create table bi.cube_compte (
    compte_cle bigint not null,
    montant numeric(22, 4) not null,
    nombre integer not null,
    periode_cle integer not null,
    genre text not null,
    devise text not null,
    primary key (periode_cle, genre, devise, compte_cle)
);
comment on table bi.cube_compte is 'Sommes par mois ou trimestre clos et compte débité';

-- Months and quarters whose accounts are summed.
create table bi.cube_periodes (
    periode_cle integer primary key
);
comment on table bi.cube_periodes is 'Mois et trimestres dont les sommes par compte sont faites';

create table bi.cubes_a_refaire (
    date_cle bigint primary key
);
comment on table bi.cubes_a_refaire is 'Jours dont les sommes sont à refaire';

insert into bi.cubes_a_refaire select distinct date_cle from bi.fact_transaction;
insert into bi.reperes (source) values ('cubes') on conflict do nothing;

do $$
declare
    v record;
begin
    for v in
        select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
        where c.relnamespace = 'bi'::regnamespace and c.relkind = 'r' and c.relname ~ '^cubes?_'
    loop
        execute format('comment on column bi.%I.%I is %L', v.relname, v.attname,
            case when v.relname <> 'cube_compte' then '[privacy:none/analysis]'
                when v.attname in ('montant', 'nombre') then '[privacy:financial/analysis]'
                else '[privacy:technical/analysis]' end);
        execute format('alter table bi.%I enable row level security', v.relname);
        execute format('revoke all on bi.%I from public', v.relname);
    end loop;
end
$$;

-- Rows behind a figure: by moment, and of an account.
create index fact_transaction_horodatage on bi.fact_transaction (horodatage, transaction_cle);
create index fact_transaction_compte on bi.fact_transaction (compte_cle, date_cle);

create function bi.noter_les_jours() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if tg_op <> 'DELETE' then
        insert into bi.cubes_a_refaire select distinct date_cle from nouvelles on conflict do nothing;
    end if;
    if tg_op <> 'INSERT' then
        insert into bi.cubes_a_refaire select distinct date_cle from anciennes on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger fact_transaction_ajoutes after insert on bi.fact_transaction
    referencing new table as nouvelles for each statement execute function bi.noter_les_jours();
create trigger fact_transaction_corriges after update on bi.fact_transaction
    referencing new table as nouvelles old table as anciennes for each statement execute function bi.noter_les_jours();
create trigger fact_transaction_retires after delete on bi.fact_transaction
    referencing old table as anciennes for each statement execute function bi.noter_les_jours();

-- Flows are told by the types that accounts have now.
create function bi.noter_les_comptes() returns trigger
    language plpgsql
    set search_path = ''
    as $$
declare
    v_comptes constant bigint[] := array(
        select n.compte_cle from nouvelles n join anciennes a using (compte_cle) where a.type <> n.type);
begin
    if cardinality(v_comptes) > 0 then
        insert into bi.cubes_a_refaire
        select distinct date_cle from bi.fact_transaction
        where compte_cle = any (v_comptes) or compte_credit_cle = any (v_comptes)
        on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger dim_compte_types after update on bi.dim_compte
    referencing new table as nouvelles old table as anciennes for each statement execute function bi.noter_les_comptes();

-- A fact as the dashboards see it.
create view bi.operations_du_tableau as
    select f.transaction_cle, f.horodatage, f.date_cle, f.heure_cle, f.client_cle, f.compte_cle, f.compte_credit_cle,
        case when f.carte_cle <> -1 then 'carte' else t.type_operation end as genre, f.devise, f.montant,
        width_bucket(f.montant, array[10, 50, 100, 500, 1000, 5000, 10000]::numeric[]) as rang
    from bi.fact_transaction f join bi.dim_type_operation t using (type_operation_cle);
comment on view bi.operations_du_tableau is 'Une opération avec son genre et sa tranche de montant';
do $$
declare
    v record;
begin
    for v in select attname from pg_attribute where attrelid = 'bi.operations_du_tableau'::regclass and attnum > 0 loop
        execute format('comment on column bi.operations_du_tableau.%I is %L', v.attname,
            case v.attname when 'montant' then '[privacy:financial/analysis]' else '[privacy:technical/analysis]' end);
    end loop;
end
$$;
revoke all on bi.operations_du_tableau from public;

-- The sums of a closed month by account, from the facts.
create function bi.sommer_les_comptes(p_mois integer) returns void
    language sql
    set search_path = ''
    as $$
        delete from bi.cube_compte where periode_cle = p_mois;
        insert into bi.cube_compte (compte_cle, montant, nombre, periode_cle, genre, devise)
        select o.compte_cle, sum(o.montant), count(*), p_mois, coalesce(o.genre, '*'), o.devise
        from bi.operations_du_tableau o where o.date_cle between p_mois * 100::bigint + 1 and p_mois * 100::bigint + 31
        group by grouping sets ((o.compte_cle, o.genre, o.devise), (o.compte_cle, o.devise));
        insert into bi.cube_periodes values (p_mois) on conflict do nothing
    $$;

-- And of a closed quarter, from its months.
create function bi.sommer_le_trimestre(p_trimestre integer) returns void
    language sql
    set search_path = ''
    as $$
        delete from bi.cube_compte where periode_cle = p_trimestre;
        insert into bi.cube_compte (compte_cle, montant, nombre, periode_cle, genre, devise)
        select c.compte_cle, sum(c.montant), sum(c.nombre), p_trimestre, c.genre, c.devise
        from bi.cube_compte c
        where c.periode_cle between (p_trimestre / 10) * 100 + (p_trimestre % 10) * 3 - 2
            and (p_trimestre / 10) * 100 + (p_trimestre % 10) * 3
        group by c.compte_cle, c.genre, c.devise;
        insert into bi.cube_periodes values (p_trimestre) on conflict do nothing
    $$;

-- Months that are over, of the days that were counted anew or not summed yet, and their quarters.
create function bi.sommer_les_mois(p_jours bigint[]) returns void
    language plpgsql
    set search_path = ''
    as $$
declare
    v_ouvert constant integer := (select max(date_cle) from bi.cube_heure) / 100;
    v_mois integer[];
    v_periode integer;
begin
    v_mois := array(
        select m from (
            select distinct (j / 100)::integer as m from unnest(p_jours) j where j > 0
            union
            select distinct (h.date_cle / 100)::integer from bi.cube_heure h
            where not exists (select from bi.cube_periodes f where f.periode_cle = h.date_cle / 100)) x
        where m < v_ouvert order by m);
    foreach v_periode in array v_mois loop
        perform bi.sommer_les_comptes(v_periode);
    end loop;
    for v_periode in
        select distinct (m / 100) * 10 + (m % 100 - 1) / 3 + 1 from unnest(v_mois) m
    loop
        if v_periode < (v_ouvert / 100) * 10 + (v_ouvert % 100 - 1) / 3 + 1 then
            perform bi.sommer_le_trimestre(v_periode);
        end if;
    end loop;
end
$$;

create function bi.monter_les_departements(p_periodes bigint[], p_debuts bigint[], p_fins bigint[]) returns void
    language sql
    set search_path = ''
    as $$
        with sommes as materialized (
            select p.periode, c.genre, c.devise, c.departement, sum(c.nombre)::bigint as nombre, sum(c.montant) as montant
            from unnest(p_periodes, p_debuts, p_fins) p (periode, debut, fin)
            join bi.cube_departement c on c.periode_cle between p.debut and p.fin
            group by p.periode, c.genre, c.devise, c.departement
        ), vieilles as (
            delete from bi.cube_departement c where c.periode_cle = any (p_periodes) and not exists (
                select from sommes s where (s.periode, s.genre, s.devise, s.departement)
                    = (c.periode_cle, c.genre, c.devise, c.departement))
        )
        insert into bi.cube_departement as c select * from sommes
        on conflict (periode_cle, genre, devise, departement)
        do update set nombre = excluded.nombre, montant = excluded.montant
        where (c.nombre, c.montant) is distinct from (excluded.nombre, excluded.montant)
    $$;

-- Level 1: parts of months, 2: months, 3: quarters.
create function bi.monter(p_periodes bigint[], p_niveau integer) returns void
    language plpgsql
    set search_path = ''
    as $$
declare
    v_debuts bigint[];
    v_fins bigint[];
begin
    select array_agg(b.debut order by u.n), array_agg(b.fin order by u.n) into v_debuts, v_fins
    from unnest(p_periodes) with ordinality u (p, n)
    cross join lateral (
        select (u.p / 10) * 100 + (u.p % 10 - 1) * 10 + 1 as debut,
            (u.p / 10) * 100 + case u.p % 10 when 3 then 31 else (u.p % 10) * 10 end as fin
        where p_niveau = 1
        union all
        select u.p * 10 + 1, u.p * 10 + 3 where p_niveau = 2
        union all
        select (u.p / 10) * 100 + (u.p % 10) * 3 - 2, (u.p / 10) * 100 + (u.p % 10) * 3 where p_niveau = 3) b;
    perform bi.monter_les_departements(p_periodes, v_debuts, v_fins);
end
$$;

create function bi.refaire_les_jours(p_jours bigint[]) returns void
    language plpgsql
    set search_path = ''
    as $$
begin
    delete from bi.cube_heure where date_cle = any (p_jours);
    insert into bi.cube_heure
    select date_cle, heure_cle, genre, devise, count(*), sum(montant), max(montant), max(horodatage)
    from bi.operations_du_tableau where date_cle = any (p_jours) group by 1, 2, 3, 4;

    delete from bi.cube_taille where date_cle = any (p_jours);
    insert into bi.cube_taille
    select date_cle, rang, genre, devise, count(*), sum(montant)
    from bi.operations_du_tableau where date_cle = any (p_jours) group by 1, 2, 3, 4;

    delete from bi.cube_flux where date_cle = any (p_jours);
    insert into bi.cube_flux
    select o.date_cle, d.type, o.genre, c.type, o.devise, count(*), sum(o.montant)
    from bi.operations_du_tableau o
    join bi.dim_compte d on d.compte_cle = o.compte_cle
    join bi.dim_compte c on c.compte_cle = o.compte_credit_cle
    where o.date_cle = any (p_jours) group by 1, 2, 3, 4, 5;

    delete from bi.cube_departement where periode_cle = any (p_jours);
    insert into bi.cube_departement
    select o.date_cle, coalesce(o.genre, '*'), o.devise, d.departement, count(*), sum(o.montant)
    from bi.operations_du_tableau o join bi.dim_client d on d.client_cle = o.client_cle
    where o.date_cle = any (p_jours)
    group by grouping sets ((1, o.genre, 3, 4), (1, 3, 4));
end
$$;

-- At most so many of the listed days; `reste`: there are more.
create function bi.refaire_les_cubes(p_jours integer, out jours bigint, out reste boolean)
    language plpgsql
    set search_path = ''
    as $$
declare
    v_jours bigint[];
    v_parts bigint[];
    v_mois bigint[];
    v_trimestres bigint[];
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    with pris as (
        delete from bi.cubes_a_refaire
        where date_cle in (select date_cle from bi.cubes_a_refaire order by date_cle limit p_jours)
        returning date_cle
    )
    select coalesce(array_agg(date_cle), '{}') into v_jours from pris;
    jours := cardinality(v_jours);
    if jours > 0 then
        perform bi.refaire_les_jours(v_jours);
        v_parts := array(
            select distinct (j / 100) * 10 + least((j % 100 - 1) / 10, 2) + 1 from unnest(v_jours) j where j > 0);
        v_mois := array(select distinct p / 10 from unnest(v_parts) p);
        v_trimestres := array(select distinct (m / 100) * 10 + (m % 100 - 1) / 3 + 1 from unnest(v_mois) m);
        -- In this order: each is made of the one before.
        perform bi.monter(v_parts, 1);
        perform bi.monter(v_mois, 2);
        perform bi.monter(v_trimestres, 3);
        perform bi.sommer_les_mois(v_jours);
    end if;
    reste := exists (select from bi.cubes_a_refaire);
    update bi.reperes set lignes = lignes + refaire_les_cubes.jours,
        rafraichi_le = case when reste then rafraichi_le else clock_timestamp() end
    where source = 'cubes';
end
$$;
revoke execute on all functions in schema bi from public;
