-- Files of payments (ISO 20022 pain.001): a message is executed once, whatever is sent twice.

create table public.fichiers_de_paiement (
    client_id uuid not null references public.clients (id),
    message_id text not null,
    empreinte bytea not null,
    nombre integer not null,
    total_minor bigint not null,
    recu_le timestamptz not null default clock_timestamp(),
    primary key (client_id, message_id),
    constraint fichiers_de_paiement_message_court check (length(message_id) between 1 and 35),
    constraint fichiers_de_paiement_empreinte_32 check (octet_length(empreinte) = 32)
);
create table public.lignes_de_paiement (
    client_id uuid not null,
    message_id text not null,
    rang integer not null,
    bout_en_bout text,
    statut text not null,
    code text,
    virement_id uuid,
    primary key (client_id, message_id, rang),
    foreign key (client_id, message_id) references public.fichiers_de_paiement (client_id, message_id),
    constraint lignes_de_paiement_statut_connu check (statut in ('execute', 'refuse')),
    constraint lignes_de_paiement_coherente check ((statut = 'execute') = (virement_id is not null))
);
create index lignes_de_paiement_virement on public.lignes_de_paiement (virement_id) where virement_id is not null;

do $$
declare
    nom text;
begin
    foreach nom in array array['fichiers_de_paiement', 'lignes_de_paiement'] loop
        execute format('alter table public.%I enable row level security', nom);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', nom);
        execute format('grant select on public.%I to authenticated, service_role', nom);
        execute format(
            'create policy %I on public.%I for select to authenticated '
            || 'using (client_id in (select id from public.clients where utilisateur_id = (select auth.uid())))',
            nom || '_lecture_client', nom);
        execute format('create policy %I on public.%I for select to service_role using (true)', nom || '_service', nom);
        execute format(
            'create trigger %I before update or delete on public.%I '
            || 'for each row execute function public.refuser_le_changement()', nom || '_immuables', nom);
        execute format(
            'create trigger %I before truncate on public.%I '
            || 'for each statement execute function public.refuser_le_changement()', nom || '_jamais_videes', nom);
    end loop;
end
$$;

-- Executes a message's orders, each on its own; those with a code in `p_refus` were refused by the reader. The same message
-- again gets the first answer; another one under its name is refused.
create function public.executer_fichier(
    p_message text, p_empreinte bytea, p_refus text[], p_bouts text[], p_debits bigint[], p_credits bigint[],
    p_montants bigint[], p_motifs text[], p_devise char(3)
) returns table (rejoue boolean, rang integer, statut text, code text, virement_id uuid)
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    n constant integer := coalesce(cardinality(p_refus), 0);
    v_client uuid;
    v_ancienne bytea;
    v_gardes integer[];
begin
    select c.id into v_client from public.clients c where c.utilisateur_id = auth.uid();
    if not found then
        raise exception 'the caller is no client' using errcode = 'LV011', hint = 'Sign in as a client of the bank.';
    elsif n not between 1 and 1000 or cardinality(p_bouts) is distinct from n
        or cardinality(p_debits) is distinct from n or cardinality(p_credits) is distinct from n
        or cardinality(p_montants) is distinct from n or cardinality(p_motifs) is distinct from n
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
        select true, l.rang, l.statut, l.code, l.virement_id from public.lignes_de_paiement l
        where l.client_id = v_client and l.message_id = p_message order by l.rang;
        return;
    end if;
    select array_agg(r.rang order by r.rang) into v_gardes
    from unnest(p_refus) with ordinality r (code, rang) where r.code is null;
    if v_gardes is not null then
        insert into public.lignes_de_paiement (client_id, message_id, rang, bout_en_bout, statut, code, virement_id)
        select v_client, p_message, v_gardes[o.rang], p_bouts[v_gardes[o.rang]], o.statut, o.code, o.virement_id
        from public.virer_lot(
            array(select 'pain/' || p_message || '/' || i from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_debits[i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_credits[i] from unnest(v_gardes) with ordinality g (i, p) order by p),
            array(select p_montants[i] from unnest(v_gardes) with ordinality g (i, p) order by p), 'continuer',
            array(select p_motifs[i] from unnest(v_gardes) with ordinality g (i, p) order by p), p_devise) o;
    end if;
    insert into public.lignes_de_paiement (client_id, message_id, rang, bout_en_bout, statut, code)
    select v_client, p_message, r.rang, p_bouts[r.rang], 'refuse', r.code
    from unnest(p_refus) with ordinality r (code, rang) where r.code is not null;
    return query
    select false, l.rang, l.statut, l.code, l.virement_id from public.lignes_de_paiement l
    where l.client_id = v_client and l.message_id = p_message order by l.rang;
end
$$;
revoke all on function public.executer_fichier(
    text, bytea, text[], text[], bigint[], bigint[], bigint[], text[], char) from public, anon, authenticated, service_role;
grant execute on function public.executer_fichier(
    text, bytea, text[], text[], bigint[], bigint[], bigint[], text[], char) to authenticated;
