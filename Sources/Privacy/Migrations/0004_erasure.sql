-- Erasure under bank law. What the law keeps goes to a restricted archive, still sealed under the client's own key; when the
-- hold ends the key is destroyed. The ledger knows the erased by keyed hashes only, and is replayed after every restore.

-- Why a client can not be erased yet, beyond what the books say.
create table privacy.holds (
    id uuid primary key default gen_random_uuid(),
    client_id uuid not null,
    kind text not null,
    reason text not null,
    placed_by text not null,
    placed_at timestamptz not null default clock_timestamp(),
    until date,
    lifted_by text,
    lifted_at timestamptz,
    constraint holds_kind_known check (kind in ('loan', 'litigation', 'judicial', 'tracfin')),
    constraint holds_reason_said check (length(btrim(reason)) between 5 and 2000),
    constraint holds_lifted_whole check ((lifted_by is null) = (lifted_at is null))
);
create index holds_client on privacy.holds (client_id) where lifted_at is null;

create table privacy.archives (
    client_id uuid primary key,
    contents jsonb not null,
    legal_basis text not null,
    hold_until date not null,
    archived_at timestamptz not null default clock_timestamp()
);
create index archives_ending on privacy.archives (hold_until);

-- The key of the hashes: one row, read by the functions below only. Its original is a file outside the database.
create table privacy.erasure_key (
    id boolean primary key default true check (id),
    octets bytea not null check (octet_length(octets) = 32)
);

create table privacy.erasure_ledger (
    entry uuid primary key,
    stage text not null,
    subject_hash bytea not null,
    number_hash bytea not null,
    hold_until date not null,
    decided_at timestamptz not null,
    constraint erasure_ledger_stage_known check (stage in ('archived', 'destroyed'))
);
create index erasure_ledger_subject on privacy.erasure_ledger (subject_hash);
create index erasure_ledger_number on privacy.erasure_ledger (number_hash);
create trigger erasure_ledger_stays before update or delete on privacy.erasure_ledger
    for each row execute function privacy.refuse_change();

-- HMAC's construction with a fixed length of key; the same is computed by the application for its file.
create function privacy.keyed(p_text text) returns bytea
    language sql stable
    set search_path = ''
    begin atomic
        select sha256(k.octets || sha256(k.octets || convert_to(p_text, 'UTF8'))) from privacy.erasure_key k;
    end;

create function privacy.is_erased(p_client uuid) returns boolean
    language sql stable
    set search_path = ''
    begin atomic
        select exists (select from privacy.erasure_ledger l where l.subject_hash = privacy.keyed('id:' || p_client::text));
    end;

-- Why the client can not be erased now; no row: nothing stands against it.
create function privacy.erasure_obstacles(p_client uuid) returns table (code text, detail text)
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if privacy.is_erased(p_client) then
        return query select 'already_erased', 'the client was erased before';
        return;
    end if;
    return query select 'account_open', format('account %s is %s', k.id, k.statut)
        from public.comptes k where k.client_id = p_client and k.statut <> 'clos' order by k.id;
    return query select 'balance_left', format('account %s holds %s minor units', k.id, k.solde_minor)
        from public.comptes k where k.client_id = p_client and (k.solde_minor <> 0 or k.reserve_minor <> 0) order by k.id;
    return query select 'hold_' || h.kind, h.reason
        from privacy.holds h
        where h.client_id = p_client and h.lifted_at is null and (h.until is null or h.until >= current_date)
        order by h.placed_at;
    if to_regclass('fraud.dossiers') is not null then
        return query execute
            'select ''fraud_case_open'', format(''case %s is %s'', d.id, d.statut) from fraud.dossiers d '
            'join public.comptes k on k.id = d.client where k.client_id = $1 and d.statut <> ''clos'' order by d.id'
            using p_client;
    end if;
end
$$;

-- Takes the client out of every table of daily work. What identifies goes to the archive as it stands, sealed.
create function privacy.archive_client(p_client uuid, p_hold_until date, p_basis text) returns void
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_user uuid;
begin
    select c.utilisateur_id into v_user from public.clients c where c.id = p_client for update;
    if not found then
        raise exception 'client % does not exist', p_client using errcode = '22023';
    end if;
    insert into privacy.archives (client_id, contents, legal_basis, hold_until)
    select c.id, jsonb_build_object(
        'clients', jsonb_strip_nulls(jsonb_build_object(
            'civilite', c.civilite, 'nom', encode(c.nom_chiffre, 'hex'), 'prenom', encode(c.prenom_chiffre, 'hex'),
            'email', encode(c.email_chiffre, 'hex'), 'telephone', encode(c.telephone_chiffre, 'hex'),
            'adresse', encode(c.adresse_chiffre, 'hex'), 'date_naissance', encode(c.date_naissance_chiffre, 'hex'),
            'nir', encode(c.nir_chiffre, 'hex'), 'numero', c.numero, 'cree_le', c.cree_le)),
        'comptes', coalesce((
            select jsonb_agg(jsonb_build_object('id', k.id, 'iban', encode(k.iban_chiffre, 'hex')) order by k.id)
            from public.comptes k where k.client_id = c.id and k.iban_chiffre is not null), '[]')),
        p_basis, p_hold_until
    from public.clients c where c.id = p_client and c.statut <> 'efface'
    on conflict (client_id) do nothing;

    if v_user is not null and to_regclass('auth.users') is not null then
        execute 'delete from auth.audit_log_entries where payload ->> ''actor_id'' = $1::text' using v_user;
        execute 'delete from auth.users where id = $1' using v_user;
    end if;
    delete from public.autorisations_virement where utilisateur_id = v_user;
    update public.clients set civilite = null, nom_chiffre = null, prenom_chiffre = null, email_chiffre = null,
        email_index = null, telephone_chiffre = null, telephone_index = null, adresse_chiffre = null,
        date_naissance_chiffre = null, nir_chiffre = null, utilisateur_id = null, statut = 'efface'
    where id = p_client;
    update public.cartes r set pan_chiffre = null, pan_index = null, pan_fin = null, blocage_motif = null,
        statut = case when r.statut = 'active' then 'bloquee' else r.statut end
    from public.comptes k where k.id = r.compte_id and k.client_id = p_client;
    update public.comptes set iban_chiffre = null, iban_index = null, iban_fin = null,
        statut = case when statut = 'actif' and solde_minor <> 0 then 'bloque'
            when statut = 'actif' then 'clos' else statut end
    where client_id = p_client;
    -- The erased client as somebody else's payee, and their own payees.
    delete from public.beneficiaires b where b.client_id = p_client
        and not exists (select from public.virements v where v.beneficiaire_id = b.id);
    update public.beneficiaires b set nom_chiffre = null, iban_chiffre = '', iban_fin = '', statut = 'retire',
        iban_index = sha256(convert_to('efface:' || b.id, 'UTF8'))
    where b.client_id = p_client;
    update public.ordres_permanents set statut = case when statut in ('actif', 'suspendu') then 'annule' else statut end,
        prochaine_le = null, prochain_essai = null, motif = null, payee_fin = null
    where client_id = p_client;
    delete from pseudonymes.profils where client_id = p_client;
    delete from privacy.rectifications where client_id = p_client;
    delete from privacy.restrictions where client_id = p_client;
    delete from privacy.objections where client_id = p_client;
end
$$;

-- The end of the hold: the key goes, and with it the archive's meaning, here and in every copy that is restored.
create function privacy.destroy_client(p_client uuid) returns integer
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_keys integer := 0;
begin
    if to_regclass('vault.data_keys') is not null then
        execute 'update vault.data_keys set wrapped = '''', destroyed_at = clock_timestamp() '
            'where client_id = $1 and destroyed_at is null' using p_client;
        get diagnostics v_keys = row_count;
    end if;
    delete from privacy.archives where client_id = p_client;
    delete from privacy.consents where client_id = p_client;
    delete from privacy.reads where client_id = p_client;
    perform privacy.blank_operations(k.id, null) from public.comptes k where k.client_id = p_client;
    return v_keys;
end
$$;

-- Free text and counterparts of an account's operations; the amounts are the ledger's and stay. `p_before`: only older ones.
create function privacy.blank_operations(p_account bigint, p_before timestamptz) returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_count bigint;
begin
    update public.transactions set libelle = null, reference = null, contrepartie_index = null, contrepartie_fin = null
    where (compte_debit_id = p_account or compte_credit_id = p_account)
        and (p_before is null or booked_at < p_before)
        and num_nonnulls(libelle, reference, contrepartie_index, contrepartie_fin) > 0
        -- The other side's own text stays with the other side.
        and not exists (
            select from public.comptes k join public.clients c on c.id = k.client_id
            where p_before is null and k.id in (compte_debit_id, compte_credit_id) and k.id <> p_account
                and c.statut <> 'efface');
    get diagnostics v_count = row_count;
    update public.virements set motif = null
    where compte_debit_id = p_account and motif is not null and statut <> 'en_attente'
        and (p_before is null or demande_le < p_before);
    return v_count;
end
$$;

-- After every restore, whatever from: whoever is in the ledger is erased again as far as they had been. Returns whom.
create function privacy.replay_erasures() returns table (client uuid, stage text)
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v record;
begin
    if not exists (select from privacy.erasure_ledger) then
        return;
    end if;
    for v in
        with known as (
            select c.id, privacy.keyed('id:' || c.id::text) as subject, privacy.keyed('numero:' || c.numero) as number
            from public.clients c
        ), hit as (
            select k.id, l.stage, l.hold_until from known k join privacy.erasure_ledger l on l.subject_hash = k.subject
            union all
            select k.id, l.stage, l.hold_until from known k join privacy.erasure_ledger l on l.number_hash = k.number
        )
        select h.id, max(h.hold_until) as hold_until, bool_or(h.stage = 'destroyed') as is_destroyed
        from hit h group by h.id order by h.id
    loop
        if exists (
            select from public.clients c where c.id = v.id and (
                c.statut <> 'efface' or num_nonnulls(c.nom_chiffre, c.prenom_chiffre, c.email_chiffre, c.email_index,
                    c.telephone_chiffre, c.adresse_chiffre, c.date_naissance_chiffre, c.nir_chiffre) > 0))
        then
            perform privacy.archive_client(v.id, v.hold_until, 'CMF L.561-12');
            client := v.id;
            stage := 'archived';
            return next;
        end if;
        if v.is_destroyed and (
            exists (select from vault.data_keys d where d.client_id = v.id and d.destroyed_at is null)
            or exists (select from privacy.archives a where a.client_id = v.id))
        then
            perform privacy.destroy_client(v.id);
            client := v.id;
            stage := 'destroyed';
            return next;
        end if;
    end loop;
end
$$;
comment on function privacy.replay_erasures() is
    'To be called after every restore and recovery, before anybody is served: no backup brings an erased person back.';
