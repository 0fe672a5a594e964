-- The ledger answers whatever it is asked: an order without a currency, or to the account that it takes from, was judged
-- again and again, with both accounts held, until the statement's time was over.

-- Says why an account did not take its part, by raising it. Returns when the reason is gone: try again.
create or replace function public.expliquer_refus(
    p_compte bigint, p_cote text, p_montant bigint, p_devise char(3), p_liberation bigint
) returns void
    language plpgsql
    as $$
declare
    k record;
begin
    select * into k from public.comptes where id = p_compte for no key update;
    if not found then
        raise exception 'account % does not exist', p_compte
            using errcode = 'LV002', hint = 'Check the account''s number.';
    elsif k.statut = 'clos' then
        raise exception 'account % is closed', p_compte
            using errcode = 'LV004', hint = 'Use an account that is open.';
    elsif k.devise is distinct from p_devise then
        raise exception 'account % is in %, not in %', p_compte, k.devise, coalesce(p_devise, 'no currency')
            using errcode = 'LV005', hint = 'Transfer in the currency that both accounts have.';
    elsif p_cote = 'debit' and k.statut <> 'actif' then
        raise exception 'account % is frozen', p_compte
            using errcode = 'LV003', hint = 'An employee of the bank has to lift the freeze.';
    elsif p_montant is null or p_liberation is null then
        raise exception 'the amount is missing'
            using errcode = 'LV009', hint = 'Give a positive amount in minor units: 12.34 € is 1234.';
    elsif p_cote = 'debit' and k.type <> 'interne'
        and k.solde_minor - p_montant - (k.reserve_minor - p_liberation) < -k.decouvert_minor then
        if public.expirer_reservations_du_compte(p_compte) = 0 then
            raise exception 'account % has % available, % is needed', p_compte,
                k.solde_minor - k.reserve_minor + p_liberation + k.decouvert_minor, p_montant
                using errcode = 'LV001', hint = 'Order a smaller amount, or wait for money to come in.';
        end if;
    end if;
end
$$;

-- As before (0028), for what can be judged.
create or replace function public.comptabiliser(
    p_debit bigint, p_credit bigint, p_montant bigint, p_devise char(3), p_type text, p_libelle text, p_reference text,
    p_canal text, p_date_valeur date, p_date_comptable date, p_donneur uuid, p_cle text, p_empreinte bytea,
    p_liberation bigint, p_carte bigint, p_origine bigint, p_reservation uuid
) returns public.operation_comptable
    language plpgsql
    as $$
declare
    c_banque constant uuid := '00000000-0000-0000-0000-000000000000';
    r public.operation_comptable;
    v_rejoue public.operation_comptable;
    k record;
    v_donneur uuid;
    v_client uuid;
    v_debit_place tid;
    v_credit_place tid;
    v_debit_prend boolean;
    v_credit_prend boolean;
    v_solde_credit bigint;
    v_plafonne boolean;
    v_touches integer;
begin
    -- What is unknown makes every test of an account unknown, and an account that is its own counterpart is found once:
    -- no state of the database would end the loop.
    if p_debit is null or p_credit is null then
        raise exception 'an account is missing' using errcode = 'LV002', hint = 'Give both accounts.';
    elsif p_debit = p_credit then
        raise exception 'both accounts are %', p_debit using errcode = 'LV010', hint = 'Give two accounts.';
    elsif p_montant is null or p_montant < 1 or p_liberation is null or p_liberation < 0 then
        raise exception 'the amount % is not a number of minor units above zero', coalesce(p_montant::text, 'null')
            using errcode = 'LV009', hint = 'Give a positive amount in minor units: 12.34 € is 1234.';
    elsif p_devise is null then
        raise exception 'the currency is missing'
            using errcode = 'LV005', hint = 'Transfer in the currency that both accounts have.';
    end if;
    loop
        v_debit_prend := false;
        v_credit_prend := false;
        v_plafonne := false;
        for k in
            select c.id, c.ctid as place, c.client_id, c.solde_minor, c.dernier_numero,
                c.devise = p_devise and c.statut <> 'clos' and (c.id = p_credit or (c.statut = 'actif' and (
                    c.type = 'interne'
                    or c.solde_minor - p_montant - (c.reserve_minor - p_liberation) >= -c.decouvert_minor))) as prend,
                p_canal is not null and c.id = p_debit and c.client_id is not null and (
                    exists (select from public.plafonds_par_defaut d where d.canal in (p_canal, '*'))
                    or exists (
                        select from public.plafonds p where p.compte_id = p_debit and p.canal in (p_canal, '*')))
                    as plafonne
            from public.comptes c
            where c.id = any (array[p_debit, p_credit]) and not c.chaud
            order by c.id for no key update of c
        loop
            if k.id = p_debit then
                v_debit_prend := k.prend;
                v_debit_place := k.place;
                v_client := k.client_id;
                v_plafonne := k.plafonne;
                r.solde_apres_minor := k.solde_minor - p_montant;
                r.numero := k.dernier_numero + 1;
            else
                v_credit_prend := k.prend;
                v_credit_place := k.place;
                v_solde_credit := k.solde_minor + p_montant;
                r.numero_credit := k.dernier_numero + 1;
            end if;
        end loop;
        if v_debit_place is null then
            perform from public.comptes where id = p_debit and chaud and statut = 'actif' and devise = p_devise;
            v_debit_prend := found;
            r.numero := nextval('public.ecritures_chaudes_numero');
        end if;
        if v_credit_place is null then
            perform from public.comptes where id = p_credit and chaud and statut <> 'clos' and devise = p_devise;
            v_credit_prend := found;
            r.numero_credit := nextval('public.ecritures_chaudes_numero');
        end if;
        v_donneur := coalesce(p_donneur, v_client, c_banque);
        exit when v_debit_prend and v_credit_prend;
        -- A twin of this order may have been executed while we waited for the accounts.
        if p_cle is not null then
            v_rejoue := public.rejouer(v_donneur, p_cle, p_empreinte);
            if v_rejoue.virement_id is not null then
                return v_rejoue;
            end if;
        end if;
        if not v_debit_prend and (p_debit < p_credit or v_credit_prend) then
            perform public.expliquer_refus(p_debit, 'debit', p_montant, p_devise, p_liberation);
        else
            perform public.expliquer_refus(p_credit, 'credit', p_montant, p_devise, p_liberation);
        end if;
    end loop;

    if v_plafonne then
        if p_cle is not null then
            v_rejoue := public.rejouer(v_donneur, p_cle, p_empreinte);
            if v_rejoue.virement_id is not null then
                return v_rejoue;
            end if;
        end if;
        select j.jour into r.date_comptable from public.journees j where j.close_le is null;
        if not found or p_date_comptable <> r.date_comptable then
            perform public.refuser_la_journee(p_date_comptable);
        end if;
        if not public.imputer_plafonds(p_debit, p_canal, p_montant, r.date_comptable) then
            raise exception 'the daily limit of account % for % does not allow %', p_debit, p_canal, p_montant
                using errcode = 'LV006',
                hint = 'Order a smaller amount, wait for the next business day, or ask for a higher limit.';
        end if;
    end if;

    r.transaction_id := nextval('public.transactions_id_seq');
    if p_cle is not null then
        insert into public.virements (
            donneur_id, cle_idempotence, empreinte, compte_debit_id, compte_credit_id, montant_minor, devise, motif,
            canal, statut, transaction_id)
        values (
            v_donneur, p_cle, p_empreinte, p_debit, p_credit, p_montant, p_devise, p_libelle,
            coalesce(p_canal, 'banque'), 'execute', r.transaction_id)
        on conflict (donneur_id, cle_idempotence) do nothing
        returning id into r.virement_id;
        if not found and v_plafonne then
            raise exception 'the key % was used for another order a moment ago', p_cle
                using errcode = '40001', hint = 'Send the order again.';
        elsif not found then
            return public.rejouer(v_donneur, p_cle, p_empreinte);
        end if;
    end if;
    select j.jour into r.date_comptable from public.journees j where j.close_le is null;
    if not found or p_date_comptable <> r.date_comptable then
        perform public.refuser_la_journee(p_date_comptable);
    end if;
    r.date_valeur := coalesce(p_date_valeur, r.date_comptable);
    if abs(r.date_valeur - r.date_comptable) > 366 then
        raise exception 'the value date % is more than a year from the business date %', r.date_valeur, r.date_comptable
            using errcode = 'LV020', hint = 'Give a value date within a year of today.';
    end if;

    update public.comptes c
    set solde_minor = c.solde_minor + case c.id when p_debit then -p_montant else p_montant end,
        reserve_minor = c.reserve_minor - case c.id when p_debit then p_liberation else 0 end,
        dernier_numero = c.dernier_numero + 1
    where c.ctid = any (array[v_debit_place, v_credit_place]);
    get diagnostics v_touches = row_count;
    if v_touches <> num_nonnulls(v_debit_place, v_credit_place) then
        raise exception 'the accounts % and % were not where they are locked', p_debit, p_credit
            using errcode = '40001', hint = 'Send the order again.';
    end if;
    r.booked_at := clock_timestamp();
    insert into public.transactions (
        id, booked_at, date_valeur, date_comptable, type, montant_minor, devise, compte_debit_id, compte_credit_id,
        libelle, reference, carte_id, virement_id, numero_debit, numero_credit, origine_id, reservation_id)
    values (
        r.transaction_id, r.booked_at, r.date_valeur, r.date_comptable, p_type, p_montant, p_devise, p_debit, p_credit,
        p_libelle, p_reference, p_carte, r.virement_id, r.numero, r.numero_credit, p_origine, p_reservation);
    insert into public.ecritures (
        compte_id, numero, transaction_id, montant_minor, solde_apres_minor, booked_at)
    values
        (p_debit, r.numero, r.transaction_id, -p_montant, r.solde_apres_minor, r.booked_at),
        (p_credit, r.numero_credit, r.transaction_id, p_montant, v_solde_credit, r.booked_at);
    r.rejoue := false;
    return r;
end
$$;

-- Standing orders: what was judged is what is executed, by its id, and each try leaves its own record.
drop function public.prochain_ordre_permanent(date);
create function public.prochain_ordre_permanent(p_jour date)
    returns table (
        ordre_id uuid, compte_debit_id bigint, compte_credit_id bigint, montant_minor bigint, devise text, cle text)
    language sql volatile security definer
    set search_path = ''
    as $$
        select o.id, o.compte_debit_id, o.compte_credit_id, o.montant_minor, o.devise,
            'permanent/' || o.id || '/' || o.prochaine_le
        from public.ordres_permanents o
        where o.statut = 'actif' and o.prochain_essai <= p_jour
        order by o.prochain_essai, o.id limit 1 for update skip locked
    $$;

-- As before (0031), and an order that stays at its due date keeps the tries that it had.
create or replace function public.avancer_ordre_permanent(p_ordre uuid, p_rang integer, p_pas_avant date) returns void
    language plpgsql
    set search_path = ''
    as $$
declare
    o public.ordres_permanents;
    v_rang integer := p_rang;
    v_prochaine date;
begin
    select * into o from public.ordres_permanents where id = p_ordre;
    loop
        v_prochaine := public.echeance(o.premiere_le, o.frequence, o.fin_de_mois, v_rang);
        exit when v_prochaine >= p_pas_avant;
        v_rang := v_rang + 1;
    end loop;
    if v_prochaine > o.derniere_le or (o.frequence = 'unique' and v_rang > 0) then
        update public.ordres_permanents
        set statut = 'termine', rang = v_rang, prochaine_le = null, prochain_essai = null, essais = 0
        where id = p_ordre;
    elsif v_prochaine is distinct from o.prochaine_le then
        update public.ordres_permanents
        set rang = v_rang, prochaine_le = v_prochaine, prochain_essai = v_prochaine, essais = 0
        where id = p_ordre;
    end if;
end
$$;

drop function public.executer_ordre_permanent(date, text, text);

-- - `p_code`, `p_raison`: why the order may not be executed now; null when it may.
-- - `p_ordre`: the one that was judged; null takes the next that is due.
create function public.executer_ordre_permanent(
    p_jour date, p_code text default null, p_raison text default null, p_ordre uuid default null
) returns setof public.executions_permanentes
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    c_essais constant integer := 3;
    o public.ordres_permanents;
    v_virement uuid;
    v_essai smallint;
    v_code text := p_code;
    v_raison text := p_raison;
begin
    select * into o from public.ordres_permanents
    where statut = 'actif' and prochain_essai <= p_jour and (p_ordre is null or id = p_ordre)
    order by prochain_essai, id limit 1 for update skip locked;
    if not found then
        return;
    end if;
    if p_code is null then
        begin
            v_virement := (public.virer(
                o.compte_debit_id, o.compte_credit_id, o.montant_minor,
                'permanent/' || o.id || '/' || o.prochaine_le, o.devise, o.motif, 'permanent')).virement_id;
        exception when others then
            get stacked diagnostics v_code = returned_sqlstate, v_raison = message_text;
            -- The database's own troubles are not the order's fault, and no open day is the bank's.
            if left(v_code, 2) in ('08', '40', '53', '55', '57', '58', 'XX') or v_code in ('LV008', 'LV017') then
                raise;
            end if;
        end;
    end if;
    -- An execution that is recorded already is the same: the ledger answered its key again.
    select e.essai into v_essai from public.executions_permanentes e
    where e.ordre_id = o.id and e.echeance = o.prochaine_le and e.statut = 'execute' and v_virement is not null;
    if not found then
        select coalesce(max(e.essai), 0) + 1 into v_essai from public.executions_permanentes e
        where e.ordre_id = o.id and e.echeance = o.prochaine_le;
        insert into public.executions_permanentes (ordre_id, echeance, essai, jour, statut, code, raison, virement_id)
        values (
            o.id, o.prochaine_le, v_essai, p_jour,
            case
                when v_virement is not null then 'execute' when o.essais >= c_essais then 'abandonne' else 'refuse'
            end,
            v_code, left(v_raison, 300), v_virement);
    end if;
    return query
    select * from public.executions_permanentes e
    where e.ordre_id = o.id and e.echeance = o.prochaine_le and e.essai = v_essai;
    if v_virement is not null or o.essais >= c_essais then
        perform public.avancer_ordre_permanent(o.id, o.rang + 1, o.prochaine_le);
    else
        update public.ordres_permanents set essais = essais + 1, prochain_essai = p_jour + 1 where id = o.id;
    end if;
end
$$;

revoke all on function
    public.prochain_ordre_permanent(date), public.executer_ordre_permanent(date, text, text, uuid)
    from public, anon, authenticated, service_role;
grant execute on function
    public.prochain_ordre_permanent(date), public.executer_ordre_permanent(date, text, text, uuid) to service_role;
