-- Key-encryption keys of other keepers: what a KMS wraps is longer than what we wrap ourselves.

alter table vault.data_keys drop constraint data_keys_wrapped_whole;
alter table vault.data_keys drop constraint data_keys_destroyed_is_empty;
alter table vault.data_keys add constraint data_keys_wrapped_whole check (
    octet_length(wrapped) = 0 or octet_length(wrapped) between 40 and 8192);
alter table vault.data_keys add constraint data_keys_destroyed_is_empty check (
    (destroyed_at is null) = (octet_length(wrapped) > 0));
alter table vault.data_keys add column rewrapped_at timestamptz;

-- Which key-encryption keys there were. Their bytes are never here.
create table vault.key_encryption_keys (
    id text primary key,
    first_used_at timestamptz not null default clock_timestamp(),
    -- Since when no data key is wrapped by it.
    retired_at timestamptz
);
alter table vault.key_encryption_keys enable row level security;
alter table vault.data_keys enable row level security;

-- A destroyed key stays destroyed, and no row of keys is ever deleted.
create function vault.keys_are_final() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if tg_op <> 'UPDATE' then
        raise exception 'rows of vault.data_keys are never deleted' using errcode = '55000',
            hint = 'Destroy a client''s key with: digitalbank keys shred';
    end if;
    if old.destroyed_at is not null then
        raise exception 'the key of client % was destroyed', old.client_id using errcode = '55000';
    end if;
    if new.client_id <> old.client_id or new.version <> old.version then
        raise exception 'a data key does not change its client or version' using errcode = '55000';
    end if;
    return new;
end
$$;

create trigger keys_are_final before update or delete on vault.data_keys
    for each row execute function vault.keys_are_final();
create trigger keys_are_not_truncated before truncate on vault.data_keys
    for each statement execute function vault.keys_are_final();
