-- Accounts, identities, sessions and what proves who somebody is. The names are those of Supabase Auth, so that policies,
-- foreign keys and queries written for it find what they expect.

-- A platform that brings its own auth.users keeps it: we would only break it.
do $$
begin
    if to_regclass('auth.users') is not null then
        raise exception 'schema auth already holds a users table, as on Supabase''s own platform'
            using hint = 'Use the platform''s own Auth there: start the server without auth, with the platform''s keys.';
    end if;
    if exists (
        select from pg_namespace n where n.nspname = 'auth' and not pg_has_role(n.nspowner, 'usage')
    ) then
        raise exception 'schema auth belongs to the role %',
            (select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'auth')
            using hint = 'Migrate as that role, or use the Auth of the platform that owns the schema.';
    end if;
end
$$;

create schema if not exists auth;
revoke create on schema auth from public;

create table auth.users (
    id uuid primary key default gen_random_uuid(),
    aud text not null default 'authenticated',
    role text not null default 'authenticated',
    email text,
    phone text,
    -- Argon2id, or a hash of the former bank until its owner signs in. Null: no password.
    encrypted_password text,
    email_confirmed_at timestamptz,
    phone_confirmed_at timestamptz,
    invited_at timestamptz,
    confirmation_sent_at timestamptz,
    recovery_sent_at timestamptz,
    -- An address asked for and not yet confirmed.
    email_change text,
    email_change_sent_at timestamptz,
    -- Which of the two addresses has said yes: 'current', 'new'.
    email_change_confirmed text[] not null default '{}',
    reauthentication_sent_at timestamptz,
    last_sign_in_at timestamptz,
    raw_app_meta_data jsonb not null default '{}',
    raw_user_meta_data jsonb not null default '{}',
    is_anonymous boolean not null default false,
    banned_until timestamptz,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_email_en_minuscules check (email = lower(email)),
    constraint users_app_meta_objet check (jsonb_typeof(raw_app_meta_data) = 'object'),
    constraint users_user_meta_objet check (jsonb_typeof(raw_user_meta_data) = 'object'),
    constraint users_email_change_valeurs check (email_change_confirmed <@ array['current', 'new'])
);
create unique index users_email_key on auth.users (email) where email is not null and deleted_at is null;
create unique index users_phone_key on auth.users (phone) where phone is not null and deleted_at is null;
create index users_created_at_idx on auth.users (created_at desc, id);

create table auth.identities (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    provider text not null,
    -- The account's name at the provider; the user's own id for an address.
    provider_id text not null,
    identity_data jsonb not null default '{}',
    last_sign_in_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint identities_provider_id_provider_key unique (provider_id, provider)
);
create index identities_user_id_idx on auth.identities (user_id);

create table auth.sessions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    aal text not null default 'aal1',
    -- [{"method": "password", "timestamp": 1700000000}, ...]
    amr jsonb not null default '[]',
    factor_id uuid,
    -- Which refresh token is the valid one: it is computed from the session and this number, and stored nowhere.
    refresh_counter bigint not null default 0,
    refreshed_at timestamptz not null default now(),
    -- Until when access tokens of this session may still be about.
    tokens_until timestamptz not null default now(),
    user_agent text,
    ip text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint sessions_aal_connu check (aal in ('aal1', 'aal2')),
    constraint sessions_compteur_positif check (refresh_counter >= 0)
);
create index sessions_user_id_idx on auth.sessions (user_id, created_at desc);

-- Sessions that ended while tokens of theirs may still be about.
create table auth.revoked_sessions (
    session_id uuid primary key,
    valid_until timestamptz not null,
    revoked_at timestamptz not null default now()
);
create index revoked_sessions_valid_until_idx on auth.revoked_sessions (valid_until);

-- Whatever deletes a session (logout, ban, password change, the end of an account), every server hears of it.
create function auth.announce_revocation() returns trigger
    language plpgsql
    set search_path = ''
as $$
declare
    ends timestamptz;
begin
    ends := old.tokens_until + interval '2 minutes';
    if ends > clock_timestamp() then
        insert into auth.revoked_sessions (session_id, valid_until) values (old.id, ends)
            on conflict (session_id) do nothing;
        perform pg_notify('auth_revoked', old.id::text || ' ' || ceil(extract(epoch from ends))::bigint::text);
    end if;
    return null;
end
$$;
create trigger sessions_revocation after delete on auth.sessions
    for each row execute function auth.announce_revocation();

-- Refresh tokens that were used, for the audit of a session: the counter of each and when it was exchanged.
create table auth.refresh_tokens (
    session_id uuid not null references auth.sessions (id) on delete cascade,
    counter bigint not null,
    used_at timestamptz not null default now(),
    ip text,
    primary key (session_id, counter)
);

create table auth.mfa_factors (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    friendly_name text,
    factor_type text not null,
    status text not null default 'unverified',
    -- Sealed by the server's key.
    secret bytea not null,
    -- The last time step whose code was accepted: no code works twice.
    last_step bigint not null default 0,
    last_challenged_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mfa_factors_type_connu check (factor_type = 'totp'),
    constraint mfa_factors_status_connu check (status in ('unverified', 'verified'))
);
create unique index mfa_factors_user_name_key on auth.mfa_factors (user_id, friendly_name) where friendly_name <> '';
create index mfa_factors_user_id_idx on auth.mfa_factors (user_id, created_at);

create table auth.mfa_challenges (
    id uuid primary key default gen_random_uuid(),
    factor_id uuid not null references auth.mfa_factors (id) on delete cascade,
    session_id uuid references auth.sessions (id) on delete cascade,
    ip text not null,
    created_at timestamptz not null default now()
);
create index mfa_challenges_factor_id_idx on auth.mfa_challenges (factor_id);
create index mfa_challenges_session_id_idx on auth.mfa_challenges (session_id);

-- Codes and links sent by mail. Each works once: it is deleted by the statement that reads it.
create table auth.one_time_tokens (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    token_type text not null,
    -- The address it was sent to.
    relates_to text not null,
    link_hash bytea not null unique,
    code_hash bytea not null,
    flow_id uuid,
    failures smallint not null default 0,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint one_time_tokens_type_connu check (
        token_type in
            ('signup', 'invite', 'magiclink', 'recovery', 'email_change_current', 'email_change_new', 'reauthentication')
    ),
    constraint one_time_tokens_une_par_sorte unique (user_id, token_type)
);
create index one_time_tokens_relates_to_idx on auth.one_time_tokens (relates_to, token_type);

-- A sign-in that goes over another place (a mailbox, a provider) and comes back with a code.
create table auth.flow_state (
    id uuid primary key default gen_random_uuid(),
    user_id uuid references auth.users (id) on delete cascade,
    -- Whom an identity is to be linked to.
    linking_user_id uuid references auth.users (id) on delete cascade,
    auth_code_hash bytea unique,
    code_challenge text,
    code_challenge_method text,
    authentication_method text not null,
    provider text,
    redirect_to text,
    -- What only the provider's answer and this row know; sealed by the server's key.
    provider_secrets bytea,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint flow_state_methode_connue check (code_challenge_method in ('s256', 'plain'))
);
create index flow_state_user_id_idx on auth.flow_state (user_id);
create index flow_state_linking_user_id_idx on auth.flow_state (linking_user_id);

create table auth.audit_log_entries (
    id uuid primary key default gen_random_uuid(),
    payload jsonb not null,
    ip_address text not null default '',
    created_at timestamptz not null default now()
);
create index audit_log_entries_created_at_idx on auth.audit_log_entries (created_at desc);

create function auth.refuse_change() returns trigger
    language plpgsql
    set search_path = ''
as $$ begin raise exception 'auth.audit_log_entries is append-only'; end $$;
create trigger audit_log_entries_append_only before update on auth.audit_log_entries
    for each row execute function auth.refuse_change();

-- Nobody but the server reads these tables; policies reach what they need by auth.uid() and auth.jwt().
do $$
declare
    relation regclass;
    api_role text;
begin
    foreach relation in array array[
        'auth.users', 'auth.identities', 'auth.sessions', 'auth.revoked_sessions', 'auth.refresh_tokens',
        'auth.mfa_factors', 'auth.mfa_challenges', 'auth.one_time_tokens', 'auth.flow_state', 'auth.audit_log_entries'
    ]::regclass[] loop
        execute format('alter table %s enable row level security', relation);
        execute format('revoke all on %s from public', relation);
        foreach api_role in array array['anon', 'authenticated', 'service_role'] loop
            if to_regrole(api_role) is not null then
                execute format('revoke all on %s from %I', relation, api_role);
            end if;
        end loop;
    end loop;
end
$$;
revoke all on function auth.announce_revocation(), auth.refuse_change() from public;
