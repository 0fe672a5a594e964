-- What analysts work with: stable pseudonyms, age bands, departments; no name, no number of a customer, account or card, no
-- words of an order. The inner views read with their owner's rights and ask who looks; the outer ones, which are served,
-- read with the caller's, so that nobody gets more through them than through the schema pseudonymes.

create schema pseudonymes;
revoke all on schema pseudonymes from public;
grant usage on schema pseudonymes to authenticated, service_role;

-- The key that turns ids into pseudonyms. No role of the API reads it; whoever has it can tell who is who.
create table pseudonymes.cle (
    octets bytea not null,
    constraint cle_de_32_octets check (octet_length(octets) = 32)
);
create unique index cle_une_seule on pseudonymes.cle ((true));
insert into pseudonymes.cle
values (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
alter table pseudonymes.cle enable row level security;

-- What the application tells of a client when it opens the sealed address and date of birth: coarse on purpose.
create table pseudonymes.profils (
    client_id uuid primary key references public.clients (id) on delete cascade,
    annee_naissance smallint,
    departement text,
    constraint profils_annee_plausible check (annee_naissance between 1880 and 2200),
    constraint profils_departement_francais check (departement ~ '^([0-9]{2}|2[AB]|97[1-8]|98[4-8])$')
);
alter table pseudonymes.profils enable row level security;
revoke all on pseudonymes.cle, pseudonymes.profils from public, anon, authenticated, service_role;

create function pseudonymes.peut_lire() returns boolean
    language sql stable
    set search_path = ''
    as $$ select current_user = 'service_role' or public.role_metier() in ('analyst', 'admin') $$;

-- HMAC's construction with a fixed length of key and input; 64 bits of it tell a million clients apart.
create function pseudonymes.pseudonyme(p_lettre text, p_id bytea, p_cle bytea) returns text
    language sql immutable parallel safe
    set search_path = ''
    as $$ select p_lettre || substr(encode(sha256(p_cle || sha256(p_cle || p_id)), 'hex'), 1, 16) $$;

create function pseudonymes.tranche(p_annee smallint) returns text
    language sql stable
    set search_path = ''
    as $$
        select case
            when p_annee is null then null
            when age < 18 then '0-17'
            when age < 25 then '18-24'
            when age < 35 then '25-34'
            when age < 45 then '35-44'
            when age < 55 then '45-54'
            when age < 65 then '55-64'
            when age < 75 then '65-74'
            else '75+'
        end
        from (select extract(year from current_date)::integer - p_annee as age) a
    $$;

create view pseudonymes.clients with (security_barrier = true) as
    select pseudonymes.pseudonyme('C', uuid_send(c.id), k.octets) as client, pseudonymes.tranche(p.annee_naissance) as tranche_age,
        p.departement, c.statut, date_trunc('month', c.cree_le)::date as client_depuis
    from public.clients c cross join pseudonymes.cle k left join pseudonymes.profils p on p.client_id = c.id
    where (select pseudonymes.peut_lire());

create view pseudonymes.transactions with (security_barrier = true) as
    select t.id as operation, t.booked_at, t.date_valeur, t.date_comptable, t.type, t.montant_minor, t.devise,
        pseudonymes.pseudonyme('C', uuid_send(d.client_id), k.octets) as client_debite,
        pseudonymes.pseudonyme('K', int8send(d.id), k.octets) as compte_debite, d.type as type_debite,
        pseudonymes.pseudonyme('C', uuid_send(c.client_id), k.octets) as client_credite,
        pseudonymes.pseudonyme('K', int8send(c.id), k.octets) as compte_credite, c.type as type_credite,
        t.carte_id is not null as par_carte, t.historique
    from public.transactions t
        join public.comptes d on d.id = t.compte_debit_id
        join public.comptes c on c.id = t.compte_credit_id
        cross join pseudonymes.cle k
    where (select pseudonymes.peut_lire());

create view public.analyse_clients with (security_invoker = true) as
    select client, tranche_age, departement, statut, client_depuis from pseudonymes.clients;
create view public.analyse_transactions with (security_invoker = true) as
    select operation, booked_at, date_valeur, date_comptable, type, montant_minor, devise, client_debite, compte_debite,
        type_debite, client_credite, compte_credite, type_credite, par_carte, historique
    from pseudonymes.transactions;
comment on view public.analyse_clients is 'Customers under pseudonyms, for analysts.';
comment on view public.analyse_transactions is 'Operations between pseudonyms, for analysts.';

revoke all on pseudonymes.clients, pseudonymes.transactions, public.analyse_clients, public.analyse_transactions
    from public, anon, authenticated, service_role;
grant select on pseudonymes.clients, pseudonymes.transactions, public.analyse_clients, public.analyse_transactions
    to authenticated, service_role;
revoke all on all functions in schema pseudonymes from public;
grant execute on all functions in schema pseudonymes to authenticated, service_role;
