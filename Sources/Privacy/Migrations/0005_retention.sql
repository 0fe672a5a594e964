-- How long what is kept, as data. A schedule names rows by a condition; what is older is deleted, blanked or destroyed in
-- batches, with a run in the register and an entry in the journal.

create table privacy.schedules (
    code text primary key,
    relation text not null,
    activity text not null references privacy.activities,
    law_fr text not null,
    keep interval not null,
    -- What the age is counted from.
    age_column text not null,
    condition text not null default 'true',
    action text not null,
    grace interval not null default '7 days',
    is_on boolean not null default true,
    constraint schedules_action_known check (action in ('delete', 'destroy_client', 'blank_operations')),
    constraint schedules_relation_formed check (relation ~ '^[a-z_]+\.[a-z_]+$'),
    constraint schedules_column_formed check (age_column ~ '^[a-z_]+$'),
    constraint schedules_keep_positive check (keep >= interval '0')
);
insert into privacy.schedules (code, relation, activity, law_fr, keep, age_column, condition, action) values
    ('logs', 'public.logs', 'security', 'délibération CNIL 2021-122 : 6 à 12 mois', '12 months', 'horodatage', 'true', 'delete'),
    ('connexions', 'auth.audit_log_entries', 'access', 'délibération CNIL 2021-122 : 6 à 12 mois', '12 months', 'created_at',
        'true', 'delete'),
    ('jetons_a_usage_unique', 'auth.one_time_tokens', 'access', 'RGPD art. 5(1)(e)', '1 day', 'expires_at', 'true', 'delete'),
    ('connexions_inachevees', 'auth.flow_state', 'access', 'RGPD art. 5(1)(e)', '1 day', 'expires_at', 'true', 'delete'),
    ('autorisations', 'public.autorisations_virement', 'payments', 'CMF L.133-24 : 13 mois de contestation', '13 months',
        'expire_le', 'true', 'delete'),
    ('messages', 'realtime.messages', 'relation', 'RGPD art. 5(1)(e)', '3 days', 'inserted_at', 'true', 'delete'),
    ('lectures', 'privacy.reads', 'rights', 'RGPD art. 5(2)', '3 years', 'last_at', 'true', 'delete'),
    ('demandes', 'privacy.requests', 'rights', 'C. civ. 2224 : 5 ans', '5 years', 'received_at', 'status <> ''received''',
        'delete'),
    ('identites', 'privacy.archives', 'relation', 'CMF L.561-12 : 5 ans après la clôture', '0', 'hold_until', 'true',
        'destroy_client'),
    ('libelles', 'public.transactions', 'payments', 'CMF L.561-12 : 5 ans après exécution', '5 years', 'booked_at',
        'num_nonnulls(libelle, reference, contrepartie_index, contrepartie_fin) > 0', 'blank_operations');

create table privacy.retention_runs (
    id bigint generated always as identity primary key,
    code text not null references privacy.schedules,
    is_dry boolean not null,
    cut_off timestamptz not null,
    found bigint not null,
    treated bigint not null,
    batches integer not null,
    run_by text not null,
    ended_at timestamptz not null default clock_timestamp()
);
create trigger retention_runs_stay before update or delete on privacy.retention_runs
    for each row execute function privacy.refuse_change();

-- Rows that are older than they may be.
create function privacy.due(p_code text, p_grace interval default '0') returns bigint
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v privacy.schedules;
    v_count bigint;
begin
    select * into v from privacy.schedules s where s.code = p_code;
    if not found then
        raise exception 'there is no schedule %', p_code using errcode = '22023';
    end if;
    if to_regclass(v.relation) is null then
        return 0;
    end if;
    execute format('select count(*) from %s where %I < clock_timestamp() - $1 - $2 and (%s)',
        v.relation::regclass, v.age_column, v.condition) into v_count using v.keep, p_grace;
    return v_count;
end
$$;

-- One batch. Returns how many rows were treated: fewer than asked for means the end.
create function privacy.treat(p_code text, p_most integer) returns bigint
    language plpgsql volatile
    set search_path = ''
    as $$
declare
    v privacy.schedules;
    v_count bigint := 0;
    v_client uuid;
begin
    select * into v from privacy.schedules s where s.code = p_code and s.is_on;
    if not found or to_regclass(v.relation) is null then
        return 0;
    end if;
    if v.action = 'destroy_client' then
        for v_client in select a.client_id from privacy.archives a
            where a.hold_until < current_date order by a.hold_until limit p_most
        loop
            insert into privacy.erasure_ledger (entry, stage, subject_hash, number_hash, hold_until, decided_at)
            select gen_random_uuid(), 'destroyed', privacy.keyed('id:' || c.id::text), privacy.keyed('numero:' || c.numero),
                current_date, clock_timestamp()
            from public.clients c where c.id = v_client;
            perform privacy.destroy_client(v_client);
            v_count := v_count + 1;
        end loop;
        return v_count;
    end if;
    execute format(
        case v.action
            when 'delete' then 'delete from %1$s where ctid = any (array(
                select ctid from %1$s where %2$I < clock_timestamp() - $1 and (%3$s) limit $2))'
            else 'update %1$s set libelle = null, reference = null, contrepartie_index = null, contrepartie_fin = null
                where (id, booked_at) in (
                    select id, booked_at from %1$s where %2$I < clock_timestamp() - $1 and (%3$s) limit $2)'
        end, v.relation::regclass, v.age_column, v.condition) using v.keep, p_most;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
