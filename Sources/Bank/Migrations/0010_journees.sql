-- Business days, hot accounts' balances, the statement of account, and the proof of the whole ledger.

-- The bank's own account of a role and currency whose postings are only added: settlement, card clearing, fees.
create function public.ouvrir_compte_chaud(p_role text, p_devise char(3) default 'EUR') returns bigint
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_id bigint;
begin
    select compte_id into v_id from public.comptes_internes where role = p_role and devise = p_devise;
    if v_id is null then
        insert into public.comptes (type, devise, chaud) values ('interne', p_devise, true) returning id into v_id;
        insert into public.comptes_internes (role, devise, compte_id) values (p_role, p_devise, v_id);
    end if;
    return v_id;
end
$$;

-- Sums up the hot accounts' new postings into their balances. Nobody books meanwhile.
create function public.consolider_comptes_chauds() returns bigint
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_nombre bigint;
begin
    -- Waits for every booking under way: a number that was drawn is then committed or never will be.
    lock table public.comptes in exclusive mode;
    update public.comptes k
    set solde_minor = k.solde_minor + s.somme, dernier_numero = s.dernier
    from (
        select c.id, sum(e.montant_minor)::bigint as somme, max(e.numero) as dernier
        from public.comptes c join public.ecritures e on e.compte_id = c.id and e.numero > c.dernier_numero
        where c.chaud group by c.id) s
    where k.id = s.id;
    get diagnostics v_nombre = row_count;
    return v_nombre;
end
$$;
create index comptes_chauds on public.comptes (id) where chaud;

-- The balance at this moment, hot accounts included.
create function public.solde_du_compte(p_compte bigint) returns bigint
    language sql stable
    set search_path = ''
    as $$
        select k.solde_minor + case when k.chaud then coalesce((
            select sum(e.montant_minor) from public.ecritures e
            where e.compte_id = k.id and e.numero > k.dernier_numero), 0)::bigint else 0 end
        from public.comptes k where k.id = p_compte
    $$;

-- The trial balance: zero in each currency at all times.
create or replace function public.balance_generale() returns table (
    devise char(3), somme_ecritures numeric, somme_soldes numeric)
    language sql stable security definer
    set search_path = ''
    as $$
        select k.devise, coalesce(sum(e.somme), 0), sum(k.solde_minor) + coalesce(sum(h.somme), 0)
        from public.comptes k
        left join (select compte_id, sum(montant_minor) as somme from public.ecritures group by compte_id) e
            on e.compte_id = k.id
        left join (
            select c.id, sum(a.montant_minor) as somme
            from public.comptes c join public.ecritures a on a.compte_id = c.id and a.numero > c.dernier_numero
            where c.chaud group by c.id) h on h.id = k.id
        group by k.devise
    $$;

-- Opens a business day, with room for its operations: the months from this one to two months on.
create function public.ouvrir_journee(p_jour date default null) returns date
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_aujourdhui constant date := (clock_timestamp() at time zone 'Europe/Paris')::date;
    v_jour constant date := coalesce(p_jour, v_aujourdhui);
    v_ouverte date;
    v_derniere date;
begin
    lock table public.journees in exclusive mode;
    select jour into v_ouverte from public.journees where close_le is null;
    if found then
        raise exception 'the business day % is open', v_ouverte
            using errcode = 'LV008', hint = 'Close it first: select clore_journee()';
    end if;
    select max(jour) into v_derniere from public.journees;
    if v_jour <= v_derniere then
        raise exception 'the business day % is not after %, the last one closed', v_jour, v_derniere
            using errcode = 'LV008', hint = 'Open a later day.';
    elsif abs(v_jour - v_aujourdhui) > 31 then
        raise exception 'the business day % is more than a month from today', v_jour
            using errcode = 'LV008', hint = 'Open a day near today.';
    end if;
    perform public.creer_partitions(least(v_jour, v_aujourdhui), greatest(v_jour, v_aujourdhui) + 62);
    insert into public.journees (jour) values (v_jour);
    return v_jour;
end
$$;

-- Closes the open day: waits for every booking under way, rolls hot accounts up, and proves that the balances add up to
-- zero. What comes later is booked on the next day.
create function public.clore_journee() returns date
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_jour date;
    v_ecart record;
begin
    perform public.consolider_comptes_chauds();
    select jour into v_jour from public.journees where close_le is null for update;
    if not found then
        raise exception 'no business day is open'
            using errcode = 'LV008', hint = 'Open one with: select ouvrir_journee()';
    end if;
    select devise, sum(solde_minor) as somme into v_ecart
    from public.comptes group by devise having sum(solde_minor) <> 0 limit 1;
    if found then
        raise exception 'the balances in % add up to %, not to zero: the day stays open', v_ecart.devise, v_ecart.somme
            using errcode = 'LV023', hint = 'See: select * from verifier_le_grand_livre()';
    end if;
    update public.journees set close_le = clock_timestamp() where jour = v_jour;
    return v_jour;
end
$$;

-- Sets an account's daily limit for a channel ('*' for all together); null takes the channel's default.
create function public.fixer_plafond(p_compte bigint, p_canal text, p_plafond bigint) returns void
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    if not exists (select from public.comptes where id = p_compte and client_id is not null) then
        raise exception 'account % is no client''s account', p_compte
            using errcode = 'LV002', hint = 'Check the account''s number.';
    end if;
    perform public.tenir_comptes(p_compte);
    insert into public.plafonds (compte_id, canal, plafond_minor) values (p_compte, p_canal, p_plafond)
    on conflict (compte_id, canal) do update set plafond_minor = excluded.plafond_minor;
end
$$;

-- A page of an account's statement, behind posting `p_apres` (before it, newest first, with `p_recentes`). Runs as its
-- caller: a client gets nothing of another's account.
create function public.releve(
    p_compte bigint, p_apres bigint default null, p_taille integer default 50, p_recentes boolean default false
) returns table (
    numero bigint, transaction_id bigint, booked_at timestamptz, date_comptable date, date_valeur date, type text,
    montant_minor bigint, solde_apres_minor bigint, libelle text, reference text, contrepartie_id bigint
)
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_taille constant integer := least(greatest(coalesce(p_taille, 50), 1), 500);
    v_avant bigint;
begin
    if exists (select from public.comptes k where k.id = p_compte and k.chaud) and not p_recentes then
        -- Only pages forward carry a hot account's balance: it is added up from the page's start.
        select coalesce(sum(e.montant_minor), 0) into v_avant
        from public.ecritures e where e.compte_id = p_compte and e.numero <= coalesce(p_apres, 0);
    end if;
    return query
    select e.numero, e.transaction_id, e.booked_at, t.date_comptable, t.date_valeur, coalesce(t.type, 'reprise'),
        e.montant_minor,
        coalesce(e.solde_apres_minor, (v_avant + sum(e.montant_minor) over (order by e.numero))::bigint),
        t.libelle, t.reference,
        case when t.compte_debit_id = p_compte then t.compte_credit_id else t.compte_debit_id end
    from (
        (select * from public.ecritures a
            where not p_recentes and a.compte_id = p_compte and a.numero > coalesce(p_apres, 0)
            order by a.numero limit v_taille)
        union all
        (select * from public.ecritures a
            where p_recentes and a.compte_id = p_compte and a.numero < coalesce(p_apres, 9223372036854775807)
            order by a.numero desc limit v_taille)
    ) e
    left join public.transactions t on t.id = e.transaction_id and t.booked_at = e.booked_at
    order by case when p_recentes then -e.numero else e.numero end;
end
$$;

-- Reads the whole ledger and names everything that is not as the rules say, at most 100 findings a rule. Nothing found is
-- the proof: balances, numbers without gaps, two legs to each operation, holds, keys, reversals, days.
create function public.verifier_le_grand_livre() returns table (regle text, objet text, attendu text, trouve text)
    language plpgsql stable security definer
    set search_path = ''
    -- Every table is read whole, and a hot account has half of all postings: nested loops and merges on the account would
    -- never end.
    set enable_nestloop = off
    set enable_mergejoin = off
    set work_mem = '128MB'
    as $$
begin
    return query
    select 'balance generale nulle', b.devise::text, '0', b.somme_ecritures || ' / ' || b.somme_soldes
    from public.balance_generale() b where b.somme_ecritures <> 0 or b.somme_soldes <> 0;

    return query
    select 'solde = somme des ecritures', 'compte ' || k.id, coalesce(e.somme, 0)::text, k.solde_minor::text
    from public.comptes k
    left join (
        select a.compte_id, sum(a.montant_minor) as somme from public.ecritures a
        join public.comptes c on c.id = a.compte_id
        where not c.chaud or a.numero <= c.dernier_numero group by a.compte_id) e on e.compte_id = k.id
    where k.solde_minor <> coalesce(e.somme, 0) limit 100;

    return query
    select 'numeros sans trou', 'compte ' || k.id, '1 a ' || k.dernier_numero,
        coalesce(e.nombre, 0) || ' de ' || coalesce(e.premier, 0) || ' a ' || coalesce(e.dernier, 0)
    from public.comptes k
    left join (
        select compte_id, count(*) as nombre, min(a.numero) as premier, max(a.numero) as dernier
        from public.ecritures a group by compte_id) e on e.compte_id = k.id
    where not k.chaud and (
        coalesce(e.nombre, 0) <> k.dernier_numero or coalesce(e.dernier, 0) <> k.dernier_numero
        or coalesce(e.premier, 1) <> 1) limit 100;

    return query
    select 'solde apres chaque ecriture', 'compte ' || s.compte_id || ', ecriture ' || s.numero, s.attendu::text,
        coalesce(s.solde_apres_minor::text, 'rien')
    from (
        select a.compte_id, a.numero, a.solde_apres_minor,
            sum(a.montant_minor) over (partition by a.compte_id order by a.numero) as attendu
        from public.ecritures a join public.comptes c on c.id = a.compte_id where not c.chaud) s
    where s.solde_apres_minor is distinct from s.attendu limit 100;

    return query
    select 'deux ecritures par operation', 'operation ' || t.id, t.montant_minor::text,
        coalesce(d.montant_minor::text, 'rien') || ' / ' || coalesce(c.montant_minor::text, 'rien')
    from public.transactions t
    left join public.ecritures d
        on d.compte_id = t.compte_debit_id and d.numero = t.numero_debit and d.transaction_id = t.id
    left join public.ecritures c
        on c.compte_id = t.compte_credit_id and c.numero = t.numero_credit and c.transaction_id = t.id
    where not t.historique and (
        d.montant_minor is distinct from -t.montant_minor or c.montant_minor is distinct from t.montant_minor)
    limit 100;

    return query
    select 'aucune ecriture sans operation', 'operation ' || e.transaction_id,
        case when r.transaction_id is null then '2' else 'une par compte repris' end, count(*)::text
    from public.ecritures e
    left join public.reprises r on r.transaction_id = e.transaction_id
    left join public.transactions t on t.id = e.transaction_id
    group by e.transaction_id, r.transaction_id, r.nombre, r.total_minor
    having count(*) <> case
        when r.transaction_id is not null then r.nombre + (r.total_minor <> 0)::integer
        when count(t.id) = 0 then -1 else 2 end
    limit 100;

    return query
    select 'une devise par operation', 'operation ' || t.id, t.devise::text, d.devise || ' / ' || c.devise
    from public.transactions t
    left join public.comptes d on d.id = t.compte_debit_id
    left join public.comptes c on c.id = t.compte_credit_id
    where not t.historique and (d.devise is distinct from t.devise or c.devise is distinct from t.devise) limit 100;

    return query
    select 'reserve = reservations ouvertes', 'compte ' || k.id, coalesce(r.somme, 0)::text, k.reserve_minor::text
    from public.comptes k
    left join (
        select compte_id, sum(a.reste_minor) as somme from public.reservations a
        where a.statut = 'ouverte' group by compte_id) r on r.compte_id = k.id
    where k.reserve_minor <> coalesce(r.somme, 0) limit 100;

    return query
    select 'capture = operations', 'reservation ' || r.id, r.capture_minor::text, coalesce(c.somme, 0)::text
    from public.reservations r
    left join (
        select a.reservation_id, sum(a.montant_minor) as somme from public.captures a
        join public.transactions t on t.id = a.transaction_id and t.montant_minor = a.montant_minor
        group by a.reservation_id) c on c.reservation_id = r.id
    where r.capture_minor <> coalesce(c.somme, 0) limit 100;

    return query
    select 'decouvert respecte', 'compte ' || k.id, 'au moins ' || -k.decouvert_minor,
        (k.solde_minor - k.reserve_minor)::text
    from public.comptes k
    where k.type <> 'interne' and k.solde_minor - k.reserve_minor < -k.decouvert_minor limit 100;

    return query
    select 'virement = operation', 'virement ' || v.id, v.montant_minor::text, coalesce(t.montant_minor::text, 'rien')
    from public.virements v
    left join public.transactions t on t.id = v.transaction_id and t.virement_id = v.id
    where v.statut = 'execute' and v.canal <> 'reprise' and (
        t.montant_minor is distinct from v.montant_minor or t.compte_debit_id <> v.compte_debit_id
        or t.compte_credit_id <> v.compte_credit_id or t.devise <> v.devise) limit 100;

    return query
    select 'contrepassation dans le montant', 'operation ' || coalesce(c.origine_id, t.origine_id),
        coalesce(c.rendu_minor, 0)::text, coalesce(t.somme, 0)::text
    from public.contrepassations c
    full join (
        select a.origine_id, sum(a.montant_minor) as somme from public.transactions a
        where a.origine_id is not null group by a.origine_id) t on t.origine_id = c.origine_id
    where c.rendu_minor is distinct from t.somme limit 100;

    return query
    select 'journee connue', 'journee ' || t.date_comptable, 'dans journees', count(*)::text
    from public.transactions t
    where not t.historique and not exists (select from public.journees j where j.jour = t.date_comptable)
    group by t.date_comptable limit 100;
end
$$;
