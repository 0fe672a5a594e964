-- Speed that does not wane: plans that stay right while tables grow, and a balance check that reads no account when there
-- is one currency.

-- A function's plans are kept for the life of a connection. Made while a table was empty, they would read it whole for ever
-- after; with this they use the index from the first order on.
do $$
declare
    v_fonction regprocedure;
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.prosecdef
            and p.proname = any (array[
                'virer', 'virer_lot', 'reserver', 'capturer', 'liberer', 'contrepasser', 'expirer_reservations'])
    loop
        execute format('alter function %s set enable_seqscan = off', v_fonction);
    end loop;
end
$$;

-- The currencies that accounts are kept in. An account's currency never changes and no account goes away, so that rows
-- are only added here, by the statement that opens the first account of a currency.
create table public.devises_tenues (
    devise char(3) primary key references public.devises (code)
);
comment on table public.devises_tenues is 'The currencies of public.comptes, kept by a trigger.';
insert into public.devises_tenues (devise) select distinct devise from public.comptes;

create function public.noter_les_devises() returns trigger
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    insert into public.devises_tenues (devise)
    select distinct n.devise from nouveaux n
    where not exists (select from public.devises_tenues d where d.devise = n.devise)
    on conflict do nothing;
    return null;
end
$$;
create trigger comptes_devises after insert on public.comptes
    referencing new table as nouveaux
    for each statement execute function public.noter_les_devises();
create trigger devises_tenues_immuables before update or delete on public.devises_tenues
    for each row execute function public.refuser_le_changement();
create trigger devises_tenues_jamais_videes before truncate on public.devises_tenues
    for each statement execute function public.refuser_le_changement();

alter table public.devises_tenues enable row level security;
revoke all on public.devises_tenues from public, anon, authenticated, service_role;
grant select on public.devises_tenues to service_role;
create policy devises_tenues_service on public.devises_tenues for select to service_role using (true);
revoke all on function public.noter_les_devises() from public, anon, authenticated, service_role;

-- The same rule as before: in each currency the postings of a statement add up to zero. A bank of one currency needs no
-- look at the accounts for that.
create or replace function public.verifier_equilibre() returns trigger
    language plpgsql
    as $$
declare
    ecart record;
begin
    if (select pg_catalog.sum(n.montant_minor) from nouvelles n) = 0
        and (select pg_catalog.count(*) from public.devises_tenues) = 1
    then
        return null;
    end if;
    select k.devise, sum(n.montant_minor) as somme into ecart
    from nouvelles n join public.comptes k on k.id = n.compte_id
    group by k.devise having sum(n.montant_minor) <> 0 limit 1;
    if found then
        raise exception 'the postings do not balance: % % too much', ecart.somme, ecart.devise using errcode = '23514';
    end if;
    return null;
end
$$;
