-- Once something judges the orders of clients before the ledger executes them, no way in may lead around it: a client's own
-- call of the ledger's functions (by REST, a batch of REST, or a session of SQL) is refused, and the bank's server orders for
-- its clients. While nothing judges, clients call as before.

create table public.filtrage_des_ordres (
    seul boolean primary key default true,
    depuis timestamptz not null default clock_timestamp(),
    constraint filtrage_des_ordres_seul check (seul)
);
comment on table public.filtrage_des_ordres is 'Its one row says that only the bank''s server moves its clients'' money.';
alter table public.filtrage_des_ordres enable row level security;
revoke all on public.filtrage_des_ordres from public, anon, authenticated, service_role;

-- Switches it; true when that changed something. Only the schema's owner may.
create function public.filtrer_les_ordres(p_actif boolean) returns boolean
    language plpgsql
    set search_path = ''
    as $$
begin
    if p_actif then
        insert into public.filtrage_des_ordres default values on conflict do nothing;
    else
        delete from public.filtrage_des_ordres;
    end if;
    return found;
end
$$;

-- Asked where a caller is not the bank.
create function public.exiger_le_guichet() returns void
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if exists (select from public.filtrage_des_ordres) then
        raise exception 'orders of clients go through the bank''s own operations' using errcode = '42501',
            hint = 'POST /bank/v1/transfers, /bank/v1/transfers/batch or /bank/v1/payments/pain.001.';
    end if;
end
$$;

-- As before, and a client's own call is asked whether it may be.
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
        perform public.exiger_le_guichet();
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
    perform public.exiger_le_guichet();
    perform public.exiger_date_de_client(p_date_valeur);
    return query select * from public.executer_ordres(
        array_fill(auth.uid(), array[n]), array_fill(public.niveau_d_authentification(), array[n]), null, p_cles,
        p_debits, p_credits, p_montants, p_mode, p_motifs, p_devise, public.canal_du_client(), p_date_valeur);
end
$$;

-- What was executer_fichier, for whom the session's claims name.
create function public.executer_fichier_du_client(
    p_message text, p_empreinte bytea, p_refus text[], p_bouts text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_motifs text[], p_devises text[], p_dates date[]
) returns table (rejoue boolean, rang integer, statut text, code text, virement_id uuid, ordre_id uuid)
    language plpgsql
    set search_path = ''
    set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
    as $$
declare
    n constant integer := coalesce(cardinality(p_refus), 0);
    v_jour constant date := (select j.jour from public.journees j where j.close_le is null);
    v_client uuid;
    v_ancienne bytea;
    v_devise text;
    v_gardes integer[];
    v_ordre uuid;
    v_code text;
    i integer;
begin
    select c.id into v_client from public.clients c where c.utilisateur_id = auth.uid();
    if not found then
        raise exception 'the caller is no client' using errcode = 'LV011', hint = 'Sign in as a client of the bank.';
    elsif n not between 1 and 1000 or cardinality(p_bouts) is distinct from n
        or cardinality(p_debits) is distinct from n or cardinality(p_credits) is distinct from n
        or cardinality(p_montants) is distinct from n or cardinality(p_motifs) is distinct from n
        or cardinality(p_devises) is distinct from n or cardinality(p_dates) is distinct from n
    then
        raise exception 'a file of % orders', n using errcode = 'LV018', hint = 'Send 1 to 1000 orders in a file.';
    end if;
    insert into public.fichiers_de_paiement (client_id, message_id, empreinte, nombre, total_minor)
    values (v_client, p_message, p_empreinte, n, (select coalesce(sum(m), 0) from unnest(p_montants) m))
    on conflict do nothing;
    if not found then
        select f.empreinte into v_ancienne from public.fichiers_de_paiement f
        where f.client_id = v_client and f.message_id = p_message;
        if v_ancienne <> p_empreinte then
            raise exception 'the message % was sent before with other contents', p_message
                using errcode = 'LV028', hint = 'Give each message an identification of its own.';
        end if;
        return query
        select true, l.rang, l.statut, l.code, l.virement_id, l.ordre_id from public.lignes_de_paiement l
        where l.client_id = v_client and l.message_id = p_message order by l.rang;
        return;
    end if;
    for v_devise, v_gardes in
        select d.devise, array_agg(r.rang order by r.rang)
        from unnest(p_refus, p_devises, p_dates) with ordinality r (code, devise, jour, rang)
        cross join lateral (select coalesce(r.devise, 'EUR')) d (devise)
        where r.code is null and (v_jour is null or r.jour is null or r.jour <= v_jour)
        group by d.devise order by d.devise
    loop
        insert into public.lignes_de_paiement (client_id, message_id, rang, bout_en_bout, statut, code, virement_id)
        select v_client, p_message, v_gardes[o.rang], p_bouts[v_gardes[o.rang]], o.statut, o.code, o.virement_id
        from public.executer_ordres(
            array_fill(auth.uid(), array[cardinality(v_gardes)]),
            array_fill(public.niveau_d_authentification(), array[cardinality(v_gardes)]), null,
            array(select 'pain/' || p_message || '/' || g.i from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_debits[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_credits[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_montants[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p), 'continuer',
            array(select p_motifs[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p), v_devise,
            public.canal_du_client(), null) o;
    end loop;
    for i in
        select r.rang from unnest(p_refus, p_dates) with ordinality r (code, jour, rang)
        where r.code is null and r.jour > v_jour order by r.rang
    loop
        v_ordre := null;
        v_code := null;
        begin
            select o.id into v_ordre from public.creer_ordre_permanent(
                p_debits[i], p_credits[i], p_montants[i], p_devises[i], p_motifs[i], 'unique', p_dates[i]) o;
        exception when others then
            get stacked diagnostics v_code = returned_sqlstate;
            -- Only what the bank refuses is the payment's fate.
            if left(v_code, 2) <> 'LV' then
                raise;
            end if;
        end;
        insert into public.lignes_de_paiement (client_id, message_id, rang, bout_en_bout, statut, code, ordre_id)
        values (
            v_client, p_message, i, p_bouts[i], case when v_ordre is null then 'refuse' else 'programme' end, v_code,
            v_ordre);
    end loop;
    insert into public.lignes_de_paiement (client_id, message_id, rang, bout_en_bout, statut, code)
    select v_client, p_message, r.rang, p_bouts[r.rang], 'refuse', r.code
    from unnest(p_refus) with ordinality r (code, rang) where r.code is not null;
    return query
    select false, l.rang, l.statut, l.code, l.virement_id, l.ordre_id from public.lignes_de_paiement l
    where l.client_id = v_client and l.message_id = p_message order by l.rang;
end
$$;

-- A client's own call.
create or replace function public.executer_fichier(
    p_message text, p_empreinte bytea, p_refus text[], p_bouts text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_motifs text[], p_devises text[], p_dates date[]
) returns table (rejoue boolean, rang integer, statut text, code text, virement_id uuid, ordre_id uuid)
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    if not public.appelant_est_la_banque() then
        perform public.exiger_le_guichet();
    end if;
    return query select * from public.executer_fichier_du_client(
        p_message, p_empreinte, p_refus, p_bouts, p_debits, p_credits, p_montants, p_motifs, p_devises, p_dates);
end
$$;

-- The bank's server executes the file of a client, whose token's claims it has verified. Everything is judged for that
-- client, exactly as the client's own call would be.
create function public.executer_fichier_pour(
    p_jetons text, p_message text, p_empreinte bytea, p_refus text[], p_bouts text[], p_debits bigint[],
    p_credits bigint[], p_montants bigint[], p_motifs text[], p_devises text[], p_dates date[]
) returns table (rejoue boolean, rang integer, statut text, code text, virement_id uuid, ordre_id uuid)
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_avant constant text := coalesce(current_setting('request.jwt.claims', true), '');
begin
    if not public.appelant_est_la_banque() then
        raise exception 'only the bank orders for its clients' using errcode = '42501', hint = 'Call executer_fichier.';
    end if;
    perform set_config('request.jwt.claims', p_jetons, true);
    return query select * from public.executer_fichier_du_client(
        p_message, p_empreinte, p_refus, p_bouts, p_debits, p_credits, p_montants, p_motifs, p_devises, p_dates);
    perform set_config('request.jwt.claims', v_avant, true);
end
$$;

do $$
declare
    v_fonction regprocedure;
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname in (
                'filtrer_les_ordres', 'exiger_le_guichet', 'executer_fichier_du_client', 'executer_fichier_pour')
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = 'executer_fichier_pour'
    loop
        execute format('grant execute on function %s to service_role', v_fonction);
    end loop;
end
$$;
