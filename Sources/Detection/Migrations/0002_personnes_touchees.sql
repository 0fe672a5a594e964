-- Whom an incident concerns: what its actors read and changed, as the logs, the journals and a recovery name it, and the
-- clients behind it. Notifications of persons and reports to authorities are counted from here.

create table detection.touched (
    incident_id uuid not null references detection.incidents (id),
    -- The line of a log, a journal of the bank's own, or a row that a recovery found tampered with.
    source text not null,
    kind text not null,
    key text not null,
    is_read boolean not null,
    is_changed boolean not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    acts bigint not null,
    -- Of a tampered row: the rule that found it, and the finding of the logs that most likely made it.
    detail jsonb,
    primary key (incident_id, source, kind, key),
    constraint touched_source_known check (source in ('log', 'audit', 'recovery')),
    constraint touched_kind_known check (
        kind in ('account', 'card', 'client', 'operation', 'payee', 'user', 'table')),
    constraint touched_in_order check (first_at <= last_at)
);

create table detection.persons (
    incident_id uuid not null references detection.incidents (id),
    client_id uuid not null,
    is_read boolean not null,
    is_changed boolean not null,
    is_tampered boolean not null,
    -- When: what happened to this person's data in between has to be looked at.
    first_at timestamptz not null,
    last_at timestamptz not null,
    accounts bigint[] not null default '{}',
    primary key (incident_id, client_id),
    constraint persons_in_order check (first_at <= last_at)
);
create index persons_by_client on detection.persons (client_id, last_at desc);

alter table detection.touched enable row level security;
alter table detection.persons enable row level security;
revoke all on detection.touched, detection.persons from public;

-- The time in which a client's data are suspect, over all incidents.
create view detection.suspect_windows as
    select p.client_id, min(p.first_at) as first_at, max(p.last_at) as last_at, bool_or(p.is_read) as is_read,
        bool_or(p.is_changed) as is_changed, bool_or(p.is_tampered) as is_tampered,
        array_agg(i.reference order by i.reference) as incidents
    from detection.persons p join detection.incidents i on i.id = p.incident_id
    where i.merged_into is null
    group by p.client_id;
revoke all on detection.suspect_windows from public;

-- What the bank's own journals say of the accounts that somebody else came in with: whose data they were shown.
create function detection.touch_by_journals(p_incident uuid) returns void
    language plpgsql
    set search_path = ''
    as $$
declare
    i detection.incidents;
begin
    select x.* into i from detection.incidents x where x.id = p_incident;
    if not found or i.accounts = '{}' then
        return;
    end if;
    if to_regclass('privacy.reads') is not null then
        execute $q$
            insert into detection.touched as t (incident_id, source, kind, key, is_read, is_changed, first_at, last_at, acts)
            select $1, 'audit', 'client', r.client_id::text, true, false, min(r.first_at), max(r.last_at), sum(r.count)
            from privacy.reads r
            where r.reader = any ($2) and r.last_at >= $3 - interval '1 hour' and r.first_at <= $4 + interval '1 hour'
            group by r.client_id
            on conflict (incident_id, source, kind, key) do update
            set first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at),
                acts = greatest(t.acts, excluded.acts)
        $q$ using p_incident, i.accounts, i.first_at, i.last_at;
    end if;
    if to_regclass('evidence.entries') is not null then
        execute $q$
            insert into detection.touched as t (incident_id, source, kind, key, is_read, is_changed, first_at, last_at, acts)
            select $1, 'audit', m.kind, m.found[2], false, true, min(m.recorded_at), max(m.recorded_at), count(*)
            from (
                select e.recorded_at,
                    regexp_match(e.subject, '^(account|card|client|payee|operation) ([0-9]{1,18}|[0-9a-f-]{36})$') as found,
                    substring(e.subject from '^[a-z]+') as kind
                from evidence.entries e
                where e.actor = any ($2) and e.outcome = 'done' and e.recorded_at >= $3 - interval '1 hour'
                    and e.recorded_at <= $4 + interval '1 hour') m
            where m.found is not null
            group by m.kind, m.found[2]
            on conflict (incident_id, source, kind, key) do update
            set first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at),
                acts = greatest(t.acts, excluded.acts)
        $q$ using p_incident, i.accounts, i.first_at, i.last_at;
    end if;
end
$$;

-- Clients behind what was touched, one row for each way. A key that names nothing in these books is nobody.
create function detection.clients_behind(p_incident uuid)
    returns table (client_id uuid, account bigint, source text, is_read boolean, is_changed boolean,
        first_at timestamptz, last_at timestamptz)
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if to_regclass('public.clients') is null or to_regclass('public.comptes') is null then
        return;
    end if;
    return query
        with t as materialized (
            select x.source, x.kind, x.key, x.is_read, x.is_changed, x.first_at, x.last_at,
                case when x.key ~ '^[0-9]{1,18}$' then x.key::bigint end as number,
                case when x.key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then x.key::uuid end as name
            from detection.touched x where x.incident_id = p_incident
        )
        select k.client_id, k.id, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.comptes k on k.id = t.number where t.kind = 'account' and k.client_id is not null
        union all
        select k.client_id, k.id, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.cartes r on r.id = t.number join public.comptes k on k.id = r.compte_id
        where t.kind = 'card' and k.client_id is not null
        union all
        select k.client_id, k.id, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.transactions x on x.id = t.number
            join public.comptes k on k.id in (x.compte_debit_id, x.compte_credit_id)
        where t.kind = 'operation' and k.client_id is not null
        union all
        select b.client_id, null, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.beneficiaires b on b.id = t.number where t.kind = 'payee'
        union all
        select c.id, null, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.clients c on c.id = t.name where t.kind = 'client'
        union all
        select c.id, null, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.clients c on c.numero = t.number where t.kind = 'client'
        union all
        select c.id, null, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t join public.clients c on c.utilisateur_id = t.name where t.kind = 'user'
        union all
        -- A table that was read or changed without a list of rows may have been anybody's row in it.
        select c.id, null, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
        from t cross join public.clients c
        where t.kind = 'table' and (
            t.key in ('clients', 'users', 'utilisateurs')
            or t.key in ('comptes', 'accounts', 'transactions', 'ecritures', 'operations', 'virements', 'releves')
                and exists (select from public.comptes k where k.client_id = c.id)
            or t.key in ('cartes', 'cards') and exists (
                select from public.comptes k join public.cartes r on r.compte_id = k.id where k.client_id = c.id)
            or t.key in ('beneficiaires', 'payees') and exists (
                select from public.beneficiaires b where b.client_id = c.id));
    if to_regclass('auth.users') is not null and has_table_privilege('auth.users', 'select') then
        return query execute $q$
            select c.id, null::bigint, t.source, t.is_read, t.is_changed, t.first_at, t.last_at
            from detection.touched t join auth.users u on u.email = t.key
                join public.clients c on c.utilisateur_id = u.id
            where t.incident_id = $1 and t.kind = 'user'
        $q$ using p_incident;
    end if;
end
$$;

-- Keeps what an incident's actors touched, and says whom it concerns. Told again it only grows; what a merged incident
-- knew comes along.
create function detection.touch(p_incident uuid, p_objects jsonb)
    returns table (persons bigint, of_read bigint, of_changed bigint, of_tampered bigint)
    language plpgsql
    set search_path = ''
    as $$
declare
    v_merged constant uuid[] := array(select i.id from detection.incidents i where i.merged_into = p_incident);
begin
    perform pg_advisory_xact_lock(hashtext('detection.touch'), hashtext(p_incident::text));
    insert into detection.touched as t (
        incident_id, source, kind, key, is_read, is_changed, first_at, last_at, acts, detail)
    select p_incident, o.s, o.k, left(o.n, 300), bool_or(o.r), bool_or(o.c),
        timestamptz 'epoch' + min(o.f) * interval '1 microsecond',
        timestamptz 'epoch' + max(greatest(o.f, o.l)) * interval '1 microsecond', sum(o.a), (array_agg(o.d))[1]
    from jsonb_to_recordset(p_objects)
        o (s text, k text, n text, r boolean, c boolean, f bigint, l bigint, a bigint, d jsonb)
    where length(o.n) > 0
    group by o.s, o.k, left(o.n, 300)
    on conflict (incident_id, source, kind, key) do update
    set is_read = t.is_read or excluded.is_read, is_changed = t.is_changed or excluded.is_changed,
        first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at),
        acts = greatest(t.acts, excluded.acts), detail = coalesce(excluded.detail, t.detail)
    where (t.is_read, t.is_changed, t.first_at, t.last_at, t.acts, t.detail) is distinct from
        (t.is_read or excluded.is_read, t.is_changed or excluded.is_changed, least(t.first_at, excluded.first_at),
            greatest(t.last_at, excluded.last_at), greatest(t.acts, excluded.acts),
            coalesce(excluded.detail, t.detail));
    if v_merged <> '{}' then
        insert into detection.touched as t
        select p_incident, m.source, m.kind, m.key, bool_or(m.is_read), bool_or(m.is_changed), min(m.first_at),
            max(m.last_at), sum(m.acts), (array_agg(m.detail) filter (where m.detail is not null))[1]
        from detection.touched m where m.incident_id = any (v_merged) group by m.source, m.kind, m.key
        on conflict (incident_id, source, kind, key) do update
        set is_read = t.is_read or excluded.is_read, is_changed = t.is_changed or excluded.is_changed,
            first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at),
            acts = greatest(t.acts, excluded.acts), detail = coalesce(t.detail, excluded.detail);
        delete from detection.touched t where t.incident_id = any (v_merged);
        delete from detection.persons x where x.incident_id = any (v_merged);
    end if;
    perform detection.touch_by_journals(p_incident);
    insert into detection.persons as x (
        incident_id, client_id, is_read, is_changed, is_tampered, first_at, last_at, accounts)
    select p_incident, b.client_id, bool_or(b.is_read), bool_or(b.is_changed), bool_or(b.source = 'recovery'),
        min(b.first_at), max(b.last_at),
        coalesce(array_agg(distinct b.account order by b.account) filter (where b.account is not null), '{}')
    from detection.clients_behind(p_incident) b group by b.client_id
    on conflict (incident_id, client_id) do update
    set is_read = x.is_read or excluded.is_read, is_changed = x.is_changed or excluded.is_changed,
        is_tampered = x.is_tampered or excluded.is_tampered, first_at = least(x.first_at, excluded.first_at),
        last_at = greatest(x.last_at, excluded.last_at), accounts = excluded.accounts
    where (x.is_read, x.is_changed, x.is_tampered, x.first_at, x.last_at, x.accounts) is distinct from
        (x.is_read or excluded.is_read, x.is_changed or excluded.is_changed, x.is_tampered or excluded.is_tampered,
            least(x.first_at, excluded.first_at), greatest(x.last_at, excluded.last_at), excluded.accounts);
    select count(*), count(*) filter (where x.is_read), count(*) filter (where x.is_changed),
        count(*) filter (where x.is_tampered)
    into persons, of_read, of_changed, of_tampered
    from detection.persons x where x.incident_id = p_incident;
    update detection.incidents i set document = i.document || jsonb_build_object(
        'persons', jsonb_build_object(
            'count', persons, 'read', of_read, 'changed', of_changed, 'tampered', of_tampered))
    where i.id = p_incident;
    return next;
end
$$;
revoke execute on all functions in schema detection from public;

-- What is scraped besides: findings by rule, since one that never finds anything and one that finds too much should show, and
-- persons whom open incidents concern.
create or replace view detection.indicators as
    select 'digitalbank_detection_incidents_open'::text as name, jsonb_build_object('severity', s.severity) as labels,
        (select count(*) from detection.incidents i where i.status <> 'closed' and i.severity = s.severity)
            ::double precision as value,
        'Incidents that are not closed.'::text as help
    from (values ('low'), ('medium'), ('high'), ('critical')) s (severity)
    union all
    select 'digitalbank_detection_responses_active', jsonb_build_object('action', a.action),
        (select count(*) from detection.responses r
            where r.ended_at is null and not r.dry_run and r.action = a.action)::double precision,
        'Responses that are in force.'
    from (values ('ban_address'), ('freeze_account'), ('freeze_card'), ('require_step_up')) a (action)
    union all
    -- A rule is a label, and labels are bounded.
    select 'digitalbank_detection_findings', jsonb_build_object('rule', f.rule, 'severity', f.severity), f.n,
        'Findings of the last 24 hours by rule; the fifty rules with most.'
    from (
        select rule, severity, count(*)::double precision as n from detection.findings
        where at > clock_timestamp() - interval '24 hours'
        group by rule, severity order by count(*) desc, rule limit 50) f
    union all
    select 'digitalbank_detection_persons_touched', '{}', (
            select count(distinct p.client_id) from detection.persons p join detection.incidents i on i.id = p.incident_id
            where i.status <> 'closed')::double precision,
        'Persons whom incidents that are not closed concern.';
revoke all on detection.indicators from public;

do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated')
        and to_regprocedure('public.role_metier()') is not null
    then
        execute 'grant select on detection.touched, detection.persons to authenticated, service_role';
        execute 'create policy touched_read on detection.touched for select to authenticated '
            'using ((select public.role_metier()) in (''analyst'', ''admin''))';
        execute 'create policy persons_read on detection.persons for select to authenticated '
            'using ((select public.role_metier()) in (''analyst'', ''admin''))';
        execute 'create policy touched_service on detection.touched for select to service_role using (true)';
        execute 'create policy persons_service on detection.persons for select to service_role using (true)';
    end if;
end
$$;
