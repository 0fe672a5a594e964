-- What the fraud desk keeps: states of features, models, decisions, labels, cases, lists. Only the program's own role comes
-- here; clients and analysts go through its API.

create schema if not exists fraud;

-- What is remembered of one client, account, terminal or payee: the state's bytes (StateCodec). A payment holds the rows of its
-- entities in the order of their keys, so that no two payments wait for each other.
create table fraud.etats (
    entite text not null,
    cle bigint not null,
    etat bytea not null default '',
    primary key (entite, cle)
);
alter table fraud.etats alter column etat set storage external;

create table fraud.modeles (
    id bigint generated always as identity primary key,
    colonnes text not null,
    fichier bytea not null,
    empreinte text not null unique,
    figures jsonb not null,
    statut text not null default 'candidat',
    cree_le timestamptz not null default now(),
    promu_le timestamptz,
    constraint modeles_statut_connu check (statut in ('candidat', 'challenger', 'champion', 'retire'))
);
create unique index modeles_un_champion on fraud.modeles (statut) where statut in ('champion', 'challenger');

-- The order in which payments entered the states; taken while the states are held. A decision that had to be made without
-- its features has none until it is made up for.
create sequence fraud.ordres;

create table fraud.decisions (
    rang bigint generated always as identity primary key,
    paiement bigint not null unique,
    cle text not null unique,
    empreinte bytea not null,
    horodatage bigint not null,
    montant_minor bigint not null,
    cles bigint[] not null,
    modele_id bigint references fraud.modeles,
    probabilite real,
    rivale real,
    verdict text not null,
    verdict_rival text,
    regles text[] not null default '{}',
    fantomes text[] not null default '{}',
    raisons text not null default '[]',
    colonnes bytea not null,
    secours text,
    temoin boolean not null default false,
    ordre bigint unique,
    decide_le timestamptz not null default clock_timestamp(),
    constraint decisions_verdict_connu check (verdict in ('allow', 'step-up', 'review', 'block')),
    constraint decisions_montant_positif check (montant_minor >= 0)
);
create index decisions_par_date on fraud.decisions (decide_le);
create index decisions_en_attente on fraud.decisions (rang) where ordre is null;
create index decisions_par_client on fraud.decisions ((cles[1]), rang desc);

-- The last word of each payment. The history stays in etiquettes_dites.
create table fraud.etiquettes (
    paiement bigint primary key,
    fraude boolean not null,
    source text not null,
    auteur text not null,
    dit_le timestamptz not null default clock_timestamp(),
    constraint etiquettes_source_connue check (source in ('client', 'analyste', 'opposition', 'import'))
);

create table fraud.etiquettes_dites (
    id bigint generated always as identity primary key,
    paiement bigint not null,
    fraude boolean not null,
    source text not null,
    auteur text not null,
    dit_le timestamptz not null default clock_timestamp()
);

-- One case for a client's episode, not one for each alert.
create table fraud.dossiers (
    id bigint generated always as identity primary key,
    client bigint not null,
    statut text not null default 'ouvert',
    priorite numeric(20, 2) not null default 0,
    montant_max_minor bigint not null default 0,
    alertes integer not null default 0,
    confie_a text,
    propose_par text,
    propose_fraude boolean,
    tranche_par text,
    fraude boolean,
    motif text,
    ouvert_le timestamptz not null default clock_timestamp(),
    derniere_alerte_le timestamptz not null default clock_timestamp(),
    tranche_le timestamptz,
    constraint dossiers_statut_connu check (statut in ('ouvert', 'propose', 'clos')),
    constraint dossiers_quatre_yeux check (propose_par is null or tranche_par is null or propose_par <> tranche_par),
    constraint dossiers_clos_motive check (statut <> 'clos' or (fraude is not null and motif is not null))
);
create unique index dossiers_un_episode on fraud.dossiers (client) where statut <> 'clos';
create index dossiers_file on fraud.dossiers (priorite desc) where statut <> 'clos';

create table fraud.dossiers_paiements (
    dossier_id bigint not null references fraud.dossiers,
    paiement bigint not null references fraud.decisions (paiement),
    primary key (dossier_id, paiement)
);

create table fraud.dossiers_notes (
    id bigint generated always as identity primary key,
    dossier_id bigint not null references fraud.dossiers,
    auteur text not null,
    note text not null,
    ecrite_le timestamptz not null default clock_timestamp(),
    constraint notes_bornees check (length(note) between 1 and 4000)
);

create table fraud.listes (
    genre text not null,
    entite text not null,
    cle bigint not null,
    motif text not null,
    auteur text not null,
    expire_le timestamptz,
    cree_le timestamptz not null default clock_timestamp(),
    primary key (genre, entite, cle),
    constraint listes_genre_connu check (genre in ('block', 'allow', 'watch'))
);

alter table fraud.etats enable row level security;
alter table fraud.modeles enable row level security;
alter table fraud.decisions enable row level security;
alter table fraud.etiquettes enable row level security;
alter table fraud.etiquettes_dites enable row level security;
alter table fraud.dossiers enable row level security;
alter table fraud.dossiers_paiements enable row level security;
alter table fraud.dossiers_notes enable row level security;
alter table fraud.listes enable row level security;
revoke all on all tables in schema fraud from public;

-- Holds the states of a payment's entities, those that are new included, in the order of their names and keys.
create function fraud.prendre(p_entites text[], p_cles bigint[])
    returns table (place integer, etat bytea)
    language plpgsql
    as $$
begin
    insert into fraud.etats (entite, cle)
    select u.entite, u.cle from unnest(p_entites, p_cles) u (entite, cle)
    order by u.entite, u.cle
    on conflict do nothing;
    return query
        with tenus as materialized (
            select e.entite, e.cle, e.etat from fraud.etats e
            where (e.entite, e.cle) in (select u.entite, u.cle from unnest(p_entites, p_cles) u (entite, cle))
            order by e.entite, e.cle
            for update
        )
        select u.place::integer, t.etat
        from unnest(p_entites, p_cles) with ordinality u (entite, cle, place)
        join tenus t on t.entite = u.entite and t.cle = u.cle;
end
$$;

-- Lists that a payment's entities stand on, those past their time left out.
create function fraud.sur_listes(p_entites text[], p_cles bigint[]) returns text[]
    language sql stable
    as $$
        select coalesce(array_agg(distinct l.genre order by l.genre), '{}')
        from fraud.listes l
        join unnest(p_entites, p_cles) u (entite, cle) on l.entite = u.entite and l.cle = u.cle
        where l.expire_le is null or l.expire_le > clock_timestamp()
    $$;

-- Adds an alert to the client's open case, or opens one. What the case is worth is the sum of the losses to be expected.
create function fraud.alerter(p_client bigint, p_paiement bigint, p_perte numeric, p_montant bigint) returns bigint
    language plpgsql
    as $$
declare
    v_id bigint;
begin
    insert into fraud.dossiers as d (client, priorite, montant_max_minor, alertes)
    values (p_client, p_perte, p_montant, 1)
    on conflict (client) where statut <> 'clos'
    do update set priorite = d.priorite + excluded.priorite,
        montant_max_minor = greatest(d.montant_max_minor, excluded.montant_max_minor),
        alertes = d.alertes + 1, derniere_alerte_le = clock_timestamp()
    returning id into v_id;
    insert into fraud.dossiers_paiements (dossier_id, paiement) values (v_id, p_paiement) on conflict do nothing;
    return v_id;
end
$$;

-- Says what became of a payment. The last word counts, an analyst's above a client's.
create function fraud.etiqueter(p_paiement bigint, p_fraude boolean, p_source text, p_auteur text) returns boolean
    language plpgsql
    as $$
declare
    v_compte boolean;
begin
    insert into fraud.etiquettes_dites (paiement, fraude, source, auteur)
    values (p_paiement, p_fraude, p_source, p_auteur);
    insert into fraud.etiquettes as e (paiement, fraude, source, auteur)
    values (p_paiement, p_fraude, p_source, p_auteur)
    on conflict (paiement) do update
    set fraude = excluded.fraude, source = excluded.source, auteur = excluded.auteur, dit_le = clock_timestamp()
    where e.source <> 'analyste' or excluded.source = 'analyste'
    returning true into v_compte;
    return coalesce(v_compte, false);
end
$$;

-- Makes a model the champion; the one before retires and can come back. False when it already is.
create function fraud.promouvoir(p_modele bigint) returns boolean
    language plpgsql
    as $$
begin
    perform pg_advisory_xact_lock(hashtext('fraud.promouvoir'));
    if not exists (select from fraud.modeles where id = p_modele) then
        raise exception 'model % does not exist', p_modele using errcode = 'no_data_found';
    end if;
    if exists (select from fraud.modeles where id = p_modele and statut = 'champion') then
        return false;
    end if;
    update fraud.modeles set statut = 'retire' where statut = 'champion';
    update fraud.modeles set statut = 'champion', promu_le = clock_timestamp() where id = p_modele;
    return true;
end
$$;

-- The bank's own role judges orders in the transaction that executes them.
do $$
declare
    v_table text;
begin
    if not exists (select from pg_roles where rolname = 'service_role') then
        return;
    end if;
    execute 'grant usage on schema fraud to service_role';
    execute 'grant usage on sequence fraud.ordres to service_role';
    execute 'grant select, insert, update on fraud.etats, fraud.decisions, fraud.dossiers to service_role';
    execute 'grant select, insert on fraud.dossiers_paiements to service_role';
    execute 'grant select on fraud.listes to service_role';
    foreach v_table in array array['etats', 'decisions', 'dossiers', 'dossiers_paiements', 'listes'] loop
        execute format('create policy %I on fraud.%I for all to service_role using (true) with check (true)',
            v_table || '_service', v_table);
    end loop;
end
$$;
revoke execute on all functions in schema fraud from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'service_role') then
        execute 'grant execute on function fraud.prendre(text[], bigint[]), fraud.sur_listes(text[], bigint[]), '
            'fraud.alerter(bigint, bigint, numeric, bigint) to service_role';
    end if;
end
$$;
