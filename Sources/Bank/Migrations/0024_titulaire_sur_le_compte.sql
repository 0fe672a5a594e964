-- Who may see an account stands on the account itself. The policies asked a function for the caller's accounts, which was
-- half of the cost of a one-row read; now an account compares one column, and what belongs to an account looks its id up
-- among the caller's, found once in each statement. An array of them, because the planner knows that it is short.

alter table public.comptes add column utilisateur_id uuid;
comment on column public.comptes.utilisateur_id is
    'Copy of clients.utilisateur_id of the account''s client, kept by triggers: policies compare it.';

update public.comptes k set utilisateur_id = c.utilisateur_id
from public.clients c where c.id = k.client_id and c.utilisateur_id is not null;
create index comptes_utilisateur on public.comptes (utilisateur_id);

-- Whatever the statement says, the client's own user counts. The lock waits for a client who is being linked.
create function public.porter_le_titulaire() returns trigger
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    select c.utilisateur_id into new.utilisateur_id from public.clients c where c.id = new.client_id for share;
    return new;
end
$$;
create trigger comptes_titulaire before insert or update of client_id, utilisateur_id on public.comptes
    for each row execute function public.porter_le_titulaire();

create function public.suivre_le_titulaire() returns trigger
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    update public.comptes set utilisateur_id = new.utilisateur_id where client_id = new.id;
    return null;
end
$$;
create trigger clients_titulaire after update of utilisateur_id on public.clients
    for each row when (old.utilisateur_id is distinct from new.utilisateur_id)
    execute function public.suivre_le_titulaire();

revoke all on function public.porter_le_titulaire(), public.suivre_le_titulaire()
    from public, anon, authenticated, service_role;

create or replace function public.mes_comptes() returns setof bigint
    language plpgsql stable security definer
    set search_path = ''
    as $$
begin
    return query select k.id from public.comptes k where k.utilisateur_id = (select auth.uid());
end
$$;

do $$
declare
    v_table text;
    v_siennes text;
    v_banque text;
    v_comptes constant text :=
        '(array (select k.id from public.comptes k where k.utilisateur_id = (select auth.uid())))';
    v_client constant text := '(select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))';
begin
    for v_table, v_siennes, v_banque in values
        ('comptes', 'utilisateur_id = (select auth.uid())', 'admin'),
        ('cartes', 'compte_id = any ' || v_comptes, 'admin'),
        ('transactions', format('compte_debit_id = any %1$s or compte_credit_id = any %1$s', v_comptes), 'admin'),
        ('beneficiaires', 'client_id = ' || v_client, 'admin'),
        ('virements', 'donneur_id = ' || v_client, 'admin'),
        ('ecritures', 'compte_id = any ' || v_comptes, 'analyst,admin'),
        ('plafonds', 'compte_id = any ' || v_comptes, 'analyst,admin'),
        ('reservations', 'compte_id = any ' || v_comptes, 'analyst,admin'),
        ('captures',
            'reservation_id in (select id from public.reservations where compte_id = any ' || v_comptes || ')',
            'analyst,admin')
    loop
        execute format(
            'alter policy %I on public.%I using (%s or (select public.role_metier()) = any (%L))',
            v_table || '_lecture', v_table, v_siennes, string_to_array(v_banque, ','));
    end loop;
end
$$;
