-- What the API says about an account, and the windows that slow guessing down.

-- RFC 3339 in UTC, with microseconds.
create function auth.instant(moment timestamptz) returns text
    language sql stable
    set search_path = ''
    as $$ select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

create function auth.identity_document(i auth.identities) returns jsonb
    language sql stable
    set search_path = ''
as $$
    select jsonb_build_object(
        'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data,
        'provider', i.provider, 'last_sign_in_at', auth.instant(coalesce(i.last_sign_in_at, i.created_at)),
        'created_at', auth.instant(i.created_at), 'updated_at', auth.instant(i.updated_at))
        || case when i.identity_data ? 'email' then jsonb_build_object('email', i.identity_data -> 'email')
            else '{}' end
$$;

create function auth.factor_document(f auth.mfa_factors) returns jsonb
    language sql stable
    set search_path = ''
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'id', f.id, 'friendly_name', f.friendly_name, 'factor_type', f.factor_type, 'status', f.status,
        'created_at', auth.instant(f.created_at), 'updated_at', auth.instant(f.updated_at),
        'last_challenged_at', auth.instant(f.last_challenged_at)))
$$;

-- The user as clients see it.
create function auth.user_document(u auth.users) returns jsonb
    language sql stable
    set search_path = ''
as $$
    select jsonb_build_object(
            'id', u.id, 'aud', u.aud, 'role', u.role, 'email', coalesce(u.email, ''), 'phone', coalesce(u.phone, ''),
            'app_metadata', u.raw_app_meta_data, 'user_metadata', u.raw_user_meta_data,
            'identities', coalesce(
                (select jsonb_agg(auth.identity_document(i) order by i.created_at, i.id)
                    from auth.identities i where i.user_id = u.id), '[]'),
            'is_anonymous', u.is_anonymous,
            'created_at', auth.instant(u.created_at), 'updated_at', auth.instant(u.updated_at))
        || jsonb_strip_nulls(jsonb_build_object(
            'email_confirmed_at', auth.instant(u.email_confirmed_at),
            'phone_confirmed_at', auth.instant(u.phone_confirmed_at),
            'confirmed_at', auth.instant(least(u.email_confirmed_at, u.phone_confirmed_at)),
            'confirmation_sent_at', auth.instant(u.confirmation_sent_at),
            'recovery_sent_at', auth.instant(u.recovery_sent_at),
            'new_email', nullif(u.email_change, ''),
            'email_change_sent_at', auth.instant(u.email_change_sent_at),
            'invited_at', auth.instant(u.invited_at),
            'last_sign_in_at', auth.instant(u.last_sign_in_at),
            'banned_until', auth.instant(u.banned_until),
            'deleted_at', auth.instant(u.deleted_at),
            'factors', (select jsonb_agg(auth.factor_document(f) order by f.created_at, f.id)
                from auth.mfa_factors f where f.user_id = u.id)))
$$;

-- Attempts per subject in windows of a fixed length. The subject is a keyed hash: no address is kept in clear.
create table auth.attempts (
    scope text not null,
    subject bytea not null,
    window_start timestamptz not null,
    attempts integer not null,
    expires_at timestamptz not null,
    primary key (scope, subject, window_start)
);
create index attempts_expires_at_idx on auth.attempts (expires_at);
alter table auth.attempts enable row level security;
revoke all on auth.attempts from public;

-- Counts one attempt and says after how many seconds the next may come: 0 when there is room. The window slides: of the
-- one before, the part that the last `span` still covers counts too.
create function auth.count_attempt(p_scope text, p_subject bytea, span interval, most integer) returns integer
    language plpgsql
    set search_path = ''
as $$
declare
    seconds double precision := extract(epoch from span);
    moment double precision := extract(epoch from clock_timestamp());
    start_of_window timestamptz := to_timestamp(floor(moment / seconds) * seconds);
    elapsed double precision := moment / seconds - floor(moment / seconds);
    counted integer;
    earlier integer;
begin
    insert into auth.attempts as a (scope, subject, window_start, attempts, expires_at)
        values (p_scope, p_subject, start_of_window, 1, start_of_window + 2 * span)
        on conflict (scope, subject, window_start)
        -- Capped, so that a storm of refused attempts weighs no more than a full window on the next one.
        do update set attempts = least(a.attempts + 1, most + 1)
        returning attempts into counted;
    select attempts into earlier from auth.attempts
        where scope = p_scope and subject = p_subject and window_start = start_of_window - span;
    if counted + coalesce(earlier, 0) * (1 - elapsed) <= most then
        return 0;
    end if;
    return greatest(1, ceil(seconds * (1 - elapsed)))::integer;
end
$$;
-- One success per `span`: 0 for whoever comes first, else the seconds to wait. Of two at once one alone gets 0.
create function auth.claim_turn(p_scope text, p_subject bytea, span interval) returns integer
    language plpgsql
    set search_path = ''
as $$
declare
    claimed boolean;
begin
    insert into auth.attempts as a (scope, subject, window_start, attempts, expires_at)
        values (p_scope, p_subject, '-infinity', 1, clock_timestamp() + span)
        on conflict (scope, subject, window_start)
        do update set expires_at = excluded.expires_at where a.expires_at <= clock_timestamp()
        returning true into claimed;
    if claimed then
        return 0;
    end if;
    return (
        select greatest(1, ceil(extract(epoch from a.expires_at - clock_timestamp())))::integer
        from auth.attempts a
        where a.scope = p_scope and a.subject = p_subject and a.window_start = '-infinity');
end
$$;

-- What the server reads of an account.
create view auth.accounts as
    select u.id, u.aud, u.role, u.email, u.phone, u.encrypted_password, u.email_change, u.is_anonymous, u.deleted_at,
        u.created_at, u.email_confirmed_at is not null as is_confirmed,
        coalesce(u.banned_until > now(), false) as is_banned,
        u.raw_app_meta_data::text as app_metadata, u.raw_user_meta_data::text as user_metadata,
        exists (select from auth.mfa_factors f where f.user_id = u.id and f.status = 'verified') as has_factor,
        auth.user_document(u)::text as document
    from auth.users u;
revoke all on auth.accounts from public;

revoke all on function
    auth.instant(timestamptz), auth.identity_document(auth.identities), auth.factor_document(auth.mfa_factors),
    auth.user_document(auth.users), auth.count_attempt(text, bytea, interval, integer),
    auth.claim_turn(text, bytea, interval) from public;

-- Members of `changes` replace those of the same name; null takes one away.
create function auth.merged(base jsonb, changes jsonb) returns jsonb
    language sql immutable
    set search_path = ''
as $$
    select coalesce(jsonb_object_agg(key, value) filter (where value <> 'null'::jsonb), '{}')
    from (select key, value from jsonb_each(base) where not changes ? key
        union all select key, value from jsonb_each(changes)) as members
$$;

-- `provider` is how the account began, `providers` all ways in.
create function auth.note_providers(account uuid) returns void
    language sql
    set search_path = ''
as $$
    update auth.users u set raw_app_meta_data = auth.merged(u.raw_app_meta_data, jsonb_build_object(
            'provider', p.first, 'providers', p.all_of_them))
        from (select (array_agg(i.provider order by i.created_at, i.id))[1] as first,
                jsonb_agg(distinct i.provider) as all_of_them
            from auth.identities i where i.user_id = account) as p
        where u.id = account and p.first is not null
$$;
revoke all on function auth.merged(jsonb, jsonb), auth.note_providers(uuid) from public;
