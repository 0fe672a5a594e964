-- An incident goes on after it was opened: what becomes known changes its facts, its class and with them its clocks; every
-- change stays beside it.

alter table privacy.incidents
    -- When it became a major one and a breach: its clocks start then, not when it was opened as something less.
    add column major_since timestamptz,
    add column breach_since timestamptz,
    add column closed_at timestamptz,
    add column closed_by text,
    add column closure text,
    add column is_false_alarm boolean not null default false,
    -- What the detection measured last: what a person put right is not measured wrong again.
    add column detected jsonb,
    add constraint incidents_closed_whole check (
        (closed_at is null) = (closed_by is null) and (closed_at is null) = (closure is null)),
    add constraint incidents_false_alarm_closed check (not is_false_alarm or closed_at is not null);
update privacy.incidents set major_since = classified_at where is_major;
update privacy.incidents set breach_since = aware_at where is_breach;

create table privacy.incident_changes (
    id bigint generated always as identity primary key,
    incident_id uuid not null references privacy.incidents,
    facts_before jsonb not null,
    facts_after jsonb not null,
    was_major boolean,
    is_major boolean,
    was_breach boolean,
    is_breach boolean,
    changed_by text not null,
    changed_at timestamptz not null default clock_timestamp()
);
create index incident_changes_of on privacy.incident_changes (incident_id, id);
create trigger incident_changes_stay before update on privacy.incident_changes
    for each row execute function privacy.refuse_change();
alter table privacy.incident_changes enable row level security;
revoke all on privacy.incident_changes from public, anon, authenticated, service_role;

-- The first intermediate report keeps the 72 hours, whatever updates follow; the month runs from the last one.
create or replace view privacy.clocks as
    with sent as (
        select i.id, i.reference, i.aware_at, i.classified_at, i.is_major, i.is_breach,
            coalesce(i.major_since, i.classified_at) as major_since, coalesce(i.breach_since, i.aware_at) as breach_since,
            min(r.sent_at) filter (where r.kind = 'dora_initial') as initial_at,
            min(r.sent_at) filter (where r.kind = 'dora_intermediate') as intermediate_at,
            max(r.sent_at) filter (where r.kind = 'dora_intermediate') as last_intermediate_at,
            min(r.sent_at) filter (where r.kind = 'dora_final') as final_at,
            min(r.sent_at) filter (where r.kind = 'cnil_initial') as cnil_at
        from privacy.incidents i left join privacy.incident_reports r on r.incident_id = i.id
        group by i.id
    ), due as (
        select s.id, s.reference, 'gdpr_72h' as clock, s.breach_since + interval '72 hours' as due_at, s.cnil_at as stopped_at
        from sent s where s.is_breach
        union all
        select s.id, s.reference, 'dora_4h',
            case when s.major_since > s.aware_at + interval '24 hours' then s.major_since + interval '4 hours'
                else least(s.major_since + interval '4 hours', s.aware_at + interval '24 hours') end, s.initial_at
        from sent s where s.is_major
        union all
        select s.id, s.reference, 'dora_24h', s.aware_at + interval '24 hours', s.classified_at
        from sent s where s.is_major is not false
        union all
        select s.id, s.reference, 'dora_72h', s.initial_at + interval '72 hours', s.intermediate_at
        from sent s where s.is_major and s.initial_at is not null
        union all
        select s.id, s.reference, 'dora_1m', s.last_intermediate_at + interval '1 month', s.final_at
        from sent s where s.is_major and s.last_intermediate_at is not null
    )
    select d.id as incident_id, d.reference, d.clock, d.due_at, d.stopped_at,
        case when d.stopped_at is null then d.due_at - clock_timestamp() end as remaining,
        case when d.stopped_at is null and d.due_at < clock_timestamp() then 'overdue'
            when d.stopped_at is null then 'running'
            when d.stopped_at > d.due_at then 'late' else 'kept' end as state
    from due d;

select privacy.label('privacy.incident_changes', 'security', 'technical', '*');
select privacy.apply_labels();
