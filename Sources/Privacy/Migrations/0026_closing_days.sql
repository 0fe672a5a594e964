-- Five years run from the day on which the last account was closed, for those too whose day nobody noted; and whoever looks at
-- the persons of an incident is in the journal of reads.

-- Accounts that were closed before anybody noted the day. The day on which the bank saw that they are closed is no earlier than
-- the true one: what is counted from it keeps longer, never too short. The last operation is no later than the true one: it
-- tells whom to ask about. A person who knows the day states it, between the two.
create table privacy.closings (
    account_id bigint primary key,
    seen_on date not null default current_date,
    last_operation_on date,
    stated_on date,
    stated_by text,
    stated_at timestamptz,
    reason text,
    constraint closings_stated_whole check (num_nulls(stated_on, stated_by, stated_at, reason) in (0, 4)),
    constraint closings_stated_before_seen check (stated_on <= seen_on),
    constraint closings_stated_after_operations check (stated_on >= last_operation_on),
    constraint closings_reason_said check (length(btrim(reason)) between 10 and 500)
);
alter table privacy.closings enable row level security;
revoke all on privacy.closings from public;

-- Takes note of closed accounts without a day; forgets those that were opened again or whose client was erased. Returns how
-- many were new.
create function privacy.note_closings() returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_count bigint;
begin
    delete from privacy.closings n
    where not exists (
        select from public.comptes k join public.clients c on c.id = k.client_id
        where k.id = n.account_id and k.statut = 'clos' and k.clos_le is null and c.statut <> 'efface');
    insert into privacy.closings (account_id, last_operation_on)
    select k.id, greatest(
        k.ouvert_le,
        (select (max(t.booked_at) at time zone 'Europe/Paris')::date from public.transactions t where t.compte_debit_id = k.id),
        (select (max(t.booked_at) at time zone 'Europe/Paris')::date from public.transactions t where t.compte_credit_id = k.id))
    from public.comptes k join public.clients c on c.id = k.client_id
    where k.statut = 'clos' and k.clos_le is null and c.statut <> 'efface'
        and not exists (select from privacy.closings n where n.account_id = k.id)
    on conflict (account_id) do nothing;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

-- Clients all of whose accounts are closed, and since when. `derived`: nobody noted or stated the day of one of them.
create view privacy.departed as
    select k.client_id, max(coalesce(k.clos_le, n.stated_on, n.seen_on, current_date)) as closed_on,
        max(coalesce(k.clos_le, n.stated_on, n.last_operation_on)) as last_sign_on,
        bool_or(k.clos_le is null and n.stated_on is null) as is_derived,
        array_agg(k.id order by k.id) filter (where k.clos_le is null and n.stated_on is null) as derived_accounts
    from public.comptes k join public.clients c on c.id = k.client_id
        left join privacy.closings n on n.account_id = k.id and k.clos_le is null
    where c.statut <> 'efface'
    group by k.client_id
    having bool_and(k.statut = 'clos');
revoke all on privacy.departed from public;

-- Why a client who left is not archived by the engine; no row: nothing stands against it. Nobody asked for it, so that more
-- counts than against a person's own wish: a restriction, a request that waits, an incident that concerns them.
create function privacy.departure_obstacles(p_client uuid) returns table (code text, detail text)
    language plpgsql stable
    set search_path = ''
    as $$
begin
    return query select o.code, o.detail from privacy.erasure_obstacles(p_client) o;
    return query select 'restriction_' || r.ground, r.reason from privacy.restrictions r where r.client_id = p_client;
    return query select 'request_open', format('request %s waits for an answer', q.id)
        from privacy.requests q where q.client_id = p_client and q.status = 'received' order by q.received_at;
    if to_regclass('detection.persons') is not null then
        return query execute
            'select ''incident_open'', format(''incident %s is %s'', i.reference, i.status) from detection.persons p '
            'join detection.incidents i on i.id = p.incident_id where p.client_id = $1 and i.status <> ''closed'''
            using p_client;
    end if;
end
$$;

-- The day that is known now is stated by a person who has seen a paper: it may be refused by what the books say.
create function privacy.state_closing(p_account bigint, p_day date, p_by text, p_reason text) returns uuid
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v privacy.closings;
    v_client uuid;
begin
    perform privacy.note_closings();
    select n.* into v from privacy.closings n where n.account_id = p_account for update;
    if not found then
        raise exception 'account % is open, or its closing day is noted', p_account using errcode = '22023';
    end if;
    if p_day > v.seen_on or p_day < v.last_operation_on then
        raise exception 'account % was closed between % and %', p_account, v.last_operation_on, v.seen_on
            using errcode = '22023';
    end if;
    select k.client_id into v_client from public.comptes k where k.id = p_account;
    update privacy.closings set stated_on = p_day, stated_by = p_by, stated_at = clock_timestamp(), reason = p_reason
    where account_id = p_account;
    return v_client;
end
$$;

alter table privacy.schedules
    drop constraint schedules_action_known,
    add constraint schedules_action_known check (
        action in ('delete', 'destroy_client', 'archive_client', 'blank_operations', 'blank'));
insert into privacy.schedules (code, relation, activity, law_fr, keep, age_column, condition, action) values
    ('clients_partis', 'privacy.departed', 'relation', 'CMF L.561-12 : 5 ans après la clôture', '5 years', 'closed_on',
        'not exists (select from privacy.departure_obstacles(client_id))', 'archive_client');

alter function privacy.treat(text, integer) rename to treat_rows;
create function privacy.treat(p_code text, p_most integer) returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v privacy.schedules;
    v_left record;
    v_count bigint := 0;
begin
    select * into v from privacy.schedules s where s.code = p_code and s.is_on;
    if not found or v.action <> 'archive_client' then
        return privacy.treat_rows(p_code, p_most);
    end if;
    -- The archive that is made here ends with the day that made it due: the schedule of archives takes the key after it.
    for v_left in
        select d.client_id, (d.closed_on + v.keep)::date as until from privacy.departed d
        where d.closed_on < clock_timestamp() - v.keep
            and not exists (select from privacy.departure_obstacles(d.client_id))
        order by d.closed_on limit p_most
    loop
        perform privacy.lock_client(v_left.client_id);
        continue when exists (select from privacy.departure_obstacles(v_left.client_id));
        perform privacy.note_erasure(v_left.client_id, 'archived', v_left.until);
        perform privacy.archive_client(v_left.client_id, v_left.until, v.law_fr);
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;

-- The persons that an answer about an incident shows, in its order.
alter function privacy.persons_of(text, text) rename to person_of;
create function privacy.persons_of(p_kind text, p_key text) returns setof uuid
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if p_kind <> 'incident' then
        return query select * from privacy.person_of(p_kind, p_key);
    elsif to_regclass('detection.persons') is not null then
        return query execute 'select p.client_id from detection.persons p where p.incident_id = $1
            order by p.first_at, p.client_id limit 1000' using p_key::uuid;
    end if;
end
$$;

-- How the journal of reads names what was looked at; nil: the relation says it.
create function privacy.subject_name(p_kind text, p_key text) returns text
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_name text;
begin
    if p_kind = 'incident' and to_regclass('detection.incidents') is not null then
        execute 'select ''incident '' || i.reference from detection.incidents i where i.id = $1' into v_name using p_key::uuid;
    end if;
    return v_name;
end
$$;

-- The classes of personal data that a read shows, told once for all reads that show the same. The data map is looked at by the
-- relation itself, not by the names of all of them.
create function privacy.shown_categories(p_relation text, p_columns jsonb) returns text[]
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_relation constant oid := (
        select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = split_part(p_relation, '.', 1) and c.relname = substr(p_relation, strpos(p_relation, '.') + 1));
begin
    if p_relation like 'rpc/%' then
        return array['function'];
    elsif v_relation is null or not exists (select from privacy.columns k where k.relation = v_relation) then
        return array['unknown'];
    end if;
    return (
        select coalesce(array_agg(distinct k.category order by k.category), '{}')
        from privacy.columns k join privacy.categories c on c.code = k.category
        where k.relation = v_relation and c.is_personal
            and (coalesce(jsonb_typeof(p_columns), '') <> 'array' or p_columns ? k.column_name));
end
$$;

-- Who looks at an incident sees whom it concerns, and nothing of them: that is no curiosity.
create or replace function privacy.snooping(p_since interval default '24 hours', p_least bigint default 50)
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
            where r.last_at > clock_timestamp() - p_since and r.fields <> array['incident'] group by r.reader
        ), tables as (
            select t.reader, 0::bigint, sum(t.rows)::bigint from privacy.table_reads t
            where t.last_at > clock_timestamp() - p_since and t.role <> 'service_role'
                and t.categories && array['person', 'contact', 'financial', 'card', 'unknown'] group by t.reader
        ), both_ways as (
            select x.reader, sum(x.persons)::bigint as persons, sum(x.rows)::bigint as rows
            from (select * from named union all select * from tables) x group by x.reader
        )
        select b.reader, b.persons, b.rows, b.reader = any (v_cases)
        from both_ways b where b.persons >= p_least or b.rows >= p_least * 10
        order by b.persons desc, b.rows desc;
end
$$;

select privacy.note_closings();
select privacy.label('privacy.closings', 'relation', 'technical', '*');
select privacy.label('privacy.departed', 'relation', 'technical', '*');
select privacy.apply_labels();
revoke all on function privacy.note_closings(), privacy.departure_obstacles(uuid),
    privacy.state_closing(bigint, date, text, text), privacy.treat(text, integer), privacy.treat_rows(text, integer),
    privacy.persons_of(text, text), privacy.person_of(text, text), privacy.subject_name(text, text),
    privacy.shown_categories(text, jsonb) from public;
