-- When each hook was last called by somebody who proved who they are: silence can be told, too.
alter table automation.hooks add column received_at timestamptz;

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
    from automation.hooks h where h.received_at is not null;
