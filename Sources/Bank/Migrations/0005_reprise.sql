-- Taking over balances: one balanced posting pair per account against the bank's own account "reprise".

-- Books the opening balance of every client account that has a balance and no posting yet. Returns how many.
create function public.reprendre_les_soldes() returns bigint
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_devise record;
    v_interne bigint;
    v_transaction bigint;
    v_nombre bigint := 0;
    v_total bigint;
    v_faits bigint;
begin
    for v_devise in select distinct devise as code from public.comptes where client_id is not null loop
        v_interne := public.compte_interne('reprise', v_devise.code);
        select nextval(pg_get_serial_sequence('public.transactions', 'id')) into v_transaction;
        select count(*), coalesce(sum(solde_minor), 0) into v_faits, v_total
        from public.comptes
        where client_id is not null and devise = v_devise.code and dernier_numero = 0 and solde_minor <> 0;
        continue when v_faits = 0;
        insert into public.ecritures (compte_id, numero, transaction_id, montant_minor, solde_apres_minor)
        select id, 1, v_transaction, solde_minor, solde_minor
        from public.comptes
        where client_id is not null and devise = v_devise.code and dernier_numero = 0 and solde_minor <> 0
        union all
        select v_interne, dernier_numero + 1, v_transaction, -v_total, solde_minor - v_total
        from public.comptes where id = v_interne and v_total <> 0;
        update public.comptes set dernier_numero = 1
        where client_id is not null and devise = v_devise.code and dernier_numero = 0 and solde_minor <> 0;
        if v_total <> 0 then
            update public.comptes set solde_minor = solde_minor - v_total, dernier_numero = dernier_numero + 1
            where id = v_interne;
        end if;
        v_nombre := v_nombre + v_faits;
    end loop;
    return v_nombre;
end
$$;
revoke all on function public.reprendre_les_soldes() from public;

-- The trial balance: zero in each currency at all times.
create function public.balance_generale() returns table (devise char(3), somme_ecritures numeric, somme_soldes numeric)
    language sql stable security definer
    set search_path = ''
    as $$
        select k.devise, coalesce(sum(e.somme), 0), sum(k.solde_minor)
        from public.comptes k
        left join lateral (
            select sum(montant_minor) as somme from public.ecritures where compte_id = k.id) e on true
        group by k.devise
    $$;
revoke all on function public.balance_generale() from public;
