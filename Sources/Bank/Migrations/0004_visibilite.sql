-- Who sees what. Nothing is visible without a policy; a client sees what is theirs, an analyst everything but the sealed
-- columns, an admin everything. Only functions write.

do $$
declare
    nom text;
begin
    foreach nom in array array[
        'devises', 'clients', 'comptes', 'cartes', 'transactions', 'transactions_hors_periode', 'ecritures',
        'beneficiaires', 'virements', 'logs', 'journees']
    loop
        execute format('alter table public.%I enable row level security', nom);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', nom);
    end loop;
end
$$;

-- The accounts of the caller; evaluated once per statement in the policies below.
create function public.mes_comptes() returns setof bigint
    language sql stable security definer
    set search_path = ''
    as $$
        select k.id from public.comptes k join public.clients c on c.id = k.client_id
        where c.utilisateur_id = (select auth.uid())
    $$;
revoke all on function public.mes_comptes() from public;
grant execute on function public.mes_comptes() to authenticated;

create policy devises_lecture on public.devises for select to authenticated using (true);
create policy clients_lecture_client on public.clients for select to authenticated
    using (utilisateur_id = (select auth.uid()));
create policy comptes_lecture_client on public.comptes for select to authenticated
    using (id in (select public.mes_comptes()));
create policy cartes_lecture_client on public.cartes for select to authenticated
    using (compte_id in (select public.mes_comptes()));
create policy transactions_lecture_client on public.transactions for select to authenticated
    using (compte_debit_id in (select public.mes_comptes()) or compte_credit_id in (select public.mes_comptes()));
create policy ecritures_lecture_client on public.ecritures for select to authenticated
    using (compte_id in (select public.mes_comptes()));
create policy beneficiaires_lecture_client on public.beneficiaires for select to authenticated
    using (client_id in (select id from public.clients where utilisateur_id = (select auth.uid())));
create policy virements_lecture_client on public.virements for select to authenticated
    using (donneur_id in (select id from public.clients where utilisateur_id = (select auth.uid())));

do $$
declare
    nom text;
begin
    foreach nom in array array[
        'clients', 'comptes', 'cartes', 'transactions', 'ecritures', 'beneficiaires', 'virements', 'logs', 'journees']
    loop
        execute format(
            'create policy %I on public.%I for select to authenticated '
            || 'using ((select public.role_metier()) in (''analyst'', ''admin''))', nom || '_lecture_banque', nom);
        execute format('create policy %I on public.%I for select to service_role using (true)', nom || '_service', nom);
    end loop;
end
$$;

grant usage on schema public to authenticated, service_role;
grant select on public.devises, public.comptes, public.cartes, public.transactions, public.ecritures,
    public.beneficiaires, public.virements, public.logs, public.journees to authenticated, service_role;
grant select on public.clients to authenticated, service_role;

-- Postings and operations are history: nobody changes them, not even their owner.
create function public.refuser_le_changement() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    raise exception '% of %.% is refused: history does not change', tg_op, tg_table_schema, tg_table_name
        using errcode = '42501', hint = 'Book a correction that refers to the operation.';
end
$$;

create trigger ecritures_immuables before update or delete on public.ecritures
    for each row execute function public.refuser_le_changement();
create trigger ecritures_jamais_videes before truncate on public.ecritures
    for each statement execute function public.refuser_le_changement();
create trigger transactions_immuables before update or delete on public.transactions
    for each row execute function public.refuser_le_changement();

-- The sum of the postings of each statement is zero, in each currency: money is moved, never made.
create function public.verifier_equilibre() returns trigger
    language plpgsql
    set search_path = ''
    as $$
declare
    ecart record;
begin
    select k.devise, sum(n.montant_minor) as somme into ecart
    from nouvelles n join public.comptes k on k.id = n.compte_id
    group by k.devise having sum(n.montant_minor) <> 0 limit 1;
    if found then
        raise exception 'the postings do not balance: % % too much', ecart.somme, ecart.devise using errcode = '23514';
    end if;
    return null;
end
$$;

create trigger ecritures_equilibrees after insert on public.ecritures
    referencing new table as nouvelles
    for each statement execute function public.verifier_equilibre();
