-- Incidents and breaches: one record with what the platform measured, the clocks of GDPR and DORA, reports as they were made.

create table privacy.incidents (
    id uuid primary key default gen_random_uuid(),
    reference text not null unique,
    title_fr text not null,
    title_en text not null,
    source text not null,
    source_id text,
    occurred_at timestamptz not null,
    detected_at timestamptz not null,
    aware_at timestamptz not null,
    classified_at timestamptz,
    recovered_at timestamptz,
    resolved_at timestamptz,
    is_major boolean,
    is_breach boolean,
    facts jsonb not null,
    classification jsonb not null default '{}',
    opened_by text not null,
    opened_at timestamptz not null default clock_timestamp(),
    constraint incidents_source_known check (source in ('detection', 'recovery', 'hand')),
    constraint incidents_in_order check (
        occurred_at <= detected_at and detected_at <= aware_at
        and (recovered_at is null or recovered_at >= occurred_at)
        and (resolved_at is null or resolved_at >= occurred_at))
);

create table privacy.incident_reports (
    id bigint generated always as identity primary key,
    incident_id uuid not null references privacy.incidents,
    kind text not null,
    document jsonb not null,
    made_by text not null,
    made_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    constraint incident_reports_kind_known check (
        kind in ('dora_initial', 'dora_intermediate', 'dora_final', 'cnil_initial', 'cnil_final', 'persons'))
);
create index incident_reports_of on privacy.incident_reports (incident_id, kind);

-- The four clocks. GDPR art. 33: 72 h from awareness. Regulation (EU) 2025/301 art. 5: 4 h from classification and at most
-- 24 h from awareness (classified later: 4 h from classification); 72 h from the initial report; one month from the
-- intermediate one.
create view privacy.clocks as
    with sent as (
        select i.id, i.reference, i.aware_at, i.classified_at, i.is_major, i.is_breach,
            min(r.sent_at) filter (where r.kind = 'dora_initial') as initial_at,
            max(r.sent_at) filter (where r.kind = 'dora_intermediate') as intermediate_at,
            max(r.sent_at) filter (where r.kind = 'dora_final') as final_at,
            min(r.sent_at) filter (where r.kind = 'cnil_initial') as cnil_at
        from privacy.incidents i left join privacy.incident_reports r on r.incident_id = i.id
        group by i.id
    ), due as (
        select s.id, s.reference, 'gdpr_72h' as clock, s.aware_at + interval '72 hours' as due_at, s.cnil_at as stopped_at
        from sent s where s.is_breach
        union all
        select s.id, s.reference, 'dora_4h',
            case when s.classified_at > s.aware_at + interval '24 hours' then s.classified_at + interval '4 hours'
                else least(s.classified_at + interval '4 hours', s.aware_at + interval '24 hours') end, s.initial_at
        from sent s where s.is_major
        union all
        select s.id, s.reference, 'dora_24h', s.aware_at + interval '24 hours', s.classified_at
        from sent s where s.is_major is not false
        union all
        select s.id, s.reference, 'dora_72h', s.initial_at + interval '72 hours', s.intermediate_at
        from sent s where s.is_major and s.initial_at is not null
        union all
        select s.id, s.reference, 'dora_1m', s.intermediate_at + interval '1 month', s.final_at
        from sent s where s.is_major and s.intermediate_at is not null
    )
    select d.id as incident_id, d.reference, d.clock, d.due_at, d.stopped_at,
        case when d.stopped_at is null then d.due_at - clock_timestamp() end as remaining,
        case when d.stopped_at is null and d.due_at < clock_timestamp() then 'overdue'
            when d.stopped_at is null then 'running'
            when d.stopped_at > d.due_at then 'late' else 'kept' end as state
    from due d;

-- GDPR art. 33(5).
create view privacy.breaches as
    select i.id, i.reference, i.title_fr, i.occurred_at, i.aware_at, i.facts, i.classification,
        i.resolved_at, min(r.sent_at) filter (where r.kind = 'cnil_initial') as notified_at,
        min(r.sent_at) filter (where r.kind = 'persons') as persons_told_at
    from privacy.incidents i left join privacy.incident_reports r on r.incident_id = i.id
    where i.is_breach group by i.id;

-- ICT providers and services (DORA register of information); what runs the bank is read from the server itself.
create table privacy.providers (
    code text primary key,
    name text not null,
    service_fr text not null,
    country char(2) not null,
    lei text,
    is_critical boolean not null,
    has_personal_data boolean not null,
    contract text,
    exit_plan_fr text
);
insert into privacy.providers values
    ('postgresql', 'PostgreSQL Global Development Group (logiciel libre, auto-hébergé)', 'base de données', 'FR', null, true, true,
        'licence PostgreSQL', 'formats ouverts : pg_dump, CSV'),
    ('debian', 'Debian (logiciel libre, auto-hébergé)', 'système d''exploitation', 'FR', null, true, false, 'licences libres',
        'tout Linux'),
    ('swift', 'Swift.org (chaîne de compilation)', 'langage', 'US', null, false, false, 'Apache 2.0',
        'binaire livré, sans service en ligne');
