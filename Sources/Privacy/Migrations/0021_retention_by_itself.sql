-- Retention runs by itself, for all that the register states a term for; what the bank may need as evidence waits.

-- Accounts of clients under a hold: their words stay, whatever their age.
create function privacy.held_accounts() returns bigint[]
    language sql stable
    set search_path = ''
    begin atomic
        select coalesce(array_agg(k.id), '{}')
        from public.comptes k
        where exists (
            select from privacy.holds h
            where h.client_id = k.client_id and h.lifted_at is null and (h.until is null or h.until >= current_date));
    end;

-- Logs and findings of an open attack are its evidence, from a month before it began.
create function privacy.evidence_from() returns timestamptz
    language sql stable
    set search_path = ''
    begin atomic
        select coalesce(min(i.occurred_at) - interval '1 month', 'infinity')
        from privacy.incidents i
        where i.closed_at is null and (i.is_major or i.is_breach or coalesce((i.facts ->> 'malicious')::boolean, false));
    end;

alter table privacy.log_identities add column last_seen timestamptz not null default clock_timestamp();
update privacy.log_identities set last_seen = first_seen;
create index log_identities_age on privacy.log_identities (last_seen);

alter table privacy.schedules
    drop constraint schedules_action_known,
    -- What `blank` empties.
    add column blanks text[] not null default '{}',
    -- Rows of other tables that go first: schema.table.column, which holds the row's id.
    add column children text[] not null default '{}',
    add column added_at timestamptz not null default clock_timestamp(),
    add constraint schedules_action_known check (action in ('delete', 'destroy_client', 'blank_operations', 'blank')),
    add constraint schedules_blanks_named check ((action = 'blank') = (cardinality(blanks) > 0)),
    add constraint schedules_children_formed check (
        array_to_string(children, ' ') ~ '^([a-z_]+\.[a-z_]+\.[a-z_]+( |$))*$');
-- What was due and is still there after the run: held, or more than was done.
alter table privacy.retention_runs add column remaining bigint not null default 0;

update privacy.schedules set condition = condition
    || ' and compte_debit_id <> all ((select privacy.held_accounts())::bigint[])'
    || ' and compte_credit_id <> all ((select privacy.held_accounts())::bigint[])'
where code = 'libelles';
update privacy.schedules set condition = age_column || ' < (select privacy.evidence_from())'
where code in ('logs', 'connexions');
insert into privacy.schedules (code, relation, activity, law_fr, keep, age_column, condition, action, blanks, children) values
    ('cartes_marchands', 'public.reservations', 'cards', 'CMF L.133-24 : 13 mois de contestation, 15 pour la carte', '15 months',
        'terminee_le', 'marchand is not null and compte_id <> all ((select privacy.held_accounts())::bigint[])', 'blank',
        '{marchand}', '{}'),
    ('cartes_numeros', 'public.cartes', 'cards', 'PCI DSS 3.2.1 : pas au-delà du besoin', '15 months', 'expire_le',
        'num_nonnulls(pan_chiffre, pan_index, pan_fin) > 0 and statut in (''expiree'', ''remplacee'')
            and compte_id <> all ((select privacy.held_accounts())::bigint[])', 'blank',
        '{pan_chiffre,pan_index,pan_fin}', '{}'),
    ('motifs', 'public.virements', 'payments', 'CMF L.561-12 : 5 ans après exécution', '5 years', 'demande_le',
        'motif is not null and statut <> ''en_attente''
            and compte_debit_id <> all ((select privacy.held_accounts())::bigint[])', 'blank', '{motif}', '{}'),
    ('constats', 'detection.findings', 'security', 'délibération CNIL 2021-122 : 6 à 12 mois', '12 months', 'recorded_at',
        'recorded_at < (select privacy.evidence_from()) and not exists (
            select from detection.incidents i where i.id = findings.incident_id and i.status <> ''closed'')', 'delete',
        '{}', '{}'),
    ('incidents_detectes', 'detection.incidents', 'security', 'DORA art. 17 : 5 ans', '5 years', 'last_at',
        'status = ''closed'' and not exists (select from detection.incidents m where m.merged_into = incidents.id)',
        'delete', '{}', '{detection.findings.incident_id,detection.responses.incident_id,detection.touched.incident_id,
        detection.persons.incident_id}'),
    ('incidents', 'privacy.incidents', 'security', 'RGPD art. 33(5), DORA art. 17 : 5 ans', '5 years', 'closed_at', 'true',
        'delete', '{}', '{privacy.incident_reports.incident_id,privacy.incident_changes.incident_id}'),
    ('identites_des_journaux', 'privacy.log_identities', 'security', 'délibération CNIL 2021-122 : 6 à 12 mois', '12 months',
        'last_seen', 'last_seen < (select privacy.evidence_from())', 'delete', '{}', '{}'),
    ('dossiers_de_fraude', 'fraud.dossiers', 'fraud', 'CMF L.561-12 : 5 ans après la clôture', '5 years', 'tranche_le',
        'statut = ''clos'' and client <> all ((select privacy.held_accounts())::bigint[])', 'delete', '{}',
        '{fraud.dossiers_notes.dossier_id,fraud.dossiers_paiements.dossier_id}'),
    ('decisions_de_fraude', 'fraud.decisions', 'fraud', 'CMF L.561-12 : 5 ans après exécution', '5 years', 'decide_le',
        'not exists (select from fraud.dossiers_paiements p where p.paiement = decisions.paiement)', 'delete', '{}', '{}');
update privacy.activities set retention_fr = retention_fr
    || ' ; au-delà, des montants sans personne, que l''équilibre du grand livre demande'
where code = 'payments';

-- One batch. A row is known by its place within its own table: places repeat from one partition to the next. The condition is
-- asked again of a row that changed meanwhile.
create or replace function privacy.treat(p_code text, p_most integer) returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v privacy.schedules;
    v_count bigint := 0;
    v_done bigint;
    v_client uuid;
    v_leaf regclass;
    v_due text;
begin
    select * into v from privacy.schedules s where s.code = p_code and s.is_on;
    if not found or to_regclass(v.relation) is null then
        return 0;
    end if;
    if v.action = 'destroy_client' then
        for v_client in select a.client_id from privacy.archives a
            where a.hold_until < current_date and not exists (select from privacy.destruction_obstacles(a.client_id))
            order by a.hold_until limit p_most
        loop
            perform privacy.lock_client(v_client);
            -- A hold may have come while this waited.
            continue when exists (select from privacy.destruction_obstacles(v_client));
            perform privacy.note_erasure(v_client, 'destroyed', current_date);
            perform privacy.destroy_client(v_client);
            v_count := v_count + 1;
        end loop;
        return v_count;
    end if;
    v_due := format('%I < clock_timestamp() - $1 and (%s)', v.age_column, v.condition);
    if v.action = 'blank_operations' then
        execute format(
            'update %1$s set libelle = null, reference = null, contrepartie_index = null, contrepartie_fin = null
            where (id, booked_at) in (select id, booked_at from %1$s where %2$s limit $2)', v.relation::regclass, v_due)
            using v.keep, p_most;
        get diagnostics v_count = row_count;
        return v_count;
    end if;
    if cardinality(v.children) > 0 then
        return privacy.treat_with_children(v, v_due, p_most);
    end if;
    for v_leaf in
        select t.relid from pg_catalog.pg_partition_tree(v.relation::regclass) t where t.isleaf
        union all
        select v.relation::regclass where not exists (select from pg_catalog.pg_partition_tree(v.relation::regclass))
    loop
        exit when v_count >= p_most;
        execute format(
            case v.action when 'delete' then 'delete from only %1$s' else 'update only %1$s set %3$s' end
            || ' where ctid = any (array(select ctid from only %1$s where %2$s limit $2)) and %2$s',
            v_leaf, v_due, (select string_agg(format('%I = null', b), ', ') from unnest(v.blanks) b))
            using v.keep, p_most - v_count;
        get diagnostics v_done = row_count;
        v_count := v_count + v_done;
    end loop;
    return v_count;
end
$$;

-- The rows with what hangs on them, in one transaction: first what hangs.
create function privacy.treat_with_children(v privacy.schedules, p_due text, p_most integer) returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_ids text[];
    v_child text;
    v_parts text[];
    v_count bigint;
begin
    execute format('select array(select id::text from %s where %s limit $2 for update)', v.relation::regclass, p_due)
        into v_ids using v.keep, p_most;
    foreach v_child in array v.children loop
        v_parts := string_to_array(v_child, '.');
        continue when to_regclass(v_parts[1] || '.' || v_parts[2]) is null;
        execute format('delete from %I.%I where %I::text = any ($1)', v_parts[1], v_parts[2], v_parts[3]) using v_ids;
    end loop;
    execute format('delete from %s where id::text = any ($1)', v.relation::regclass) using v_ids;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

-- The person behind what an employee asked for by a key: a client's, an account's, a card's, a case's, a payment's.
create function privacy.persons_of(p_kind text, p_key text) returns setof uuid
    language plpgsql stable
    set search_path = ''
    as $$
begin
    case p_kind
        when 'client' then return query select c.id from public.clients c where c.id = p_key::uuid;
        when 'user' then return query select c.id from public.clients c where c.utilisateur_id = p_key::uuid;
        when 'number' then return query select c.id from public.clients c where c.numero = p_key::bigint;
        when 'account' then return query
            select k.client_id from public.comptes k where k.id = p_key::bigint and k.client_id is not null;
        when 'card' then return query
            select k.client_id from public.cartes r join public.comptes k on k.id = r.compte_id
            where r.id = p_key::bigint and k.client_id is not null;
        when 'case' then
            if to_regclass('fraud.dossiers') is not null then
                return query execute 'select k.client_id from fraud.dossiers d join public.comptes k on k.id = d.client '
                    'where d.id = $1 and k.client_id is not null' using p_key::bigint;
            end if;
        when 'payment' then
            if to_regclass('fraud.decisions') is not null then
                return query execute 'select k.client_id from fraud.decisions d join public.comptes k on k.id = d.cles[1] '
                    'where d.paiement = $1 and k.client_id is not null' using p_key::bigint;
            end if;
        else return;
    end case;
end
$$;

-- Who of the employees saw many: what could not be told counts as gravest.
create or replace function privacy.snooping(p_since interval default '24 hours', p_least bigint default 50)
    returns table (reader text, persons bigint, rows bigint, has_case boolean)
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_cases text[] := '{}';
    v_more text[];
begin
    if to_regclass('fraud.dossiers') is not null then
        execute 'select coalesce(array_agg(distinct confie_a), ''{}'') from fraud.dossiers
            where confie_a is not null and (statut <> ''clos'' or tranche_le > clock_timestamp() - $1)'
        into v_more using p_since;
        v_cases := v_cases || v_more;
    end if;
    if to_regclass('detection.incidents') is not null then
        execute 'select coalesce(array_agg(distinct handled_by), ''{}'') from detection.incidents
            where handled_by is not null and (status <> ''closed'' or handled_at > clock_timestamp() - $1)'
        into v_more using p_since;
        v_cases := v_cases || v_more;
    end if;
    return query
        with named as (
            select r.reader, count(distinct r.client_id) as persons, 0::bigint as rows from privacy.reads r
            where r.last_at > clock_timestamp() - p_since group by r.reader
        ), tables as (
            select t.reader, 0::bigint, sum(t.rows)::bigint from privacy.table_reads t
            where t.last_at > clock_timestamp() - p_since and t.role <> 'service_role'
                and t.categories && array['person', 'contact', 'financial', 'card', 'unknown'] group by t.reader
        ), both_ways as (
            select x.reader, sum(x.persons)::bigint as persons, sum(x.rows)::bigint as rows
            from (select * from named union all select * from tables) x group by x.reader
        )
        select b.reader, b.persons, b.rows, b.reader = any (v_cases)
        from both_ways b where b.persons >= p_least or b.rows >= p_least * 10
        order by b.persons desc, b.rows desc;
end
$$;

create or replace view privacy.indicators as
    select 'digitalbank_privacy_unlabelled_columns'::text as name, '{}'::jsonb as labels,
        (select count(*) from privacy.unlabelled)::double precision as value,
        'Columns that the data map does not know.'::text as help
    union all
    select 'digitalbank_privacy_requests_open', jsonb_build_object('kind', r.kind), count(*)::double precision,
        'Requests of persons that wait for an answer.'
    from privacy.requests r where r.status = 'received' group by r.kind
    union all
    select 'digitalbank_privacy_requests_overdue', '{}', count(*)::double precision,
        'Requests of persons whose deadline is over.'
    from privacy.requests r where r.status = 'received' and r.due_at < clock_timestamp()
    union all
    -- The hundred that end first: a request is a label here, and labels are bounded.
    select 'digitalbank_privacy_request_remaining_seconds',
        jsonb_build_object('request', left(r.id::text, 8), 'kind', r.kind),
        extract(epoch from r.due_at - clock_timestamp())::double precision,
        'Time left to answer a request of a person; the hundred that end first.'
    from (select * from privacy.requests where status = 'received' order by due_at limit 100) r
    union all
    select 'digitalbank_privacy_clock_remaining_seconds',
        jsonb_build_object('incident', c.reference, 'clock', c.clock), extract(epoch from c.remaining)::double precision,
        'Time left until a report is due; negative when it is late.'
    from privacy.clocks c where c.stopped_at is null
    union all
    select 'digitalbank_privacy_archives_ended', '{}', count(*)::double precision,
        'Archives of erased clients whose hold has ended and whose key still stands.'
    from privacy.archives a
    where a.hold_until < current_date and not exists (select from privacy.destruction_obstacles(a.client_id))
    union all
    select 'digitalbank_privacy_erased_clients', '{}', count(distinct l.subject_hash)::double precision,
        'Persons in the erasure ledger.'
    from privacy.erasure_ledger l
    union all
    select 'digitalbank_privacy_snooping_readers', '{}', count(*)::double precision,
        'Employees who saw many persons'' data within a day without a case of theirs.'
    from privacy.snooping() s where not s.has_case
    union all
    select 'digitalbank_privacy_retention_age_seconds', '{}',
        extract(epoch from clock_timestamp() - min(d.done_at))::double precision,
        'Time since the schedule that waits longest was run.'
    from (
        select greatest(max(r.ended_at) filter (where not r.is_dry), s.added_at) as done_at
        from privacy.schedules s left join privacy.retention_runs r on r.code = s.code
        where s.is_on group by s.code, s.added_at) d
    union all
    select 'digitalbank_privacy_retention_left_rows', jsonb_build_object('schedule', l.code), l.remaining::double precision,
        'Rows that the last run found due and left.'
    from (
        select distinct on (r.code) r.code, r.remaining from privacy.retention_runs r
            join privacy.schedules s on s.code = r.code and s.is_on
        where not r.is_dry order by r.code, r.id desc) l
    where l.remaining > 0;

select privacy.label('public.comptes', 'relation', 'technical', 'clos_le');
select privacy.apply_labels();
revoke all on privacy.indicators from public, anon, authenticated, service_role;
revoke all on function privacy.held_accounts(), privacy.evidence_from(),
    privacy.treat_with_children(privacy.schedules, text, integer), privacy.persons_of(text, text) from public;
