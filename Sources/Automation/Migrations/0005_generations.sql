-- Servers of two versions work on one database while an upgrade rolls. Which scenarios each has is written here, one row
-- for each set of them: the newest set that is alive decides, and what it names is not taken away by an older one.

create table automation.generations (
    digest text primary key,
    number bigint not null generated always as identity,
    scenarios text[] not null,
    sources text[] not null,
    first_seen_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
);

-- Functions that some server can run, and when one that can was last seen.
create table automation.functions (
    name text primary key,
    seen_at timestamptz not null default clock_timestamp()
);

alter table automation.generations enable row level security;
alter table automation.functions enable row level security;

-- A sign of life of a server with this set of scenarios. `stands`: a newer set is alive, so this server plans nothing.
-- `kept_scenarios` and `kept_sources`: what newer sets that were alive within `p_kept` name. `p_left`: the set that this
-- server had before, which lives on only with those that still have it.
create function automation.enter_generation(
    p_digest text, p_left text, p_scenarios text[], p_sources text[], p_functions text[], p_alive interval,
    p_kept interval, out stands boolean, out kept_scenarios text[], out kept_sources text[]
)
    language plpgsql
    set search_path = ''
    as $$
declare
    v_now timestamptz := clock_timestamp();
    v_number bigint;
begin
    update automation.generations g set seen_at = v_now, scenarios = p_scenarios, sources = p_sources
    where g.digest = p_digest returning g.number into v_number;
    if not found then
        insert into automation.generations as g (digest, scenarios, sources) values (p_digest, p_scenarios, p_sources)
        on conflict (digest) do update set seen_at = v_now
        returning g.number into v_number;
    end if;
    update automation.generations g set seen_at = least(g.seen_at, v_now - p_alive)
    where g.digest = p_left and p_left <> p_digest;
    insert into automation.functions as f (name, seen_at) select distinct x, v_now from unnest(p_functions) x order by 1
    on conflict (name) do update set seen_at = v_now where f.seen_at < v_now - interval '5 seconds';
    delete from automation.generations g where g.seen_at < v_now - interval '90 days';
    select coalesce(bool_or(g.seen_at > v_now - p_alive), false) into stands
    from automation.generations g where g.number > v_number;
    select coalesce(array_agg(distinct n), '{}') into kept_scenarios
    from automation.generations g, unnest(g.scenarios) n where g.number > v_number and g.seen_at > v_now - p_kept;
    select coalesce(array_agg(distinct s), '{}') into kept_sources
    from automation.generations g, unnest(g.sources) s where g.number > v_number and g.seen_at > v_now - p_kept;
end
$$;

-- Whether the lane begins with something that a server with these functions can do. A function that no server has had for
-- a day is nobody's: whoever comes first may say so.
create function automation.can_begin(p_lane text, p_functions text[]) returns boolean
    language sql stable
    set search_path = ''
    as $$
    select coalesce((
        select coalesce(d.payload ->> 'action', '') not in ('call', 'run_report')
            or d.payload ->> 'name' = any (p_functions)
            or not exists (select from automation.functions f where f.name = d.payload ->> 'name'
                and f.seen_at > clock_timestamp() - interval '1 day')
        from automation.deliveries d where d.lane = p_lane and d.status = 'pending' order by d.id limit 1), true)
$$;

-- Destinations with a lane that is due, free, and for a server with these functions.
create function automation.due_destinations(p_functions text[]) returns setof text
    language sql stable
    set search_path = ''
    as $$
    select d.name from automation.destinations d
    where d.enabled and (d.open_until is null or d.open_until <= clock_timestamp()) and exists (
        select from automation.lanes l where l.destination = d.name and l.next_at <= clock_timestamp()
            and (l.leased_until is null or l.leased_until < clock_timestamp())
            and (d.kind <> 'bank' or automation.can_begin(l.lane, p_functions)))
    order by d.name
$$;

-- Holds lanes for a while more; how many of them are still this server's.
create function automation.renew(p_owner text, p_lanes text[], p_lease interval) returns integer
    language sql
    set search_path = ''
    as $$
    with held as (
        update automation.lanes l set leased_until = clock_timestamp() + p_lease
        where l.lane = any (p_lanes) and l.owner = p_owner returning 1
    )
    select count(*)::integer from held
$$;

-- Leases due lanes of a destination to a server, and gives their deliveries in order. No more than the destination's
-- tokens allow; one lane only while its circuit is half open; of the bank's own acts those that the server can do.
create function automation.claim(
    p_destination text, p_owner text, p_lanes integer, p_most integer, p_lease interval, p_trips integer,
    p_functions text[]
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
                and (v_d.kind <> 'bank' or automation.can_begin(l.lane, p_functions))
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

-- What servers of the version before call.
create or replace function automation.claim(
    p_destination text, p_owner text, p_lanes integer, p_most integer, p_lease interval, p_trips integer
) returns table (
    id bigint, lane text, key text, scenario text, step text, payload jsonb, attempts integer,
    created_at timestamptz, expires_at timestamptz, leased_until timestamptz
)
    language sql
    as $$
    select * from automation.claim(p_destination, p_owner, p_lanes, p_most, p_lease, p_trips, null)
$$;

-- Lag and age count for what somebody alive has.
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
        'Age of the oldest event that waits.'
    from automation.outbox o
    -- But for those that are kept for servers with newer scenarios that are away.
    where not exists (select from automation.generations g where o.source = any (g.sources))
        or exists (select from automation.generations g where o.source = any (g.sources)
            and g.seen_at > clock_timestamp() - interval '5 minutes')
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
        'How long a due schedule has waited.'
    from automation.schedules s
    where not exists (select from automation.generations g)
        or s.scenario in (select unnest(g.scenarios) from automation.generations g
            where g.seen_at > clock_timestamp() - interval '5 minutes')
    union all
    select 'digitalbank_automation_hook_silence_seconds', jsonb_build_object('hook', h.name),
        extract(epoch from clock_timestamp() - h.received_at)::double precision,
        'Time since a hook that was called once was called last.'
    from automation.hooks h where h.received_at is not null
    union all
    select 'digitalbank_automation_feed_lag_bytes', '{}', automation.feed_lag(),
        'Bytes of the log that the server keeps until scenarios have read their changes.';

revoke all on all tables in schema automation from public;
revoke execute on all functions in schema automation from public;
