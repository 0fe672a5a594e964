-- Figures of the bank for whoever watches it. Each capability shows its own in a view `<schema>.indicators (name, labels,
-- value, help)`; the server reads every such view and serves it at /metrics. This one is the bank's, the accounts', the
-- fraud desk's and the server's own. It must stay cheap: it is read several times a minute, and nothing here reads a large
-- table whole.

create schema if not exists monitoring;
revoke all on schema monitoring from public;

-- Rows written to a table since the server's statistics began, partitions included; rows of transactions that were rolled
-- back count too.
create function monitoring.lignes_ecrites(p_table regclass) returns double precision
    language sql stable
    set search_path = ''
    as $$
        select coalesce(sum(pg_catalog.pg_stat_get_tuples_inserted(t.relid)), 0)::double precision
        from (
            select p_table::oid as relid
            union
            select i.inhrelid from pg_catalog.pg_inherits i where i.inhparent = p_table) t
    $$;

create function monitoring.releve()
    returns table (name text, labels jsonb, value double precision, help text)
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_table text;
    v_nom text;
begin
    for v_nom, v_table in values
        ('virements', 'public.virements'), ('ecritures', 'public.ecritures'),
        ('transactions', 'public.transactions'), ('reservations', 'public.reservations'),
        ('sessions', 'auth.sessions'), ('journal', 'evidence.entries')
    loop
        if to_regclass(v_table) is not null then
            return query select
                'digitalbank_rows_written_total', jsonb_build_object('table', v_nom),
                monitoring.lignes_ecrites(v_table::regclass),
                'Rows written to the tables that count, those of rolled back transactions included.';
        end if;
    end loop;

    if to_regclass('public.journees') is not null then
        return query select
            'digitalbank_business_day_age_seconds', null::jsonb,
            extract(epoch from clock_timestamp() - (j.jour::timestamp at time zone 'Europe/Paris'))::double precision,
            'Time since midnight in Paris of the business day that is open.'
        from public.journees j where j.close_le is null;
        return query select
            'digitalbank_standing_orders_due', null::jsonb, count(*)::double precision,
            'Standing orders whose day has come and which were not tried yet.'
        from public.ordres_permanents o
        where o.statut = 'actif' and o.prochain_essai <= (
            select j.jour from public.journees j where j.close_le is null);
        return query select
            'digitalbank_card_holds_expired', null::jsonb, count(*)::double precision,
            'Open card authorisations that are past their end by more than an hour.'
        from public.reservations r
        where r.statut = 'ouverte' and r.expire_le < clock_timestamp() - interval '1 hour';
    end if;

    if to_regclass('fraud.decisions') is not null then
        return query select
            'digitalbank_fraud_decisions', jsonb_build_object('verdict', v.verdict), count(d.rang)::double precision,
            'Decisions on payments of the last five minutes, by verdict.'
        from unnest(array['allow', 'step-up', 'review', 'block']) v (verdict)
        left join fraud.decisions d
            on d.verdict = v.verdict and d.decide_le > clock_timestamp() - interval '5 minutes' and not d.temoin
        group by v.verdict;
        return query select
            'digitalbank_fraud_score', jsonb_build_object('part', p.part),
            percentile_cont(p.part::double precision) within group (order by d.probabilite)::double precision,
            'Scores of the payments of the last hour: the median, and above what the highest hundredth is.'
        from unnest(array['0.5', '0.99']) p (part)
        join fraud.decisions d on d.decide_le > clock_timestamp() - interval '1 hour' and d.probabilite is not null
        group by p.part;
        return query select
            'digitalbank_fraud_fallbacks', null::jsonb, count(*)::double precision,
            'Decisions of the last five minutes that were made without the model.'
        from fraud.decisions d
        where d.decide_le > clock_timestamp() - interval '5 minutes' and d.secours is not null;
        return query select
            'digitalbank_fraud_backlog', null::jsonb, count(*)::double precision,
            'Payments whose features have still to be made up for.'
        from fraud.decisions d where d.ordre is null;
        return query select
            'digitalbank_fraud_cases_open', null::jsonb, count(*)::double precision, 'Cases that are not closed.'
        from fraud.dossiers d where d.statut <> 'clos';
        return query select
            'digitalbank_fraud_case_oldest_seconds', null::jsonb,
            coalesce(extract(epoch from clock_timestamp() - min(d.ouvert_le)), 0)::double precision,
            'How long the oldest open case has been open.'
        from fraud.dossiers d where d.statut <> 'clos';
        return query select
            'digitalbank_fraud_model_age_seconds', null::jsonb,
            extract(epoch from clock_timestamp() - m.promu_le)::double precision,
            'Time since the model in service was promoted.'
        from fraud.modeles m where m.statut = 'champion' and m.promu_le is not null;
    end if;

    if to_regclass('evidence.blocks') is not null then
        return query select
            'digitalbank_journal_sealed_timestamp_seconds', null::jsonb,
            extract(epoch from b.sealed_at)::double precision, 'When the journal was last sealed, in Unix seconds.'
        from evidence.blocks b order by b.number desc limit 1;
    end if;

    if to_regclass('detection.incidents') is not null then
        return query execute $q$
            select 'digitalbank_incidents_open', jsonb_build_object('severity', s.severity),
                count(i.id)::double precision, 'Security incidents that are not closed, by severity.'
            from unnest(array['low', 'medium', 'high', 'critical']) s (severity)
            left join detection.incidents i on i.severity = s.severity and i.status <> 'closed'
            group by s.severity $q$;
    end if;

    return query select
        'digitalbank_database_connections', jsonb_build_object('state', coalesce(a.state, 'other')),
        count(*)::double precision, 'Connections to the bank''s database, by state.'
    from pg_catalog.pg_stat_activity a where a.datname = current_database() group by coalesce(a.state, 'other');
    return query select
        'digitalbank_database_oldest_transaction_seconds', null::jsonb,
        coalesce(extract(epoch from clock_timestamp() - min(a.xact_start)), 0)::double precision,
        'Age of the oldest open transaction of the bank''s database.'
    from pg_catalog.pg_stat_activity a
    where a.datname = current_database() and a.pid <> pg_catalog.pg_backend_pid() and a.backend_type = 'client backend';
    return query select
        'digitalbank_replication_slot_lag_bytes', jsonb_build_object('slot', s.slot_name),
        pg_catalog.pg_wal_lsn_diff(
            case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_receive_lsn()
                else pg_catalog.pg_current_wal_lsn() end, s.restart_lsn)::double precision,
        'Bytes of the server''s log that a slot holds back.'
    from pg_catalog.pg_replication_slots s where s.restart_lsn is not null;
    return query select
        'digitalbank_standby_lag_seconds', jsonb_build_object('standby', coalesce(r.application_name, '')),
        coalesce(extract(epoch from r.replay_lag), 0)::double precision, 'How far a standby is behind in replaying.'
    from pg_catalog.pg_stat_replication r
    where r.state = 'streaming'
        and not exists (
            select from pg_catalog.pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical');
end
$$;

create view monitoring.indicators as
    select r.name, r.labels, r.value, r.help from monitoring.releve() r;
revoke all on monitoring.indicators from public;
revoke all on function monitoring.releve(), monitoring.lignes_ecrites(regclass) from public;
