-- What every policy asks, in forms whose plans are kept. A function in SQL text is parsed and planned again in each
-- statement that calls it: three of them took two thirds of a one-row read. With a body in SQL's own form the names are
-- resolved here, once, so that no search_path is needed, and the planner puts the body in the place of the call; what has
-- to run as its owner is PL/pgSQL, which keeps its plan for the session. A platform's own functions stay as they are.
do $$
begin
    if (select pg_catalog.pg_has_role(current_user, proowner, 'usage') from pg_proc
        where oid = 'auth.jwt()'::regprocedure) then
        create or replace function auth.jwt() returns jsonb
            language sql stable
            return coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb;
    end if;
    if (select pg_catalog.pg_has_role(current_user, proowner, 'usage') from pg_proc
        where oid = 'auth.uid()'::regprocedure) then
        create or replace function auth.uid() returns uuid
            language sql stable
            return nullif(auth.jwt() ->> 'sub', '')::uuid;
    end if;
    if (select pg_catalog.pg_has_role(current_user, proowner, 'usage') from pg_proc
        where oid = 'auth.role()'::regprocedure) then
        create or replace function auth.role() returns text
            language sql stable
            return auth.jwt() ->> 'role';
    end if;
end
$$;

create or replace function public.role_metier() returns text
    language sql stable
    return coalesce(auth.jwt() -> 'app_metadata' ->> 'role', 'client');

create or replace function public.mes_comptes() returns setof bigint
    language plpgsql stable security definer
    set search_path = ''
    as $$
begin
    return query
    select k.id from public.comptes k join public.clients c on c.id = k.client_id
    where c.utilisateur_id = (select auth.uid());
end
$$;
