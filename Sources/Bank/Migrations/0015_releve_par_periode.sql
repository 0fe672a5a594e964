-- Statements of a period: from and to business dates, with the balances on either side. An account's postings are numbered
-- without gaps and their business dates only rise, so that the period's ends are found by halving.

-- The business date of a posting; what was taken over at a restore came before everything.
create function public.jour_de_l_ecriture(p_compte bigint, p_numero bigint) returns date
    language sql stable
    set search_path = ''
    as $$
        select coalesce((
            select t.date_comptable from public.transactions t
            where t.id = e.transaction_id and t.booked_at = e.booked_at), '-infinity'::date)
        from public.ecritures e where e.compte_id = p_compte and e.numero = p_numero
    $$;

-- The number of the first posting on or after a day; one past the last when there is none.
create function public.premiere_ecriture(p_compte bigint, p_jour date) returns bigint
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_bas bigint := 1;
    v_haut bigint;
    v_milieu bigint;
begin
    select dernier_numero + 1 into v_haut from public.comptes where id = p_compte;
    while v_bas < v_haut loop
        v_milieu := (v_bas + v_haut) / 2;
        if public.jour_de_l_ecriture(p_compte, v_milieu) < p_jour then
            v_bas := v_milieu + 1;
        else
            v_haut := v_milieu;
        end if;
    end loop;
    return v_bas;
end
$$;

-- A page of a period's postings behind the number `p_apres`, each row with the period's figures; one row without a posting
-- when the page is empty, none when the account is not the caller's.
create function public.releve_periode(
    p_compte bigint, p_du date default null, p_au date default null, p_apres bigint default null,
    p_taille integer default 50
) returns table (
    premier bigint, dernier bigint, ouverture_minor bigint, cloture_minor bigint, credits_minor bigint,
    debits_minor bigint, numero bigint, transaction_id bigint, booked_at timestamptz, date_comptable date,
    date_valeur date, type text, montant_minor bigint, solde_apres_minor bigint, libelle text, reference text,
    virement_id uuid
)
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_taille constant integer := least(greatest(coalesce(p_taille, 50), 1), 10001);
    v_premier bigint;
    v_dernier bigint;
    v_ouverture bigint;
    v_cloture bigint;
    v_credits bigint;
    v_debits bigint;
begin
    select k.dernier_numero into v_dernier from public.comptes k where k.id = p_compte and not k.chaud;
    if not found then
        return;
    end if;
    v_premier := case when p_du is null then 1 else public.premiere_ecriture(p_compte, p_du) end;
    if p_au is not null then
        v_dernier := public.premiere_ecriture(p_compte, p_au + 1) - 1;
    end if;
    v_dernier := greatest(v_dernier, v_premier - 1);
    v_ouverture := coalesce((
        select e.solde_apres_minor from public.ecritures e where e.compte_id = p_compte and e.numero = v_premier - 1), 0);
    v_cloture := coalesce((
        select e.solde_apres_minor from public.ecritures e where e.compte_id = p_compte and e.numero = v_dernier), 0);
    select coalesce(sum(e.montant_minor) filter (where e.montant_minor > 0), 0),
        coalesce(-sum(e.montant_minor) filter (where e.montant_minor < 0), 0)
    into v_credits, v_debits
    from public.ecritures e where e.compte_id = p_compte and e.numero between v_premier and v_dernier;
    return query
    select v_premier, v_dernier, v_ouverture, v_cloture, v_credits, v_debits, p.numero, p.transaction_id, p.booked_at,
        coalesce(t.date_comptable, (p.booked_at at time zone 'Europe/Paris')::date),
        coalesce(t.date_valeur, (p.booked_at at time zone 'Europe/Paris')::date),
        case when p.numero is not null then coalesce(t.type, 'reprise') end, p.montant_minor, p.solde_apres_minor,
        t.libelle, t.reference, t.virement_id
    from (select) une
    left join (
        select * from public.ecritures e
        where e.compte_id = p_compte and e.numero between greatest(v_premier, coalesce(p_apres, 0) + 1) and v_dernier
        order by e.numero limit v_taille) p on true
    left join public.transactions t on t.id = p.transaction_id and t.booked_at = p.booked_at
    order by p.numero;
end
$$;

do $$
declare
    v_fonction regprocedure;
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname in ('jour_de_l_ecriture', 'premiere_ecriture', 'releve_periode')
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
        execute format('grant execute on function %s to authenticated, service_role', v_fonction);
    end loop;
end
$$;
