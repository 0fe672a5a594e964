-- Strong customer authentication (RTS 2018/389): above an amount, an order to a payee that is not trusted needs a token of
-- the second level, or an authorisation that was given for this very amount and payee. The rule stands here, under every
-- way in: one call, a lot, or the bank ordering for its clients.

create table public.seuils_authentification (
    devise char(3) primary key references public.devises (code),
    montant_minor bigint not null,
    constraint seuils_authentification_positif check (montant_minor >= 0)
);
comment on table public.seuils_authentification is
    'What an order to a payee that is not trusted may be without a second factor; a currency without a row: nothing.';
insert into public.seuils_authentification (devise, montant_minor) values ('EUR', 50000);

-- Dynamic linking (RTS article 5): given once for one amount and one payee, spent by one order.
create table public.autorisations_virement (
    id uuid primary key default gen_random_uuid(),
    utilisateur_id uuid not null,
    compte_debit_id bigint not null references public.comptes (id),
    compte_credit_id bigint not null references public.comptes (id),
    montant_minor bigint not null,
    devise char(3) not null references public.devises (code),
    cree_le timestamptz not null default clock_timestamp(),
    expire_le timestamptz not null default clock_timestamp() + interval '5 minutes',
    utilisee_par text,
    utilisee_le timestamptz,
    constraint autorisations_virement_positif check (montant_minor between 1 and 1000000000000000),
    constraint autorisations_virement_utilisee check ((utilisee_par is null) = (utilisee_le is null))
);
create index autorisations_virement_utilisateur on public.autorisations_virement (utilisateur_id);
comment on column public.autorisations_virement.utilisee_par is 'The idempotency key of the order that spent it.';

do $$
declare
    nom text;
begin
    foreach nom in array array['seuils_authentification', 'autorisations_virement'] loop
        execute format('alter table public.%I enable row level security', nom);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', nom);
        execute format('grant select on public.%I to authenticated, service_role', nom);
        execute format('create policy %I on public.%I for select to service_role using (true)', nom || '_service', nom);
    end loop;
end
$$;
create policy seuils_authentification_lecture on public.seuils_authentification for select to authenticated using (true);
create policy autorisations_virement_lecture_client on public.autorisations_virement for select to authenticated
    using (utilisateur_id = (select auth.uid()));

-- How strongly the caller proved who they are: `aal1` or `aal2`, from the token.
create function public.niveau_d_authentification() returns text
    language sql stable
    set search_path = ''
    as $$ select coalesce(auth.jwt() ->> 'aal', 'aal1') $$;

-- Whether an order of this client needs the second factor: above the limit, and the payee neither the client's own
-- account nor one of the client's trusted beneficiaries.
create function public.authentification_requise(p_client uuid, p_credit bigint, p_montant bigint, p_devise text)
    returns boolean
    language sql stable
    set search_path = ''
    as $$
        select p_montant > coalesce((
                select s.montant_minor from public.seuils_authentification s where s.devise = p_devise), 0)
            and not exists (
                select from public.comptes k
                where k.id = p_credit and (
                    k.client_id = p_client
                    or exists (
                        select from public.beneficiaires b
                        where b.client_id = p_client and b.iban_index = k.iban_index and b.statut = 'actif')))
    $$;

create or replace function public.raison_du_refus(p_code text) returns text
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
            when 'LV020' then 'the date cannot be'
            when 'LV021' then 'the key has to have 1 to 200 characters, the reason at most 140'
            when 'LV024' then 'the amount needs a second factor for this payee'
            when 'LV025' then 'the authorisation is not for this order, spent or past its time'
        end
    $$;

-- A client's order that needs the second factor and does not have it. One whose key is known is a replay: it moves nothing.
create function public.exiger_authentification(
    p_debit bigint, p_credit bigint, p_montant bigint, p_devise text, p_cle text
) returns void
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_client uuid;
begin
    if public.niveau_d_authentification() = 'aal2' then
        return;
    end if;
    select client_id into v_client from public.comptes where id = p_debit;
    if public.authentification_requise(v_client, p_credit, p_montant, p_devise) and not exists (
        select from public.virements v where v.donneur_id = v_client and v.cle_idempotence = p_cle)
    then
        raise exception 'the amount % needs a second factor for this payee', p_montant
            using errcode = 'LV024',
            hint = 'Sign in with your second factor, or trust the payee as a beneficiary first.';
    end if;
end
$$;

-- As before, and a client's own call is asked for its second factor.
create or replace function public.virer(
    p_debit bigint, p_credit bigint, p_montant bigint, p_cle text, p_devise char(3) default 'EUR',
    p_motif text default null, p_canal text default 'api', p_date_valeur date default null,
    p_date_comptable date default null, p_reference text default null
) returns public.operation_comptable
    language plpgsql security definer
    set search_path = ''
    set enable_seqscan = off
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
        perform public.exiger_authentification(p_debit, p_credit, p_montant, p_devise, p_cle);
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

-- What was virer_lot executes; who may order it is asked in front of it. Nobody calls it but the functions here.
alter function public.virer_lot(text[], bigint[], bigint[], bigint[], text, text[], char, text, date)
    rename to executer_lot;
revoke all on function public.executer_lot(text[], bigint[], bigint[], bigint[], text, text[], char, text, date)
    from public, anon, authenticated, service_role;

-- Executes the orders of a lot that have no code in `p_refus`; the others are refused with theirs.
create function public.executer_lot_sauf(
    p_refus text[], p_cles text[], p_debits bigint[], p_credits bigint[], p_montants bigint[], p_mode text,
    p_motifs text[], p_devise char(3), p_canal text, p_date_valeur date
) returns setof public.ordre_du_lot
    language plpgsql
    set search_path = ''
    as $$
declare
    n constant integer := coalesce(cardinality(p_refus), 0);
    v_gardes integer[];
begin
    select array_agg(r.rang order by r.rang) into v_gardes
    from unnest(p_refus) with ordinality r (code, rang) where r.code is null;
    if n = 0 or coalesce(cardinality(v_gardes), 0) = n then
        return query select * from public.executer_lot(
            p_cles, p_debits, p_credits, p_montants, p_mode, p_motifs, p_devise, p_canal, p_date_valeur);
        return;
    end if;
    if p_mode is distinct from 'continuer' then
        raise exception '% of % orders cannot be executed, so none was', n - coalesce(cardinality(v_gardes), 0), n
            using errcode = 'LV019', hint = 'Correct the orders that the detail names, or send them in the mode continuer.',
            detail = (
                select jsonb_agg(jsonb_build_object(
                    'rang', r.rang, 'cle', r.cle, 'code', r.code, 'raison', public.raison_du_refus(r.code))
                    order by r.rang)
                from unnest(p_cles, p_refus) with ordinality r (cle, code, rang) where r.code is not null)::text;
    end if;
    if v_gardes is null then
        return query
        select r.rang::integer, r.cle, 'refuse', r.code, public.raison_du_refus(r.code), null::uuid, null::bigint,
            null::bigint, null::bigint, false
        from unnest(p_cles, p_refus) with ordinality r (cle, code, rang) order by r.rang;
        return;
    end if;
    return query
    select q.* from (
        select v_gardes[o.rang] as rang, o.cle, o.statut, o.code, o.raison, o.virement_id, o.transaction_id, o.numero,
            o.solde_apres_minor, o.rejoue
        from public.executer_lot(
            array(select p_cles[i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_debits[i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_credits[i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_montants[i] from unnest(v_gardes) with ordinality g (i, p) order by p), p_mode,
            case when p_motifs is not null then
                array(select p_motifs[i] from unnest(v_gardes) with ordinality g (i, p) order by p) end,
            p_devise, p_canal, p_date_valeur) o
        union all
        select r.rang::integer, r.cle, 'refuse', r.code, public.raison_du_refus(r.code), null, null, null, null, false
        from unnest(p_cles, p_refus) with ordinality r (cle, code, rang) where r.code is not null
    ) q order by q.rang;
end
$$;

-- Orders of one currency: the bank's as they are, a client's with the second factor where it is needed.
create function public.virer_lot(
    p_cles text[], p_debits bigint[], p_credits bigint[], p_montants bigint[], p_mode text default 'tout_ou_rien',
    p_motifs text[] default null, p_devise char(3) default 'EUR', p_canal text default 'lot',
    p_date_valeur date default null
) returns setof public.ordre_du_lot
    language plpgsql security definer
    set search_path = ''
    set enable_seqscan = off
    as $$
declare
    n constant integer := coalesce(cardinality(p_cles), 0);
    v_moi constant uuid := auth.uid();
    v_refus text[];
begin
    if not public.appelant_est_la_banque() and public.niveau_d_authentification() <> 'aal2'
        and n between 1 and 1000 and cardinality(p_debits) = n and cardinality(p_credits) = n
        and cardinality(p_montants) = n
    then
        select array_agg(
            case when c.utilisateur_id = v_moi and v.id is null
                and public.authentification_requise(k.client_id, l.credit, l.montant, p_devise) then 'LV024' end
            order by l.rang)
        into v_refus
        from unnest(p_cles, p_debits, p_credits, p_montants) with ordinality l (cle, debit, credit, montant, rang)
        left join public.comptes k on k.id = l.debit
        left join public.clients c on c.id = k.client_id
        left join public.virements v on v.donneur_id = k.client_id and v.cle_idempotence = l.cle;
    end if;
    return query select * from public.executer_lot_sauf(
        v_refus, p_cles, p_debits, p_credits, p_montants, p_mode, p_motifs, p_devise, p_canal, p_date_valeur);
end
$$;

-- The same for several clients at once: the bank's server gathers orders that come in at the same time into one lot. Each
-- order says who gave it, how strongly they proved who they are, and which authorisation they hold; each is judged for its
-- own giver, exactly as the giver's own call would be.
create function public.virer_pour(
    p_appelants uuid[], p_niveaux text[], p_autorisations uuid[], p_cles text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_motifs text[], p_devise char(3), p_canal text
) returns setof public.ordre_du_lot
    language plpgsql security definer
    set search_path = ''
    set enable_seqscan = off
    as $$
declare
    n constant integer := coalesce(cardinality(p_cles), 0);
    v_refus text[];
    o public.ordre_du_lot;
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
    perform from public.autorisations_virement where id = any (p_autorisations) order by id for update;
    select array_agg(
        case
            when l.appelant is null or c.utilisateur_id is distinct from l.appelant then 'LV011'
            when v.id is not null then null
            when l.autorisation is not null then case
                when a.id is null or a.utilisateur_id <> l.appelant or a.compte_debit_id <> l.debit
                    or a.compte_credit_id is distinct from l.credit or a.montant_minor is distinct from l.montant
                    or a.devise <> p_devise or a.expire_le <= clock_timestamp() or a.utilisee_par <> l.cle
                    or l.premiere_cle <> l.cle
                then 'LV025' end
            when l.niveau is distinct from 'aal2'
                and public.authentification_requise(k.client_id, l.credit, l.montant, p_devise)
            then 'LV024'
        end order by l.rang)
    into v_refus
    from (
        select q.*, first_value(q.cle) over (partition by q.autorisation order by q.rang) as premiere_cle
        from unnest(p_appelants, p_niveaux, p_autorisations, p_cles, p_debits, p_credits, p_montants)
            with ordinality q (appelant, niveau, autorisation, cle, debit, credit, montant, rang)
    ) l
    left join public.comptes k on k.id = l.debit
    left join public.clients c on c.id = k.client_id
    left join public.virements v on v.donneur_id = k.client_id and v.cle_idempotence = l.cle
    left join public.autorisations_virement a on a.id = l.autorisation;
    for o in
        select * from public.executer_lot_sauf(
            v_refus, p_cles, p_debits, p_credits, p_montants, 'continuer', p_motifs, p_devise, p_canal, null)
    loop
        if o.statut = 'execute' and not o.rejoue and p_autorisations[o.rang] is not null then
            update public.autorisations_virement set utilisee_par = o.cle, utilisee_le = clock_timestamp()
            where id = p_autorisations[o.rang];
        end if;
        return next o;
    end loop;
end
$$;

-- Gives an authorisation for one amount and one payee. Needs the second factor itself.
create function public.autoriser_virement(p_debit bigint, p_credit bigint, p_montant bigint, p_devise char(3))
    returns public.autorisations_virement
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    r public.autorisations_virement;
begin
    perform public.verifier_demande(p_debit, p_credit, p_montant, '-', null, null, 'api');
    perform public.exiger_mon_compte(p_debit);
    if public.niveau_d_authentification() <> 'aal2' then
        raise exception 'an authorisation is given with a second factor'
            using errcode = 'LV024', hint = 'Sign in with your second factor.';
    elsif not exists (select from public.comptes where id = p_credit and statut <> 'clos') then
        raise exception 'account % does not exist', p_credit
            using errcode = 'LV002', hint = 'Check the account''s number.';
    end if;
    insert into public.autorisations_virement (utilisateur_id, compte_debit_id, compte_credit_id, montant_minor, devise)
    values (auth.uid(), p_debit, p_credit, p_montant, p_devise) returning * into r;
    return r;
end
$$;

do $$
declare
    v_fonction regprocedure;
    v_pour_les_clients constant text[] := array['virer_lot', 'autoriser_virement'];
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname = any (v_pour_les_clients || array[
                'niveau_d_authentification', 'authentification_requise', 'exiger_authentification',
                'executer_lot_sauf', 'virer_pour'])
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
        where p.pronamespace = 'public'::regnamespace
            and p.proname in ('virer_lot', 'virer_pour', 'authentification_requise')
    loop
        execute format('grant execute on function %s to service_role', v_fonction);
    end loop;
end
$$;
