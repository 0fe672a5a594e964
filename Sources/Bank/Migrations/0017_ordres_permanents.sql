-- Standing orders: what a client wants paid again and again. The series is authorised once with the second factor (RTS
-- article 14); each execution is an order of the ledger whose key is made of the standing order and its due date, so that
-- it happens once whatever is run twice.

create table public.ordres_permanents (
    id uuid primary key default gen_random_uuid(),
    client_id uuid not null references public.clients (id),
    compte_debit_id bigint not null references public.comptes (id),
    compte_credit_id bigint not null references public.comptes (id),
    payee_fin text,
    montant_minor bigint not null,
    devise char(3) not null references public.devises (code),
    motif text,
    frequence text not null,
    premiere_le date not null,
    derniere_le date,
    fin_de_mois boolean not null default false,
    statut text not null default 'actif',
    rang integer not null default 0,
    prochaine_le date,
    essais smallint not null default 0,
    prochain_essai date,
    cree_le timestamptz not null default clock_timestamp(),
    modifie_le timestamptz not null default clock_timestamp(),
    constraint ordres_permanents_entre_deux_comptes check (compte_debit_id <> compte_credit_id),
    constraint ordres_permanents_montant_positif check (montant_minor between 1 and 1000000000000000),
    constraint ordres_permanents_motif_court check (length(motif) <= 140),
    constraint ordres_permanents_frequence_connue check (
        frequence in ('hebdomadaire', 'mensuelle', 'trimestrielle', 'annuelle')),
    constraint ordres_permanents_statut_connu check (statut in ('actif', 'suspendu', 'termine', 'annule')),
    constraint ordres_permanents_dates_en_ordre check (derniere_le >= premiere_le),
    constraint ordres_permanents_rang_positif check (rang >= 0 and essais >= 0),
    constraint ordres_permanents_a_une_echeance check (
        (statut in ('actif', 'suspendu')) = (prochaine_le is not null and prochain_essai is not null))
);
create index ordres_permanents_client on public.ordres_permanents (client_id);
create index ordres_permanents_dus on public.ordres_permanents (prochain_essai, id) where statut = 'actif';

create table public.executions_permanentes (
    ordre_id uuid not null references public.ordres_permanents (id),
    echeance date not null,
    essai smallint not null,
    jour date not null,
    statut text not null,
    code text,
    raison text,
    virement_id uuid,
    faite_le timestamptz not null default clock_timestamp(),
    primary key (ordre_id, echeance, essai),
    constraint executions_permanentes_statut_connu check (statut in ('execute', 'refuse', 'abandonne')),
    constraint executions_permanentes_coherente check ((statut = 'execute') = (virement_id is not null))
);
create trigger executions_permanentes_immuables before update or delete on public.executions_permanentes
    for each row execute function public.refuser_le_changement();
create trigger executions_permanentes_jamais_videes before truncate on public.executions_permanentes
    for each statement execute function public.refuser_le_changement();

do $$
declare
    nom text;
begin
    foreach nom in array array['ordres_permanents', 'executions_permanentes'] loop
        execute format('alter table public.%I enable row level security', nom);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', nom);
        execute format('grant select on public.%I to authenticated, service_role', nom);
        execute format(
            'create policy %I on public.%I for select to authenticated '
            || 'using ((select public.role_metier()) in (''analyst'', ''admin''))', nom || '_lecture_banque', nom);
        execute format('create policy %I on public.%I for select to service_role using (true)', nom || '_service', nom);
    end loop;
end
$$;
create policy ordres_permanents_lecture_client on public.ordres_permanents for select to authenticated
    using (client_id in (select id from public.clients where utilisateur_id = (select auth.uid())));
create policy executions_permanentes_lecture_client on public.executions_permanentes for select to authenticated
    using (ordre_id in (
        select o.id from public.ordres_permanents o join public.clients c on c.id = o.client_id
        where c.utilisateur_id = (select auth.uid())));

-- The due date of a rank, from 0. A month without the first date's day has it on its last; `p_fin_de_mois` always does.
create function public.echeance(p_premiere date, p_frequence text, p_fin_de_mois boolean, p_rang integer) returns date
    language sql immutable
    set search_path = ''
    as $$
        select case
            when p_frequence = 'hebdomadaire' then p_premiere + 7 * p_rang
            when p_fin_de_mois then (date_trunc('month', d.jour) + interval '1 month - 1 day')::date
            else d.jour end
        from (
            select (p_premiere + p_rang * case p_frequence
                when 'mensuelle' then interval '1 month' when 'trimestrielle' then interval '3 months'
                else interval '1 year' end)::date as jour) d
    $$;

create function public.exiger_second_facteur() returns void
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if public.niveau_d_authentification() <> 'aal2' then
        raise exception 'this needs a second factor' using errcode = 'LV024', hint = 'Sign in with your second factor.';
    end if;
end
$$;

create function public.creer_ordre_permanent(
    p_debit bigint, p_credit bigint, p_montant bigint, p_devise char(3), p_motif text, p_frequence text,
    p_premiere date, p_derniere date default null, p_fin_de_mois boolean default false
) returns setof public.ordres_permanents
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_client uuid;
    v_credit public.comptes;
    v_debit public.comptes;
    v_jour date := coalesce(
        (select jour from public.journees where close_le is null), (now() at time zone 'Europe/Paris')::date);
    v_premiere date;
begin
    perform public.verifier_demande(p_debit, p_credit, p_montant, '-', p_motif, null, 'permanent');
    perform public.exiger_mon_compte(p_debit);
    perform public.exiger_second_facteur();
    if p_frequence is null or p_frequence not in ('hebdomadaire', 'mensuelle', 'trimestrielle', 'annuelle') then
        raise exception 'the frequency is %', coalesce(p_frequence, 'null')
            using errcode = 'LV021', hint = 'Say hebdomadaire, mensuelle, trimestrielle or annuelle.';
    elsif p_premiere is null or p_premiere < v_jour or p_premiere > v_jour + 3660 or p_derniere < p_premiere then
        raise exception 'the dates % to % cannot be: today is %', p_premiere, coalesce(p_derniere::text, 'no end'), v_jour
            using errcode = 'LV020', hint = 'Begin today or later, within ten years, and end after the beginning.';
    end if;
    select * into v_debit from public.comptes where id = p_debit;
    select * into v_credit from public.comptes where id = p_credit;
    if v_credit.id is null then
        raise exception 'account % does not exist', p_credit
            using errcode = 'LV002', hint = 'Check the account''s number.';
    elsif v_credit.statut = 'clos' or v_debit.statut = 'clos' then
        raise exception 'an account is closed' using errcode = 'LV004', hint = 'Use an account that is open.';
    elsif v_credit.devise <> p_devise or v_debit.devise <> p_devise then
        raise exception 'the accounts are not both in %', p_devise
            using errcode = 'LV005', hint = 'Transfer in the currency that both accounts have.';
    end if;
    select id into v_client from public.clients where id = v_debit.client_id for no key update;
    if (select count(*) from public.ordres_permanents o where o.client_id = v_client and o.prochaine_le is not null) >= 100
    then
        raise exception 'there are 100 standing orders already'
            using errcode = 'LV029', hint = 'End standing orders that are not needed.';
    end if;
    v_premiere := public.echeance(p_premiere, p_frequence, coalesce(p_fin_de_mois, false), 0);
    if v_premiere > p_derniere then
        raise exception 'the first due date % is behind the last day %', v_premiere, p_derniere
            using errcode = 'LV020', hint = 'End later.';
    end if;
    return query
    insert into public.ordres_permanents (
        client_id, compte_debit_id, compte_credit_id, payee_fin, montant_minor, devise, motif, frequence, premiere_le,
        derniere_le, fin_de_mois, prochaine_le, prochain_essai)
    values (
        v_client, p_debit, p_credit, v_credit.iban_fin, p_montant, p_devise, p_motif, p_frequence, p_premiere,
        p_derniere, coalesce(p_fin_de_mois, false), v_premiere, v_premiere)
    returning *;
end
$$;

-- Moves an order to its next due date on or after a day, or ends it. The caller holds the row.
create function public.avancer_ordre_permanent(p_ordre uuid, p_rang integer, p_pas_avant date) returns void
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
    if v_prochaine > o.derniere_le then
        update public.ordres_permanents
        set statut = 'termine', rang = v_rang, prochaine_le = null, prochain_essai = null, essais = 0
        where id = p_ordre;
    else
        update public.ordres_permanents
        set rang = v_rang, prochaine_le = v_prochaine, prochain_essai = v_prochaine, essais = 0
        where id = p_ordre;
    end if;
end
$$;

-- Changes what is given and not null; `p_derniere` 'infinity' takes the end away. Pausing needs no second factor. What
-- falls due while an order is paused is not paid later. Nothing comes back when there is no such order.
create function public.modifier_ordre_permanent(
    p_ordre uuid, p_montant bigint default null, p_motif text default null, p_derniere date default null,
    p_suspendu boolean default null
) returns setof public.ordres_permanents
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    o public.ordres_permanents;
    v_jour date := coalesce(
        (select jour from public.journees where close_le is null), (now() at time zone 'Europe/Paris')::date);
begin
    select * into o from public.ordres_permanents
    where id = p_ordre and client_id in (select c.id from public.clients c where c.utilisateur_id = auth.uid())
    for update;
    if not found then
        return;
    elsif o.prochaine_le is null then
        raise exception 'the standing order is ended' using errcode = 'LV030', hint = 'Make a new one.';
    end if;
    if p_montant is not null or p_motif is not null or p_derniere is not null or p_suspendu = false then
        perform public.exiger_second_facteur();
    end if;
    perform public.verifier_demande(
        o.compte_debit_id, o.compte_credit_id, coalesce(p_montant, o.montant_minor), '-', p_motif, null, 'permanent');
    if p_derniere < o.premiere_le then
        raise exception 'the last day % is before the first', p_derniere
            using errcode = 'LV020', hint = 'End after the beginning, or end the order.';
    end if;
    update public.ordres_permanents set
        montant_minor = coalesce(p_montant, montant_minor), motif = coalesce(p_motif, motif),
        derniere_le = nullif(coalesce(p_derniere, derniere_le), 'infinity'),
        statut = case p_suspendu when true then 'suspendu' when false then 'actif' else statut end,
        modifie_le = clock_timestamp()
    where id = p_ordre;
    if p_derniere is not null or (o.statut = 'suspendu' and p_suspendu = false) then
        perform public.avancer_ordre_permanent(
            p_ordre, o.rang, case when o.statut = 'suspendu' then v_jour else o.prochaine_le end);
    end if;
    return query select * from public.ordres_permanents where id = p_ordre;
end
$$;

-- Ends an order of the caller. False when there is none that goes on.
create function public.annuler_ordre_permanent(p_ordre uuid) returns boolean
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    update public.ordres_permanents
    set statut = 'annule', prochaine_le = null, prochain_essai = null, modifie_le = clock_timestamp()
    where id = p_ordre and prochaine_le is not null
        and client_id in (select c.id from public.clients c where c.utilisateur_id = auth.uid());
    return found;
end
$$;

-- Executes one order that is due on a day, and says what became of it; nothing comes back when none is left. One order a
-- call: a transaction that held one order's accounts while it asked for another's could wait for ever. A refused order is
-- tried again on the three days that follow, then given up for this due date.
create function public.executer_ordre_permanent(p_jour date) returns setof public.executions_permanentes
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    c_essais constant integer := 3;
    o public.ordres_permanents;
    v_virement uuid;
    v_code text;
    v_raison text;
begin
    select * into o from public.ordres_permanents
    where statut = 'actif' and prochain_essai <= p_jour
    order by prochain_essai, id limit 1 for update skip locked;
    if not found then
        return;
    end if;
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
    -- A row that is there already tells of the same order: the ledger answered its key again.
    insert into public.executions_permanentes (ordre_id, echeance, essai, jour, statut, code, raison, virement_id)
    values (
        o.id, o.prochaine_le, o.essais + 1, p_jour,
        case when v_virement is not null then 'execute' when o.essais >= c_essais then 'abandonne' else 'refuse' end,
        v_code, left(v_raison, 300), v_virement)
    on conflict do nothing;
    return query
    select * from public.executions_permanentes e
    where e.ordre_id = o.id and e.echeance = o.prochaine_le and e.essai = o.essais + 1;
    if v_virement is not null or o.essais >= c_essais then
        perform public.avancer_ordre_permanent(o.id, o.rang + 1, o.prochaine_le);
    else
        update public.ordres_permanents set essais = essais + 1, prochain_essai = p_jour + 1 where id = o.id;
    end if;
end
$$;

do $$
declare
    v_fonction regprocedure;
    v_pour_les_clients constant text[] := array[
        'creer_ordre_permanent', 'modifier_ordre_permanent', 'annuler_ordre_permanent'];
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname = any (v_pour_les_clients || array[
                'echeance', 'exiger_second_facteur', 'avancer_ordre_permanent', 'executer_ordre_permanent'])
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = any (v_pour_les_clients)
    loop
        execute format('grant execute on function %s to authenticated', v_fonction);
    end loop;
end
$$;
grant execute on function public.executer_ordre_permanent(date) to service_role;
