-- Many transfers in one call. The accounts are locked once, in the order of their ids; the orders are judged one after
-- the other in memory, exactly as single calls would judge them; then everything is written in five statements.

-- One order's fate. `code` and `raison` say why it was refused.
create type public.ordre_du_lot as (
    rang integer,
    cle text,
    statut text,
    code text,
    raison text,
    virement_id uuid,
    transaction_id bigint,
    numero bigint,
    solde_apres_minor bigint,
    rejoue boolean
);

-- Why an order is refused, in words.
create function public.raison_du_refus(p_code text) returns text
    language sql immutable
    as $$
        select case p_code
            when 'LV001' then 'not enough money is available'
            when 'LV002' then 'an account does not exist'
            when 'LV003' then 'the account is frozen'
            when 'LV004' then 'an account is closed'
            when 'LV005' then 'the accounts and the order have different currencies'
            when 'LV006' then 'the daily limit does not allow it'
            when 'LV007' then 'the idempotency key stands for another request'
            when 'LV009' then 'the amount is not between 1 and 10^15 minor units'
            when 'LV010' then 'both accounts are the same'
            when 'LV011' then 'the account is not yours to debit'
            when 'LV021' then 'the key has to have 1 to 200 characters, the reason at most 140'
        end
    $$;

create function public.virer_lot(
    p_cles text[], p_debits bigint[], p_credits bigint[], p_montants bigint[], p_mode text default 'tout_ou_rien',
    p_motifs text[] default null, p_devise char(3) default 'EUR', p_canal text default 'lot',
    p_date_valeur date default null
) returns setof public.ordre_du_lot
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    c_banque constant uuid := '00000000-0000-0000-0000-000000000000';
    n constant integer := coalesce(cardinality(p_cles), 0);
    v_de_la_banque constant boolean := public.appelant_est_la_banque();
    v_essais integer := 0;
    -- The accounts of the lot, in the order of their ids; `t_place` leads from an order to its accounts.
    t_id bigint[]; t_client uuid[]; t_solde bigint[]; t_libre bigint[]; t_numero bigint[]; t_statut text[];
    t_devise text[]; t_interne boolean[]; t_chaud boolean[]; t_plafonne boolean[]; t_a_moi boolean[];
    t_change boolean[];
    t_debit integer[]; t_credit integer[]; t_empreinte bytea[]; t_premier integer[];
    -- What was there before: the orders that are replayed.
    t_ancienne bytea[]; t_ancien_virement uuid[]; t_ancienne_transaction bigint[];
    -- What becomes of each order.
    t_code text[] := array_fill(null::text, array[n]);
    -- By the first order of a key: the one that was executed.
    t_execute integer[] := array_fill(null::integer, array[n]);
    t_transaction bigint[] := array_fill(null::bigint, array[n]);
    t_virement uuid[] := array_fill(null::uuid, array[n]);
    t_numero_debit bigint[] := array_fill(null::bigint, array[n]);
    t_numero_credit bigint[] := array_fill(null::bigint, array[n]);
    t_solde_debit bigint[] := array_fill(null::bigint, array[n]);
    t_solde_credit bigint[] := array_fill(null::bigint, array[n]);
    v_jour date;
    v_valeur date;
    v_maintenant timestamptz;
    v_code text;
    v_refus integer := 0;
    v_acceptes integer := 0;
    v_ecrits integer;
    d integer;
    c integer;
    m bigint;
begin
    if p_mode is null or p_mode not in ('tout_ou_rien', 'continuer') then
        raise exception 'the mode is %', coalesce(p_mode, 'null')
            using errcode = 'LV018', hint = 'Choose tout_ou_rien or continuer.';
    elsif n not between 1 and 1000 then
        raise exception 'a lot of % orders', n using errcode = 'LV018', hint = 'Send 1 to 1000 orders in a lot.';
    elsif cardinality(p_debits) is distinct from n or cardinality(p_credits) is distinct from n
        or cardinality(p_montants) is distinct from n or (p_motifs is not null and cardinality(p_motifs) <> n)
        or array_ndims(p_cles) <> 1 or array_ndims(p_debits) <> 1 or array_ndims(p_credits) <> 1
        or array_ndims(p_montants) <> 1
    then
        raise exception 'the lists of the lot differ in length: % keys', n
            using errcode = 'LV018', hint = 'Give each order a key, two accounts and an amount.';
    end if;
    -- Two accounts that no lot has: only what does not depend on the orders is judged here.
    perform public.verifier_demande(-1, -2, 1, '-', null, null, p_canal);
    if not v_de_la_banque then
        perform public.exiger_date_de_client(p_date_valeur);
        p_canal := public.canal_du_client();
    end if;

    loop
        select array_agg(k.id), array_agg(k.client_id), array_agg(k.solde_minor),
            array_agg(k.solde_minor - k.reserve_minor + k.decouvert_minor), array_agg(k.dernier_numero),
            array_agg(k.statut), array_agg(k.devise::text), array_agg(k.type = 'interne'), array_agg(k.chaud)
        into t_id, t_client, t_solde, t_libre, t_numero, t_statut, t_devise, t_interne, t_chaud
        from (
            select * from (
                select * from public.comptes
                where id in (select unnest(p_debits) union select unnest(p_credits)) and not chaud
                order by id for no key update
            ) froids
            union all
            select * from public.comptes
            where id in (select unnest(p_debits) union select unnest(p_credits)) and chaud
        ) k;
        exit when v_essais > 0 or t_id is null;
        -- Holds whose time is over do not stand in the way of an order.
        v_essais := 1;
        select coalesce(sum(public.expirer_reservations_du_compte(r.compte_id)), 0) into v_ecrits
        from (
            select distinct compte_id from public.reservations
            where statut = 'ouverte' and expire_le <= clock_timestamp() and compte_id = any (p_debits)
        ) r;
        exit when v_ecrits = 0;
    end loop;
    select jour into v_jour from public.journees where close_le is null;
    if not found then
        perform public.refuser_la_journee(null);
    end if;
    v_valeur := coalesce(p_date_valeur, v_jour);
    if abs(v_valeur - v_jour) > 366 then
        raise exception 'the value date % is more than a year from the business date %', v_valeur, v_jour
            using errcode = 'LV020', hint = 'Give a value date within a year of today.';
    end if;

    select array_agg(v_de_la_banque or k.id in (select public.mes_comptes()) order by k.rang),
        array_agg(
            k.client is not null and (
                exists (select from public.plafonds p where p.compte_id = k.id and p.canal in (p_canal, '*'))
                or exists (select from public.plafonds_par_defaut f where f.canal in (p_canal, '*'))) order by k.rang),
        array_agg(false)
    into t_a_moi, t_plafonne, t_change
    from unnest(t_id, t_client) with ordinality k (id, client, rang);

    -- Each order with its accounts' places, its hash, what its key stands for already and which order had it first here.
    select array_agg(q.debit), array_agg(q.credit), array_agg(q.empreinte), array_agg(q.premier),
        array_agg(q.ancienne), array_agg(q.ancien_virement), array_agg(q.ancienne_transaction)
    into t_debit, t_credit, t_empreinte, t_premier, t_ancienne, t_ancien_virement, t_ancienne_transaction
    from (
      select o.debit, o.credit, o.empreinte, o.premier, v.empreinte as ancienne, v.id as ancien_virement,
          v.transaction_id as ancienne_transaction
      from (
        select l.rang, kd.place as debit, kc.place as credit, l.cle, coalesce(kd.client, c_banque) as donneur,
            public.empreinte_virement(
                l.debit, l.credit, l.montant, p_devise, p_date_valeur, p_canal, l.motif, null) as empreinte,
            (min(l.rang) over (partition by coalesce(kd.client, c_banque), l.cle))::integer as premier
        from unnest(p_cles, p_debits, p_credits, p_montants, coalesce(p_motifs, array_fill(null::text, array[n])))
            with ordinality l (cle, debit, credit, montant, motif, rang)
        left join unnest(t_id, t_client) with ordinality kd (id, client, place) on kd.id = l.debit
        left join unnest(t_id) with ordinality kc (id, place) on kc.id = l.credit
      ) o
      left join public.virements v on v.donneur_id = o.donneur and v.cle_idempotence = o.cle
      order by o.rang
    ) q;

    for i in 1..n loop
        d := t_debit[i];
        c := t_credit[i];
        m := p_montants[i];
        v_code := case
            when p_cles[i] is null or length(p_cles[i]) not between 1 and 200 or length(p_motifs[i]) > 140 then 'LV021'
            when m is null or m not between 1 and 1000000000000000 then 'LV009'
            when d is null or c is null then 'LV002'
            when d = c then 'LV010'
            when not t_a_moi[d] then 'LV011'
            when t_ancienne[i] = t_empreinte[i] then 'REJEU'
            when t_ancienne[i] is not null then 'LV007'
        end;
        if v_code is null and t_execute[t_premier[i]] is not null then
            -- The same key twice in one lot: the later one is the replay of the one that was executed.
            v_code := case t_empreinte[t_execute[t_premier[i]]] when t_empreinte[i] then 'REJEU' else 'LV007' end;
            t_ancien_virement[i] := t_virement[t_execute[t_premier[i]]];
            t_ancienne_transaction[i] := t_transaction[t_execute[t_premier[i]]];
        end if;
        if v_code is null then
            v_code := case
                when t_statut[d] = 'clos' or t_statut[c] = 'clos' then 'LV004'
                when t_devise[d] <> p_devise or t_devise[c] <> p_devise then 'LV005'
                when t_statut[d] = 'bloque' then 'LV003'
                when not t_interne[d] and t_libre[d] < m then 'LV001'
            end;
        end if;
        if v_code is null and t_plafonne[d] and not public.imputer_plafonds(t_id[d], p_canal, m, v_jour) then
            v_code := 'LV006';
        end if;
        if v_code is not null then
            t_code[i] := v_code;
            if v_code <> 'REJEU' then
                v_refus := v_refus + 1;
            end if;
            continue;
        end if;
        v_acceptes := v_acceptes + 1;
        t_execute[t_premier[i]] := i;
        t_transaction[i] := nextval('public.transactions_id_seq');
        t_virement[i] := gen_random_uuid();
        if t_chaud[d] then
            t_numero_debit[i] := nextval('public.ecritures_chaudes_numero');
        else
            t_change[d] := true;
            t_numero[d] := t_numero[d] + 1;
            t_solde[d] := t_solde[d] - m;
            t_libre[d] := t_libre[d] - m;
            t_numero_debit[i] := t_numero[d];
            t_solde_debit[i] := t_solde[d];
        end if;
        if t_chaud[c] then
            t_numero_credit[i] := nextval('public.ecritures_chaudes_numero');
        else
            t_change[c] := true;
            t_numero[c] := t_numero[c] + 1;
            t_solde[c] := t_solde[c] + m;
            t_libre[c] := t_libre[c] + m;
            t_numero_credit[i] := t_numero[c];
            t_solde_credit[i] := t_solde[c];
        end if;
    end loop;

    if v_refus > 0 and p_mode = 'tout_ou_rien' then
        raise exception '% of % orders cannot be executed, so none was', v_refus, n
            using errcode = 'LV019', hint = 'Correct the orders that the detail names, or send them in the mode continuer.',
            detail = (
                select jsonb_agg(jsonb_build_object(
                    'rang', r.rang, 'cle', r.cle, 'code', r.code, 'raison', public.raison_du_refus(r.code)) order by r.rang)
                from unnest(p_cles, t_code) with ordinality r (cle, code, rang)
                where r.code <> 'REJEU')::text;
    end if;

    if v_acceptes > 0 then
        update public.comptes k set solde_minor = x.solde, dernier_numero = x.numero
        from unnest(t_id, t_solde, t_numero, t_change) x (id, solde, numero, change)
        where k.id = x.id and x.change;

        insert into public.virements (
            id, donneur_id, cle_idempotence, empreinte, compte_debit_id, compte_credit_id, montant_minor, devise, motif,
            canal, statut, transaction_id)
        select l.id, coalesce(t_client[l.place], c_banque) as donneur, l.cle, l.empreinte, l.debit, l.credit, l.montant,
            p_devise, l.motif, p_canal, 'execute', l.operation
        from unnest(
            p_cles, p_debits, p_credits, p_montants, coalesce(p_motifs, array_fill(null::text, array[n])), t_empreinte,
            t_transaction, t_debit, t_virement)
            l (cle, debit, credit, montant, motif, empreinte, operation, place, id)
        where l.operation is not null
        order by donneur, l.cle
        on conflict (donneur_id, cle_idempotence) do nothing;
        get diagnostics v_ecrits = row_count;
        if v_ecrits <> v_acceptes then
            raise exception 'a key of this lot was used for another order a moment ago'
                using errcode = '40001', hint = 'Send the lot again.';
        end if;

        v_maintenant := clock_timestamp();
        insert into public.transactions (
            id, booked_at, date_valeur, date_comptable, type, montant_minor, devise, compte_debit_id, compte_credit_id,
            libelle, virement_id, numero_debit, numero_credit)
        select l.operation, v_maintenant, v_valeur, v_jour, 'virement', l.montant, p_devise, l.debit, l.credit, l.motif,
            l.virement, l.numero_debit, l.numero_credit
        from unnest(
            t_transaction, p_montants, p_debits, p_credits, coalesce(p_motifs, array_fill(null::text, array[n])),
            t_numero_debit, t_numero_credit, t_virement)
            l (operation, montant, debit, credit, motif, numero_debit, numero_credit, virement)
        where l.operation is not null;

        insert into public.ecritures (
            compte_id, numero, transaction_id, montant_minor, solde_apres_minor, booked_at)
        select e.compte, e.numero, l.operation, e.montant, e.solde, v_maintenant
        from unnest(
            t_transaction, p_debits, p_credits, p_montants, t_numero_debit, t_numero_credit, t_solde_debit,
            t_solde_credit)
            l (operation, debit, credit, montant, numero_debit, numero_credit, solde_debit, solde_credit)
        cross join lateral (
            values (l.debit, l.numero_debit, -l.montant, l.solde_debit),
                (l.credit, l.numero_credit, l.montant, l.solde_credit)) e (compte, numero, montant, solde)
        where l.operation is not null;
    end if;

    if not coalesce('REJEU' = any (t_code), false) then
        return query
        select l.rang::integer, l.cle, case when l.operation is not null then 'execute' else 'refuse' end, l.code,
            public.raison_du_refus(l.code), l.virement, l.operation, l.numero, l.solde, false
        from unnest(p_cles, t_code, t_virement, t_transaction, t_numero_debit, t_solde_debit)
            with ordinality l (cle, code, virement, operation, numero, solde, rang);
        return;
    end if;
    return query
    select l.rang::integer, l.cle,
        case when l.operation is not null or l.code = 'REJEU' then 'execute' else 'refuse' end,
        nullif(l.code, 'REJEU'), public.raison_du_refus(l.code),
        case when l.code = 'REJEU' then l.ancien_virement else l.virement end,
        case when l.code = 'REJEU' then l.ancienne_operation else l.operation end,
        coalesce(l.numero, t.numero_debit), coalesce(l.solde, e.solde_apres_minor), coalesce(l.code = 'REJEU', false)
    from unnest(
        p_cles, t_code, t_virement, t_transaction, t_numero_debit, t_solde_debit, t_ancien_virement,
        t_ancienne_transaction)
        with ordinality
        l (cle, code, virement, operation, numero, solde, ancien_virement, ancienne_operation, rang)
    left join lateral (
        select o.numero_debit, o.compte_debit_id from public.transactions o
        where l.code = 'REJEU' and o.id = l.ancienne_operation) t on true
    left join public.ecritures e on e.compte_id = t.compte_debit_id and e.numero = t.numero_debit
    order by l.rang;
end
$$;

-- The same from a JSON array of {"cle", "debit", "credit", "montant", "motif"}.
create function public.virer_lot(
    p_ordres jsonb, p_mode text default 'tout_ou_rien', p_devise char(3) default 'EUR', p_canal text default 'lot',
    p_date_valeur date default null
) returns setof public.ordre_du_lot
    language plpgsql
    set search_path = ''
    as $$
declare
    v_cles text[];
    v_debits bigint[];
    v_credits bigint[];
    v_montants bigint[];
    v_motifs text[];
begin
    if jsonb_typeof(p_ordres) is distinct from 'array' then
        raise exception 'the orders are no JSON array' using errcode = 'LV018', hint = 'Send [{"cle": …}, …].';
    end if;
    select array_agg(o ->> 'cle' order by rang), array_agg((o ->> 'debit')::bigint order by rang),
        array_agg((o ->> 'credit')::bigint order by rang), array_agg((o ->> 'montant')::bigint order by rang),
        array_agg(o ->> 'motif' order by rang)
    into v_cles, v_debits, v_credits, v_montants, v_motifs
    from jsonb_array_elements(p_ordres) with ordinality l (o, rang);
    return query select * from public.virer_lot(
        v_cles, v_debits, v_credits, v_montants, p_mode, v_motifs, p_devise, p_canal, p_date_valeur);
end
$$;
