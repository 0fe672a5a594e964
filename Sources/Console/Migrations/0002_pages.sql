-- What further pages need: views that people keep, categories of expenses, and what admins see of backups, drills, erasures
-- and retention. Tables of other capabilities are read where they exist.

-- A view is an address of the console with a name; each is its owner's alone.
create table console.vues (
    id uuid primary key default gen_random_uuid(),
    proprietaire uuid not null default auth.uid() references auth.users (id) on delete cascade,
    nom text not null,
    adresse text not null,
    cree_le timestamptz not null default clock_timestamp(),
    constraint vues_nom_court check (length(btrim(nom)) between 1 and 60),
    constraint vues_adresse_de_la_console check (adresse ~ '^/[a-z]' and length(adresse) <= 300),
    constraint vues_nom_unique unique (proprietaire, nom)
);
alter table console.vues enable row level security;
create policy vues_lire on console.vues for select to authenticated using (proprietaire = (select auth.uid()));
create policy vues_ajouter on console.vues for insert to authenticated with check (proprietaire = (select auth.uid()));
create policy vues_changer on console.vues for update to authenticated
    using (proprietaire = (select auth.uid())) with check (proprietaire = (select auth.uid()));
create policy vues_retirer on console.vues for delete to authenticated using (proprietaire = (select auth.uid()));

-- At most so many a person: a list that nobody reads helps nobody.
create function console.borner_vues() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if (select count(*) from console.vues v where v.proprietaire = new.proprietaire and v.nom <> new.nom) >= 30 then
        raise exception 'a person keeps 30 views at most' using errcode = '54000';
    end if;
    return new;
end
$$;
create trigger vues_bornees before insert on console.vues for each row execute function console.borner_vues();

-- Which words of a label say which category; the first that fits counts. The bank adds its own.
create table console.regles_categorie (
    ordre integer primary key,
    motif text not null,
    categorie text not null,
    constraint regles_categorie_connue check (categorie in (
        'logement', 'alimentation', 'restaurants', 'transport', 'energie', 'telecom', 'assurance', 'sante', 'loisirs',
        'achats', 'impots', 'epargne', 'revenus', 'banque', 'virements', 'especes', 'autres'))
);
alter table console.regles_categorie enable row level security;
create policy regles_categorie_lire on console.regles_categorie for select to authenticated using (true);
insert into console.regles_categorie (ordre, motif, categorie) values
    (10, 'LOYER|HABITAT|SYNDIC|IMMOBILI|FONCIA', 'logement'),
    (20, 'ELECTRICITE|\mEDF\M|ENGIE|\mGAZ\M|\mEAU\M|VEOLIA|TOTALENERGIES', 'energie'),
    (30, 'MOBILE|INTERNET|TELECOM|ORANGE|\mSFR\M|BOUYGUES|\mFREE\M|\mBOX\M', 'telecom'),
    (40, 'MUTUELLE|PHARMACI|MEDECIN|SANTE|DENTIST|OPTICI|HOPITAL|LABORATOIRE', 'sante'),
    (50, 'ASSURANCE|\mMAIF\M|\mMACIF\M|\mAXA\M|\mMATMUT\M', 'assurance'),
    (60, 'IMPOT|\mDGFIP\M|TRESOR PUBLIC|\mTAXE', 'impots'),
    (70, 'EPARGNE|LIVRET|\mPEL\M', 'epargne'),
    (80, 'SALAIRE|RETRAITE|PENSION|\mCAF\M|POLE EMPLOI|FRANCE TRAVAIL|ALLOCATION', 'revenus'),
    (90, 'RESTAURANT|PIZZERI|BRASSERIE|\mCAFE\M|BISTRO|SUSHI|BURGER|TRAITEUR|CREPERIE', 'restaurants'),
    (100, 'BOULANGER|SUPERMARCHE|HYPER|MARCHE|EPICERI|PRIMEUR|BOUCHERI|FROMAGER|CARREFOUR|LECLERC|AUCHAN|LIDL|MONOPRIX',
        'alimentation'),
    (110, 'PARKING|\mVELO\M|TRAIN|\mSNCF\M|METRO|\mBUS\M|\mTRAM|TAXI|ESSENCE|STATION|CARBURANT|PEAGE|AUTOROUTE|GARAGE',
        'transport'),
    (120, 'CINEMA|SPORT|LIBRAIRI|THEATRE|CONCERT|MUSEE|VACANCES|HOTEL|VOYAGE|JOUETS|JEUX|STREAMING|FLEURISTE', 'loisirs'),
    (130, 'RETRAIT|DISTRIBUTEUR|\mDAB\M', 'especes'),
    (140, '\mFRAIS\M|COTISATION|COMMISSION|\mAGIOS\M|INTERETS', 'banque');

-- What a client says of a label of theirs, before any rule.
create table console.categories_choisies (
    utilisateur_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    libelle text not null,
    categorie text not null,
    choisie_le timestamptz not null default clock_timestamp(),
    constraint categories_choisies_pkey primary key (utilisateur_id, libelle),
    constraint categories_choisies_libelle_court check (length(libelle) between 1 and 140),
    constraint categories_choisies_connue check (categorie in (
        'logement', 'alimentation', 'restaurants', 'transport', 'energie', 'telecom', 'assurance', 'sante', 'loisirs',
        'achats', 'impots', 'epargne', 'revenus', 'banque', 'virements', 'especes', 'autres'))
);
alter table console.categories_choisies enable row level security;
create policy categories_choisies_lire on console.categories_choisies for select to authenticated
    using (utilisateur_id = (select auth.uid()));
create policy categories_choisies_ajouter on console.categories_choisies for insert to authenticated
    with check (utilisateur_id = (select auth.uid()));
create policy categories_choisies_changer on console.categories_choisies for update to authenticated
    using (utilisateur_id = (select auth.uid())) with check (utilisateur_id = (select auth.uid()));
create policy categories_choisies_retirer on console.categories_choisies for delete to authenticated
    using (utilisateur_id = (select auth.uid()));

-- A label without its day and its numbers: two payments to one shop have the same.
create function console.libelle_nu(p_libelle text) returns text
    language sql immutable
    set search_path = ''
    as $$
        select left(btrim(regexp_replace(regexp_replace(coalesce(p_libelle, ''), '\d{1,2}/\d{1,2}(/\d{2,4})?', ' ', 'g'),
            '\s+', ' ', 'g')), 140)
    $$;

create function console.categorie(p_libelle text, p_type text, p_par_carte boolean) returns text
    language sql stable
    set search_path = ''
    as $$
        select coalesce(
            (select r.categorie from console.regles_categorie r
                where translate(upper(p_libelle), 'ÀÂÄÉÈÊËÎÏÔÖÛÜÙÇ', 'AAAEEEEIIOOUUUC') ~ r.motif order by r.ordre limit 1),
            case when p_par_carte then 'achats' when p_type in ('frais', 'interets') then 'banque'
                when p_type = 'retrait' then 'especes'
                when p_type in ('virement', 'virement_emis', 'virement_recu') then 'virements' else 'autres' end)
    $$;

-- Backups, drills and alarms; null where nothing keeps them.
create function console.sauvegardes() returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
begin
    perform console.exiger('admin');
    if to_regclass('continuity.sets') is null then
        return null;
    end if;
    execute $q$
        select jsonb_build_object(
            'sets', (
                select coalesce(jsonb_agg(to_jsonb(s)), '[]') from (
                    select label, repository, kind, started_at, stopped_at, bytes, stored_bytes, state, note
                    from continuity.sets order by stopped_at desc, repository limit 100) s),
            'drills', (
                select coalesce(jsonb_agg(to_jsonb(d)), '[]') from (
                    select id, scenario, started_at, ended_at, label, repository, passed, rpo_seconds,
                        restore_seconds + recovery_seconds + check_seconds as rto_seconds
                    from continuity.drills order by started_at desc limit 100) d),
            'alarms', (
                select coalesce(jsonb_agg(to_jsonb(a)), '[]') from (
                    select id, raised_at, kind, severity, subject, words_fr, words_en
                    from continuity.alarms where closed_at is null order by raised_at desc limit 50) a),
            'archived_at', (select last_archived_time from pg_catalog.pg_stat_archiver),
            'archive_failures', (select failed_count from pg_catalog.pg_stat_archiver))
    $q$ into v_reponse;
    return v_reponse;
end
$$;

create function console.exercice(p_id uuid) returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
begin
    perform console.exiger('admin');
    if to_regclass('continuity.drills') is null then
        return null;
    end if;
    execute 'select to_jsonb(d) from continuity.drills d where d.id = $1' into v_reponse using p_id;
    return v_reponse;
end
$$;

-- Erasures, what the law keeps, and how long: without anybody's name.
create function console.donnees() returns jsonb
    language plpgsql stable security definer
    set search_path = ''
    as $$
declare
    v_reponse jsonb;
begin
    perform console.exiger('admin');
    if to_regclass('privacy.schedules') is null then
        return null;
    end if;
    execute $q$
        select jsonb_build_object(
            'erasures', (
                select coalesce(jsonb_agg(to_jsonb(e)), '[]') from (
                    select entry, stage, hold_until, decided_at from privacy.erasure_ledger
                    order by decided_at desc limit 100) e),
            'archives', (select count(*) from privacy.archives),
            'archives_ended', (select count(*) from privacy.archives where hold_until < current_date),
            'holds', (
                select coalesce(jsonb_agg(to_jsonb(h)), '[]') from (
                    select h.id, c.numero as client, h.kind, h.reason, h.placed_at, h.until
                    from privacy.holds h left join public.clients c on c.id = h.client_id
                    where h.lifted_at is null order by h.placed_at desc limit 100) h),
            'schedules', (
                select coalesce(jsonb_agg(to_jsonb(s) order by s.code), '[]') from (
                    select s.code, s.relation, s.law_fr as law, s.keep::text as keep, s.action, s.is_on,
                        r.ended_at as run_at, r.found, r.treated, r.is_dry
                    from privacy.schedules s left join lateral (
                        select * from privacy.retention_runs r where r.code = s.code order by r.id desc limit 1) r on true
                ) s))
    $q$ into v_reponse;
    return v_reponse;
end
$$;

revoke all on all tables in schema console from public;
revoke execute on all functions in schema console from public;
do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated') then
        execute 'grant execute on all functions in schema console to authenticated';
        execute 'grant select, insert, update, delete on console.vues to authenticated';
        execute 'grant select on console.regles_categorie to authenticated';
        execute 'grant select, insert, update, delete on console.categories_choisies to authenticated';
    end if;
end
$$;
