-- Whether the bank's large tables can be distributed by the keys that docs/guides/scale.md chooses. On a distributed table
-- every unique or primary key must hold the distribution column, and a foreign key must lead to a reference table or, with
-- the distribution column, to a table that is distributed alike. Run by scripts/citus-check, on the migrated database.
\set ON_ERROR_STOP on
create temporary table choice (relation regclass, distribution name, colocation text);
insert into choice values
    ('public.clients', 'id', 'client'),
    ('public.comptes', 'id', 'account'),
    ('public.ecritures', 'compte_id', 'account'),
    ('public.cartes', 'compte_id', 'account'),
    ('public.reservations', 'compte_id', 'account'),
    ('public.plafonds', 'compte_id', 'account'),
    ('public.transactions', 'id', 'operation'),
    ('public.virements', 'donneur_id', 'client'),
    ('public.beneficiaires', 'client_id', 'client');
create temporary table reference (relation regclass);
insert into reference values ('public.devises'), ('public.journees'), ('public.comptes_internes'),
    ('public.plafonds_par_defaut');

-- What has to be changed before, and how: the guide says it for each.
create temporary table known (constraint_name name);
insert into known values
    ('cartes_pkey'), ('cartes_jeton_unique'), ('cartes_pan_unique'), ('comptes_iban_unique'), ('virements_pkey'),
    ('beneficiaires_pkey'), ('reservations_pkey'), ('clients_numero_unique'), ('clients_utilisateur_unique'),
    ('comptes_client_existe'), ('virements_beneficiaire_existe'), ('reservations_carte_id_fkey');

create temporary view verdict as
with columns as (
    select c.oid, c.conname, c.contype, c.conrelid, c.confrelid, k.distribution, k.colocation,
        array(select a.attname from pg_attribute a
            where a.attrelid = c.conrelid and a.attnum = any (c.conkey)) as own,
        array(select a.attname from pg_attribute a
            where a.attrelid = c.confrelid and a.attnum = any (c.confkey)) as theirs
    from pg_constraint c join choice k on k.relation = c.conrelid
    where c.contype in ('p', 'u', 'f') and c.conparentid = 0
    union all
    -- Unique indexes that are no constraint count like one.
    select i.indexrelid, x.relname, 'u', i.indrelid, 0, k.distribution, k.colocation,
        array(select a.attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey)), '{}'
    from pg_index i join pg_class x on x.oid = i.indexrelid join choice k on k.relation = i.indrelid
    where i.indisunique and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
)
select s.conrelid::regclass as relation, s.conname, s.contype,
    case
        when s.contype in ('p', 'u') and not s.distribution = any (s.own) then
            'does not hold ' || s.distribution
        when s.contype = 'f' and exists (select from reference r where r.relation = s.confrelid) then null
        when s.contype = 'f' and t.relation is null then 'leads to a table that stays local'
        when s.contype = 'f' and (t.colocation <> s.colocation
            or not s.distribution = any (s.own) or not t.distribution = any (s.theirs)) then
            'leads to another shard'
    end as objection
from columns s left join choice t on t.relation = s.confrelid;

select relation, conname, coalesce(v.objection, 'allows it')
    || case when v.objection is not null and k.constraint_name is not null then ' (known)' else '' end as verdict
from verdict v left join known k on k.constraint_name = v.conname
order by v.objection is null, 1, 2;

select count(*) filter (where objection is null) as allowing, count(*) filter (where objection is not null) as to_change,
    count(*) filter (where objection is not null and not exists (select from known k where k.constraint_name = conname))
        as unknown
from verdict \gset
\echo :allowing constraints allow it, :to_change have to change first, :unknown of them are new
select case when :unknown > 0 then 1 / 0 end as "a constraint that the guide does not know forbids distribution";
