-- What can not be undone asks first: a hold, a claim or a case stops the end of an archived client as it stops the beginning.
-- The replay knows whom it means by more than a number that may be given again.

-- Holds and endings of one client wait for each other, so that none passes between the question and the deed.
create function privacy.lock_client(p_client uuid) returns void
    language sql volatile
    set search_path = ''
    begin atomic
        select pg_advisory_xact_lock(hashtextextended('privacy.client:' || p_client::text, 0));
    end;

create function privacy.hold_waits() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    perform privacy.lock_client(new.client_id);
    return new;
end
$$;
create trigger holds_wait before insert on privacy.holds for each row execute function privacy.hold_waits();

-- Why the keys of an archived client can not be destroyed now; no row: nothing stands against it.
create function privacy.destruction_obstacles(p_client uuid) returns table (code text, detail text)
    language plpgsql stable
    set search_path = ''
    as $$
begin
    return query select 'archive_kept', format('the archive is kept by law until %s', a.hold_until)
        from privacy.archives a where a.client_id = p_client and a.hold_until >= current_date;
    return query select 'hold_' || h.kind, format('%s: %s', h.kind, h.reason)
        from privacy.holds h
        where h.client_id = p_client and h.lifted_at is null and (h.until is null or h.until >= current_date)
        order by h.placed_at;
    -- Article 18(1)(c): the person needs the data for a claim of their own.
    return query select 'restriction_' || r.ground, r.reason
        from privacy.restrictions r where r.client_id = p_client and r.ground = 'legal_claims';
    if to_regclass('fraud.dossiers') is not null then
        return query execute
            'select ''fraud_case_open'', format(''case %s is %s'', d.id, d.statut) from fraud.dossiers d '
            'join public.comptes k on k.id = d.client where k.client_id = $1 and d.statut <> ''clos'' order by d.id'
            using p_client;
    end if;
end
$$;

alter table privacy.erasure_ledger
    -- Of the number and the moment at which the client was made: a number that is given again has another one.
    add column origin_hash bytea,
    -- The highest number that was given when this was decided: none up to it is given again.
    add column number_mark bigint;
create index erasure_ledger_origin on privacy.erasure_ledger (origin_hash);

create function privacy.origin_of(p_number bigint, p_made timestamptz) returns bytea
    language sql stable
    set search_path = ''
    begin atomic
        select privacy.keyed(
            'origin:' || p_number || ':' || (extract(epoch from p_made) * 1000000)::bigint);
    end;

-- The ledger's entry; its hashes are made here, so that nobody else has to know how.
create function privacy.note_erasure(p_client uuid, p_stage text, p_until date) returns uuid
    language sql volatile
    set search_path = ''
    begin atomic
        insert into privacy.erasure_ledger
            (entry, stage, subject_hash, number_hash, hold_until, decided_at, origin_hash, number_mark)
        select gen_random_uuid(), p_stage, privacy.keyed('id:' || c.id::text), privacy.keyed('numero:' || c.numero), p_until,
            clock_timestamp(), privacy.origin_of(c.numero, c.cree_le), (select max(m.numero) from public.clients m)
        from public.clients c where c.id = p_client
        returning entry;
    end;

-- What destroy_client did so far, without a question: the replay repeats what was decided. Whoever keeps the key in memory is
-- told to forget it.
create function privacy.end_client(p_client uuid) returns integer
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
    perform pg_notify('privacy_forgotten', p_client::text);
    return v_keys;
end
$$;

create or replace function privacy.destroy_client(p_client uuid) returns integer
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_detail text;
begin
    perform privacy.lock_client(p_client);
    select string_agg(o.detail, '; ') into v_detail from privacy.destruction_obstacles(p_client) o;
    if v_detail is not null then
        raise exception 'the keys of client % can not be destroyed: %', p_client, v_detail using errcode = '55000',
            hint = 'Lift what holds them first.';
    end if;
    return privacy.end_client(p_client);
end
$$;

-- No number that an erased client had is given again, also when the bank went back to before that client was made.
create function privacy.pass_erased_numbers() returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v_sequence regclass := pg_get_serial_sequence('public.clients', 'numero')::regclass;
    v_last bigint;
    v_mark bigint;
begin
    execute format('select last_value from %s', v_sequence) into v_last;
    select max(l.number_mark) into v_mark from privacy.erasure_ledger l;
    -- Entries from before there was a mark: the numbers that would be given next are tried.
    if exists (
        select from privacy.erasure_ledger l
        where l.number_mark is null and not exists (
            select from public.clients c where privacy.keyed('id:' || c.id::text) = l.subject_hash))
    then
        v_mark := greatest(v_mark, (
            select max(n) from generate_series(v_last, v_last + 10000) n
            where exists (select from privacy.erasure_ledger l where l.number_hash = privacy.keyed('numero:' || n))));
    end if;
    if v_mark >= v_last then
        perform setval(v_sequence, v_mark);
        return v_mark;
    end if;
    return v_last;
end
$$;

-- By the id; else by number and moment of making together. Entries that know no moment go by the number alone, but never for
-- a client who was made after the erasure was decided.
create or replace function privacy.replay_erasures() returns table (client uuid, stage text)
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v record;
begin
    if not exists (select from privacy.erasure_ledger) then
        return;
    end if;
    perform privacy.pass_erased_numbers();
    for v in
        with known as (
            select c.id, c.cree_le, privacy.keyed('id:' || c.id::text) as subject,
                privacy.keyed('numero:' || c.numero) as number, privacy.origin_of(c.numero, c.cree_le) as origin
            from public.clients c
        ), hit as (
            select k.id, l.stage, l.hold_until from known k join privacy.erasure_ledger l on l.subject_hash = k.subject
            union all
            select k.id, l.stage, l.hold_until from known k join privacy.erasure_ledger l on l.origin_hash = k.origin
            union all
            select k.id, l.stage, l.hold_until from known k
                join privacy.erasure_ledger l
                    on l.number_hash = k.number and l.origin_hash is null and k.cree_le <= l.decided_at
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
            perform privacy.end_client(v.id);
            client := v.id;
            stage := 'destroyed';
            return next;
        end if;
    end loop;
end
$$;

update privacy.schedules set condition = 'not exists (select from privacy.destruction_obstacles(client_id))'
where code = 'identites';
select privacy.apply_labels();
revoke all on function privacy.lock_client(uuid), privacy.hold_waits(), privacy.destruction_obstacles(uuid),
    privacy.origin_of(bigint, timestamptz), privacy.note_erasure(uuid, text, date),
    privacy.end_client(uuid), privacy.pass_erased_numbers() from public;
