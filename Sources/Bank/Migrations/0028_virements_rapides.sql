-- Transfers in fewer statements. The rules, the answers and the refusals are those of before; each account is looked up
-- once, where it is locked, and is written to by its place in the table, which cannot change while it is locked.

-- The same bytes as pgcrypto's digest, from the server itself.
create or replace function public.empreinte(p_texte text) returns bytea
    language sql stable strict parallel safe
    return pg_catalog.sha256(pg_catalog.convert_to(p_texte, 'UTF8'));

create or replace function public.empreinte_virement(
    p_debit bigint, p_credit bigint, p_montant bigint, p_devise char(3), p_date_valeur date, p_canal text, p_motif text,
    p_reference text
) returns bytea
    language sql stable
    return pg_catalog.sha256(pg_catalog.convert_to(
        'virement 1|' || p_debit || '|' || p_credit || '|' || p_montant || '|' || p_devise || '|'
        || coalesce(p_date_valeur - date '2000-01-01', -1000000) || '|' || length(p_canal) || '|' || p_canal || '|'
        || coalesce(length(p_motif) || '|' || p_motif, '-') || '|'
        || coalesce(length(p_reference) || '|' || p_reference, '-'), 'UTF8'));

-- Each statement that writes to a table reads the text of its checks, parses it and prepares it again: a quarter of a
-- transfer's instructions. The rules stay constraints of the same names; as calls of functions that keep their plans
-- they are a third as long to read.
create function public.compte_couvert(p_type text, p_solde bigint, p_reserve bigint, p_decouvert bigint) returns boolean
    language plpgsql immutable
    as $$
begin
    return p_reserve >= 0 and (p_type = 'interne' or p_solde - p_reserve >= -p_decouvert);
end
$$;
create function public.virement_coherent(p_statut text, p_montant bigint, p_operation bigint) returns boolean
    language plpgsql immutable
    as $$
begin
    return p_montant > 0 and (
        (p_statut = 'execute' and p_operation is not null) or p_statut in ('refuse', 'en_attente', 'annule'));
end
$$;
alter table public.comptes
    drop constraint comptes_solde_au_dessus_du_decouvert,
    add constraint comptes_solde_au_dessus_du_decouvert check (
        public.compte_couvert(type, solde_minor, reserve_minor, decouvert_minor)) no inherit;
alter table public.virements
    drop constraint virements_coherent,
    add constraint virements_coherent check (public.virement_coherent(statut, montant_minor, transaction_id));

-- Books one operation: the only place where a single transfer, a capture or a reversal moves money. `p_liberation` is
-- given back from the debited account's held amount; `p_canal` null means that no daily limit applies; `p_cle` null
-- means that the caller keeps its own key.
--
-- One statement locks both accounts in the order of their ids and tells what there is to judge; one moves both
-- balances.
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
drop function public.rendre(bigint, bigint, bigint, bigint);
