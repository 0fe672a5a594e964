-- Whoever keeps a client's key in memory is told when it is destroyed, whatever destroyed it: `keys shred`, the retention engine,
-- the replay of the erasure ledger, a statement by hand. Told when the transaction commits, once for each client.

create function vault.tell_destroyed() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    perform pg_catalog.pg_notify('privacy_forgotten', new.client_id::text);
    return null;
end
$$;

create trigger keys_destroyed_are_told after update of destroyed_at on vault.data_keys
    for each row when (old.destroyed_at is null and new.destroyed_at is not null)
    execute function vault.tell_destroyed();
revoke all on function vault.tell_destroyed() from public;
