-- What automations keep: the outbox that triggers write in the transaction they tell of, runs, deliveries in lanes, the
-- history of attempts, schedules and their firings. Only the program's own role comes here; people go through its API.

create schema if not exists automation;

-- Events that no scenario has looked at yet. Read once, in order, then gone.
create table automation.outbox (
    id bigint primary key generated always as identity,
    source text not null,
    operation text not null,
    payload jsonb not null,
    written_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Which tables write into the outbox, and which of their columns.
create table automation.watches (
    source text primary key,
    columns text[] not null,
    operations text[] not null,
    changed_at timestamptz not null default clock_timestamp()
);

-- Scenarios that stand beside or in place of those that are shipped, and the switches of all.
create table automation.scenarios (
    name text primary key,
    document text,
    enabled boolean not null default true,
    changed_by text not null,
    changed_at timestamptz not null default clock_timestamp(),
    constraint scenarios_name_well_formed check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);

-- Where deliveries go. `secret` is sealed; nothing secret stands in `settings`.
create table automation.destinations (
    name text primary key,
    kind text not null,
    settings jsonb not null default '{}',
    secret bytea,
    rate double precision,
    burst integer not null default 50,
    tokens double precision not null default 0,
    tokens_at timestamptz not null default clock_timestamp(),
    failures integer not null default 0,
    open_until timestamptz,
    enabled boolean not null default true,
    disabled_reason text,
    changed_by text not null default current_user,
    changed_at timestamptz not null default clock_timestamp(),
    constraint destinations_name_well_formed check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    constraint destinations_kind_known check (
        kind in ('email', 'webhook', 'slack', 'teams', 'sms', 'make', 'bank')),
    constraint destinations_rate_positive check (rate > 0),
    constraint destinations_burst_positive check (burst > 0)
);

create table automation.runs (
    id bigint primary key generated always as identity,
    scenario text not null,
    version text not null,
    dedupe text not null,
    event jsonb not null,
    outcome text not null,
    notes jsonb not null default '[]',
    event_at timestamptz not null,
    started_at timestamptz not null default clock_timestamp(),
    constraint runs_once unique (scenario, dedupe),
    constraint runs_outcome_known check (outcome in ('planned', 'filtered', 'failed'))
);
create index runs_by_time on automation.runs (started_at);
create index runs_by_scenario on automation.runs (scenario, id desc);

-- Deliveries of one lane go out one after the other, in the order they were planned. A server leases a lane.
create table automation.lanes (
    lane text primary key,
    destination text not null,
    waiting integer not null,
    next_at timestamptz not null,
    owner text,
    leased_until timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index lanes_due on automation.lanes (destination, next_at);

create table automation.deliveries (
    id bigint primary key generated always as identity,
    run_id bigint not null references automation.runs on delete cascade,
    scenario text not null,
    step text not null,
    destination text not null,
    lane text not null,
    key text not null unique,
    payload jsonb,
    shown jsonb not null,
    status text not null default 'pending',
    attempts integer not null default 0,
    on_error boolean not null default false,
    event_at timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    settled_at timestamptz,
    code integer,
    detail text,
    constraint deliveries_status_known check (status in ('pending', 'sent', 'dead', 'dropped'))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index deliveries_waiting on automation.deliveries (lane, id) where status = 'pending';
create index deliveries_dead on automation.deliveries (id) where status = 'dead';
create index deliveries_of_a_run on automation.deliveries (run_id);
create index deliveries_settled on automation.deliveries (settled_at) where status <> 'pending';

create table automation.attempts (
    delivery_id bigint not null references automation.deliveries on delete cascade,
    number integer not null,
    at timestamptz not null,
    sent boolean not null,
    code integer,
    milliseconds integer not null,
    detail text,
    primary key (delivery_id, number)
);

create table automation.schedules (
    scenario text primary key,
    expression text not null,
    next_at timestamptz not null,
    changed_at timestamptz not null default clock_timestamp()
);

-- Each due moment of each schedule, once: what happened to it.
create table automation.firings (
    scenario text not null,
    due_at timestamptz not null,
    outcome text not null,
    fired_at timestamptz not null default clock_timestamp(),
    primary key (scenario, due_at),
    constraint firings_outcome_known check (outcome in ('ran', 'merged', 'skipped'))
);

-- Messages that a webhook has taken: the same one is not taken twice.
create table automation.receipts (
    hook text not null,
    message text not null,
    received_at timestamptz not null default clock_timestamp(),
    until timestamptz not null,
    primary key (hook, message)
);
create index receipts_by_end on automation.receipts (until);

-- What senders of webhooks prove themselves with; sealed.
create table automation.hooks (
    name text primary key,
    secret bytea not null,
    changed_by text not null,
    changed_at timestamptz not null default clock_timestamp()
);

-- Events that are gathered before their scenario runs.
create table automation.windows (
    scenario text not null,
    key text not null,
    closes_at timestamptz not null,
    items jsonb not null,
    primary key (scenario, key)
);
create index windows_by_end on automation.windows (closes_at);

-- Where each watched figure stands against its threshold.
create table automation.thresholds (
    scenario text not null,
    series text not null,
    phase text not null,
    since timestamptz not null,
    fired_at timestamptz,
    value double precision not null,
    primary key (scenario, series),
    constraint thresholds_phase_known check (phase in ('calm', 'pending', 'firing'))
);

-- Deliveries and runs ever made: the history is cut by age, counters are not.
create table automation.counters (
    scenario text not null,
    destination text not null,
    outcome text not null,
    count bigint not null default 0,
    primary key (scenario, destination, outcome)
) with (fillfactor = 50);

-- Makes `p_table` write the named columns into the outbox, in the transaction that changes it. Changes nothing when it
-- does already; false when there is no such table.
create function automation.watch(p_table text, p_columns text[], p_operations text[]) returns boolean
    language plpgsql
    set search_path = ''
    as $$
declare
    v_table regclass := to_regclass(p_table);
    v_name text := 'capture_' || substr(md5(p_table), 1, 16);
    v_new text;
    v_old text;
    v_changed text;
    v_missing text;
begin
    if v_table is null then
        return false;
    end if;
    if exists (
        select from automation.watches w
        where w.source = p_table and w.columns = p_columns and w.operations = p_operations
            and exists (select from pg_catalog.pg_trigger t
                where t.tgrelid = v_table and t.tgname like 'automation\_%')
    ) then
        return true;
    end if;
    select string_agg(c, ', ') into v_missing from unnest(p_columns) c
    where not exists (select from pg_catalog.pg_attribute a
        where a.attrelid = v_table and a.attname = c and a.attnum > 0 and not a.attisdropped);
    if v_missing is not null then
        raise exception 'the table % has no column %', p_table, v_missing using errcode = '42703';
    end if;
    select string_agg(format('%L, new.%I', c, c), ', '), string_agg(format('%L, old.%I', c, c), ', '),
        string_agg(format('old.%I is distinct from new.%I', c, c), ' or ')
    into v_new, v_old, v_changed from unnest(p_columns) c;
    execute format($f$
        create or replace function automation.%I() returns trigger language plpgsql security definer
            set search_path = '' as $t$
        begin
            if tg_op = 'UPDATE' then
                insert into automation.outbox (source, operation, payload)
                values (%L, 'update', jsonb_build_object(%s, 'old', jsonb_build_object(%s)));
            else
                insert into automation.outbox (source, operation, payload)
                values (%L, 'insert', jsonb_build_object(%s));
            end if;
            return null;
        end
        $t$ $f$, v_name, p_table, v_new, v_old, p_table, v_new);
    execute format('revoke execute on function automation.%I() from public', v_name);
    execute format('drop trigger if exists automation_insert on %s', v_table);
    execute format('drop trigger if exists automation_update on %s', v_table);
    if 'insert' = any (p_operations) then
        execute format('create trigger automation_insert after insert on %s for each row execute function automation.%I()',
            v_table, v_name);
    end if;
    if 'update' = any (p_operations) then
        execute format('create trigger automation_update after update on %s for each row when (%s) '
            'execute function automation.%I()', v_table, v_changed, v_name);
    end if;
    insert into automation.watches (source, columns, operations) values (p_table, p_columns, p_operations)
    on conflict (source) do update
    set columns = excluded.columns, operations = excluded.operations, changed_at = clock_timestamp();
    return true;
end
$$;

-- Ends what `watch` began: a table that no scenario names any more.
create function automation.unwatch(p_table text) returns void
    language plpgsql
    set search_path = ''
    as $$
begin
    if to_regclass(p_table) is not null then
        execute format('drop trigger if exists automation_insert on %s', to_regclass(p_table));
        execute format('drop trigger if exists automation_update on %s', to_regclass(p_table));
    end if;
    execute format('drop function if exists automation.%I()', 'capture_' || substr(md5(p_table), 1, 16));
    delete from automation.watches where source = p_table;
end
$$;

-- Leases due lanes of a destination to a server, and gives their deliveries in order. No more than the destination's
-- tokens allow; one lane only while its circuit is half open.
create function automation.claim(
    p_destination text, p_owner text, p_lanes integer, p_most integer, p_lease interval, p_trips integer
) returns table (
    id bigint, lane text, key text, scenario text, step text, payload jsonb, attempts integer,
    created_at timestamptz, expires_at timestamptz, leased_until timestamptz
)
    language plpgsql
    as $$
declare
    v_now timestamptz := clock_timestamp();
    v_d automation.destinations;
    v_most integer := p_most;
    v_lanes integer := p_lanes;
    v_taken integer;
begin
    select * into v_d from automation.destinations d where d.name = p_destination for update;
    if not found or not v_d.enabled or v_d.open_until > v_now then
        return;
    end if;
    if v_d.failures >= p_trips then
        v_most := 1;
        v_lanes := 1;
        -- Nobody else tries while this one does.
        update automation.destinations d set open_until = v_now + p_lease where d.name = p_destination;
    end if;
    if v_d.rate is not null then
        v_d.tokens := least(v_d.burst, v_d.tokens + v_d.rate * greatest(0, extract(epoch from v_now - v_d.tokens_at)));
        v_most := least(v_most, floor(v_d.tokens)::integer);
        if v_most < 1 then
            return;
        end if;
    end if;
    return query
        with due as (
            select l.lane from automation.lanes l
            where l.destination = p_destination and l.next_at <= v_now
                and (l.leased_until is null or l.leased_until < v_now)
            order by l.next_at limit v_lanes
            for update skip locked
        ), chosen as (
            select x.*, row_number() over (order by x.id) as place from due
            cross join lateral (
                select d.id, d.lane, d.key, d.scenario, d.step, d.payload, d.attempts, d.created_at, d.expires_at
                from automation.deliveries d where d.lane = due.lane and d.status = 'pending'
                order by d.id limit greatest(1, v_most / v_lanes)
            ) x
        ), taken as (
            select c.* from chosen c where c.place <= v_most
        ), leased as (
            update automation.lanes l set owner = p_owner, leased_until = v_now + p_lease
            where l.lane in (select t.lane from taken t)
            returning l.lane
        )
        select t.id, t.lane, t.key, t.scenario, t.step, t.payload, t.attempts, t.created_at, t.expires_at,
            v_now + p_lease
        from taken t join leased using (lane) order by t.id;
    get diagnostics v_taken = row_count;
    if v_d.rate is not null then
        update automation.destinations d set tokens = v_d.tokens - v_taken, tokens_at = v_now
        where d.name = p_destination;
    end if;
    if v_taken = 0 then
        -- Lanes without a delivery to make: counted wrongly by nobody we know, yet they must not be asked for ever.
        delete from automation.lanes l where l.destination = p_destination and l.next_at <= v_now
            and (l.leased_until is null or l.leased_until < v_now)
            and not exists (select from automation.deliveries d where d.lane = l.lane and d.status = 'pending')
            and l.waiting <= 0;
        if v_d.failures >= p_trips then
            update automation.destinations d set open_until = null where d.name = p_destination;
        end if;
    end if;
end
$$;

-- Writes down what became of deliveries that a server had claimed, and gives their lanes back. What another server has
-- settled meanwhile stays as it is. `p_results`: [{id, sent, dead, code, ms, detail, pause}], pause in seconds.
create function automation.settle(
    p_destination text, p_owner text, p_lanes text[], p_results jsonb, p_trips integer, p_rest interval, p_disable text
) returns integer
    language plpgsql
    as $$
declare
    v_now timestamptz := clock_timestamp();
    v_failed integer;
    v_sent integer;
    v_settled integer;
begin
    with r as materialized (
        select * from jsonb_to_recordset(p_results)
            as x (id bigint, sent boolean, dead boolean, code integer, ms integer, detail text, pause double precision)
    ), changed as (
        update automation.deliveries d
        set attempts = d.attempts + 1, code = r.code, detail = r.detail,
            status = case when r.sent then 'sent' when r.dead then 'dead' else 'pending' end,
            settled_at = case when r.sent or r.dead then v_now end,
            payload = case when r.sent then null else d.payload end
        from r where d.id = r.id and d.status = 'pending'
        returning d.id, d.lane, d.scenario, d.step, d.status, r.pause, d.run_id, d.key, d.on_error, r.detail, d.attempts,
            r.sent, r.code, r.ms
    ), tried as (
        insert into automation.attempts (delivery_id, number, at, sent, code, milliseconds, detail)
        select c.id, c.attempts, v_now, c.sent, c.code, c.ms, c.detail from changed c
    ), by_lane as (
        select u.lane, count(*) filter (where c.status <> 'pending')::integer as done,
            max(c.pause) filter (where c.status = 'pending') as pause
        from (select unnest(p_lanes) as lane union select c.lane from changed c) u
        left join changed c using (lane) group by u.lane
    ), given_back as (
        -- A lane that has gone to another server meanwhile stays with it; one that is not given back stays leased.
        update automation.lanes l
        set waiting = l.waiting - s.done,
            next_at = case
                when l.owner is distinct from p_owner or not l.lane = any (p_lanes) then l.next_at
                when s.pause is null then v_now
                else v_now + make_interval(secs => s.pause) end,
            leased_until = case
                when l.owner = p_owner and l.lane = any (p_lanes) then null else l.leased_until end,
            owner = case when l.owner = p_owner and l.lane = any (p_lanes) then null else l.owner end
        from by_lane s where l.lane = s.lane
    ), told as (
        insert into automation.outbox (source, operation, payload)
        select 'dead:' || c.scenario || '/' || c.step, 'insert',
            jsonb_build_object('run', c.run_id, 'key', c.key, 'reason', c.detail)
        from changed c where c.status = 'dead' and c.on_error
    ), counted as (
        insert into automation.counters as k (scenario, destination, outcome, count)
        select c.scenario, p_destination, case c.status when 'pending' then 'failed' else c.status end, count(*)
        from changed c group by 1, 2, 3 order by 1, 2, 3
        on conflict (scenario, destination, outcome) do update set count = k.count + excluded.count
    )
    select count(*) filter (where c.status = 'sent'), count(*) filter (where c.status <> 'sent'), count(*)
    into v_sent, v_failed, v_settled from changed c;
    delete from automation.lanes l where l.lane = any (p_lanes) and l.waiting <= 0;

    update automation.destinations d
    set failures = case when v_sent > 0 then 0 else d.failures + v_failed end,
        open_until = case
            when v_sent > 0 then null
            when d.failures + v_failed >= p_trips then v_now + p_rest
            else d.open_until end,
        enabled = d.enabled and p_disable is null,
        disabled_reason = coalesce(p_disable, d.disabled_reason)
    where d.name = p_destination
        and (v_failed > 0 or d.failures > 0 or d.open_until is not null or p_disable is not null);
    return v_settled;
end
$$;

-- Puts dead deliveries back into their lanes, each with its key: a receiver that had one after all knows it again.
create function automation.replay(p_ids bigint[], p_patience interval) returns bigint
    language plpgsql
    as $$
declare
    v_count bigint;
begin
    with back as (
        update automation.deliveries d
        set status = 'pending', settled_at = null, expires_at = clock_timestamp() + p_patience
        where d.id = any (p_ids) and d.status = 'dead' and d.payload is not null
        returning d.lane, d.destination
    ), lanes as (
        insert into automation.lanes as l (lane, destination, waiting, next_at)
        select b.lane, b.destination, count(*), clock_timestamp() from back b group by 1, 2 order by 1
        on conflict (lane) do update set waiting = l.waiting + excluded.waiting, next_at = excluded.next_at
        returning 1
    )
    select count(*) into v_count from back;
    return v_count;
end
$$;

-- Figures for monitoring.
create view automation.indicators (name, labels, value, help) as
    select 'digitalbank_automation_deliveries_total', jsonb_build_object('scenario', c.scenario,
        'destination', c.destination, 'outcome', c.outcome), c.count::double precision,
        'Attempts and runs by their outcome.'
    from automation.counters c
    union all
    select 'digitalbank_automation_outbox_rows', '{}', count(*)::double precision,
        'Events that no scenario has looked at yet.' from automation.outbox
    union all
    select 'digitalbank_automation_outbox_age_seconds', '{}',
        coalesce(extract(epoch from clock_timestamp() - min(o.written_at)), 0)::double precision,
        'Age of the oldest event that waits.' from automation.outbox o
    union all
    select 'digitalbank_automation_waiting_deliveries', jsonb_build_object('destination', l.destination),
        sum(l.waiting)::double precision, 'Deliveries that wait for their turn or a retry.'
    from automation.lanes l group by l.destination
    union all
    select 'digitalbank_automation_dead_deliveries', '{}', count(*)::double precision,
        'Deliveries that were given up and wait for a person.' from automation.deliveries d where d.status = 'dead'
    union all
    select 'digitalbank_automation_circuit_open', jsonb_build_object('destination', d.name),
        (coalesce(d.open_until > clock_timestamp(), false) or not d.enabled)::integer::double precision,
        'Whether deliveries to the destination are held back.' from automation.destinations d
    union all
    select 'digitalbank_automation_schedule_lag_seconds', jsonb_build_object('scenario', s.scenario),
        greatest(0, extract(epoch from clock_timestamp() - s.next_at))::double precision,
        'How long a due schedule has waited.' from automation.schedules s;

do $$
declare
    v_table text;
begin
    foreach v_table in array array['outbox', 'watches', 'scenarios', 'destinations', 'runs', 'lanes', 'deliveries',
        'attempts', 'schedules', 'firings', 'receipts', 'hooks', 'windows', 'thresholds', 'counters'] loop
        execute format('alter table automation.%I enable row level security', v_table);
    end loop;
end
$$;
revoke all on all tables in schema automation from public;
revoke execute on all functions in schema automation from public;
