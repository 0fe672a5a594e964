-- A repository whose sets are all damaged had no series at all, and an alert on its age nothing to look at: it has one now, whose
-- newest sound backup ended in 1970. One that holds nothing that counts (all was removed by retention, or it is not used any more)
-- has none; a bank without any set has one of the repository 0.
create or replace view continuity.indicators as
    select 'digitalbank_backup_newest_timestamp_seconds' as name,
        jsonb_build_object('repository', s.repository::text, 'kind', s.kind) as labels,
        extract(epoch from max(s.stopped_at))::double precision as value,
        'When the newest sound backup ended.' as help
    from continuity.sets s where s.state in ('made', 'proved') group by s.repository, s.kind
    union all
    select 'digitalbank_backup_newest_timestamp_seconds',
        jsonb_build_object('repository', s.repository::text, 'kind', 'none'), 0::double precision,
        'When the newest sound backup ended.'
    from continuity.sets s where s.state <> 'expired'
    group by s.repository having bool_and(s.state = 'damaged')
    union all
    select 'digitalbank_backup_newest_timestamp_seconds', jsonb_build_object('repository', '0', 'kind', 'none'),
        0::double precision, 'When the newest sound backup ended.'
    where not exists (select from continuity.sets s where s.state <> 'expired')
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
