-- What clients do about their cards and their payees.

alter table public.cartes
    add column blocage_motif text,
    add column bloquee_le timestamptz,
    add constraint cartes_blocage_motif_connu check (blocage_motif in ('perdue', 'volee', 'fraude', 'temporaire'));
comment on column public.cartes.blocage_motif is 'Why it is blocked; only what was blocked for a time comes back.';

-- The caller's card, locked. Null when it is another's.
create function public.tenir_ma_carte(p_carte bigint) returns public.cartes
    language plpgsql
    set search_path = ''
    as $$
declare
    k public.cartes;
begin
    select * into k from public.cartes
    where id = p_carte and compte_id in (select public.mes_comptes()) for no key update;
    return k;
end
$$;

-- Blocks a card of the caller. A worse reason replaces a lighter one. Nothing comes back when there is no such card.
create function public.bloquer_carte(p_carte bigint, p_motif text) returns setof public.cartes
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    k public.cartes := public.tenir_ma_carte(p_carte);
begin
    if k.id is null then
        return;
    elsif p_motif is null or p_motif not in ('perdue', 'volee', 'fraude', 'temporaire') then
        raise exception 'the reason is %', coalesce(p_motif, 'null')
            using errcode = 'LV021', hint = 'Say perdue, volee, fraude or temporaire.';
    elsif k.statut not in ('active', 'bloquee') then
        raise exception 'card % is %', p_carte, k.statut using errcode = 'LV022', hint = 'Use a card that is in date.';
    end if;
    return query
    update public.cartes c set statut = 'bloquee', bloquee_le = coalesce(c.bloquee_le, clock_timestamp()),
        blocage_motif = case when c.statut = 'bloquee' and p_motif = 'temporaire' then c.blocage_motif else p_motif end
    where c.id = p_carte returning c.*;
end
$$;

-- Takes a block back that the caller set for a time. A lost or stolen card never comes back.
create function public.debloquer_carte(p_carte bigint) returns setof public.cartes
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    k public.cartes := public.tenir_ma_carte(p_carte);
begin
    if k.id is null then
        return;
    elsif k.statut = 'active' then
        return next k;
        return;
    elsif k.statut <> 'bloquee' then
        raise exception 'card % is %', p_carte, k.statut using errcode = 'LV022', hint = 'Use a card that is in date.';
    elsif k.blocage_motif is distinct from 'temporaire' then
        raise exception 'card % stays blocked: %', p_carte, coalesce(k.blocage_motif, 'blocked by the bank')
            using errcode = 'LV027', hint = 'Ask the bank for a new card.';
    end if;
    return query
    update public.cartes c set statut = 'active', blocage_motif = null, bloquee_le = null
    where c.id = p_carte returning c.*;
end
$$;

-- Sets what a card may spend in 30 days. A higher ceiling, or none (0), needs the second factor.
create function public.fixer_plafond_carte(p_carte bigint, p_plafond bigint) returns setof public.cartes
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    k public.cartes := public.tenir_ma_carte(p_carte);
begin
    if k.id is null then
        return;
    elsif p_plafond is null or p_plafond not between 1 and 100000000 then
        raise exception 'the ceiling % is not between 1 and 10^8 minor units', coalesce(p_plafond::text, 'null')
            using errcode = 'LV009', hint = 'Choose a ceiling of at most 1 000 000.00.';
    elsif k.statut not in ('active', 'bloquee') then
        raise exception 'card % is %', p_carte, k.statut using errcode = 'LV022', hint = 'Use a card that is in date.';
    elsif k.plafond_minor > 0 and p_plafond > k.plafond_minor and public.niveau_d_authentification() <> 'aal2' then
        raise exception 'a higher ceiling needs a second factor'
            using errcode = 'LV024', hint = 'Sign in with your second factor.';
    end if;
    return query update public.cartes c set plafond_minor = p_plafond where c.id = p_carte returning c.*;
end
$$;

-- A payee becomes trusted by its client, who proved it with the second factor. The server seals name and IBAN, so that it
-- alone calls this, and says for whom.
create function public.ajouter_beneficiaire(
    p_appelant uuid, p_niveau text, p_id bigint, p_nom_chiffre bytea, p_iban_chiffre bytea, p_iban_index bytea,
    p_iban_fin text, p_bic text
) returns setof public.beneficiaires
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_client uuid;
begin
    if p_niveau is distinct from 'aal2' then
        raise exception 'a payee is trusted with a second factor'
            using errcode = 'LV024', hint = 'Sign in with your second factor.';
    end if;
    select id into v_client from public.clients where utilisateur_id = p_appelant for no key update;
    if not found then
        raise exception 'the caller is no client' using errcode = 'LV011', hint = 'Sign in as a client of the bank.';
    elsif exists (
        select from public.beneficiaires
        where client_id = v_client and iban_index = p_iban_index and statut = 'actif')
    then
        raise exception 'this payee is trusted already'
            using errcode = 'LV026', hint = 'Use the payee that is there, or remove it first.';
    elsif (select count(*) from public.beneficiaires where client_id = v_client and statut <> 'retire') >= 500 then
        raise exception 'there are 500 payees already' using errcode = 'LV029', hint = 'Remove payees that are not used.';
    end if;
    return query
    insert into public.beneficiaires (id, client_id, nom_chiffre, iban_chiffre, iban_index, iban_fin, bic)
    values (p_id, v_client, p_nom_chiffre, p_iban_chiffre, p_iban_index, p_iban_fin, p_bic) returning *;
end
$$;

create function public.nouveau_beneficiaire() returns bigint
    language sql security definer
    set search_path = ''
    as $$ select nextval('public.beneficiaires_id_seq') $$;

-- Trusts a payee no more; its row stays, for the orders that name it. False when it is another's, or gone.
create function public.retirer_beneficiaire(p_id bigint) returns boolean
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    update public.beneficiaires set statut = 'retire'
    where id = p_id and statut <> 'retire'
        and client_id in (select c.id from public.clients c where c.utilisateur_id = auth.uid());
    return found;
end
$$;

do $$
declare
    v_fonction regprocedure;
    v_pour_les_clients constant text[] := array[
        'bloquer_carte', 'debloquer_carte', 'fixer_plafond_carte', 'retirer_beneficiaire'];
    v_pour_le_service constant text[] := array['ajouter_beneficiaire', 'nouveau_beneficiaire'];
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname = any (v_pour_les_clients || v_pour_le_service || array['tenir_ma_carte'])
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = any (v_pour_les_clients)
    loop
        execute format('grant execute on function %s to authenticated', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = any (v_pour_le_service)
    loop
        execute format('grant execute on function %s to service_role', v_fonction);
    end loop;
end
$$;
