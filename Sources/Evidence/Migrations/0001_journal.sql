-- The bank's journal: what was done and what was refused, append-only, sealed afterwards in signed blocks.
--
-- Writing takes no lock and waits for nobody: the id comes from an identity, the transaction's number is kept beside it.
-- A block covers whole transactions, all those below the oldest one still running when it is made: none of them can
-- still add an entry, so that late commits and ids out of order are never missed and never counted twice.

create schema if not exists evidence;
revoke all on schema evidence from public;

create table evidence.entries (
    id bigint generated always as identity primary key,
    -- Which cluster numbered the transaction: after a restore into another one the numbers begin anew.
    cluster bigint not null,
    xid xid8 not null,
    recorded_at timestamptz not null,
    actor text not null,
    kind text not null,
    subject text not null,
    outcome text not null,
    -- JSON text, hashed as it stands.
    body text not null,
    constraint entries_outcome_known check (outcome in ('done', 'refused')),
    constraint entries_kind_short check (octet_length(kind) between 1 and 200),
    constraint entries_subject_short check (octet_length(subject) <= 1000),
    constraint entries_body_short check (octet_length(body) <= 1048576)
);
create index entries_transaction on evidence.entries (cluster, xid);

create table evidence.blocks (
    number bigint primary key,
    cluster bigint not null,
    -- The block covers the transactions from the first up to, not including, the end; no end: all of that cluster.
    first_xid xid8 not null,
    end_xid xid8,
    row_count bigint not null,
    first_id bigint,
    last_id bigint,
    last_recorded_at timestamptz,
    -- Merkle root (RFC 6962) of the entries' hashes, by id.
    root bytea not null,
    -- The first 8 bytes of each entry's hash, by id: finds the entry that was changed.
    marks bytea not null,
    sealed_at timestamptz not null,
    previous bytea not null,
    hash bytea not null,
    signature bytea not null,
    key bytea not null,
    constraint blocks_one_after_another unique (previous),
    constraint blocks_number_positive check (number > 0),
    constraint blocks_rows_counted check (
        octet_length(marks) = 8 * row_count and (row_count = 0) = (first_id is null)
        and (first_id is null) = (last_id is null)),
    constraint blocks_sizes check (
        octet_length(root) = 32 and octet_length(previous) = 32 and octet_length(hash) = 32
        and octet_length(signature) = 64 and octet_length(key) = 32)
);

-- What the writer may not choose.
create function evidence.stamp() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    new.cluster := (select system_identifier from pg_catalog.pg_control_system());
    new.xid := pg_catalog.pg_current_xact_id();
    new.recorded_at := pg_catalog.clock_timestamp();
    return new;
end
$$;
create trigger stamp before insert on evidence.entries for each row execute function evidence.stamp();

create function evidence.refuse_change() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    raise exception 'evidence.% is append-only: % is refused', tg_table_name, tg_op using errcode = '55000',
        hint = 'A mistake is corrected by a new entry.';
end
$$;
create trigger entries_stay before update or delete on evidence.entries
    for each row execute function evidence.refuse_change();
create trigger entries_stay_all before truncate on evidence.entries
    for each statement execute function evidence.refuse_change();
create trigger blocks_stay before update or delete on evidence.blocks
    for each row execute function evidence.refuse_change();
create trigger blocks_stay_all before truncate on evidence.blocks
    for each statement execute function evidence.refuse_change();
-- Also when a session calls itself a replica, which leaves plain triggers out.
alter table evidence.entries enable always trigger entries_stay;
alter table evidence.entries enable always trigger entries_stay_all;
alter table evidence.blocks enable always trigger blocks_stay;
alter table evidence.blocks enable always trigger blocks_stay_all;

-- The one way in for those who own nothing here.
create function evidence.append(kind text, subject text, body text, outcome text default 'done', actor text default null)
    returns bigint
    language sql volatile security definer
    set search_path = ''
    begin atomic
        insert into evidence.entries (cluster, xid, recorded_at, actor, kind, subject, outcome, body)
        values (0, '0', 'epoch', coalesce(append.actor, session_user), append.kind, append.subject, append.outcome,
            append.body)
        returning id;
    end;
revoke all on function evidence.append(text, text, text, text, text) from public;

alter table evidence.entries enable row level security;
alter table evidence.blocks enable row level security;

comment on table evidence.entries is 'What was done and what was refused. Append-only.';
comment on table evidence.blocks is 'Signed seals over evidence.entries. Append-only; each head is published outside.';
