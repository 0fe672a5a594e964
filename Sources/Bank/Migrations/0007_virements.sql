-- Transfers. One call is one transfer: both accounts are updated in the order of their ids, so that no two transfers wait
-- for each other; the order's key, the operation and its two postings follow, or nothing does.
--
-- SQLSTATEs of class LV are the ledger's refusals: docs/reference/ledger.md. The order of locks is the same everywhere:
-- accounts by id, then reversals, then keys. Closing a day locks the table of accounts, so the open day is read after the
-- first account is held.

-- pgcrypto stands in another schema on some platforms; a pinned search_path needs its name.
do $$
declare
    v_schema text;
begin
    select n.nspname into v_schema
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pgcrypto';
    execute format(
        'create function public.empreinte(p_texte text) returns bytea language sql stable strict parallel safe '
        || 'as $f$ select %I.digest(convert_to(p_texte, ''UTF8''), ''sha256''::text) $f$', v_schema);
end
$$;

-- What makes two requests the same. Free texts carry their length, so that nothing can slide from one into the next.
create function public.empreinte_virement(
    p_debit bigint, p_credit bigint, p_montant bigint, p_devise char(3), p_date_valeur date, p_canal text, p_motif text,
    p_reference text
) returns bytea
    language sql stable
    as $$
        select public.empreinte(
            'virement 1|' || p_debit || '|' || p_credit || '|' || p_montant || '|' || p_devise || '|'
            || coalesce(p_date_valeur - date '2000-01-01', -1000000) || '|' || length(p_canal) || '|' || p_canal || '|'
            || coalesce(length(p_motif) || '|' || p_motif, '-') || '|'
            || coalesce(length(p_reference) || '|' || p_reference, '-'))
    $$;

-- Whether the caller acts for the bank: no user's claims, and a role that owns the ledger or is the service's. Asked from
-- within a SECURITY DEFINER function, where current_user is the ledger's owner.
create function public.appelant_est_la_banque() returns boolean
    language sql stable
    as $$
        select case
            when coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role', 'service_role')
                <> 'service_role' then false
            when current_setting('role') = 'none' then
                session_user = current_user or pg_has_role(session_user, current_user, 'member')
                or pg_has_role(session_user, 'service_role', 'usage')
            else
                current_setting('role') = 'service_role'
                or pg_has_role(current_setting('role')::name, current_user, 'member')
            end
    $$;

-- Refuses the debit of an account that is not the caller's.
create function public.exiger_mon_compte(p_compte bigint) returns void
    language plpgsql stable
    as $$
begin
    if not exists (select from public.mes_comptes() m where m = p_compte) then
        raise exception 'account % is not yours to debit', p_compte
            using errcode = 'LV011', hint = 'Order from an account of your own.';
    end if;
end
$$;

-- A channel that a client cannot choose: it would walk around the channel's limit.
create function public.canal_du_client() returns text
    language sql stable
    as $$ select coalesce(left(nullif(auth.jwt() -> 'app_metadata' ->> 'canal', ''), 20), 'api') $$;

-- What every operation answers.
create type public.operation_comptable as (
    transaction_id bigint,
    virement_id uuid,
    numero bigint,
    solde_apres_minor bigint,
    numero_credit bigint,
    booked_at timestamptz,
    date_comptable date,
    date_valeur date,
    rejoue boolean
);

-- Ends the open holds of an account that are past their time. The caller holds the account's row.
create function public.expirer_reservations_du_compte(p_compte bigint) returns bigint
    language plpgsql
    as $$
declare
    v_nombre bigint;
    v_rendu bigint;
begin
    with echues as (
        select id, reste_minor from public.reservations
        where compte_id = p_compte and statut = 'ouverte' and expire_le <= clock_timestamp() for update
    ), finies as (
        update public.reservations r set statut = 'expiree', reste_minor = 0, terminee_le = clock_timestamp()
        from echues e where r.id = e.id
    )
    select count(*), coalesce(sum(reste_minor), 0) into v_nombre, v_rendu from echues;
    if v_rendu > 0 then
        update public.comptes set reserve_minor = reserve_minor - v_rendu where id = p_compte;
    end if;
    return v_nombre;
end
$$;

-- Says why an account did not take its part, by raising it. Returns when the reason is gone: try again.
create function public.expliquer_refus(
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
    elsif k.devise <> p_devise then
        raise exception 'account % is in %, not in %', p_compte, k.devise, p_devise
            using errcode = 'LV005', hint = 'Transfer in the currency that both accounts have.';
    elsif p_cote = 'debit' and k.statut = 'bloque' then
        raise exception 'account % is frozen', p_compte
            using errcode = 'LV003', hint = 'An employee of the bank has to lift the freeze.';
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

-- Counts an amount against the account's limits of the day; false, and nothing counted, when it would pass one. The
-- caller holds the account's row.
create function public.imputer_plafonds(p_compte bigint, p_canal text, p_montant bigint, p_jour date) returns boolean
    language plpgsql
    as $$
begin
    insert into public.plafonds (compte_id, canal)
    select p_compte, d.canal from public.plafonds_par_defaut d where d.canal in (p_canal, '*')
    on conflict do nothing;
    if exists (
        select from public.plafonds p left join public.plafonds_par_defaut d on d.canal = p.canal
        where p.compte_id = p_compte and p.canal in (p_canal, '*')
            and coalesce(p.plafond_minor, d.plafond_minor)
                < p_montant + case when p.jour = p_jour then p.consomme_minor else 0 end)
    then
        return false;
    end if;
    update public.plafonds
    set consomme_minor = case when jour = p_jour then consomme_minor else 0 end + p_montant, jour = p_jour
    where compte_id = p_compte and canal in (p_canal, '*');
    return true;
end
$$;

-- The answer that an order got when it was executed; null when its key is new. A key that stands for another request is
-- refused.
create function public.rejouer(p_donneur uuid, p_cle text, p_empreinte bytea) returns public.operation_comptable
    language plpgsql stable
    as $$
declare
    v record;
    r public.operation_comptable;
begin
    select * into v from public.virements where donneur_id = p_donneur and cle_idempotence = p_cle;
    if not found then
        return null;
    end if;
    if v.empreinte <> p_empreinte then
        raise exception 'the idempotency key % stands for another request', p_cle
            using errcode = 'LV007', hint = 'Use a new key for a new order, and the same order with the same key.';
    end if;
    select t.id, v.id, t.numero_debit, e.solde_apres_minor, t.numero_credit, t.booked_at, t.date_comptable,
        t.date_valeur, true into r
    from public.transactions t
    left join public.ecritures e on e.compte_id = t.compte_debit_id and e.numero = t.numero_debit
    where t.id = v.transaction_id;
    return r;
end
$$;

-- Undoes the update of accounts whose rows this transaction still holds: nobody has seen it.
create function public.rendre(p_debit bigint, p_credit bigint, p_montant bigint, p_liberation bigint) returns void
    language plpgsql
    as $$
begin
    update public.comptes
    set solde_minor = solde_minor + p_montant, reserve_minor = reserve_minor + p_liberation,
        dernier_numero = dernier_numero - 1
    where id = p_debit;
    update public.comptes
    set solde_minor = solde_minor - p_montant, dernier_numero = dernier_numero - 1
    where id = p_credit;
end
$$;

-- Books one operation: the only place where a single transfer, a capture or a reversal moves money. `p_liberation` is
-- given back from the debited account's held amount; `p_canal` null means that no daily limit applies; `p_cle` null means
-- that the caller keeps its own key.
create function public.comptabiliser(
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
    v_donneur uuid := p_donneur;
    v_client uuid;
    v_debit_chaud boolean := false;
    v_credit_chaud boolean := false;
    v_solde_credit bigint;
    v_plafonne boolean;
    v_cote text;
begin
    for v_tour in 1..2 loop
        loop
            if (v_tour = 1) = (p_debit < p_credit) then
                v_cote := 'debit';
                update public.comptes
                set solde_minor = solde_minor - p_montant, reserve_minor = reserve_minor - p_liberation,
                    dernier_numero = dernier_numero + 1
                where id = p_debit and not chaud and statut = 'actif' and devise = p_devise
                    and (type = 'interne'
                        or solde_minor - p_montant - (reserve_minor - p_liberation) >= -decouvert_minor)
                returning client_id, solde_minor, dernier_numero into v_client, r.solde_apres_minor, r.numero;
                exit when found;
                perform from public.comptes where id = p_debit and chaud and statut = 'actif' and devise = p_devise;
                if found then
                    v_debit_chaud := true;
                    r.numero := nextval('public.ecritures_chaudes_numero');
                    exit;
                end if;
            else
                v_cote := 'credit';
                update public.comptes
                set solde_minor = solde_minor + p_montant, dernier_numero = dernier_numero + 1
                where id = p_credit and not chaud and statut <> 'clos' and devise = p_devise
                returning solde_minor, dernier_numero into v_solde_credit, r.numero_credit;
                exit when found;
                perform from public.comptes where id = p_credit and chaud and statut <> 'clos' and devise = p_devise;
                if found then
                    v_credit_chaud := true;
                    r.numero_credit := nextval('public.ecritures_chaudes_numero');
                    exit;
                end if;
            end if;
            -- A twin of this order may have been executed while we waited for the account.
            if p_cle is not null then
                select coalesce(p_donneur, client_id, c_banque) into v_donneur from public.comptes where id = p_debit;
                v_rejoue := public.rejouer(v_donneur, p_cle, p_empreinte);
                if v_rejoue.virement_id is not null then
                    perform public.rendre(
                        case when v_tour = 2 and v_cote = 'credit' and not v_debit_chaud then p_debit end,
                        case when v_tour = 2 and v_cote = 'debit' and not v_credit_chaud then p_credit end,
                        p_montant, p_liberation);
                    return v_rejoue;
                end if;
            end if;
            perform public.expliquer_refus(
                case v_cote when 'debit' then p_debit else p_credit end, v_cote, p_montant, p_devise, p_liberation);
        end loop;
    end loop;

    r.transaction_id := nextval('public.transactions_id_seq');
    if p_cle is not null then
        v_donneur := coalesce(p_donneur, v_client, c_banque);
        insert into public.virements (
            donneur_id, cle_idempotence, empreinte, compte_debit_id, compte_credit_id, montant_minor, devise, motif,
            canal, statut, transaction_id)
        values (
            v_donneur, p_cle, p_empreinte, p_debit, p_credit, p_montant, p_devise, p_libelle,
            coalesce(p_canal, 'banque'), 'execute', r.transaction_id)
        on conflict (donneur_id, cle_idempotence) do nothing
        returning id into r.virement_id;
        if not found then
            -- A twin was faster: give back what we took, and answer what it was answered.
            perform public.rendre(
                case when not v_debit_chaud then p_debit end, case when not v_credit_chaud then p_credit end, p_montant,
                p_liberation);
            return public.rejouer(v_donneur, p_cle, p_empreinte);
        end if;
    end if;

    select j.jour,
        p_canal is not null and v_client is not null and (
            exists (select from public.plafonds p where p.compte_id = p_debit and p.canal in (p_canal, '*'))
            or exists (select from public.plafonds_par_defaut d where d.canal in (p_canal, '*')))
    into r.date_comptable, v_plafonne
    from public.journees j where j.close_le is null;
    if not found or p_date_comptable <> r.date_comptable then
        perform public.refuser_la_journee(p_date_comptable);
    end if;
    r.date_valeur := coalesce(p_date_valeur, r.date_comptable);
    if abs(r.date_valeur - r.date_comptable) > 366 then
        raise exception 'the value date % is more than a year from the business date %', r.date_valeur, r.date_comptable
            using errcode = 'LV020', hint = 'Give a value date within a year of today.';
    end if;
    if v_plafonne and not public.imputer_plafonds(p_debit, p_canal, p_montant, r.date_comptable) then
        raise exception 'the daily limit of account % for % does not allow %', p_debit, p_canal, p_montant
            using errcode = 'LV006', hint = 'Order a smaller amount, wait for the next business day, or ask for a higher limit.';
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

create function public.refuser_la_journee(p_date_comptable date) returns void
    language plpgsql
    as $$
declare
    v_jour date;
begin
    select jour into v_jour from public.journees where close_le is null;
    if v_jour is null then
        raise exception 'no business day is open'
            using errcode = 'LV008', hint = 'Open one with: select ouvrir_journee()';
    end if;
    raise exception 'the business day % takes no bookings: % is open', p_date_comptable, v_jour
        using errcode = 'LV008',
        hint = 'Book on the open day, with the old date as value date.';
end
$$;

-- Refuses what no database state could make right. The ledger decides on what is committed now, which is READ COMMITTED:
-- an older snapshot could book into a day that was closed since.
create function public.verifier_demande(
    p_debit bigint, p_credit bigint, p_montant bigint, p_cle text, p_motif text, p_reference text, p_canal text
) returns void
    language plpgsql stable
    as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the ledger books at READ COMMITTED, not at %', current_setting('transaction_isolation')
            using errcode = 'LV017', hint = 'Begin the transaction with: begin isolation level read committed';
    elsif p_debit is null or p_credit is null then
        raise exception 'an account is missing' using errcode = 'LV002', hint = 'Give both accounts.';
    elsif p_debit = p_credit then
        raise exception 'both accounts are %', p_debit using errcode = 'LV010', hint = 'Give two accounts.';
    elsif p_montant is null or p_montant not between 1 and 1000000000000000 then
        raise exception 'the amount % is not between 1 and 10^15 minor units', coalesce(p_montant::text, 'null')
            using errcode = 'LV009', hint = 'Give a positive amount in minor units: 12.34 € is 1234.';
    elsif p_cle is null or length(p_cle) not between 1 and 200 then
        raise exception 'the idempotency key has % characters, not 1 to 200', coalesce(length(p_cle), 0)
            using errcode = 'LV021', hint = 'Give each order a key of its own, a UUID for instance.';
    elsif length(p_motif) > 140 or length(p_reference) > 140 or p_canal is null or length(p_canal) not between 1 and 20
    then
        raise exception 'a text is too long: reason and reference take 140 characters, the channel 1 to 20'
            using errcode = 'LV021', hint = 'Shorten it.';
    end if;
end
$$;

-- Orders one transfer.
create function public.virer(
    p_debit bigint, p_credit bigint, p_montant bigint, p_cle text, p_devise char(3) default 'EUR',
    p_motif text default null, p_canal text default 'api', p_date_valeur date default null,
    p_date_comptable date default null, p_reference text default null
) returns public.operation_comptable
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    if p_debit is null or p_credit is null or p_debit = p_credit or p_montant is null
        or p_montant not between 1 and 1000000000000000 or p_cle is null or length(p_cle) not between 1 and 200
        or length(p_motif) > 140 or length(p_reference) > 140 or p_canal is null or length(p_canal) not between 1 and 20
        or current_setting('transaction_isolation') <> 'read committed'
    then
        perform public.verifier_demande(p_debit, p_credit, p_montant, p_cle, p_motif, p_reference, p_canal);
    end if;
    if not public.appelant_est_la_banque() then
        perform public.exiger_mon_compte(p_debit);
        perform public.exiger_date_de_client(p_date_valeur);
        p_canal := public.canal_du_client();
    end if;
    return public.comptabiliser(
        p_debit, p_credit, p_montant, p_devise, 'virement', p_motif, p_reference, p_canal, p_date_valeur,
        p_date_comptable, null, p_cle,
        public.empreinte_virement(
            p_debit, p_credit, p_montant, p_devise, p_date_valeur, p_canal, p_motif, p_reference),
        0, null, null, null);
end
$$;

-- A client cannot have money count earlier than it moved.
create function public.exiger_date_de_client(p_date_valeur date) returns void
    language plpgsql stable
    as $$
begin
    if p_date_valeur < (select jour from public.journees where close_le is null) then
        raise exception 'the value date % is past', p_date_valeur
            using errcode = 'LV020', hint = 'Leave the value date out.';
    end if;
end
$$;
