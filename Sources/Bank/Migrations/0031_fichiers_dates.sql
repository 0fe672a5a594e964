-- Files of payments in several currencies, and for later days: a payment for a later day is a standing order that is paid
-- once, authorised when the file is sent (RTS article 14) and executed by the same turn as the others.

alter table public.ordres_permanents drop constraint ordres_permanents_frequence_connue;
alter table public.ordres_permanents add constraint ordres_permanents_frequence_connue check (
    frequence in ('unique', 'hebdomadaire', 'mensuelle', 'trimestrielle', 'annuelle'));

alter table public.lignes_de_paiement add column ordre_id uuid references public.ordres_permanents (id);
alter table public.lignes_de_paiement drop constraint lignes_de_paiement_statut_connu;
alter table public.lignes_de_paiement drop constraint lignes_de_paiement_coherente;
alter table public.lignes_de_paiement
    add constraint lignes_de_paiement_statut_connu check (statut in ('execute', 'programme', 'refuse')),
    add constraint lignes_de_paiement_coherente check (
        (statut = 'execute') = (virement_id is not null) and (statut = 'programme') = (ordre_id is not null));
create index lignes_de_paiement_ordre on public.lignes_de_paiement (ordre_id) where ordre_id is not null;
create index executions_permanentes_virement on public.executions_permanentes (virement_id)
    where virement_id is not null;

-- As before, and an order that is paid once has no second due date.
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
    else
        update public.ordres_permanents
        set rang = v_rang, prochaine_le = v_prochaine, prochain_essai = v_prochaine, essais = 0
        where id = p_ordre;
    end if;
end
$$;

-- As before, and 'unique' is paid once. Those do not count among the hundred series; a client has a thousand of them.
create or replace function public.creer_ordre_permanent(
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
    v_maximum constant integer := case when p_frequence = 'unique' then 1000 else 100 end;
begin
    perform public.verifier_demande(p_debit, p_credit, p_montant, '-', p_motif, null, 'permanent');
    perform public.exiger_mon_compte(p_debit);
    perform public.exiger_second_facteur();
    if p_frequence is null
        or p_frequence not in ('unique', 'hebdomadaire', 'mensuelle', 'trimestrielle', 'annuelle')
    then
        raise exception 'the frequency is %', coalesce(p_frequence, 'null')
            using errcode = 'LV021', hint = 'Say unique, hebdomadaire, mensuelle, trimestrielle or annuelle.';
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
    if (
        select count(*) from public.ordres_permanents o
        where o.client_id = v_client and o.prochaine_le is not null
            and (o.frequence = 'unique') = (p_frequence = 'unique')) >= v_maximum
    then
        raise exception 'there are % such orders already', v_maximum
            using errcode = 'LV029', hint = 'End orders that are not needed.';
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

drop function public.executer_fichier(
    text, bytea, text[], text[], bigint[], bigint[], bigint[], text[], char);

-- Executes a message's orders, each on its own; those with a code in `p_refus` were refused by the reader. One lot for each
-- currency; what is dated behind the open day is scheduled. The same message again gets the first answer; another one under
-- its name is refused.
create function public.executer_fichier(
    p_message text, p_empreinte bytea, p_refus text[], p_bouts text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_motifs text[], p_devises text[], p_dates date[]
) returns table (rejoue boolean, rang integer, statut text, code text, virement_id uuid, ordre_id uuid)
    language plpgsql security definer
    set search_path = ''
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
        from public.virer_lot(
            array(select 'pain/' || p_message || '/' || g.i from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_debits[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_credits[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_montants[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p), 'continuer',
            array(select p_motifs[g.i] from unnest(v_gardes) with ordinality g (i, p) order by p), v_devise) o;
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
revoke all on function public.executer_fichier(
    text, bytea, text[], text[], bigint[], bigint[], bigint[], text[], text[], date[])
    from public, anon, authenticated, service_role;
grant execute on function public.executer_fichier(
    text, bytea, text[], text[], bigint[], bigint[], bigint[], text[], text[], date[]) to authenticated;
