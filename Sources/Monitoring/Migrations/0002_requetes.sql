-- Requests that were answered, in rows of five minutes: what stays when a server's counters are gone. Each server adds its own
-- counts every few seconds, so that one that is killed loses the last of them only.

create table monitoring.requetes_5min (
    debut timestamptz not null,
    -- The part of the API: /bank/v1, /auth/v1, / for pages.
    partie text not null,
    requetes bigint not null,
    erreurs bigint not null,
    -- How many took no longer than each bound; the last part is without one.
    paliers bigint[] not null,
    bornes_ms double precision[] not null,
    primary key (debut, partie),
    constraint requetes_5min_entiere check (
        cardinality(paliers) = cardinality(bornes_ms) + 1 and requetes >= erreurs and erreurs >= 0),
    constraint requetes_5min_de_cinq_minutes check (extract(epoch from debut)::bigint % 300 = 0)
);
alter table monitoring.requetes_5min enable row level security;
revoke all on monitoring.requetes_5min from public;

create function monitoring.ajouter_paliers(p_a bigint[], p_b bigint[]) returns bigint[]
    language sql immutable
    set search_path = ''
    return (select array_agg(coalesce(a, 0) + coalesce(b, 0) order by n)
        from unnest(p_a, p_b) with ordinality x (a, b, n));

-- Adds what a server answered since it was here last. Counts under other bounds, of a server of another version, replace
-- nothing: they are added to the totals only.
create function monitoring.noter_les_requetes(p_lignes jsonb, p_bornes_ms double precision[]) returns void
    language sql
    set search_path = ''
    as $$
        insert into monitoring.requetes_5min as r (debut, partie, requetes, erreurs, paliers, bornes_ms)
        select to_timestamp(floor(extract(epoch from clock_timestamp()) / 300) * 300), l.partie, l.requetes, l.erreurs,
            l.paliers, p_bornes_ms
        from jsonb_to_recordset(p_lignes) as l (partie text, requetes bigint, erreurs bigint, paliers bigint[])
        on conflict (debut, partie) do update
        set requetes = r.requetes + excluded.requetes, erreurs = r.erreurs + excluded.erreurs,
            paliers = case when r.bornes_ms = excluded.bornes_ms
                then monitoring.ajouter_paliers(r.paliers, excluded.paliers) else r.paliers end
    $$;

revoke all on function monitoring.ajouter_paliers(bigint[], bigint[]),
    monitoring.noter_les_requetes(jsonb, double precision[]) from public;
