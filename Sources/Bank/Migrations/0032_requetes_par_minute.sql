-- How many requests each user sent in a minute, over all servers: each tells what it counted, once a second, and hears the
-- sum. Not written to the log: after a crash the count begins anew, and a minute is all that it is kept.
create unlogged table public.requetes_par_minute (
    minute bigint not null,
    cle bigint not null,
    nombre integer not null,
    primary key (minute, cle),
    constraint requetes_par_minute_nombre_positif check (nombre > 0)
);
comment on column public.requetes_par_minute.cle is 'Hash of the user''s id.';
alter table public.requetes_par_minute enable row level security;
revoke all on public.requetes_par_minute from public, anon, authenticated, service_role;

create function public.compter_requetes(p_minute bigint, p_utilisateurs uuid[], p_nombres integer[])
    returns table (utilisateur uuid, nombre integer)
    language sql volatile security definer
    set search_path = ''
    as $$
        delete from public.requetes_par_minute where minute < p_minute;
        with comptees as (
            insert into public.requetes_par_minute as r (minute, cle, nombre)
            -- In one order for all servers, so that none waits for the other in a circle.
            select p_minute, pg_catalog.uuid_hash_extended(u.id, 0) as cle, pg_catalog.sum(u.nombre)::integer
            from unnest(p_utilisateurs, p_nombres) u (id, nombre) where u.nombre > 0 group by 2 order by 2
            on conflict (minute, cle) do update
                set nombre = least(r.nombre::bigint + excluded.nombre, 2000000000)::integer
            returning r.cle, r.nombre)
        select u.id, c.nombre from unnest(p_utilisateurs) u (id)
        join comptees c on c.cle = pg_catalog.uuid_hash_extended(u.id, 0)
    $$;
revoke all on function public.compter_requetes(bigint, uuid[], integer[]) from public, anon, authenticated, service_role;
grant execute on function public.compter_requetes(bigint, uuid[], integer[]) to service_role;
