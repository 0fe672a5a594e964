-- Facts whose sources belong to other parts of the program, and are there or not: backups and drills, requests of persons,
-- automations. Read as documents, so that a column that was added there changes nothing here.

create function bi.moment(p_ligne jsonb, p_nom text) returns timestamptz
    language sql immutable
    return nullif(p_ligne ->> p_nom, '')::timestamptz;

create function bi.cle_du_moment(p_moment timestamptz) returns bigint
    language sql stable
    return coalesce(bi.cle_du_jour((p_moment at time zone 'Europe/Paris')::date), -1);

create function bi.heure_du_moment(p_moment timestamptz) returns bigint
    language sql stable
    return extract(hour from p_moment at time zone 'Europe/Paris')::bigint;

create function bi.rafraichir_les_sauvegardes() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint := 0;
    v_n bigint := 0;
begin
    insert into bi.dim_statut (statut) values ('réussie'), ('échouée'), ('made'), ('proved'), ('damaged'), ('expired')
    on conflict do nothing;
    if to_regclass('continuity.sets') is not null then
        execute $lire$
            insert into bi.fact_sauvegarde as f (sauvegarde, date_cle, heure_cle, statut_cle, genre, faite_le, reussie, octets,
                duree_secondes)
            select 'jeu ' || (r ->> 'repository') || ' ' || (r ->> 'label'), bi.cle_du_moment(bi.moment(r, 'stopped_at')),
                bi.heure_du_moment(bi.moment(r, 'stopped_at')), coalesce(s.statut_cle, -1), r ->> 'kind',
                bi.moment(r, 'stopped_at'), r ->> 'state' <> 'damaged', (r ->> 'bytes')::bigint,
                extract(epoch from bi.moment(r, 'stopped_at') - bi.moment(r, 'started_at'))
            from (select to_jsonb(t) as r from continuity.sets t) x
            left join bi.dim_statut s on s.statut = r ->> 'state'
            on conflict (sauvegarde) do update set statut_cle = excluded.statut_cle, reussie = excluded.reussie
            where f.statut_cle <> excluded.statut_cle
            $lire$;
        get diagnostics v_n = row_count;
        v_lignes := v_lignes + v_n;
    end if;
    if to_regclass('continuity.drills') is not null then
        execute $lire$
            insert into bi.fact_sauvegarde (sauvegarde, date_cle, heure_cle, statut_cle, genre, faite_le, reussie,
                duree_secondes, rto_secondes, rpo_secondes)
            select 'exercice ' || (r ->> 'id'), bi.cle_du_moment(bi.moment(r, 'ended_at')),
                bi.heure_du_moment(bi.moment(r, 'ended_at')), coalesce(s.statut_cle, -1), 'exercice',
                bi.moment(r, 'ended_at'), (r ->> 'passed')::boolean,
                extract(epoch from bi.moment(r, 'ended_at') - bi.moment(r, 'started_at')),
                (r ->> 'restore_seconds')::double precision + (r ->> 'recovery_seconds')::double precision
                    + (r ->> 'check_seconds')::double precision,
                (r ->> 'rpo_seconds')::double precision
            from (select to_jsonb(t) as r from continuity.drills t) x
            left join bi.dim_statut s on s.statut = case when (r ->> 'passed')::boolean then 'réussie' else 'échouée' end
            on conflict (sauvegarde) do nothing
            $lire$;
        get diagnostics v_n = row_count;
        v_lignes := v_lignes + v_n;
    end if;
    return v_lignes;
end
$$;

create function bi.rafraichir_les_demandes() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint := 0;
begin
    if to_regclass('privacy.requests') is null then
        return 0;
    end if;
    insert into bi.dim_statut (statut) values ('received'), ('done'), ('refused') on conflict do nothing;
    execute $lire$
        insert into bi.fact_demande_rgpd as f (demande, date_cle, date_cloture_cle, statut_cle, genre, recue_le, delai_jours,
            en_retard)
        select r ->> 'id', bi.cle_du_moment(bi.moment(r, 'received_at')), bi.cle_du_moment(bi.moment(r, 'ended_at')),
            coalesce(s.statut_cle, -1), r ->> 'kind', bi.moment(r, 'received_at'),
            extract(epoch from bi.moment(r, 'ended_at') - bi.moment(r, 'received_at')) / 86400,
            coalesce(bi.moment(r, 'ended_at'), clock_timestamp()) > bi.moment(r, 'due_at')
        from (select to_jsonb(t) as r from privacy.requests t) x
        left join bi.dim_statut s on s.statut = r ->> 'status'
        on conflict (demande) do update
        set date_cloture_cle = excluded.date_cloture_cle, statut_cle = excluded.statut_cle,
            delai_jours = excluded.delai_jours, en_retard = excluded.en_retard
        where (f.date_cloture_cle, f.statut_cle, f.en_retard)
            is distinct from (excluded.date_cloture_cle, excluded.statut_cle, excluded.en_retard)
        $lire$;
    get diagnostics v_lignes = row_count;
    return v_lignes;
end
$$;

create function bi.rafraichir_les_automatisations() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint := 0;
begin
    if to_regclass('automation.runs') is null or to_regclass('automation.deliveries') is null then
        return 0;
    end if;
    insert into bi.dim_statut (statut) values ('planned'), ('filtered'), ('failed') on conflict do nothing;
    execute $lire$
        insert into bi.fact_automatisation as f (execution, date_cle, heure_cle, statut_cle, scenario, debut, reussie,
            tentatives, duree_secondes)
        select r ->> 'id', bi.cle_du_moment(bi.moment(r, 'started_at')), bi.heure_du_moment(bi.moment(r, 'started_at')),
            coalesce(s.statut_cle, -1), r ->> 'scenario', bi.moment(r, 'started_at'),
            r ->> 'outcome' <> 'failed' and coalesce(e.mortes, 0) = 0, coalesce(e.tentatives, 0),
            extract(epoch from e.fin - bi.moment(r, 'started_at'))
        from (select to_jsonb(t) as r from automation.runs t) x
        left join bi.dim_statut s on s.statut = r ->> 'outcome'
        left join (
            select (l ->> 'run_id') as run, sum((l ->> 'attempts')::integer)::integer as tentatives,
                max(bi.moment(l, 'settled_at')) as fin, count(*) filter (where l ->> 'status' = 'dead') as mortes
            from (select to_jsonb(t) - 'payload' - 'shown' as l from automation.deliveries t) y group by 1) e
            on e.run = r ->> 'id'
        on conflict (execution) do update
        set reussie = excluded.reussie, tentatives = excluded.tentatives, duree_secondes = excluded.duree_secondes
        where (f.reussie, f.tentatives, f.duree_secondes)
            is distinct from (excluded.reussie, excluded.tentatives, excluded.duree_secondes)
        $lire$;
    get diagnostics v_lignes = row_count;
    return v_lignes;
end
$$;

insert into bi.reperes (source) values ('autres');

create function bi.rafraichir_les_autres() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    v_lignes := bi.rafraichir_les_sauvegardes() + bi.rafraichir_les_demandes() + bi.rafraichir_les_automatisations();
    update bi.reperes set lignes = lignes + v_lignes, rafraichi_le = clock_timestamp() where source = 'autres';
    return v_lignes;
end
$$;
revoke execute on all functions in schema bi from public;
