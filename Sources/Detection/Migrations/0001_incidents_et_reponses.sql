-- What was found, joined into incidents, and what was done about it. Analysts and admins read; the program alone writes.

create schema if not exists detection;

create table detection.incidents (
    id uuid primary key default gen_random_uuid(),
    reference text not null unique,
    source text not null,
    opened_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    first_at timestamptz not null,
    last_at timestamptz not null,
    severity text not null,
    status text not null default 'open',
    title_fr text not null,
    title_en text not null,
    stages text[] not null default '{}',
    addresses text[] not null default '{}',
    accounts text[] not null default '{}',
    -- The last moment at which the data were in order: recovery and point-in-time restores start here.
    restore_before timestamptz,
    document jsonb not null,
    merged_into uuid references detection.incidents (id),
    handled_by text,
    handled_at timestamptz,
    reason text,
    constraint incidents_source_known check (source in ('analysis', 'live', 'hand')),
    constraint incidents_severity_known check (severity in ('info', 'low', 'medium', 'high', 'critical')),
    constraint incidents_status_known check (status in ('open', 'acknowledged', 'closed')),
    constraint incidents_closed_for_a_reason check (status <> 'closed' or length(btrim(reason)) >= 10),
    constraint incidents_in_order check (first_at <= last_at)
);
create index incidents_by_status on detection.incidents (status, last_at desc);

create table detection.findings (
    id bigint generated always as identity primary key,
    incident_id uuid references detection.incidents (id),
    -- The line that made it sure, or what stands for it: the same line read twice is one finding.
    fingerprint text not null unique,
    at timestamptz not null,
    until timestamptz not null,
    rule text not null,
    class text not null,
    severity text not null,
    technique text not null,
    tactic text not null,
    address text,
    account text,
    document jsonb not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index findings_by_incident on detection.findings (incident_id, at);
create index findings_by_time on detection.findings (at desc);

create table detection.responses (
    id bigint generated always as identity primary key,
    incident_id uuid references detection.incidents (id),
    action text not null,
    target text not null,
    reason text not null,
    decided_by text not null,
    dry_run boolean not null default false,
    decided_at timestamptz not null default clock_timestamp(),
    until timestamptz not null,
    -- What has to be put back when it ends.
    before jsonb,
    touched integer not null default 0,
    ended_at timestamptz,
    ended_by text,
    constraint responses_action_known check (action in (
        'ban_address', 'revoke_sessions', 'freeze_account', 'freeze_card', 'require_step_up')),
    constraint responses_reason_given check (length(btrim(reason)) between 3 and 1000),
    constraint responses_expire check (until >= decided_at and until <= decided_at + interval '366 days')
);
create unique index responses_one_at_a_time on detection.responses (action, target)
    where ended_at is null and not dry_run;
create index responses_that_end on detection.responses (until) where ended_at is null;

-- How far the followers of logs have come: written with the lines that they brought.
create table detection.positions (
    name text primary key,
    position jsonb not null,
    updated_at timestamptz not null default clock_timestamp()
);
alter table detection.positions enable row level security;

alter table detection.incidents enable row level security;
alter table detection.findings enable row level security;
alter table detection.responses enable row level security;
revoke all on all tables in schema detection from public;

-- Automatic freezes in one hour, at most: a mistake must not shut the bank.
create function detection.automatic_freezes_max() returns integer
    language sql immutable
    as $$ select 20 $$;

-- Does one thing about one target, in the caller's transaction, or only writes down that it would be done.
-- The same thing done twice prolongs the first. Fails with:
--   no_data_found (P0002)    there is no such account, card or user
--   object_not_in_prerequisite_state (55000)    it can not be frozen: closed, the bank's own, frozen by somebody else
--   configuration_limit_exceeded (53400)    too many automatic freezes within an hour
create function detection.respond(
    p_action text, p_target text, p_reason text, p_by text, p_until timestamptz, p_incident uuid, p_dry_run boolean,
    p_automatic boolean
) returns table (response bigint, is_new boolean)
    language plpgsql
    as $$
declare
    v_id bigint;
    v_before jsonb;
    v_touched integer := 0;
    v_state text;
    v_internal boolean;
begin
    perform pg_advisory_xact_lock(hashtext('detection.respond'), hashtext(p_action || ' ' || p_target));
    if not p_dry_run then
        update detection.responses r set until = greatest(r.until, p_until)
        where r.action = p_action and r.target = p_target and r.ended_at is null and not r.dry_run
        returning r.id into v_id;
        if found then
            return query select v_id, false;
            return;
        end if;
    end if;
    if p_automatic and p_action in ('freeze_account', 'freeze_card') and detection.automatic_freezes_max() <= (
        select count(*) from detection.responses r
        where r.action in ('freeze_account', 'freeze_card') and r.decided_by like 'rule:%'
            and r.decided_at > clock_timestamp() - interval '1 hour' and not r.dry_run)
    then
        raise exception 'there were % automatic freezes within an hour', detection.automatic_freezes_max()
            using errcode = 'configuration_limit_exceeded', hint = 'A person has to freeze the next one.';
    end if;
    case p_action
    when 'freeze_account' then
        select c.statut, c.client_id is null into v_state, v_internal from public.comptes c
        where c.id = p_target::bigint for no key update;
        if not found then
            raise exception 'there is no account %', p_target using errcode = 'no_data_found';
        elsif v_internal or v_state <> 'actif' then
            raise exception 'account % is %', p_target, case when v_internal then 'the bank''s own' else v_state end
                using errcode = 'object_not_in_prerequisite_state';
        end if;
        v_before := jsonb_build_object('statut', v_state);
        if not p_dry_run then
            update public.comptes set statut = 'bloque' where id = p_target::bigint;
            v_touched := 1;
        end if;
    when 'freeze_card' then
        select k.statut into v_state from public.cartes k where k.id = p_target::bigint for no key update;
        if not found then
            raise exception 'there is no card %', p_target using errcode = 'no_data_found';
        elsif v_state <> 'active' then
            raise exception 'card % is %', p_target, v_state using errcode = 'object_not_in_prerequisite_state';
        end if;
        v_before := jsonb_build_object('statut', v_state);
        if not p_dry_run then
            update public.cartes set statut = 'bloquee', blocage_motif = 'fraude', bloquee_le = clock_timestamp()
            where id = p_target::bigint;
            v_touched := 1;
        end if;
    when 'revoke_sessions' then
        if to_regclass('auth.sessions') is null then
            raise exception 'nobody signs in here yet' using errcode = 'no_data_found';
        end if;
        if p_target like 'address:%' then
            select count(*) into v_touched from auth.sessions s where s.ip = substr(p_target, 9);
            if not p_dry_run then
                delete from auth.sessions s where s.ip = substr(p_target, 9);
            end if;
        else
            select count(*) into v_touched from auth.sessions s
            where s.user_id = p_target::uuid or s.id = p_target::uuid;
            if not p_dry_run then
                delete from auth.sessions s where s.user_id = p_target::uuid or s.id = p_target::uuid;
            end if;
        end if;
    when 'require_step_up' then
        if not exists (select from public.comptes c where c.id = p_target::bigint and c.client_id is not null) then
            raise exception 'there is no account %', p_target using errcode = 'no_data_found';
        end if;
    else
        null;
    end case;
    insert into detection.responses (
        incident_id, action, target, reason, decided_by, dry_run, until, before, touched, ended_at, ended_by)
    values (p_incident, p_action, p_target, p_reason, p_by, p_dry_run, greatest(p_until, clock_timestamp()), v_before,
        v_touched,
        -- What was ended stays ended: sessions do not come back.
        case when p_action = 'revoke_sessions' and not p_dry_run then clock_timestamp() end,
        case when p_action = 'revoke_sessions' and not p_dry_run then 'done' end)
    returning id into v_id;
    return query select v_id, true;
end
$$;

-- Takes a response back. What somebody else has changed since stays as they left it. False when it had ended before.
create function detection.take_back(p_id bigint, p_by text) returns boolean
    language plpgsql
    as $$
declare
    r detection.responses;
begin
    update detection.responses x set ended_at = clock_timestamp(), ended_by = p_by
    where x.id = p_id and x.ended_at is null returning x.* into r;
    if not found then
        return false;
    end if;
    if not r.dry_run and r.action = 'freeze_account' then
        update public.comptes set statut = r.before ->> 'statut' where id = r.target::bigint and statut = 'bloque';
    elsif not r.dry_run and r.action = 'freeze_card' then
        update public.cartes set statut = r.before ->> 'statut', blocage_motif = null, bloquee_le = null
        where id = r.target::bigint and statut = 'bloquee' and blocage_motif = 'fraude';
    end if;
    return true;
end
$$;

-- The rank of a severity, to compare them.
create function detection.rank(p_severity text) returns integer
    language sql immutable strict
    as $$ select array_position(array['info', 'low', 'medium', 'high', 'critical'], p_severity) $$;

-- Keeps an incident as the correlation tells it. One that shares a finding with it, or that has an actor in common within
-- 72 hours and is not closed, is the same: the oldest goes on, others are closed into it.
create function detection.record(p_incident jsonb, p_source text) returns table (incident uuid, is_new boolean)
    language plpgsql
    as $$
declare
    v_known uuid[];
    v_id uuid;
    v_new boolean := false;
    v_first constant timestamptz := coalesce(nullif(p_incident ->> 'from', '')::timestamptz, 'epoch');
    v_last constant timestamptz := coalesce(nullif(p_incident ->> 'to', '')::timestamptz, 'epoch');
    v_stages constant text[] := array(select jsonb_array_elements_text(p_incident -> 'phases'));
    v_addresses constant text[] := array(select jsonb_array_elements_text(p_incident -> 'addresses'));
    v_accounts constant text[] := array(select jsonb_array_elements_text(p_incident -> 'accounts'));
begin
    perform pg_advisory_xact_lock(hashtext('detection.record'));
    v_known := array(
        select i.id from detection.incidents i
        where i.merged_into is null and (
            i.reference = p_incident ->> 'id'
            or exists (
                select from detection.findings f
                where f.incident_id = i.id and f.fingerprint in (
                    select t ->> 'fingerprint' from jsonb_array_elements(p_incident -> 'timeline') t))
            or (i.status <> 'closed' and (i.addresses && v_addresses or i.accounts && v_accounts)
                and i.last_at >= v_first - interval '72 hours' and i.first_at <= v_last + interval '72 hours'))
        order by i.opened_at, i.id);
    if v_known = '{}' then
        insert into detection.incidents (
            reference, source, first_at, last_at, severity, title_fr, title_en, stages, addresses, accounts,
            restore_before, document)
        values (p_incident ->> 'id', p_source, v_first, v_last, p_incident ->> 'severity', p_incident ->> 'title_fr',
            p_incident ->> 'title_en', v_stages, v_addresses, v_accounts,
            (p_incident ->> 'restore_before')::timestamptz, p_incident - 'timeline')
        returning id into v_id;
        v_new := true;
    else
        v_id := v_known[1];
        update detection.incidents i set status = 'closed', merged_into = v_id, handled_by = 'detection',
            handled_at = clock_timestamp(), reason = 'the same incident as another one'
        where i.id = any (v_known[2:]);
        update detection.findings f set incident_id = v_id where f.incident_id = any (v_known[2:]);
        update detection.incidents i set updated_at = clock_timestamp(), first_at = least(i.first_at, v_first),
            last_at = greatest(i.last_at, v_last),
            severity = case when detection.rank(p_incident ->> 'severity') > detection.rank(i.severity)
                then p_incident ->> 'severity' else i.severity end,
            stages = array(select distinct unnest(i.stages || v_stages) order by 1),
            addresses = array(select distinct unnest(i.addresses || v_addresses) order by 1),
            accounts = array(select distinct unnest(i.accounts || v_accounts) order by 1),
            restore_before = least(i.restore_before, (p_incident ->> 'restore_before')::timestamptz),
            -- After a restart less is remembered than was told before.
            document = case when coalesce((i.document ->> 'finding_count')::bigint, 0)
                <= (p_incident ->> 'finding_count')::bigint then p_incident - 'timeline' else i.document end,
            -- What goes on after it was acknowledged has to be looked at again.
            status = case when i.status = 'closed' and v_last > i.last_at then 'open' else i.status end
        where i.id = v_id;
    end if;
    insert into detection.findings as f (
        incident_id, fingerprint, at, until, rule, class, severity, technique, tactic, address, account, document)
    select distinct on (t ->> 'fingerprint') v_id, t ->> 'fingerprint',
        coalesce(nullif(t ->> 'time', '')::timestamptz, 'epoch'), coalesce(nullif(t ->> 'until', '')::timestamptz, 'epoch'),
        t ->> 'rule', t ->> 'class', t ->> 'severity', t ->> 'technique', t ->> 'tactic',
        t ->> 'ip', t ->> 'user', t - 'fingerprint'
    from jsonb_array_elements(p_incident -> 'timeline') t
    on conflict (fingerprint) do update
    set until = greatest(f.until, excluded.until), incident_id = coalesce(f.incident_id, v_id),
        document = case when excluded.until > f.until then excluded.document else f.document end;
    return query select v_id, v_new;
end
$$;
revoke execute on all functions in schema detection from public;

-- What is scraped: open incidents by severity, responses in force by action.
create view detection.indicators as
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
    from (values ('ban_address'), ('freeze_account'), ('freeze_card'), ('require_step_up')) a (action);
revoke all on detection.indicators from public;

do $$
begin
    if exists (select from pg_roles where rolname = 'authenticated')
        and to_regprocedure('public.role_metier()') is not null
    then
        execute 'grant usage on schema detection to authenticated, service_role';
        execute 'grant select on detection.incidents, detection.findings, detection.responses '
            'to authenticated, service_role';
        execute 'create policy incidents_read on detection.incidents for select to authenticated '
            'using ((select public.role_metier()) in (''analyst'', ''admin''))';
        execute 'create policy findings_read on detection.findings for select to authenticated '
            'using ((select public.role_metier()) in (''analyst'', ''admin''))';
        execute 'create policy responses_read on detection.responses for select to authenticated '
            'using ((select public.role_metier()) in (''analyst'', ''admin''))';
        execute 'create policy incidents_service on detection.incidents for select to service_role using (true)';
        execute 'create policy findings_service on detection.findings for select to service_role using (true)';
        execute 'create policy responses_service on detection.responses for select to service_role using (true)';
    end if;
end
$$;
