-- Channels and changes: stored broadcasts, who may join a private channel, what the change feed reads.

do $$
declare
    nom text;
begin
    foreach nom in array array['anon', 'authenticated', 'service_role'] loop
        if not exists (select from pg_roles where rolname = nom) then
            begin
                execute format('create role %I nologin noinherit', nom);
            exception when duplicate_object or unique_violation then
                null; -- another migrator of this cluster was faster
            end;
        end if;
        -- Rights are probed as the role itself, so the owner must be able to become it.
        if not pg_has_role(current_user, nom, 'member') then
            begin
                execute format('grant %I to %I', nom, current_user);
            exception when insufficient_privilege then
                raise exception 'the role % is not a member of %', current_user, nom
                    using hint = format('Ask an administrator for: grant %I to %I', nom, current_user);
            end;
        end if;
    end loop;
end
$$;

create schema if not exists realtime;
revoke all on schema realtime from public;
grant usage on schema realtime to anon, authenticated, service_role;

-- One partition a day, made and dropped by realtime.maintain(); what has no day yet goes to the default one.
create table realtime.messages (
    topic text not null,
    extension text not null,
    payload jsonb,
    event text,
    private boolean not null default false,
    updated_at timestamptz not null default now(),
    inserted_at timestamptz not null default now(),
    id uuid not null default gen_random_uuid(),
    constraint messages_pkey primary key (id, inserted_at),
    constraint messages_extension_connue check (extension in ('broadcast', 'presence', 'postgres_changes'))
) partition by range (inserted_at);
create table realtime.messages_default partition of realtime.messages default;
create index messages_par_topic on realtime.messages (topic, inserted_at) where extension = 'broadcast';

-- Nobody reads or writes a private channel until a policy says so.
alter table realtime.messages enable row level security;
revoke all on realtime.messages, realtime.messages_default from public;
grant select, insert on realtime.messages to anon, authenticated, service_role;
create policy messages_service_lecture on realtime.messages for select to service_role using (true);
create policy messages_service_envoi on realtime.messages for insert to service_role with check (true);

create function realtime.topic() returns text
    language sql stable
    set search_path = ''
    as $$ select nullif(current_setting('realtime.topic', true), '') $$;

-- Sends when the transaction commits; rows are kept for replay until realtime.maintain() drops their day.
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
    language plpgsql
    set search_path = ''
    as $$
begin
    perform set_config('realtime.topic', send.topic, true);
    insert into realtime.messages (payload, event, topic, private, extension)
    values (send.payload, send.event, send.topic, send.private, 'broadcast');
end
$$;

-- For a row trigger: tells a private channel what happened to a row.
create function realtime.broadcast_changes(
    topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record,
    level text default 'ROW'
) returns void
    language plpgsql
    set search_path = ''
    as $$
begin
    if level = 'STATEMENT' then
        raise exception 'function can only be triggered for each row, not for each statement';
    end if;
    if operation not in ('INSERT', 'UPDATE', 'DELETE') then
        raise exception 'operation "%" is not INSERT, UPDATE or DELETE', operation;
    end if;
    perform realtime.send(
        jsonb_build_object(
            'schema', table_schema, 'table', table_name, 'operation', operation,
            'record', case when operation <> 'DELETE' then to_jsonb(new) end,
            'old_record', case when operation <> 'INSERT' then to_jsonb(old) end),
        event_name, topic_name);
end
$$;

-- Keeps a partition ready for today and the days ahead, drops those that are older than days_kept.
create function realtime.maintain(days_ahead integer default 2, days_kept integer default 3) returns void
    language plpgsql
    set search_path = ''
    set timezone = 'UTC'
    as $$
declare
    jour date;
    nom text;
begin
    for jour in select current_date + g from generate_series(0, days_ahead) g loop
        nom := 'messages_' || to_char(jour, 'YYYY_MM_DD');
        if to_regclass('realtime.' || nom) is null then
            begin
                execute format(
                    'create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
                    nom, jour::timestamptz, (jour + 1)::timestamptz);
            exception when check_violation or duplicate_table then
                null; -- the default partition holds rows of that day already, or another server was faster
            end;
        end if;
    end loop;
    for nom in
        select c.relname
        from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'realtime.messages'::regclass and c.relname ~ '^messages_\d{4}_\d\d_\d\d$'
            and to_date(right(c.relname, 10), 'YYYY_MM_DD') < current_date - days_kept
    loop
        execute format('drop table realtime.%I', nom);
    end loop;
    delete from realtime.messages_default where inserted_at < current_date - days_kept;
end
$$;

-- What each role may read of each table, as the server itself would decide it. `policy` is the text of the row level
-- security condition, whose column names stand alone; it is null when none applies to the role. Names in it are
-- qualified, because only pg_catalog is on the path here.
create function realtime.access(tables oid[], roles text[])
    returns table (
        table_id oid, role_name text, has_rls boolean, is_above boolean, policy text, policy_columns text[],
        needs_generated boolean, readable text[]
    )
    language sql stable
    set search_path = pg_catalog
    as $$
with asked as (
    select c.oid as table_id, r.oid as role_id, r.rolname, c.relrowsecurity,
        r.rolsuper or r.rolbypassrls
            or (pg_has_role(r.oid, c.relowner, 'usage') and not c.relforcerowsecurity) as is_above,
        has_schema_privilege(r.oid, c.relnamespace, 'usage') as may_enter
    from pg_class c cross join pg_roles r
    where c.oid = any (tables) and r.rolname = any (roles)
), applicable as (
    select a.table_id, a.role_id, p.oid as policy_id, p.polpermissive,
        coalesce('(' || pg_get_expr(p.polqual, p.polrelid) || ')', 'true') as condition
    from asked a join pg_policy p on p.polrelid = a.table_id and p.polcmd in ('r', '*')
    where exists (
        select from unnest(p.polroles) m(id)
        where m.id = 0 or pg_has_role(a.role_id, case when m.id = 0 then a.role_id else m.id end, 'usage'))
), joined as (
    select table_id, role_id,
        coalesce(string_agg(condition, ' or ' order by policy_id) filter (where polpermissive), 'false') as permissive,
        string_agg(condition, ' and ' order by policy_id) filter (where not polpermissive) as restrictive
    from applicable group by table_id, role_id
), read_by_policy as (
    select distinct a.table_id, a.role_id, t.attname, t.attgenerated
    from applicable a
    join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = a.policy_id
        and d.refclassid = 'pg_class'::regclass and d.refobjid = a.table_id and d.refobjsubid > 0
    join pg_attribute t on t.attrelid = d.refobjid and t.attnum = d.refobjsubid
)
select a.table_id, a.rolname::text, a.relrowsecurity, a.is_above,
    '(' || j.permissive || ')' || coalesce(' and ' || j.restrictive, ''),
    array(select p.attname::text from read_by_policy p where (p.table_id, p.role_id) = (a.table_id, a.role_id)),
    exists (
        select from read_by_policy p
        where (p.table_id, p.role_id) = (a.table_id, a.role_id) and p.attgenerated <> ''),
    array(
        select t.attname::text from pg_attribute t
        where t.attrelid = a.table_id and t.attnum > 0 and not t.attisdropped and a.may_enter
            and has_column_privilege(a.role_id, a.table_id, t.attnum, 'select')
        order by t.attnum)
from asked a left join joined j using (table_id, role_id)
$$;

revoke all on all functions in schema realtime from public;
grant execute on function realtime.topic() to anon, authenticated, service_role;
grant execute on function realtime.send(jsonb, text, text, boolean) to service_role;
grant execute on function realtime.broadcast_changes(text, text, text, text, text, record, record, text)
    to service_role;

-- What the feed reads. Tables are added by hand: alter publication supabase_realtime add table …
do $$
begin
    if not exists (select from pg_publication where pubname = 'supabase_realtime') then
        create publication supabase_realtime;
    end if;
    if not exists (select from pg_publication where pubname = 'supabase_realtime_messages_publication') then
        create publication supabase_realtime_messages_publication for table realtime.messages
            with (publish = 'insert', publish_via_partition_root = true);
    end if;
end
$$;
