-- Tokens of BI programs, the key of page tokens, the reports that were made, and the figures that are watched.

create table bi.jetons (
    id bigint generated always as identity primary key,
    nom text not null,
    empreinte bytea not null unique,
    cree_le timestamptz not null default clock_timestamp(),
    expire_le timestamptz not null,
    revoque_le timestamptz,
    utilise_le timestamptz,
    constraint jetons_nom_court check (length(nom) between 1 and 80),
    constraint jetons_empreinte_de_32_octets check (octet_length(empreinte) = 32),
    constraint jetons_expire_apres check (expire_le > cree_le)
);

create table bi.secret (
    octets bytea not null check (octet_length(octets) = 32)
);
create unique index secret_un_seul on bi.secret ((true));
insert into bi.secret
values (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

create table bi.rapports (
    jour date primary key,
    fait_le timestamptz not null default clock_timestamp(),
    chiffres jsonb not null,
    html text not null,
    pdf bytea,
    xlsx bytea not null,
    csv text not null
);

create view bi.indicators as
    select 'digitalbank_bi_refresh_timestamp_seconds' as name, jsonb_build_object('source', source) as labels,
        coalesce(extract(epoch from rafraichi_le), 0)::double precision as value,
        'When this source was last read into the star schema.' as help
    from bi.reperes
    union all
    select 'digitalbank_bi_rows_total', jsonb_build_object('source', source), lignes::double precision,
        'Rows that refreshes have written.'
    from bi.reperes;

alter table bi.jetons enable row level security;
alter table bi.secret enable row level security;
alter table bi.rapports enable row level security;
revoke all on bi.jetons, bi.secret, bi.rapports, bi.indicators from public;
