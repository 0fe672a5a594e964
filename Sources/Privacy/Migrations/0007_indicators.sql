-- Figures to be scraped.
create view privacy.indicators as
    select 'digitalbank_privacy_unlabelled_columns'::text as name, '{}'::jsonb as labels,
        (select count(*) from privacy.unlabelled)::double precision as value,
        'Columns that the data map does not know.'::text as help
    union all
    select 'digitalbank_privacy_requests_open', jsonb_build_object('kind', r.kind), count(*)::double precision,
        'Requests of persons that wait for an answer.'
    from privacy.requests r where r.status = 'received' group by r.kind
    union all
    select 'digitalbank_privacy_requests_overdue', '{}', count(*)::double precision,
        'Requests of persons whose deadline is over.'
    from privacy.requests r where r.status = 'received' and r.due_at < clock_timestamp()
    union all
    select 'digitalbank_privacy_clock_remaining_seconds',
        jsonb_build_object('incident', c.reference, 'clock', c.clock), extract(epoch from c.remaining)::double precision,
        'Time left until a report is due; negative when it is late.'
    from privacy.clocks c where c.stopped_at is null
    union all
    select 'digitalbank_privacy_archives_ended', '{}', count(*)::double precision,
        'Archives of erased clients whose hold has ended and whose key still stands.'
    from privacy.archives a where a.hold_until < current_date
    union all
    select 'digitalbank_privacy_erased_clients', '{}', count(distinct l.subject_hash)::double precision,
        'Persons in the erasure ledger.'
    from privacy.erasure_ledger l;

select privacy.label('privacy.requests', 'rights', 'technical', '*');
select privacy.label('privacy.consents', 'rights', 'technical', '*');
select privacy.label('privacy.restrictions', 'rights', 'technical', '*');
select privacy.label('privacy.objections', 'rights', 'technical', '*');
select privacy.label('privacy.rectifications', 'rights', 'person', '*');
select privacy.label('privacy.reads', 'rights', 'technical', '*');
select privacy.label('privacy.glass', 'rights', 'technical', '*');
select privacy.label('privacy.log_identities', 'security', 'technical', '*');
select privacy.label('privacy.holds', 'rights', 'technical', '*');
select privacy.label('privacy.archives', 'relation', 'person', '*');
select privacy.label('privacy.erasure_key', 'rights', 'credential', '*');
select privacy.label('privacy.erasure_ledger', 'rights', 'technical', '*');
select privacy.label('privacy.schedules', 'rights', 'none', '*');
select privacy.label('privacy.retention_runs', 'rights', 'none', '*');
select privacy.label('privacy.incidents', 'security', 'technical', '*');
select privacy.label('privacy.incident_reports', 'security', 'technical', '*');
select privacy.label('privacy.clocks', 'security', 'none', '*');
select privacy.label('privacy.breaches', 'security', 'technical', '*');
select privacy.label('privacy.providers', 'security', 'none', '*');
select privacy.label('privacy.indicators', 'security', 'none', '*');
select privacy.apply_labels();

-- Nobody but the owner reads these tables; the service answers for them.
do $$
declare
    v_table text;
begin
    for v_table in select c.relname from pg_class c where c.relnamespace = 'privacy'::regnamespace and c.relkind = 'r' loop
        execute format('alter table privacy.%I enable row level security', v_table);
    end loop;
end
$$;
revoke all on all tables in schema privacy from public, anon, authenticated, service_role;
revoke all on all functions in schema privacy from public;
grant execute on function privacy.is_restricted(uuid) to authenticated, service_role;
