-- What everything else stands on: extension, roles, the identity of the caller, currencies.

create extension if not exists pgcrypto;

-- The roles the API acts as. They are shared by the whole cluster, so they may be there already.
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
    end loop;
end
$$;

-- Who is asking: set for each request by the API, empty elsewhere. A platform that brings its own keeps it.
create schema if not exists auth;

do $$
begin
    if to_regprocedure('auth.jwt()') is null then
        create function auth.jwt() returns jsonb
            language sql stable
            set search_path = ''
            as 'select coalesce(nullif(current_setting(''request.jwt.claims'', true), ''''), ''{}'')::jsonb';
    end if;
    if to_regprocedure('auth.uid()') is null then
        create function auth.uid() returns uuid
            language sql stable
            set search_path = ''
            as 'select nullif(auth.jwt() ->> ''sub'', '''')::uuid';
    end if;
    if to_regprocedure('auth.role()') is null then
        create function auth.role() returns text
            language sql stable
            set search_path = ''
            as 'select auth.jwt() ->> ''role''';
    end if;
end
$$;

grant usage on schema auth to anon, authenticated, service_role;

-- The caller's place in the bank: client, analyst or admin.
create function public.role_metier() returns text
    language sql stable
    set search_path = ''
    as $$ select coalesce(auth.jwt() -> 'app_metadata' ->> 'role', 'client') $$;

-- ISO 4217: how many decimals the minor unit stands for. A currency's exponent never changes once it is used.
create table public.devises (
    code char(3) primary key check (code ~ '^[A-Z]{3}$'),
    exposant smallint not null check (exposant between 0 and 4),
    nom text not null
);

insert into public.devises (code, exposant, nom) values
    ('EUR', 2, 'euro'), ('USD', 2, 'dollar des États-Unis'), ('GBP', 2, 'livre sterling'), ('CHF', 2, 'franc suisse'),
    ('CZK', 2, 'couronne tchèque'), ('PLN', 2, 'zloty'), ('SEK', 2, 'couronne suédoise'),
    ('DKK', 2, 'couronne danoise'), ('NOK', 2, 'couronne norvégienne'), ('HUF', 2, 'forint'),
    ('RON', 2, 'leu roumain'), ('BGN', 2, 'lev'), ('MAD', 2, 'dirham marocain'), ('TND', 3, 'dinar tunisien'),
    ('JPY', 0, 'yen'), ('KWD', 3, 'dinar koweïtien'), ('XOF', 0, 'franc CFA (BCEAO)'), ('XPF', 0, 'franc Pacifique');
