-- Scenarios that are started by changes of rows as the server's log tells them: nothing is added to the transactions that
-- make them, deletions are told too, and tables that may have no trigger can be followed.

-- How far the log was read. What was taken is in the outbox in the same transaction, so a change is taken once.
create table automation.feeds (
    slot text primary key,
    -- The transaction that is being taken, or the last one: where its commit lies, and how many of its changes are in.
    commit_at pg_lsn not null default '0/0',
    taken bigint not null default 0,
    moved_at timestamptz not null default clock_timestamp()
);
alter table automation.feeds enable row level security;

-- Changes as the log has them, every value a text, written as a trigger would have written them.
create function automation.typed_row(p_table text, p_row jsonb, p_columns text[]) returns jsonb
    language plpgsql
    set search_path = ''
    as $$
declare
    v_typed jsonb;
begin
    if p_row is null or to_regclass(p_table) is null then
        return p_row;
    end if;
    execute format('select coalesce((select jsonb_object_agg(e.key, e.value) '
        'from jsonb_each(to_jsonb(jsonb_populate_record(null::%s, $1))) e where $1 ? e.key and e.key = any ($2)), ''{}'')',
        to_regclass(p_table)) into v_typed using p_row, p_columns;
    return v_typed;
exception
    -- The table has changed since: what the log says is told as it is.
    when others then
        return p_row;
end
$$;

-- Moves a feed and puts what it read into the outbox. False when another server has taken these changes already.
create function automation.take_changes(
    p_slot text, p_commit pg_lsn, p_taken bigint, p_before_commit pg_lsn, p_before_taken bigint, p_changes jsonb
) returns boolean
    language plpgsql
    set search_path = ''
    as $$
begin
    update automation.feeds f set commit_at = p_commit, taken = p_taken, moved_at = clock_timestamp()
    where f.slot = p_slot and f.commit_at = p_before_commit and f.taken = p_before_taken;
    if not found then
        return false;
    end if;
    insert into automation.outbox (source, operation, payload, written_at)
    select 'changes:' || c.source, c.operation,
        automation.typed_row(c.source, c."row", c.columns)
            || case when c.old is null then '{}'::jsonb
                else jsonb_build_object('old', automation.typed_row(c.source, c.old, c.columns)) end,
        to_timestamp(c.at / 1000000.0)
    from jsonb_to_recordset(p_changes)
        as c (n integer, source text, operation text, "row" jsonb, old jsonb, columns text[], at bigint)
    order by c.n;
    return true;
end
$$;

-- Which tables are followed; null ends it. Returns those that are not there.
create function automation.follow(p_tables text[]) returns text[]
    language plpgsql
    set search_path = ''
    as $$
declare
    v_there text[];
    v_missing text[];
    v_list text;
    v_now text[];
begin
    select array_agg(t order by t) filter (where to_regclass(t) is not null),
        array_agg(t order by t) filter (where to_regclass(t) is null)
    into v_there, v_missing from unnest(p_tables) t;
    if v_there is null then
        execute 'drop publication if exists digitalbank_automation';
        return coalesce(v_missing, '{}');
    end if;
    select string_agg(to_regclass(t)::text, ', ' order by t) into v_list from unnest(v_there) t;
    if not exists (select from pg_catalog.pg_publication where pubname = 'digitalbank_automation') then
        execute 'create publication digitalbank_automation for table ' || v_list
            || ' with (publish = ''insert, update, delete'')';
        return coalesce(v_missing, '{}');
    end if;
    select array_agg(p.schemaname || '.' || p.tablename order by p.schemaname || '.' || p.tablename) into v_now
    from pg_catalog.pg_publication_tables p where p.pubname = 'digitalbank_automation';
    if v_now is distinct from v_there then
        execute 'alter publication digitalbank_automation set table ' || v_list;
    end if;
    return coalesce(v_missing, '{}');
end
$$;

-- Bytes of the log that the server keeps until the feed has read them.
create function automation.feed_lag() returns double precision
    language sql stable
    set search_path = ''
    as $$
    select coalesce(max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)), 0)::double precision
    from pg_catalog.pg_replication_slots s
    where s.slot_name in (select f.slot from automation.feeds f) and not pg_catalog.pg_is_in_recovery()
$$;

create or replace view automation.indicators (name, labels, value, help) as
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
        'How long a due schedule has waited.' from automation.schedules s
    union all
    select 'digitalbank_automation_hook_silence_seconds', jsonb_build_object('hook', h.name),
        extract(epoch from clock_timestamp() - h.received_at)::double precision,
        'Time since a hook that was called once was called last.'
    from automation.hooks h where h.received_at is not null
    union all
    select 'digitalbank_automation_feed_lag_bytes', '{}', automation.feed_lag(),
        'Bytes of the log that the server keeps until scenarios have read their changes.';

revoke all on automation.feeds from public;
revoke execute on all functions in schema automation from public;
