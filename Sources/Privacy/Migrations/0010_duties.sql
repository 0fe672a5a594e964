-- Reads through the table API, written in batches: which table, which classes of data, how many rows, by whom. Rows that
-- were read are counted, not named: that would cost as much as the read.
create table privacy.table_reads (
    id bigint generated always as identity primary key,
    reader text not null,
    role text not null,
    relation text not null,
    categories text[] not null,
    requests bigint not null,
    rows bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    constraint table_reads_counted check (requests > 0 and rows >= 0)
);
create index table_reads_reader on privacy.table_reads (reader, last_at desc);
create index table_reads_time on privacy.table_reads (last_at);
create trigger table_reads_stay before update on privacy.table_reads
    for each row execute function privacy.refuse_change();
alter table privacy.table_reads enable row level security;

-- The classes of personal data that a read of these columns shows; all columns when none is named. Empty: none.
create function privacy.read_categories(p_relation text, p_columns text[]) returns text[]
    language sql stable
    set search_path = ''
    begin atomic
        select coalesce(array_agg(distinct k.category order by k.category), '{}')
        from privacy.columns k join privacy.categories c on c.code = k.category
        where k.schema_name || '.' || k.table_name = p_relation and c.is_personal
            and (p_columns is null or k.column_name = any (p_columns));
    end;

-- Employees who saw the data of many persons within a day and had no case open that would explain it: no fraud case of
-- theirs, no incident. Machines (service_role) are not judged.
create function privacy.snooping(p_since interval default '24 hours', p_least bigint default 50)
    returns table (reader text, persons bigint, rows bigint, has_case boolean)
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_cases text[] := '{}';
    v_more text[];
begin
    if to_regclass('fraud.dossiers') is not null then
        execute 'select coalesce(array_agg(distinct confie_a), ''{}'') from fraud.dossiers
            where confie_a is not null and (statut <> ''clos'' or tranche_le > clock_timestamp() - $1)'
        into v_more using p_since;
        v_cases := v_cases || v_more;
    end if;
    if to_regclass('detection.incidents') is not null then
        execute 'select coalesce(array_agg(distinct handled_by), ''{}'') from detection.incidents
            where handled_by is not null and (status <> ''closed'' or handled_at > clock_timestamp() - $1)'
        into v_more using p_since;
        v_cases := v_cases || v_more;
    end if;
    return query
        with named as (
            select r.reader, count(distinct r.client_id) as persons, 0::bigint as rows from privacy.reads r
            where r.last_at > clock_timestamp() - p_since group by r.reader
        ), tables as (
            select t.reader, 0::bigint, sum(t.rows)::bigint from privacy.table_reads t
            where t.last_at > clock_timestamp() - p_since and t.role <> 'service_role'
                and t.categories && array['person', 'contact', 'financial', 'card'] group by t.reader
        ), both_ways as (
            select x.reader, sum(x.persons)::bigint as persons, sum(x.rows)::bigint as rows
            from (select * from named union all select * from tables) x group by x.reader
        )
        select b.reader, b.persons, b.rows, b.reader = any (v_cases)
        from both_ways b where b.persons >= p_least or b.rows >= p_least * 10
        order by b.persons desc, b.rows desc;
end
$$;

-- An incident that detection opened becomes one of the register once, whatever number of servers look.
create unique index incidents_of_detection on privacy.incidents (source_id) where source = 'detection';

create or replace view privacy.indicators as
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
    -- The hundred that end first: a request is a label here, and labels are bounded.
    select 'digitalbank_privacy_request_remaining_seconds',
        jsonb_build_object('request', left(r.id::text, 8), 'kind', r.kind),
        extract(epoch from r.due_at - clock_timestamp())::double precision,
        'Time left to answer a request of a person; the hundred that end first.'
    from (select * from privacy.requests where status = 'received' order by due_at limit 100) r
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
    from privacy.erasure_ledger l
    union all
    select 'digitalbank_privacy_snooping_readers', '{}', count(*)::double precision,
        'Employees who saw many persons'' data within a day without a case of theirs.'
    from privacy.snooping() s where not s.has_case;

select privacy.label('privacy.table_reads', 'rights', 'technical', '*');
select privacy.label('automation.watches', 'security', 'none', '*');
select privacy.label('automation.hooks', 'security', 'technical', 'received_at');
insert into privacy.schedules (code, relation, activity, law_fr, keep, age_column, condition, action) values
    ('lectures_de_tables', 'privacy.table_reads', 'rights', 'RGPD art. 5(2)', '3 years', 'last_at', 'true', 'delete');
select privacy.apply_labels();

revoke all on privacy.table_reads, privacy.indicators from public, anon, authenticated, service_role;
revoke all on function privacy.read_categories(text, text[]), privacy.snooping(interval, bigint) from public;
