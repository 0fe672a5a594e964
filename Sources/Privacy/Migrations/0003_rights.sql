-- Rights of persons: requests with their deadline, consents with proof, restrictions, objections, rectifications with
-- history, and who read whose data.

create table privacy.requests (
    id uuid primary key default gen_random_uuid(),
    client_id uuid not null,
    kind text not null,
    status text not null default 'received',
    channel text not null,
    requested_by text not null,
    reason text,
    received_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp() + interval '1 month',
    extended_because text,
    ended_at timestamptz,
    outcome jsonb not null default '{}',
    constraint requests_kind_known check (
        kind in ('access', 'portability', 'rectification', 'restriction', 'objection', 'erasure', 'consent')),
    constraint requests_status_known check (status in ('received', 'done', 'refused')),
    constraint requests_channel_known check (channel in ('client', 'admin', 'command')),
    constraint requests_ended check ((status = 'received') = (ended_at is null)),
    -- Article 12(3): one month, and two more where the person was told why.
    constraint requests_deadline check (
        due_at <= received_at + interval '1 month 1 second'
        or (extended_because is not null and due_at <= received_at + interval '3 months 1 second')),
    constraint requests_reason_short check (length(reason) <= 2000)
);
create index requests_open on privacy.requests (due_at) where status = 'received';
create index requests_client on privacy.requests (client_id, received_at desc);

create function privacy.refuse_change() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    raise exception '% of %.% is refused: it is proof', tg_op, tg_table_schema, tg_table_name
        using errcode = '42501', hint = 'Add a new entry instead.';
end
$$;

-- Consents: each is an act of one moment; the newest of a purpose counts.
create table privacy.consents (
    id bigint generated always as identity primary key,
    client_id uuid not null,
    purpose text not null,
    is_given boolean not null,
    text_version text not null,
    text_sha256 bytea not null,
    channel text not null,
    proof jsonb not null default '{}',
    recorded_at timestamptz not null default clock_timestamp(),
    constraint consents_purpose_short check (length(purpose) between 1 and 100),
    constraint consents_hash_whole check (octet_length(text_sha256) = 32)
);
create index consents_client on privacy.consents (client_id, purpose, id desc);
create trigger consents_stay before update on privacy.consents
    for each row execute function privacy.refuse_change();

create table privacy.restrictions (
    client_id uuid primary key,
    ground text not null,
    reason text not null,
    placed_by text not null,
    placed_at timestamptz not null default clock_timestamp(),
    constraint restrictions_ground_known check (
        ground in ('accuracy_contested', 'unlawful', 'legal_claims', 'objection_pending')),
    constraint restrictions_reason_said check (length(btrim(reason)) between 5 and 2000)
);

create table privacy.objections (
    client_id uuid not null,
    purpose text not null,
    reason text,
    raised_at timestamptz not null default clock_timestamp(),
    primary key (client_id, purpose),
    constraint objections_purpose_known check (purpose in ('analysis', 'marketing', 'profiling'))
);

-- A restricted client's row is out of every employee's sight but the admins'. The restrictive policy comes on top of all.
create function privacy.is_restricted(p_client uuid) returns boolean
    language plpgsql stable security definer
    set search_path = ''
    as $$
begin
    return exists (select from privacy.restrictions r where r.client_id = p_client);
end
$$;
create policy clients_limitation on public.clients as restrictive for select to authenticated
    using (
        utilisateur_id = (select auth.uid()) or (select public.role_metier()) = 'admin'
        or not privacy.is_restricted(id));
grant usage on schema privacy to authenticated, service_role;
revoke all on function privacy.is_restricted(uuid) from public;
grant execute on function privacy.is_restricted(uuid) to authenticated, service_role;

-- What a datum was before; sealed for the same place, so that it opens as the column does.
create table privacy.rectifications (
    id bigint generated always as identity primary key,
    client_id uuid not null,
    field text not null,
    old_sealed bytea,
    new_sealed bytea,
    reason text not null,
    changed_by text not null,
    changed_at timestamptz not null default clock_timestamp(),
    constraint rectifications_field_known check (
        field in ('civilite', 'nom', 'prenom', 'email', 'telephone', 'adresse', 'date_naissance', 'nir')),
    constraint rectifications_reason_said check (length(btrim(reason)) between 5 and 2000)
);
create index rectifications_client on privacy.rectifications (client_id, id);
create trigger rectifications_stay before update on privacy.rectifications
    for each row execute function privacy.refuse_change();

-- Who read whose data, which and why: written in batches, each batch also an entry of the journal.
create table privacy.reads (
    id bigint generated always as identity primary key,
    reader text not null,
    client_id uuid not null,
    fields text[] not null,
    reason text not null,
    count integer not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);
create index reads_client on privacy.reads (client_id, last_at desc);
create index reads_reader on privacy.reads (reader, last_at desc);
create trigger reads_stay before update on privacy.reads for each row execute function privacy.refuse_change();

-- Readers who looked at far more persons than their colleagues do in a day.
create function privacy.snoopers(p_day date, p_least integer default 20, p_times numeric default 5)
    returns table (reader text, persons bigint, usual numeric)
    language sql stable
    set search_path = ''
    begin atomic
        with days as (
            select r.reader, (r.last_at at time zone 'Europe/Paris')::date as day, count(distinct r.client_id) as persons
            from privacy.reads r
            where r.last_at >= p_day - interval '31 days' and r.last_at < p_day + interval '2 days' group by 1, 2
        ), usual as (
            select coalesce(percentile_cont(0.5) within group (order by persons), 0)::numeric as persons
            from days where day < p_day
        )
        select d.reader, d.persons, u.persons from days d cross join usual u
        where d.day = p_day and d.persons >= p_least and d.persons > p_times * u.persons
        order by d.persons desc;
    end;

-- Breaking the glass: what only two admins may see together, for a quarter of an hour.
create table privacy.glass (
    id uuid primary key default gen_random_uuid(),
    purpose text not null,
    reason text not null,
    asked_by text not null,
    asked_at timestamptz not null default clock_timestamp(),
    approved_by text,
    approved_at timestamptz,
    expires_at timestamptz,
    constraint glass_reason_said check (length(btrim(reason)) between 10 and 2000),
    constraint glass_two_admins check (approved_by is null or approved_by <> asked_by),
    constraint glass_approved_whole check (
        (approved_by is null) = (approved_at is null) and (approved_by is null) = (expires_at is null)),
    constraint glass_short check (expires_at <= approved_at + interval '15 minutes')
);

-- What a pseudonym in the logs stands for, sealed under the key of the logs.
create table privacy.log_identities (
    token text primary key,
    sealed bytea not null,
    first_seen timestamptz not null default clock_timestamp()
);
