-- Brings the dimensions up to their sources. Run again it changes nothing.

-- The client's states as they are now; compared with the row that is current.
create view bi.clients_du_moment as
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
        c.statut
    from public.clients c
    join bi.lien_client l on l.client_id = c.id
    left join pseudonymes.profils p on p.client_id = c.id
    left join (
        select client_id, array_agg(distinct type order by type) as types from public.comptes
        where client_id is not null group by client_id) k on k.client_id = c.id
    left join (
        select distinct d.client from bi.fact_alerte_fraude f join bi.dim_client d using (client_cle)
        where f.est_fraude) r on r.client = l.client;
revoke all on bi.clients_du_moment from public;

-- A plan made for an empty table takes minutes once it is full: many new rows are made known at once.
create function bi.compter_pour_le_plan(p_nouvelles bigint, p_table regclass) returns void
    language plpgsql
    set search_path = ''
    as $$
begin
    if p_nouvelles >= 500 then
        execute format('analyze %s', p_table);
    end if;
end
$$;

create function bi.rafraichir_les_clients() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_maintenant constant timestamptz := clock_timestamp();
    v_lignes bigint;
    v_nouveaux bigint;
begin
    insert into bi.lien_client
    select c.id, pseudonymes.pseudonyme('C', uuid_send(c.id), k.octets)
    from public.clients c cross join pseudonymes.cle k
    where not exists (select from bi.lien_client l where l.client_id = c.id);
    get diagnostics v_nouveaux = row_count;
    perform bi.compter_pour_le_plan(v_nouveaux, 'bi.lien_client');
    -- The first state of a client holds from the beginning: operations that are older find it.
    insert into bi.dim_client (client, segment, tranche_age, departement, anciennete, etat_kyc, risque, statut, valide_de,
        valide_a, est_courant)
    select m.*, '1900-01-01 00:00Z', '9999-12-31 00:00Z', true from bi.clients_du_moment m
    where not exists (select from bi.dim_client d where d.client = m.client);
    get diagnostics v_nouveaux = row_count;
    perform bi.compter_pour_le_plan(v_nouveaux, 'bi.dim_client');
    with changes as (
        select m.* from bi.clients_du_moment m join bi.dim_client d on d.client = m.client and d.est_courant
        where (m.segment, m.tranche_age, m.departement, m.anciennete, m.etat_kyc, m.risque, m.statut)
            is distinct from (d.segment, d.tranche_age, d.departement, d.anciennete, d.etat_kyc, d.risque, d.statut)
    ), closes as (
        update bi.dim_client d set valide_a = v_maintenant, est_courant = false
        from changes c where d.client = c.client and d.est_courant
        returning d.client
    )
    select count(*) into v_lignes from closes;
    insert into bi.dim_client (client, segment, tranche_age, departement, anciennete, etat_kyc, risque, statut, valide_de,
        valide_a, est_courant)
    select m.*, v_maintenant, '9999-12-31 00:00Z', true from bi.clients_du_moment m
    where not exists (select from bi.dim_client d where d.client = m.client and d.est_courant);
    return v_nouveaux + v_lignes;
end
$$;

create function bi.rafraichir_les_comptes() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint := 0;
    v_n bigint;
begin
    insert into bi.dim_compte (compte, type, devise, statut, annee_ouverture, est_interne)
    select pseudonymes.pseudonyme('K', int8send(k.id), s.octets), k.type, k.devise, k.statut,
        extract(year from k.ouvert_le), k.client_id is null
    from public.comptes k cross join pseudonymes.cle s
    where not exists (select from bi.lien_compte l where l.compte_id = k.id)
    on conflict (compte) do nothing;
    get diagnostics v_n = row_count;
    v_lignes := v_lignes + v_n;
    perform bi.compter_pour_le_plan(v_n, 'bi.dim_compte');
    insert into bi.lien_compte
    select k.id, d.compte_cle, l.client
    from public.comptes k
    cross join pseudonymes.cle s
    join bi.dim_compte d on d.compte = pseudonymes.pseudonyme('K', int8send(k.id), s.octets)
    left join bi.lien_client l on l.client_id = k.client_id
    where not exists (select from bi.lien_compte x where x.compte_id = k.id);
    perform bi.compter_pour_le_plan(v_n, 'bi.lien_compte');
    update bi.dim_compte d set type = k.type, statut = k.statut
    from public.comptes k join bi.lien_compte l on l.compte_id = k.id
    where d.compte_cle = l.compte_cle and (d.type, d.statut) is distinct from (k.type, k.statut);
    get diagnostics v_n = row_count;
    v_lignes := v_lignes + v_n;
    insert into bi.dim_carte (carte, reseau, statut, annee_expiration)
    select pseudonymes.pseudonyme('P', int8send(c.id), s.octets), coalesce(c.reseau, 'inconnu'), c.statut,
        extract(year from c.expire_le)
    from public.cartes c cross join pseudonymes.cle s
    where not exists (select from bi.lien_carte l where l.carte_id = c.id)
    on conflict (carte) do nothing;
    get diagnostics v_n = row_count;
    v_lignes := v_lignes + v_n;
    perform bi.compter_pour_le_plan(v_n, 'bi.dim_carte');
    insert into bi.lien_carte
    select c.id, d.carte_cle from public.cartes c
    cross join pseudonymes.cle s
    join bi.dim_carte d on d.carte = pseudonymes.pseudonyme('P', int8send(c.id), s.octets)
    where not exists (select from bi.lien_carte x where x.carte_id = c.id);
    perform bi.compter_pour_le_plan(v_n, 'bi.lien_carte');
    update bi.dim_carte d set statut = c.statut
    from public.cartes c join bi.lien_carte l on l.carte_id = c.id
    where d.carte_cle = l.carte_cle and d.statut is distinct from c.statut;
    get diagnostics v_n = row_count;
    return v_lignes + v_n;
end
$$;

-- Clients, accounts, cards, channels, countries, shops, rules and models.
create function bi.rafraichir_les_dimensions() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint;
    v_premier date;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    select min(booked_at) into v_premier from public.transactions;
    perform bi.remplir_le_calendrier(
        least(v_premier, (select min(jour) from bi.dim_date where date_cle > 0)),
        greatest(current_date + 366, (select max(jour) from bi.dim_date)));
    v_lignes := bi.rafraichir_les_clients() + bi.rafraichir_les_comptes();
    insert into bi.dim_canal (canal) values ('carte'), ('historique'), ('interne') on conflict do nothing;
    insert into bi.dim_canal (canal)
    select distinct canal from public.virements on conflict do nothing;
    insert into bi.dim_marchand (marchand, mcc, categorie)
    select distinct pseudonymes.pseudonyme('M', sha256(convert_to(r.marchand, 'UTF8')), s.octets), 'inconnu', 'inconnue'
    from public.reservations r cross join pseudonymes.cle s where r.marchand is not null
    on conflict do nothing;
    if to_regclass('fraud.decisions') is not null then
        execute 'insert into bi.dim_regle_fraude (regle) select distinct unnest(regles) from fraud.decisions '
            'where verdict <> ''allow'' on conflict do nothing';
        execute 'insert into bi.dim_modele select id, ''modèle '' || id, statut from fraud.modeles '
            'on conflict (modele_cle) do update set statut = excluded.statut';
    end if;
    update bi.reperes set lignes = lignes + v_lignes, rafraichi_le = clock_timestamp() where source = 'dimensions';
    return v_lignes;
end
$$;
revoke execute on all functions in schema bi from public;
