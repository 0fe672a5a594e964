-- What was executer_lot: the orders of a lot, judged one after the other in memory exactly as single calls would judge
-- them, then written in four statements. The lists of givers are null when the bank itself orders; with
-- `p_autorisations` the bank's server orders for its clients, each order judged for its own giver.
create function public.executer_ordres(
    p_appelants uuid[], p_niveaux text[], p_autorisations uuid[], p_cles text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_mode text, p_motifs text[], p_devise char(3), p_canal text, p_date_valeur date
) returns setof public.ordre_du_lot
    language plpgsql
    as $$
declare
    c_banque constant uuid := '00000000-0000-0000-0000-000000000000';
    n constant integer := coalesce(cardinality(p_cles), 0);
    v_de_la_banque constant boolean := p_appelants is null;
    v_pour_clients constant boolean := p_autorisations is not null;
    v_essais integer := 0;
    -- The accounts of the lot; `t_debit` and `t_credit` lead from an order to its accounts' places.
    t_place tid[]; t_id bigint[]; t_client uuid[]; t_titulaire uuid[]; t_solde bigint[]; t_libre bigint[];
    t_numero bigint[]; t_statut text[]; t_devise text[]; t_interne boolean[]; t_chaud boolean[]; t_change boolean[];
    t_plafonne boolean[];
    t_debit integer[]; t_credit integer[]; t_empreinte bytea[]; t_premier integer[]; t_etat text[];
    -- The payer's first place, of an order that counts among those without a second factor; and what they add up to
    -- there.
    t_payeur integer[]; t_cumul bigint[]; t_nombre integer[];
    -- What was there before: the orders that are replayed.
    t_ancien_virement uuid[]; t_ancienne_transaction bigint[];
    -- What becomes of each order.
    t_code text[];
    t_rien text[] := array_fill(null::text, array[n]);
    t_personne uuid[] := array_fill(null::uuid, array[n]);
    -- By the first order of a key: the one that was executed.
    t_execute integer[] := array_fill(null::integer, array[n]);
    t_transaction bigint[] := array_fill(null::bigint, array[n]);
    t_virement uuid[];
    t_numero_debit bigint[] := array_fill(null::bigint, array[n]);
    t_numero_credit bigint[] := array_fill(null::bigint, array[n]);
    t_solde_debit bigint[] := array_fill(null::bigint, array[n]);
    t_solde_credit bigint[] := array_fill(null::bigint, array[n]);
    v_comptes bigint[];
    v_comptes_tenus bigint[];
    v_comptes_limites bigint[];
    v_seuil bigint := 0;
    v_cumul_max bigint;
    v_nombre_max integer;
    v_compte boolean := false;
    v_limites boolean := false;
    v_autorise boolean := false;
    v_jour date;
    v_valeur date;
    v_maintenant timestamptz;
    v_code text;
    v_refus integer := 0;
    v_acceptes integer := 0;
    v_petits integer := 0;
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
    v_autorise := v_pour_clients and cardinality(array_remove(p_autorisations, null)) > 0;
    if v_autorise then
        perform from public.autorisations_virement where id = any (p_autorisations) order by id for update;
    end if;

    v_comptes := array(
        select distinct q.id from unnest(p_debits || p_credits) q (id) where q.id is not null order by q.id);
    loop
        select array_agg(k.place), array_agg(k.id), array_agg(k.client_id), array_agg(k.utilisateur_id),
            array_agg(k.solde_minor), array_agg(k.libre), array_agg(k.dernier_numero), array_agg(k.statut),
            array_agg(k.devise::text), array_agg(k.interne), array_agg(k.chaud), array_agg(false),
            array_agg(k.id) filter (where k.reserve_minor > 0)
        into t_place, t_id, t_client, t_titulaire, t_solde, t_libre, t_numero, t_statut, t_devise, t_interne, t_chaud,
            t_change, v_comptes_tenus
        from (
            select * from (
                select * from (
                    select f.ctid as place, f.id, f.client_id, f.utilisateur_id, f.solde_minor,
                        f.solde_minor - f.reserve_minor + f.decouvert_minor as libre, f.reserve_minor, f.dernier_numero,
                        f.statut, f.devise, f.type = 'interne' as interne, f.chaud
                    from public.comptes f where f.id = any (v_comptes) and not f.chaud
                    order by f.id for no key update
                ) froids
                union all
                select null, h.id, h.client_id, h.utilisateur_id, h.solde_minor, 0, 0, h.dernier_numero, h.statut,
                    h.devise, true, true
                from (select * from public.comptes where chaud offset 0) h where h.id = any (v_comptes)
            ) u order by u.id
        ) k;
        exit when v_essais > 0 or v_comptes_tenus is null;
        -- Holds whose time is over do not stand in the way of an order.
        v_essais := 1;
        select coalesce(sum(public.expirer_reservations_du_compte(r.compte_id)), 0) into v_ecrits
        from (
            select distinct compte_id from public.reservations
            where statut = 'ouverte' and expire_le <= clock_timestamp() and compte_id = any (v_comptes_tenus)
                and compte_id = any (p_debits)
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

    if exists (select from public.plafonds_par_defaut f where f.canal in (p_canal, '*')) then
        v_limites := true;
        t_plafonne := array(
            select q.client is not null from unnest(t_client) with ordinality q (client, rang) order by rang);
    else
        select array_agg(distinct p.compte_id) into v_comptes_limites
        from public.plafonds p where p.compte_id = any (p_debits) and (p.canal = p_canal or p.canal = '*');
        if v_comptes_limites is not null then
            v_limites := true;
            t_plafonne := array(
                select q.client is not null and q.id = any (v_comptes_limites)
                from unnest(t_id, t_client) with ordinality q (id, client, rang) order by rang);
        end if;
    end if;
    if not v_de_la_banque then
        select s.montant_minor, s.cumul_minor, s.nombre_max, s.cumul_minor is not null or s.nombre_max is not null
        into v_seuil, v_cumul_max, v_nombre_max, v_compte
        from public.seuils_authentification s where s.devise = p_devise;
        if not found then
            v_seuil := 0;
        end if;
    end if;

    -- Each order with its accounts' places, its hash, which order had its key first here, what its key stands for
    -- already, and what speaks against it: first in itself, then in its accounts.
    select array_agg(q.debit), array_agg(q.credit), array_agg(q.empreinte), array_agg(q.premier),
        array_agg(q.ancien_virement), array_agg(q.ancienne_transaction), array_agg(q.virement), array_agg(q.payeur),
        array_agg(q.etat), array_agg(case
            when v_pour_clients and (q.appelant is null or q.titulaire is distinct from q.appelant) then 'LV011'
            when q.preuve is not null then q.preuve
            when q.cle is null or length(q.cle) not between 1 and 200 or length(q.motif) > 140 then 'LV021'
            when q.montant is null or q.montant not between 1 and 1000000000000000 then 'LV009'
            when q.debit is null or q.credit is null then 'LV002'
            when q.debit = q.credit then 'LV010'
            when not v_de_la_banque and q.titulaire is distinct from q.appelant then 'LV011'
            when q.ancienne = q.empreinte then 'REJEU'
            when q.ancienne is not null then 'LV007'
        end)
    into t_debit, t_credit, t_empreinte, t_premier, t_ancien_virement, t_ancienne_transaction, t_virement, t_payeur,
        t_etat, t_code
    from (
        select o.*, v.empreinte as ancienne, v.id as ancien_virement, v.transaction_id as ancienne_transaction,
            gen_random_uuid() as virement,
            case
                when v_de_la_banque or v.id is not null or o.appelant is null or o.titulaire is distinct from o.appelant
                then null
                when o.autorisation is not null then (
                    select 'LV025' 
                    where p_cles[array_position(p_autorisations, o.autorisation)] <> o.cle or not exists (
                        select from public.autorisations_virement a
                        where a.id = o.autorisation and a.utilisateur_id = o.appelant and a.compte_debit_id = o.id_debit
                            and a.compte_credit_id = o.id_credit and a.montant_minor = o.montant and a.devise = p_devise
                            and a.expire_le > clock_timestamp() and coalesce(a.utilisee_par, o.cle) = o.cle))
                when o.niveau is distinct from 'aal2' and o.montant > v_seuil
                    and not public.beneficiaire_de_confiance(o.client, o.id_credit) then 'LV024'
            end as preuve,
            case
                when v_compte and v.id is null and o.autorisation is null and o.niveau is distinct from 'aal2'
                    and o.client is not null and not public.beneficiaire_de_confiance(o.client, o.id_credit)
                then array_position(t_client, o.client)
            end as payeur
        from (
            select b.*, t_client[b.debit] as client, coalesce(t_client[b.debit], c_banque) as donneur,
                t_titulaire[b.debit] as titulaire,
                public.empreinte_virement(
                    b.id_debit, b.id_credit, b.montant, p_devise, p_date_valeur, p_canal, b.motif, null) as empreinte,
                (min(b.rang) over (partition by t_client[b.debit], b.cle))::integer as premier,
                case
                    when t_statut[b.debit] = 'clos' or t_statut[b.credit] = 'clos' then 'LV004'
                    when t_devise[b.debit] <> p_devise or t_devise[b.credit] <> p_devise then 'LV005'
                    when t_statut[b.debit] = 'bloque' then 'LV003'
                end as etat
            from (
                select i as rang, p_cles[i] as cle, p_debits[i] as id_debit, p_credits[i] as id_credit,
                    p_montants[i] as montant, p_motifs[i] as motif, p_appelants[i] as appelant, p_niveaux[i] as niveau,
                    p_autorisations[i] as autorisation, case when t_id[width_bucket(p_debits[i], t_id)] = p_debits[i]
                        then width_bucket(p_debits[i], t_id) end as debit,
                    case when t_id[width_bucket(p_credits[i], t_id)] = p_credits[i]
                        then width_bucket(p_credits[i], t_id) end as credit
                from generate_series(1, n) i offset 0
            ) b
        ) o
        left join lateral (
            select e.id, e.empreinte, e.transaction_id from public.virements e
            where e.donneur_id = o.donneur and e.cle_idempotence = o.cle limit 1
        ) v on true
        order by o.rang
    ) q;
    if v_compte and cardinality(array_remove(t_payeur, null)) > 0 then
        perform public.tenir_petits_paiements(
            array(select t_client[t_payeur[i]] from generate_series(1, n) i),
            array(select t_client[t_debit[i]] from generate_series(1, n) i), p_devise);
        select array_agg(coalesce(p.cumul_minor, 0) order by q.rang), array_agg(coalesce(p.nombre, 0) order by q.rang)
        into t_cumul, t_nombre
        from unnest(t_client) with ordinality q (client, rang)
        left join public.petits_paiements p on p.client_id = q.client and p.devise = p_devise;
    end if;

    for i in 1..n loop
        v_code := t_code[i];
        if v_code is null then
            if t_execute[t_premier[i]] is not null then
                -- The same key twice in one lot: the later one is the replay of the one that was executed.
                d := t_execute[t_premier[i]];
                v_code := case t_empreinte[d] when t_empreinte[i] then 'REJEU' else 'LV007' end;
                t_ancien_virement[i] := t_virement[d];
                t_ancienne_transaction[i] := t_transaction[d];
            else
                d := t_debit[i];
                m := p_montants[i];
                v_code := t_etat[i];
                if v_code is null and t_libre[d] < m and not t_interne[d] then
                    v_code := 'LV001';
                end if;
                if v_code is null and t_payeur[i] is not null and (
                    t_cumul[t_payeur[i]] + m > v_cumul_max or t_nombre[t_payeur[i]] >= v_nombre_max)
                then
                    v_code := 'LV024';
                end if;
                if v_code is null and v_limites and t_plafonne[d]
                    and not public.imputer_plafonds(t_id[d], p_canal, m, v_jour)
                then
                    v_code := 'LV006';
                end if;
            end if;
        end if;
        if v_code is not null then
            t_code[i] := v_code;
            if v_code <> 'REJEU' then
                v_refus := v_refus + 1;
            end if;
            continue;
        end if;
        v_acceptes := v_acceptes + 1;
        c := t_credit[i];
        t_execute[t_premier[i]] := i;
        t_transaction[i] := nextval('public.transactions_id_seq');
        if t_payeur[i] is not null then
            v_petits := v_petits + 1;
            t_cumul[t_payeur[i]] := t_cumul[t_payeur[i]] + m;
            t_nombre[t_payeur[i]] := t_nombre[t_payeur[i]] + 1;
        end if;
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
            using errcode = 'LV019',
            hint = 'Correct the orders that the detail names, or send them in the mode continuer.',
            detail = (
                select jsonb_agg(jsonb_build_object(
                    'rang', r.rang, 'cle', r.cle, 'code', r.code, 'raison', public.raison_du_refus(r.code))
                    order by r.rang)
                from unnest(p_cles, t_code) with ordinality r (cle, code, rang)
                where r.code <> 'REJEU')::text;
    end if;

    if v_acceptes > 0 then
        insert into public.virements (
            id, donneur_id, cle_idempotence, empreinte, compte_debit_id, compte_credit_id, montant_minor, devise, motif,
            canal, statut, transaction_id)
        select t_virement[i], coalesce(t_client[t_debit[i]], c_banque) as donneur, p_cles[i] as cle, t_empreinte[i],
            p_debits[i], p_credits[i], p_montants[i], p_devise, p_motifs[i], p_canal, 'execute', t_transaction[i]
        from generate_series(1, n) i where t_transaction[i] is not null
        order by donneur, cle
        on conflict (donneur_id, cle_idempotence) do nothing;
        get diagnostics v_ecrits = row_count;
        if v_ecrits <> v_acceptes then
            raise exception 'a key of this lot was used for another order a moment ago'
                using errcode = '40001', hint = 'Send the lot again.';
        end if;

        update public.comptes k set solde_minor = x.solde, dernier_numero = x.numero
        from (
            select t_place[i] as place, t_solde[i] as solde, t_numero[i] as numero
            from generate_series(1, cardinality(t_id)) i where t_change[i]
        ) x
        where k.ctid = x.place;
        get diagnostics v_ecrits = row_count;
        if v_ecrits <> cardinality(array_positions(t_change, true)) then
            raise exception 'an account of this lot was not where it is locked'
                using errcode = '40001', hint = 'Send the lot again.';
        end if;

        v_maintenant := clock_timestamp();
        insert into public.transactions (
            id, booked_at, date_valeur, date_comptable, type, montant_minor, devise, compte_debit_id, compte_credit_id,
            libelle, virement_id, numero_debit, numero_credit)
        select t_transaction[i], v_maintenant, v_valeur, v_jour, 'virement', p_montants[i], p_devise, p_debits[i],
            p_credits[i], p_motifs[i], t_virement[i], t_numero_debit[i], t_numero_credit[i]
        from generate_series(1, n) i where t_transaction[i] is not null;

        insert into public.ecritures (
            compte_id, numero, transaction_id, montant_minor, solde_apres_minor, booked_at)
        select e.compte, e.numero, t_transaction[i], e.montant, e.solde, v_maintenant
        from generate_series(1, n) i
        cross join lateral (
            values (p_debits[i], t_numero_debit[i], -p_montants[i], t_solde_debit[i]),
                (p_credits[i], t_numero_credit[i], p_montants[i], t_solde_credit[i])) e (compte, numero, montant, solde)
        where t_transaction[i] is not null;

        if v_autorise then
            update public.autorisations_virement a set utilisee_par = l.cle, utilisee_le = v_maintenant
            from unnest(p_autorisations, p_cles, t_transaction) l (autorisation, cle, operation)
            where a.id = l.autorisation and l.operation is not null;
        end if;
        if v_petits > 0 then
            update public.petits_paiements p set cumul_minor = x.cumul, nombre = x.nombre
            from unnest(t_client, t_cumul, t_nombre) x (client, cumul, nombre)
            where p.client_id = x.client and p.devise = p_devise and x.nombre > p.nombre;
        end if;
        if v_compte then
            perform public.oublier_petits_paiements(array(
                select t_client[t_debit[i]] from generate_series(1, n) i
                where t_transaction[i] is not null and (p_niveaux[i] = 'aal2' or p_autorisations[i] is not null)),
                p_devise);
        end if;
    end if;

    if array_position(t_code, 'REJEU') is null then
        return query
        select i, p_cles[i], case when t_transaction[i] is not null then 'execute' else 'refuse' end, t_code[i],
            case when t_code[i] is not null then public.raison_du_refus(t_code[i]) end,
            case when t_transaction[i] is not null then t_virement[i] end, t_transaction[i], t_numero_debit[i],
            t_solde_debit[i], false
        from generate_series(1, n) i;
        return;
    end if;
    return query
    select l.rang::integer, l.cle,
        case when l.operation is not null or l.code = 'REJEU' then 'execute' else 'refuse' end,
        nullif(l.code, 'REJEU'), public.raison_du_refus(l.code),
        case when l.code = 'REJEU' then l.ancien_virement when l.operation is not null then l.virement end,
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

-- Orders of one currency: the bank's as they are, a client's with the second factor where it is needed.
create or replace function public.virer_lot(
    p_cles text[], p_debits bigint[], p_credits bigint[], p_montants bigint[], p_mode text default 'tout_ou_rien',
    p_motifs text[] default null, p_devise char(3) default 'EUR', p_canal text default 'lot',
    p_date_valeur date default null
) returns setof public.ordre_du_lot
    language plpgsql security definer
    set search_path = ''
    set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
    as $$
declare
    n constant integer := least(coalesce(cardinality(p_cles), 0), 1000);
begin
    if public.appelant_est_la_banque() then
        return query select * from public.executer_ordres(
            null, null, null, p_cles, p_debits, p_credits, p_montants, p_mode, p_motifs, p_devise, p_canal,
            p_date_valeur);
        return;
    end if;
    perform public.exiger_date_de_client(p_date_valeur);
    return query select * from public.executer_ordres(
        array_fill(auth.uid(), array[n]), array_fill(public.niveau_d_authentification(), array[n]), null, p_cles,
        p_debits, p_credits, p_montants, p_mode, p_motifs, p_devise, public.canal_du_client(), p_date_valeur);
end
$$;

-- Each order says who gave it, how strongly they proved who they are, and which authorisation they hold; each is judged
-- for its own giver, exactly as the giver's own call would be.
create or replace function public.virer_pour(
    p_appelants uuid[], p_niveaux text[], p_autorisations uuid[], p_cles text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_motifs text[], p_devise char(3), p_canal text
) returns setof public.ordre_du_lot
    language plpgsql security definer
    set search_path = ''
    set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
    as $$
declare
    n constant integer := coalesce(cardinality(p_cles), 0);
begin
    if not public.appelant_est_la_banque() then
        raise exception 'only the bank orders for its clients' using errcode = '42501', hint = 'Call virer.';
    elsif n not between 1 and 1000 or cardinality(p_appelants) is distinct from n
        or cardinality(p_niveaux) is distinct from n or cardinality(p_autorisations) is distinct from n
        or cardinality(p_debits) is distinct from n or cardinality(p_credits) is distinct from n
        or cardinality(p_montants) is distinct from n or cardinality(p_motifs) is distinct from n
    then
        raise exception 'the lists of the lot differ in length: % keys', n
            using errcode = 'LV018', hint = 'Give each order a giver, a key, two accounts and an amount.';
    end if;
    return query select * from public.executer_ordres(
        p_appelants, p_niveaux, p_autorisations, p_cles, p_debits, p_credits, p_montants, 'continuer', p_motifs,
        p_devise, p_canal, null);
end
$$;

drop function public.executer_lot_sauf(
    text[], text[], bigint[], bigint[], bigint[], text, text[], char, text, date);
drop function public.executer_lot(text[], bigint[], bigint[], bigint[], text, text[], char, text, date);

-- As before, and a client's order without the second factor is counted.
create or replace function public.virer(
    p_debit bigint, p_credit bigint, p_montant bigint, p_cle text, p_devise char(3) default 'EUR',
    p_motif text default null, p_canal text default 'api', p_date_valeur date default null,
    p_date_comptable date default null, p_reference text default null
) returns public.operation_comptable
    language plpgsql security definer
    set search_path = ''
    set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
    as $$
declare
    v_de_la_banque constant boolean := public.appelant_est_la_banque();
    r public.operation_comptable;
begin
    if p_debit is null or p_credit is null or p_debit = p_credit or p_montant is null
        or p_montant not between 1 and 1000000000000000 or p_cle is null or length(p_cle) not between 1 and 200
        or length(p_motif) > 140 or length(p_reference) > 140 or p_canal is null or length(p_canal) not between 1 and 20
        or current_setting('transaction_isolation') <> 'read committed'
    then
        perform public.verifier_demande(p_debit, p_credit, p_montant, p_cle, p_motif, p_reference, p_canal);
    end if;
    if not v_de_la_banque then
        perform public.exiger_mon_compte(p_debit);
        perform public.exiger_date_de_client(p_date_valeur);
        perform public.exiger_authentification(p_debit, p_credit, p_montant, p_devise, p_cle);
        p_canal := public.canal_du_client();
    end if;
    r := public.comptabiliser(
        p_debit, p_credit, p_montant, p_devise, 'virement', p_motif, p_reference, p_canal, p_date_valeur,
        p_date_comptable, null, p_cle,
        public.empreinte_virement(
            p_debit, p_credit, p_montant, p_devise, p_date_valeur, p_canal, p_motif, p_reference),
        0, null, null, null);
    if not v_de_la_banque and not r.rejoue then
        perform public.compter_petit_paiement(p_debit, p_credit, p_montant, p_devise);
    end if;
    return r;
end
$$;

do $$
declare
    v_fonction regprocedure;
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname in ('compte_couvert', 'virement_coherent', 'executer_ordres')
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
    end loop;
end
$$;
