-- What is known of backups, drills and the watch, for consoles and metrics. The truth about backups is a signed file outside
-- the database (docs/guides/continuity.md): these tables are lost with the database and come back with it.

create schema if not exists continuity;
revoke all on schema continuity from public;

-- One row that changes every few seconds: how far a restore reached is read from it.
create table continuity.beats (
    id smallint primary key,
    number bigint not null,
    at timestamptz not null,
    constraint beats_one_row check (id = 1)
) with (fillfactor = 10);

create table continuity.sets (
    label text not null,
    repository integer not null,
    kind text not null,
    started_at timestamptz not null,
    stopped_at timestamptz not null,
    bytes bigint not null,
    stored_bytes bigint not null,
    state text not null,
    note text not null default '',
    primary key (label, repository),
    constraint sets_kind_known check (kind in ('full', 'diff', 'incr')),
    constraint sets_state_known check (state in ('made', 'proved', 'damaged', 'expired'))
);

create table continuity.drills (
    id uuid primary key,
    scenario text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    label text not null,
    repository integer not null,
    target text not null,
    passed boolean not null,
    restore_seconds double precision not null,
    recovery_seconds double precision not null,
    check_seconds double precision not null,
    -- Null where the bank was not there to compare with.
    rpo_seconds double precision,
    last_moment timestamptz,
    checks jsonb not null,
    report text not null
);
create index drills_by_time on continuity.drills (started_at desc);

create table continuity.alarms (
    id bigint generated always as identity primary key,
    raised_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz,
    kind text not null,
    severity text not null,
    subject text not null,
    words_fr text not null,
    words_en text not null,
    constraint alarms_severity_known check (severity in ('low', 'medium', 'high', 'critical'))
);
create index alarms_open on continuity.alarms (raised_at desc) where closed_at is null;

-- Which file of the server holds which relation, as last seen: a dropped table has its name in no catalogue any more.
create table continuity.relations (
    filenode oid not null,
    database oid not null,
    name text not null,
    seen_at timestamptz not null default clock_timestamp(),
    primary key (database, filenode)
);

alter table continuity.beats enable row level security;
alter table continuity.sets enable row level security;
alter table continuity.drills enable row level security;
alter table continuity.alarms enable row level security;
alter table continuity.relations enable row level security;
revoke all on all tables in schema continuity from public;

create view continuity.indicators as
    select 'digitalbank_backup_newest_timestamp_seconds' as name,
        jsonb_build_object('repository', s.repository::text, 'kind', s.kind) as labels,
        extract(epoch from max(s.stopped_at))::double precision as value,
        'When the newest sound backup ended.' as help
    from continuity.sets s where s.state in ('made', 'proved') group by s.repository, s.kind
    union all
    select 'digitalbank_backup_proved_timestamp_seconds', '{}'::jsonb,
        coalesce(extract(epoch from max(d.started_at) filter (where d.passed)), 0)::double precision,
        'When a restore was last proved by a drill.'
    from continuity.drills d
    union all
    select 'digitalbank_backup_damaged_sets', '{}'::jsonb, count(*)::double precision,
        'Backups that were found damaged and are kept aside.'
    from continuity.sets s where s.state = 'damaged'
    union all
    select 'digitalbank_drill_' || f.name, jsonb_build_object('scenario', d.scenario), f.value, f.help
    from (select distinct on (scenario) * from continuity.drills order by scenario, started_at desc) d
    cross join lateral (values
        ('passed', d.passed::integer::double precision, 'Whether the newest drill of the scenario passed.'),
        ('rto_seconds', d.restore_seconds + d.recovery_seconds + d.check_seconds,
            'From the order to a checked bank, in the newest drill.'),
        ('rpo_seconds', coalesce(d.rpo_seconds, 'NaN'), 'What the newest drill would have lost, in seconds.'),
        ('timestamp_seconds', extract(epoch from d.started_at)::double precision, 'When the newest drill began.')
    ) f (name, value, help)
    union all
    select 'digitalbank_continuity_alarms_open', jsonb_build_object('severity', a.severity),
        count(*)::double precision, 'Alarms of the watch that nobody closed.'
    from continuity.alarms a where a.closed_at is null group by a.severity
    union all
    select 'digitalbank_log_archived_age_seconds', '{}'::jsonb,
        coalesce(extract(epoch from clock_timestamp() - a.last_archived_time), 'NaN')::double precision,
        'Since when nothing of the log was archived.'
    from pg_catalog.pg_stat_archiver a
    union all
    select 'digitalbank_log_archive_failures', '{}'::jsonb, a.failed_count::double precision,
        'How often archiving failed since the statistics began.'
    from pg_catalog.pg_stat_archiver a;
revoke all on continuity.indicators from public;
