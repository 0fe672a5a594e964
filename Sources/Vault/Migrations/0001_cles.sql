-- One data key per client, wrapped by a key-encryption key that is never in the database.

create schema if not exists vault;
revoke all on schema vault from public;

create table vault.data_keys (
    client_id uuid not null,
    version integer not null default 1,
    kek_id text not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    destroyed_at timestamptz,
    constraint data_keys_pkey primary key (client_id, version),
    constraint data_keys_wrapped_whole check (octet_length(wrapped) in (0, 60)),
    constraint data_keys_destroyed_is_empty check ((destroyed_at is null) = (octet_length(wrapped) = 60))
);

create index data_keys_kek on vault.data_keys (kek_id, client_id, version) where destroyed_at is null;
