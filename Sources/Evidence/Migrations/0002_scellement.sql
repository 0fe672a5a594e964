-- What the sealer and the exporter ask for. Reading only: the blocks themselves are made and signed outside.

alter table evidence.blocks alter column end_xid set not null;

-- Row level security is on and not forced: under FORCE an UPDATE by the owner would find no row and say nothing, where
-- the triggers refuse it aloud. Whoever is granted SELECT (an auditor's role) reads everything; nobody is by default.
create policy entries_lecture on evidence.entries for select using (true);
create policy blocks_lecture on evidence.blocks for select using (true);

-- A time as the hashes take it: microseconds since 1970, in decimal. Exact, and the same under every session's settings.
create function evidence.micros(instant timestamptz) returns text
    language sql immutable strict
    set search_path = ''
    return pg_catalog.trunc(extract(epoch from instant) * 1000000)::text;

-- The transaction number after this one.
create function evidence.following(xid xid8) returns xid8
    language sql immutable strict
    set search_path = ''
    return (xid::text::numeric + 1)::text::xid8;

-- Where the sealed part of a cluster's transactions ends.
create function evidence.sealed_end(of_cluster bigint) returns xid8
    language sql stable
    set search_path = ''
    return coalesce(
        (select b.end_xid from evidence.blocks b where b.cluster = of_cluster order by b.number desc limit 1), '0');

create index blocks_cluster on evidence.blocks (cluster, number);

-- The clusters that numbered entries: more than one after a restore elsewhere.
create function evidence.clusters() returns setof bigint
    language sql stable
    set search_path = ''
    begin atomic
        with recursive known (cluster) as (
            (select e.cluster from evidence.entries e order by e.cluster limit 1)
            union all
            select (select e.cluster from evidence.entries e where e.cluster > k.cluster order by e.cluster limit 1)
            from known k where k.cluster is not null
        )
        select k.cluster from known k where k.cluster is not null;
    end;

-- The transactions that the next block covers; no row when nothing can be sealed. Entries that came with a restore
-- (another cluster's) are sealed first and whole; ours only below the oldest transaction that still runs in the
-- caller's snapshot: no transaction below it can add an entry any more.
create function evidence.next_range(rows_max bigint)
    returns table (cluster bigint, first_xid xid8, end_xid xid8)
    language plpgsql stable
    set search_path = ''
    as $$
declare
    here constant bigint := (select c.system_identifier from pg_catalog.pg_control_system() c);
    horizon constant xid8 := pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot());
    lowest xid8;
    beyond xid8;
begin
    for cluster in select c from evidence.clusters() c order by c = here, c loop
        first_xid := evidence.sealed_end(cluster);
        lowest := (
            select e.xid from evidence.entries e
            where e.cluster = next_range.cluster and e.xid >= first_xid
                and (next_range.cluster <> here or e.xid < horizon)
            order by e.xid limit 1);
        continue when lowest is null;
        -- The transaction of the first entry that is too many.
        beyond := (
            select e.xid from evidence.entries e
            where e.cluster = next_range.cluster and e.xid >= first_xid
                and (next_range.cluster <> here or e.xid < horizon)
            order by e.xid offset rows_max limit 1);
        end_xid := case
            -- One transaction is never split, however large it is.
            when beyond = lowest then evidence.following(lowest)
            when beyond is not null then beyond
            when cluster = here then horizon
            else evidence.following((
                select e.xid from evidence.entries e where e.cluster = next_range.cluster order by e.xid desc limit 1))
        end;
        return next;
        return;
    end loop;
end
$$;

revoke all on function evidence.micros(timestamptz), evidence.following(xid8), evidence.sealed_end(bigint),
    evidence.clusters(), evidence.next_range(bigint), evidence.stamp(), evidence.refuse_change() from public;

comment on function evidence.next_range(bigint) is 'The transactions that the next block of the journal covers.';
