-- Availability and answering times come from the rows of five minutes that the servers keep in schema monitoring.

-- The time that a part of the answers was within: between two bounds evenly spread, above the last one that bound itself.
create function bi.quantile(p_paliers bigint[], p_bornes_ms double precision[], p_part double precision)
    returns double precision
    language sql immutable
    set search_path = ''
    as $$
        with p as (
            select n, c::double precision as c, sum(c) over (order by n)::double precision as cumul,
                sum(c) over ()::double precision as total
            from unnest(p_paliers) with ordinality x (c, n)
        ), t as (
            select * from p where cumul >= p_part * total and c > 0 order by n limit 1
        )
        select case when t.n > cardinality(p_bornes_ms) then p_bornes_ms[cardinality(p_bornes_ms)]
            else coalesce(p_bornes_ms[t.n - 1], 0)
                + (p_bornes_ms[t.n] - coalesce(p_bornes_ms[t.n - 1], 0)) * (p_part * t.total - (t.cumul - t.c)) / t.c end
        from t where t.total > 0
    $$;

create function bi.service_de(p_partie text) returns text
    language sql immutable
    set search_path = ''
    return case
        when p_partie in ('/bank/v1', '/cards/v1') then 'paiements'
        when p_partie = '/auth/v1' then 'authentification'
        when p_partie = '/realtime/v1' then 'temps réel'
        when p_partie in ('', '/') then 'consoles'
        else 'api' end;

-- The last two rows of each service are read again: servers still add to the newest, and may be late for the one before.
create function bi.rafraichir_la_disponibilite() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_depuis timestamptz;
    v_lignes bigint := 0;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    if to_regclass('monitoring.requetes_5min') is null then
        return 0;
    end if;
    select coalesce(max(debut) - interval '10 minutes', '-infinity') into v_depuis from bi.fact_slo_5min;
    execute $lire$
        with p as (
            select r.debut, bi.service_de(r.partie) as service, r.requetes, r.erreurs, r.paliers, r.bornes_ms
            from monitoring.requetes_5min r where r.debut >= $1
        ), t as (
            select p.debut, p.service, sum(p.requetes)::bigint as requetes, sum(p.erreurs)::bigint as erreurs
            from p group by 1, 2
        ), q as (
            -- Parts of one service under the same bounds are added up, bound by bound.
            select y.debut, y.service, y.bornes_ms, array_agg(y.c order by y.n) as paliers
            from (
                select p.debut, p.service, p.bornes_ms, x.n, sum(x.c)::bigint as c
                from p, unnest(p.paliers) with ordinality x (c, n) group by 1, 2, 3, 4) y
            group by 1, 2, 3
        ), d as (
            select distinct on (q.debut, q.service) q.* from q
            order by q.debut, q.service, (select sum(c) from unnest(q.paliers) c) desc
        )
        insert into bi.fact_slo_5min as f (date_cle, heure_cle, service_cle, debut, requetes, erreurs, p50_ms, p95_ms, p99_ms)
        select bi.cle_du_moment(t.debut), bi.heure_du_moment(t.debut), s.service_cle, t.debut, t.requetes, t.erreurs,
            bi.quantile(d.paliers, d.bornes_ms, 0.5), bi.quantile(d.paliers, d.bornes_ms, 0.95),
            bi.quantile(d.paliers, d.bornes_ms, 0.99)
        from t join bi.dim_service s on s.service = t.service left join d on d.debut = t.debut and d.service = t.service
        on conflict (debut, service_cle) do update
        set requetes = excluded.requetes, erreurs = excluded.erreurs, p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms,
            p99_ms = excluded.p99_ms
        where (f.requetes, f.erreurs) is distinct from (excluded.requetes, excluded.erreurs)
        $lire$ using v_depuis;
    get diagnostics v_lignes = row_count;
    return v_lignes;
end
$$;

create or replace function bi.rafraichir_les_autres() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    v_lignes := bi.rafraichir_les_sauvegardes() + bi.rafraichir_les_demandes() + bi.rafraichir_les_automatisations()
        + bi.rafraichir_la_disponibilite();
    update bi.reperes set lignes = lignes + v_lignes, rafraichi_le = clock_timestamp() where source = 'autres';
    return v_lignes;
end
$$;
revoke execute on all functions in schema bi from public;
