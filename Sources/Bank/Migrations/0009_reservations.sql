-- Holds and captures for cards, and reversals.

create type public.reservation_faite as (
    reservation_id uuid,
    compte_id bigint,
    reste_minor bigint,
    disponible_minor bigint,
    expire_le timestamptz,
    rejoue boolean
);

-- Takes the rows of accounts in the order of their ids. Hot accounts have nothing to hold.
create function public.tenir_comptes(variadic p_comptes bigint[]) returns void
    language plpgsql
    as $$
begin
    perform from public.comptes where id = any (p_comptes) and not chaud order by id for no key update;
end
$$;

-- Refuses a card that cannot pay: another account's, blocked, past its date, or over its ceiling of 30 days. The caller
-- holds the account's row, so that two payments cannot both see the same room below the ceiling.
create function public.verifier_carte(p_carte bigint, p_compte bigint, p_montant bigint) returns void
    language plpgsql
    as $$
declare
    k record;
    v_depense bigint;
begin
    select * into k from public.cartes where id = p_carte;
    if not found or k.compte_id <> p_compte then
        raise exception 'card % is not of account %', p_carte, p_compte
            using errcode = 'LV022', hint = 'Check the card and its account.';
    elsif k.statut <> 'active' then
        raise exception 'card % is %', p_carte, k.statut using errcode = 'LV022', hint = 'Use a card that is active.';
    elsif k.expire_le < (clock_timestamp() at time zone 'Europe/Paris')::date then
        raise exception 'card % expired on %', p_carte, k.expire_le
            using errcode = 'LV022', hint = 'Use a card that is in date.';
    end if;
    if k.plafond_minor > 0 then
        select coalesce(sum(capture_minor + reste_minor), 0) into v_depense
        from public.reservations where carte_id = p_carte and cree_le > clock_timestamp() - interval '30 days';
        if v_depense + p_montant > k.plafond_minor then
            raise exception 'card % has spent % of its ceiling of % in 30 days, % more is asked', p_carte, v_depense,
                k.plafond_minor, p_montant
                using errcode = 'LV006', hint = 'Pay less, or raise the card''s ceiling.';
        end if;
    end if;
end
$$;

-- Holds an amount on an account until it is captured, released or past its time.
create function public.reserver(
    p_compte bigint, p_montant bigint, p_cle text, p_carte bigint default null, p_duree interval default '7 days',
    p_devise char(3) default 'EUR', p_marchand text default null
) returns public.reservation_faite
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    r public.reservation_faite;
    v_ancienne record;
    v_empreinte bytea;
begin
    perform public.verifier_demande(coalesce(p_compte, 0), -1, p_montant, p_cle, p_marchand, null, 'carte');
    if p_duree is null or p_duree not between interval '1 second' and interval '60 days' then
        raise exception 'a hold of %', coalesce(p_duree::text, 'null')
            using errcode = 'LV020', hint = 'Hold for 1 second to 60 days.';
    end if;
    v_empreinte := public.empreinte(
        'reservation 1|' || p_compte || '|' || p_montant || '|' || p_devise || '|' || coalesce(p_carte, 0) || '|'
        || coalesce(p_marchand, ''));
    perform public.tenir_comptes(p_compte);
    select * into v_ancienne from public.reservations where compte_id = p_compte and cle_idempotence = p_cle;
    if found then
        if v_ancienne.empreinte <> v_empreinte then
            raise exception 'the idempotency key % stands for another hold', p_cle
                using errcode = 'LV007', hint = 'Use a new key for a new hold.';
        end if;
        r.reservation_id := v_ancienne.id;
        r.reste_minor := v_ancienne.reste_minor;
        r.expire_le := v_ancienne.expire_le;
        r.rejoue := true;
        select solde_minor - reserve_minor + decouvert_minor into r.disponible_minor
        from public.comptes where id = p_compte;
        r.compte_id := p_compte;
        return r;
    end if;
    if p_carte is not null then
        perform public.verifier_carte(p_carte, p_compte, p_montant);
    end if;
    loop
        update public.comptes set reserve_minor = reserve_minor + p_montant
        where id = p_compte and statut = 'actif' and devise = p_devise and type <> 'interne'
            and solde_minor - reserve_minor - p_montant >= -decouvert_minor
        returning solde_minor - reserve_minor + decouvert_minor into r.disponible_minor;
        exit when found;
        if exists (select from public.comptes where id = p_compte and type = 'interne') then
            raise exception 'account % is the bank''s own: nothing is held on it', p_compte
                using errcode = 'LV016', hint = 'Hold on a client''s account.';
        end if;
        perform public.expliquer_refus(p_compte, 'debit', p_montant, p_devise, 0);
    end loop;
    insert into public.reservations (
        compte_id, carte_id, cle_idempotence, empreinte, montant_minor, reste_minor, devise, marchand, expire_le)
    values (
        p_compte, p_carte, p_cle, v_empreinte, p_montant, p_montant, p_devise, p_marchand,
        clock_timestamp() + p_duree)
    returning id, expire_le into r.reservation_id, r.expire_le;
    r.compte_id := p_compte;
    r.reste_minor := p_montant;
    r.rejoue := false;
    return r;
end
$$;

-- The hold, locked behind its account (and a second one).
create function public.tenir_reservation(p_reservation uuid, p_autre bigint) returns public.reservations
    language plpgsql
    as $$
declare
    v public.reservations;
begin
    select * into v from public.reservations where id = p_reservation;
    if not found then
        raise exception 'hold % does not exist', p_reservation
            using errcode = 'LV012', hint = 'Check the hold''s id.';
    end if;
    perform public.tenir_comptes(v.compte_id, p_autre);
    select * into v from public.reservations where id = p_reservation for update;
    return v;
end
$$;

-- Books what was held, wholly or in part, to another account. With `p_finale` the rest is released; without it the rest
-- stays held for the next capture. `p_montant` null captures all that is left.
create function public.capturer(
    p_reservation uuid, p_credit bigint, p_cle text, p_montant bigint default null, p_finale boolean default true,
    p_libelle text default null
) returns public.operation_comptable
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    r public.operation_comptable;
    v public.reservations;
    v_capture public.captures;
    v_empreinte bytea;
    v_montant bigint;
begin
    perform public.verifier_demande(-1, coalesce(p_credit, -1), coalesce(p_montant, 1), p_cle, p_libelle, null, 'carte');
    v_empreinte := public.empreinte(
        'capture 1|' || p_credit || '|' || coalesce(p_montant, 0) || '|' || coalesce(p_finale, true));
    v := public.tenir_reservation(p_reservation, p_credit);
    select * into v_capture from public.captures where reservation_id = p_reservation and cle_idempotence = p_cle;
    if found then
        if v_capture.empreinte <> v_empreinte then
            raise exception 'the idempotency key % stands for another capture', p_cle
                using errcode = 'LV007', hint = 'Use a new key for a new capture.';
        end if;
        select t.id, t.virement_id, t.numero_debit, e.solde_apres_minor, t.numero_credit, t.booked_at,
            t.date_comptable, t.date_valeur, true into r
        from public.transactions t
        join public.ecritures e on e.compte_id = t.compte_debit_id and e.numero = t.numero_debit
        where t.id = v_capture.transaction_id;
        return r;
    end if;
    if v.statut <> 'ouverte' then
        raise exception 'hold % is %', p_reservation, v.statut
            using errcode = 'LV013', hint = 'Ask for a new hold.';
    elsif v.expire_le <= clock_timestamp() then
        raise exception 'hold % expired at %', p_reservation, v.expire_le
            using errcode = 'LV013', hint = 'Ask for a new hold.';
    end if;
    v_montant := coalesce(p_montant, v.reste_minor);
    if v_montant > v.reste_minor then
        raise exception 'hold % has % left, % is to be captured', p_reservation, v.reste_minor, v_montant
            using errcode = 'LV014', hint = 'Capture no more than was held.';
    end if;
    r := public.comptabiliser(
        v.compte_id, p_credit, v_montant, v.devise, 'carte', coalesce(p_libelle, v.marchand), null, null, null, null,
        null, null, null,
        case when coalesce(p_finale, true) then v.reste_minor else v_montant end, v.carte_id, null, p_reservation);
    update public.reservations
    set capture_minor = capture_minor + v_montant,
        reste_minor = case when coalesce(p_finale, true) then 0 else reste_minor - v_montant end,
        statut = case when coalesce(p_finale, true) or reste_minor = v_montant then 'capturee' else 'ouverte' end,
        terminee_le = case when coalesce(p_finale, true) or reste_minor = v_montant then clock_timestamp() end
    where id = p_reservation;
    insert into public.captures (reservation_id, cle_idempotence, empreinte, transaction_id, montant_minor)
    values (p_reservation, p_cle, v_empreinte, r.transaction_id, v_montant);
    return r;
end
$$;

-- Gives back what is still held. True when something was; false when the hold had ended already.
create function public.liberer(p_reservation uuid) returns boolean
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v public.reservations;
begin
    v := public.tenir_reservation(p_reservation, -1);
    if v.statut <> 'ouverte' then
        return false;
    end if;
    update public.comptes set reserve_minor = reserve_minor - v.reste_minor where id = v.compte_id;
    update public.reservations set statut = 'liberee', reste_minor = 0, terminee_le = clock_timestamp()
    where id = p_reservation;
    return true;
end
$$;

-- Ends holds that are past their time, account by account. Says how many; call again while it is not zero.
create function public.expirer_reservations(p_comptes_max integer default 100) returns bigint
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_compte bigint;
    v_nombre bigint := 0;
begin
    for v_compte in
        select distinct compte_id from (
            select compte_id from public.reservations
            where statut = 'ouverte' and expire_le <= clock_timestamp()
            order by expire_le limit 10 * least(greatest(p_comptes_max, 1), 1000)) r
        order by compte_id limit least(greatest(p_comptes_max, 1), 1000)
    loop
        perform public.tenir_comptes(v_compte);
        v_nombre := v_nombre + public.expirer_reservations_du_compte(v_compte);
    end loop;
    return v_nombre;
end
$$;

-- Gives an operation back, wholly or in part, by a new operation the other way round. All reversals of an operation
-- together never pass its amount.
create function public.contrepasser(
    p_transaction bigint, p_cle text, p_montant bigint default null, p_motif text default null,
    p_date_valeur date default null
) returns public.operation_comptable
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    c_banque constant uuid := '00000000-0000-0000-0000-000000000000';
    r public.operation_comptable;
    o record;
    v_empreinte bytea;
    v_rendu bigint;
    v_montant bigint;
begin
    perform public.verifier_demande(-1, -2, coalesce(p_montant, 1), p_cle, p_motif, null, 'banque');
    v_empreinte := public.empreinte(
        'contrepassation 1|' || p_transaction || '|' || coalesce(p_montant, 0) || '|' || coalesce(p_motif, '') || '|'
        || coalesce(p_date_valeur - date '2000-01-01', -1000000));
    select * into o from public.transactions where id = p_transaction;
    if not found then
        raise exception 'operation % does not exist', p_transaction
            using errcode = 'LV016', hint = 'Check the operation''s number.';
    elsif o.numero_debit is null then
        raise exception 'operation % was taken over from before and has no postings', p_transaction
            using errcode = 'LV016', hint = 'Order a transfer the other way round.';
    elsif o.origine_id is not null then
        raise exception 'operation % is a reversal itself', p_transaction
            using errcode = 'LV016', hint = 'Order a transfer the other way round.';
    elsif p_montant > o.montant_minor then
        raise exception 'operation % is of %, % is to be given back', p_transaction, o.montant_minor, p_montant
            using errcode = 'LV014', hint = 'Give back no more than the operation''s amount.';
    end if;
    perform public.tenir_comptes(o.compte_debit_id, o.compte_credit_id);
    r := public.rejouer(c_banque, p_cle, v_empreinte);
    if r.virement_id is not null then
        return r;
    end if;
    insert into public.contrepassations (origine_id, montant_minor, rendu_minor)
    values (p_transaction, o.montant_minor, coalesce(p_montant, o.montant_minor))
    on conflict (origine_id) do update
    set rendu_minor = contrepassations.rendu_minor
        + coalesce(p_montant, contrepassations.montant_minor - contrepassations.rendu_minor)
    where contrepassations.rendu_minor < contrepassations.montant_minor
        and contrepassations.rendu_minor + coalesce(p_montant, 0) <= contrepassations.montant_minor
    returning rendu_minor into v_rendu;
    if not found then
        raise exception 'operation % of % is reversed already, or % is more than what is left', p_transaction,
            o.montant_minor, coalesce(p_montant, o.montant_minor)
            using errcode = 'LV015', hint = 'Look at the operations whose origine_id is this one.';
    end if;
    v_montant := coalesce(p_montant, v_rendu - coalesce((
        select sum(t.montant_minor) from public.transactions t where t.origine_id = p_transaction), 0));
    r := public.comptabiliser(
        o.compte_credit_id, o.compte_debit_id, v_montant, o.devise, 'contrepassation',
        coalesce(p_motif, left('Annulation ' || coalesce(o.libelle, o.id::text), 140)), o.reference, null,
        p_date_valeur, null, c_banque, p_cle, v_empreinte, 0, o.carte_id, p_transaction, null);
    if r.rejoue then
        raise exception 'the key % was used for another reversal a moment ago', p_cle
            using errcode = '40001', hint = 'Send the reversal again.';
    end if;
    return r;
end
$$;
