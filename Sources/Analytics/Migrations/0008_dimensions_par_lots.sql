-- The dimensions in lots, each a transaction of its own: with millions of accounts one pass took minutes, and whoever had
-- to wait for all running transactions, as a new replication slot has, waited as long. What is new comes at once; what
-- may have changed is looked at in turns, a lot with each refresh.

-- Where the turn of each dimension stands.
create table bi.curseurs (
    dimension text primary key,
    apres text not null
);
insert into bi.curseurs values
    ('clients', '00000000-0000-0000-0000-000000000000'), ('comptes', '0'), ('cartes', '0'), ('calendrier', '');
alter table bi.curseurs enable row level security;
revoke all on bi.curseurs from public;

create or replace view bi.clients_du_moment as
    select l.client,
        case
            when k.types is null then 'sans compte'
            when k.types = '{epargne}' then 'épargne seule'
            when 'epargne' = any (k.types) then 'courant et épargne'
            when 'joint' = any (k.types) then 'compte joint'
            else 'courant seul'
        end as segment,
        coalesce(pseudonymes.tranche(p.annee_naissance), 'inconnue') as tranche_age,
        coalesce(p.departement, 'inconnu') as departement,
        case
            when c.cree_le > now() - interval '1 year' then 'moins de 1 an'
            when c.cree_le > now() - interval '5 years' then '1 à 5 ans'
            else '5 ans et plus'
        end as anciennete,
        case
            when p.client_id is null then 'inconnu'
            when p.annee_naissance is null or p.departement is null then 'à compléter'
            else 'complet'
        end as etat_kyc,
        case when r.client is null then 'normal' else 'à surveiller' end as risque,
        c.statut, c.id as identifiant
    from public.clients c
    join bi.lien_client l on l.client_id = c.id
    left join pseudonymes.profils p on p.client_id = c.id
    cross join lateral (
        select array_agg(distinct type order by type) as types from public.comptes where client_id = c.id) k
    left join (
        select distinct d.client from bi.fact_alerte_fraude f join bi.dim_client d using (client_cle)
        where f.est_fraude) r on r.client = l.client;

drop function bi.rafraichir_les_dimensions();
drop function bi.rafraichir_les_clients();
drop function bi.rafraichir_les_comptes();

-- The next of a turn; behind the last it begins anew. `p_suite`: what was looked at, in order.
create function bi.avancer(p_dimension text, p_suite text[], p_lot integer, p_debut text) returns void
    language sql
    set search_path = ''
    as $$
        update bi.curseurs
        set apres = case when cardinality(p_suite) < p_lot then p_debut else p_suite[cardinality(p_suite)] end
        where dimension = p_dimension
    $$;

-- `nouveaux`: how many were not known yet. Fewer than a lot: there are no more.
create function bi.rafraichir_les_clients(p_lot integer, out lignes bigint, out nouveaux bigint)
    language plpgsql
    set search_path = ''
    as $$
declare
    v_maintenant constant timestamptz := clock_timestamp();
    v_neufs uuid[];
    v_suite uuid[] := array(
        select c.id from public.clients c
        where c.id > (select apres::uuid from bi.curseurs where dimension = 'clients') order by c.id limit p_lot);
    v_n bigint;
begin
    with liens as (
        insert into bi.lien_client
        select c.id, pseudonymes.pseudonyme('C', uuid_send(c.id), k.octets)
        from (
            select c.id from public.clients c
            where not exists (select from bi.lien_client l where l.client_id = c.id) limit p_lot) c
        cross join pseudonymes.cle k
        returning client_id
    )
    select coalesce(array_agg(client_id), '{}') into v_neufs from liens;
    nouveaux := cardinality(v_neufs);
    perform bi.compter_pour_le_plan(nouveaux, 'bi.lien_client');
    -- The first state of a client holds from the beginning: operations that are older find it.
    insert into bi.dim_client (client, segment, tranche_age, departement, anciennete, etat_kyc, risque, statut, valide_de,
        valide_a, est_courant)
    select m.client, m.segment, m.tranche_age, m.departement, m.anciennete, m.etat_kyc, m.risque, m.statut,
        '1900-01-01 00:00Z', '9999-12-31 00:00Z', true
    from bi.clients_du_moment m
    where m.identifiant = any (v_neufs || v_suite)
        and not exists (select from bi.dim_client d where d.client = m.client);
    get diagnostics lignes = row_count;
    perform bi.compter_pour_le_plan(lignes, 'bi.dim_client');
    with changes as materialized (
        select m.* from bi.clients_du_moment m join bi.dim_client d on d.client = m.client and d.est_courant
        where m.identifiant = any (v_suite)
            and (m.segment, m.tranche_age, m.departement, m.anciennete, m.etat_kyc, m.risque, m.statut)
            is distinct from (d.segment, d.tranche_age, d.departement, d.anciennete, d.etat_kyc, d.risque, d.statut)
    ), closes as (
        update bi.dim_client d set valide_a = v_maintenant, est_courant = false
        from changes c where d.client = c.client and d.est_courant
        returning d.client
    )
    select count(*) into v_n from closes;
    if v_n > 0 then
        insert into bi.dim_client (client, segment, tranche_age, departement, anciennete, etat_kyc, risque, statut,
            valide_de, valide_a, est_courant)
        select m.client, m.segment, m.tranche_age, m.departement, m.anciennete, m.etat_kyc, m.risque, m.statut,
            v_maintenant, '9999-12-31 00:00Z', true
        from bi.clients_du_moment m
        where m.identifiant = any (v_suite)
            and not exists (select from bi.dim_client d where d.client = m.client and d.est_courant);
    end if;
    lignes := lignes + v_n;
    perform bi.avancer('clients', v_suite::text[], p_lot, '00000000-0000-0000-0000-000000000000');
end
$$;

create function bi.rafraichir_les_comptes(p_lot integer, out lignes bigint, out nouveaux bigint)
    language plpgsql
    set search_path = ''
    as $$
declare
    -- Numbers rise: what is above the highest one known is new. What was committed late is found in its turn.
    v_neufs bigint[] := array(
        select k.id from public.comptes k
        where k.id > coalesce((select max(compte_id) from bi.lien_compte), -9223372036854775808)
        order by k.id limit p_lot);
    v_suite bigint[] := array(
        select k.id from public.comptes k
        where k.id > (select apres::bigint from bi.curseurs where dimension = 'comptes') order by k.id limit p_lot);
    v_n bigint;
begin
    insert into bi.dim_compte (compte, type, devise, statut, annee_ouverture, est_interne)
    select pseudonymes.pseudonyme('K', int8send(k.id), s.octets), k.type, k.devise, k.statut,
        extract(year from k.ouvert_le), k.client_id is null
    from public.comptes k cross join pseudonymes.cle s
    where k.id = any (v_neufs || v_suite) and not exists (select from bi.lien_compte l where l.compte_id = k.id)
    on conflict (compte) do nothing;
    get diagnostics lignes = row_count;
    perform bi.compter_pour_le_plan(lignes, 'bi.dim_compte');
    insert into bi.lien_compte
    select k.id, d.compte_cle, l.client
    from public.comptes k
    cross join pseudonymes.cle s
    join bi.dim_compte d on d.compte = pseudonymes.pseudonyme('K', int8send(k.id), s.octets)
    left join bi.lien_client l on l.client_id = k.client_id
    where k.id = any (v_neufs || v_suite) and not exists (select from bi.lien_compte x where x.compte_id = k.id);
    perform bi.compter_pour_le_plan(lignes, 'bi.lien_compte');
    update bi.dim_compte d set type = k.type, statut = k.statut
    from public.comptes k join bi.lien_compte l on l.compte_id = k.id
    where k.id = any (v_suite) and d.compte_cle = l.compte_cle and (d.type, d.statut) is distinct from (k.type, k.statut);
    get diagnostics v_n = row_count;
    lignes := lignes + v_n;
    nouveaux := cardinality(v_neufs);
    perform bi.avancer('comptes', v_suite::text[], p_lot, '0');
end
$$;

create function bi.rafraichir_les_cartes(p_lot integer, out lignes bigint, out nouveaux bigint)
    language plpgsql
    set search_path = ''
    as $$
declare
    v_neufs bigint[] := array(
        select c.id from public.cartes c
        where c.id > coalesce((select max(carte_id) from bi.lien_carte), -9223372036854775808) order by c.id limit p_lot);
    v_suite bigint[] := array(
        select c.id from public.cartes c
        where c.id > (select apres::bigint from bi.curseurs where dimension = 'cartes') order by c.id limit p_lot);
    v_n bigint;
begin
    insert into bi.dim_carte (carte, reseau, statut, annee_expiration)
    select pseudonymes.pseudonyme('P', int8send(c.id), s.octets), coalesce(c.reseau, 'inconnu'), c.statut,
        extract(year from c.expire_le)
    from public.cartes c cross join pseudonymes.cle s
    where c.id = any (v_neufs || v_suite) and not exists (select from bi.lien_carte l where l.carte_id = c.id)
    on conflict (carte) do nothing;
    get diagnostics lignes = row_count;
    perform bi.compter_pour_le_plan(lignes, 'bi.dim_carte');
    insert into bi.lien_carte
    select c.id, d.carte_cle from public.cartes c
    cross join pseudonymes.cle s
    join bi.dim_carte d on d.carte = pseudonymes.pseudonyme('P', int8send(c.id), s.octets)
    where c.id = any (v_neufs || v_suite) and not exists (select from bi.lien_carte x where x.carte_id = c.id);
    perform bi.compter_pour_le_plan(lignes, 'bi.lien_carte');
    update bi.dim_carte d set statut = c.statut
    from public.cartes c join bi.lien_carte l on l.carte_id = c.id
    where c.id = any (v_suite) and d.carte_cle = l.carte_cle and d.statut is distinct from c.statut;
    get diagnostics v_n = row_count;
    lignes := lignes + v_n;
    nouveaux := cardinality(v_neufs);
    perform bi.avancer('cartes', v_suite::text[], p_lot, '0');
end
$$;

-- Days, channels, shops, rules and models. The first day is looked for once a day: nothing is booked before it but by a
-- recovery.
create function bi.rafraichir_les_listes() returns void
    language plpgsql
    set search_path = ''
    as $$
declare
    v_sur constant bigint := (select sur from bi.reperes where source = 'transactions');
    v_premier date;
begin
    if (select apres from bi.curseurs where dimension = 'calendrier') is distinct from current_date::text then
        select min(booked_at) into v_premier from public.transactions;
        perform bi.remplir_le_calendrier(
            least(v_premier, (select min(jour) from bi.dim_date where date_cle > 0)),
            greatest(current_date + 366, (select max(jour) from bi.dim_date)));
        update bi.curseurs set apres = current_date::text where dimension = 'calendrier';
    end if;
    insert into bi.dim_canal (canal) values ('carte'), ('historique'), ('interne') on conflict do nothing;
    insert into bi.dim_canal (canal)
    select distinct o.canal from public.transactions t join public.virements o on o.id = t.virement_id
    where t.id > v_sur on conflict do nothing;
    insert into bi.dim_marchand (marchand, mcc, categorie)
    select pseudonymes.pseudonyme('M', sha256(convert_to(r.marchand, 'UTF8')), s.octets), 'inconnu', 'inconnue'
    from (
        select distinct r.marchand from public.transactions t join public.reservations r on r.id = t.reservation_id
        where t.id > v_sur and r.marchand is not null) r
    cross join pseudonymes.cle s
    on conflict do nothing;
    if to_regclass('fraud.decisions') is not null then
        execute 'insert into bi.dim_regle_fraude (regle) select distinct unnest(regles) from fraud.decisions '
            'where verdict <> ''allow'' on conflict do nothing';
        execute 'insert into bi.dim_modele select id, ''modèle '' || id, statut from fraud.modeles '
            'on conflict (modele_cle) do update set statut = excluded.statut';
    end if;
end
$$;

-- One lot of each dimension. `reste`: there are more that are not known yet.
create function bi.rafraichir_les_dimensions(p_lot integer, out lignes bigint, out reste boolean)
    language plpgsql
    set search_path = ''
    as $$
declare
    v_clients record;
    v_comptes record;
    v_cartes record;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    v_clients := bi.rafraichir_les_clients(p_lot);
    v_comptes := bi.rafraichir_les_comptes(p_lot);
    v_cartes := bi.rafraichir_les_cartes(p_lot);
    lignes := v_clients.lignes + v_comptes.lignes + v_cartes.lignes;
    reste := p_lot <= any (array[v_clients.nouveaux, v_comptes.nouveaux, v_cartes.nouveaux]);
    if not reste then
        perform bi.rafraichir_les_listes();
    end if;
    update bi.reperes r set lignes = r.lignes + rafraichir_les_dimensions.lignes, rafraichi_le = clock_timestamp()
    where source = 'dimensions';
end
$$;
revoke execute on all functions in schema bi from public;
