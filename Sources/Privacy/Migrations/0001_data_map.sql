-- The data map: what every column of every table holds, and for which processing. A label is kept in privacy.labels and
-- written on the column itself as the end of its comment, `[privacy:category/activity]`, so that any tool that reads the
-- catalogue sees it. A column without a mark is a finding: privacy.unlabelled says what to add.

create schema if not exists privacy;
revoke all on schema privacy from public;

create table privacy.categories (
    code text primary key,
    name_fr text not null,
    name_en text not null,
    is_personal boolean not null
);
insert into privacy.categories (code, name_fr, name_en, is_personal) values
    ('person', 'état civil, identité, données d''identification', 'civil status, identity', true),
    ('contact', 'coordonnées', 'contact details', true),
    ('financial', 'informations d''ordre économique et financier', 'economic and financial data', true),
    ('card', 'données de carte de paiement (PCI DSS)', 'payment card data (PCI DSS)', true),
    ('credential', 'données d''authentification', 'credentials', true),
    ('technical', 'données de connexion et clés techniques rattachées à une personne', 'technical and connection data', true),
    ('none', 'aucune donnée personnelle', 'no personal data', false);

-- Processing activities of article 30.
create table privacy.activities (
    code text primary key,
    rank integer not null unique,
    name_fr text not null,
    name_en text not null,
    purpose_fr text not null,
    subpurposes_fr text[] not null default '{}',
    legal_basis_fr text not null,
    persons_fr text not null,
    retention_fr text not null,
    recipients_internal_fr text not null,
    recipients_external_fr text not null,
    processors_fr text not null default 'néant : le traitement est exécuté par la banque sur ses propres serveurs',
    needs_dpia boolean not null default false
);
insert into privacy.activities
    (code, rank, name_fr, name_en, purpose_fr, subpurposes_fr, legal_basis_fr, persons_fr, retention_fr,
     recipients_internal_fr, recipients_external_fr, needs_dpia)
values
    ('relation', 1, 'Tenue de compte et relation client', 'Accounts and customer relations',
     'Ouvrir, tenir et clore les comptes des clients',
     array['identification du client (CMF L.561-5)', 'relevés et attestations', 'réclamations', 'droits des personnes'],
     'exécution du contrat ; obligation légale (CMF L.561-5, L.561-12)', 'clients, anciens clients',
     'identité : 5 ans après la clôture (CMF L.561-12)', 'conseillers et administrateurs habilités',
     'autorités sur réquisition ; administration fiscale (FICOBA)', false),
    ('payments', 2, 'Opérations de paiement', 'Payment operations',
     'Exécuter et prouver les virements, prélèvements et paiements',
     array['comptabilité en partie double', 'ordres permanents', 'fichiers de paiement', 'plafonds et authentification forte'],
     'exécution du contrat ; obligation légale (CMF L.133-1 et suivants, C. com. L.123-22)',
     'clients, bénéficiaires, donneurs d''ordre',
     'opérations : 5 ans après exécution ; pièces comptables : 10 ans (C. com. L.123-22)',
     'service des paiements, comptabilité', 'banques des contreparties par les systèmes de paiement', false),
    ('cards', 3, 'Cartes de paiement', 'Payment cards', 'Émettre les cartes et autoriser leurs paiements',
     array['blocage et opposition', 'plafonds', 'réservations'], 'exécution du contrat', 'porteurs de carte',
     '15 mois après l''opération de carte ; numéro effacé à la clôture', 'service monétique', 'réseaux de cartes', false),
    ('fraud', 4, 'Lutte contre la fraude', 'Fraud prevention', 'Détecter les paiements frauduleux avant exécution',
     array['notation automatique expliquée', 'dossiers d''analystes', 'listes', 'amélioration du modèle'],
     'obligation légale (DSP2, RTS 2018/389 art. 2) ; intérêt légitime', 'clients, bénéficiaires',
     '5 ans après la clôture du dossier', 'analystes de la fraude', 'TRACFIN et autorités, si soupçon', true),
    ('access', 5, 'Authentification et accès', 'Authentication and access', 'Reconnaître les utilisateurs et protéger l''accès',
     array['double facteur', 'sessions', 'journal des connexions'],
     'obligation légale (RTS 2018/389) ; exécution du contrat', 'clients, employés', '12 mois après la connexion',
     'administrateurs de la sécurité', 'néant', false),
    ('security', 6, 'Sécurité, journaux et preuves', 'Security, logs and evidence',
     'Prouver ce qui a été fait, détecter les intrusions, restaurer le service',
     array['journal chaîné et signé', 'détection d''intrusions', 'sauvegardes', 'continuité', 'registre des incidents (DORA)'],
     'obligation légale (RGPD art. 32, DORA art. 9 et 17) ; intérêt légitime', 'clients, employés, tiers en cause',
     'journaux : 12 mois ; preuves : 5 ans', 'équipe de sécurité, auditeurs', 'ACPR, CNIL, autorités judiciaires', false),
    ('analysis', 7, 'Statistiques et pilotage', 'Statistics and reporting', 'Mesurer l''activité sans identifier personne',
     array['tableaux de bord', 'jeux de données anonymisés'], 'intérêt légitime ; données pseudonymisées',
     'clients (sous pseudonyme)', '25 mois', 'analystes', 'néant', false),
    ('rights', 8, 'Droits des personnes et conformité', 'Data subjects'' rights and compliance',
     'Répondre aux demandes des personnes et tenir les registres',
     array['accès et portabilité', 'rectification', 'limitation et opposition', 'effacement', 'violations'],
     'obligation légale (RGPD art. 12 à 22, 30, 33, 34)', 'clients, anciens clients',
     'demandes : 5 ans ; registre d''effacement : tant que des sauvegardes existent', 'délégué à la protection des données',
     'CNIL sur demande', false);

-- Who answers for it all: the only part of the register that a person has to fill in, once.
create table privacy.controller (
    id boolean primary key default true check (id),
    name text not null default 'DigitalBank S.A.',
    address text not null default '1 place de la Bourse, 75002 Paris, France',
    lei text,
    phone text,
    email text,
    representative text,
    dpo_name text,
    dpo_email text,
    dpo_phone text,
    dpo_organisation text,
    contact_name text,
    contact_email text,
    contact_phone text,
    second_contact_name text,
    second_contact_email text,
    second_contact_phone text,
    parent_name text,
    parent_lei text,
    currency char(3) not null default 'EUR',
    created_on date not null default current_date,
    constraint controller_lei_formed check (lei ~ '^[A-Z0-9]{18}[0-9]{2}$'),
    constraint controller_parent_lei_formed check (parent_lei ~ '^[A-Z0-9]{18}[0-9]{2}$')
);
insert into privacy.controller (id) values (true);

create table privacy.labels (
    relation text not null,
    column_name text not null,
    category text not null references privacy.categories,
    activity text not null references privacy.activities,
    primary key (relation, column_name)
);

-- Tables whose columns nobody knows beforehand: everything in them counts as what is gravest.
create table privacy.open_schemas (
    schema_name text primary key,
    category text not null references privacy.categories,
    activity text not null references privacy.activities,
    reason text not null
);
insert into privacy.open_schemas values
    ('archive', 'person', 'security', 'tables of the bank before the attack, as they were');

create function privacy.label(p_relation text, p_activity text, p_category text, p_columns text) returns void
    language sql volatile
    set search_path = ''
    begin atomic
        insert into privacy.labels (relation, column_name, category, activity)
        select p_relation, c, p_category, p_activity
        from unnest(string_to_array(btrim(regexp_replace(p_columns, '\s+', ' ', 'g')), ' ')) c
        on conflict (relation, column_name) do update set category = excluded.category, activity = excluded.activity;
    end;

-- What is served and stored; partitions follow their parents.
create view privacy.columns as
    select n.nspname::text as schema_name, c.relname::text as table_name, a.attname::text as column_name,
        format_type(a.atttypid, a.atttypmod) as type_name, c.relkind::text as kind, c.oid as relation, a.attnum as position,
        c.relrowsecurity as has_row_security,
        substring(col_description(c.oid, a.attnum) from '\[privacy:([a-z]+)/[a-z_]+\]$') as category,
        substring(col_description(c.oid, a.attnum) from '\[privacy:[a-z]+/([a-z_]+)\]$') as activity,
        nullif(btrim(regexp_replace(
            coalesce(col_description(c.oid, a.attnum), ''), '\s*\[privacy:[a-z]+/[a-z_]+\]$', '')), '') as words
    from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
        and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname !~ '^pg_(toast_)?temp_'
        and not exists (
            select from pg_catalog.pg_depend d
            where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- Writes the marks that are missing or stale on what the caller owns. Returns how many.
create function privacy.apply_labels() returns integer
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v record;
    v_count integer := 0;
begin
    for v in
        select k.schema_name, k.table_name, k.column_name, k.words,
            coalesce(l.category, o.category) as category, coalesce(l.activity, o.activity) as activity
        from privacy.columns k
            left join privacy.labels l
                on l.relation = k.schema_name || '.' || k.table_name and l.column_name in (k.column_name, '*')
            left join privacy.open_schemas o on o.schema_name = k.schema_name
            join pg_catalog.pg_class c on c.oid = k.relation
        where coalesce(l.category, o.category) is not null
            and (k.category, k.activity) is distinct from
                (coalesce(l.category, o.category), coalesce(l.activity, o.activity))
            and pg_catalog.pg_has_role(current_user, c.relowner, 'usage')
    loop
        execute format('comment on column %I.%I.%I is %L', v.schema_name, v.table_name, v.column_name,
            coalesce(v.words || ' ', '') || '[privacy:' || v.category || '/' || v.activity || ']');
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;

-- Columns that carry no mark, each with the line that has to be added.
create view privacy.unlabelled as
    select schema_name, table_name, column_name, type_name,
        format('select privacy.label(%L, ''ACTIVITY'', ''CATEGORY'', %L);', schema_name || '.' || table_name, column_name)
            as to_add
    from privacy.columns where category is null;
