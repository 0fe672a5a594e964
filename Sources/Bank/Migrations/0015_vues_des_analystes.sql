-- What analysts work with: stable pseudonyms, age bands, departments; no name, no number of a customer, account or card, no
-- words of an order. The inner views read with their owner's rights and ask who looks; the outer ones, which are served,
-- read with the caller's, so that nobody gets more through them than through the schema analyse.

create schema analyse;
revoke all on schema analyse from public;
grant usage on schema analyse to authenticated, service_role;

-- The key that turns ids into pseudonyms. No role of the API reads it; whoever has it can tell who is who.
create table analyse.cle (
    octets bytea not null,
    constraint cle_de_32_octets check (octet_length(octets) = 32)
);
create unique index cle_une_seule on analyse.cle ((true));
insert into analyse.cle
values (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
alter table analyse.cle enable row level security;

-- What the application tells of a client when it opens the sealed address and date of birth: coarse on purpose.
create table analyse.profils (
    client_id uuid primary key references public.clients (id) on delete cascade,
    annee_naissance smallint,
    departement text,
    constraint profils_annee_plausible check (annee_naissance between 1880 and 2200),
    constraint profils_departement_francais check (departement ~ '^([0-9]{2}|2[AB]|97[1-8]|98[4-8])$')
);
alter table analyse.profils enable row level security;
revoke all on analyse.cle, analyse.profils from public, anon, authenticated, service_role;

create function analyse.peut_lire() returns boolean
    language sql stable
    set search_path = ''
    as $$ select current_user = 'service_role' or public.role_metier() in ('analyst', 'admin') $$;

-- HMAC's construction with a fixed length of key and input; 64 bits of it tell a million clients apart.
create function analyse.pseudonyme(p_lettre text, p_id bytea, p_cle bytea) returns text
    language sql immutable parallel safe
    set search_path = ''
    as $$ select p_lettre || substr(encode(sha256(p_cle || sha256(p_cle || p_id)), 'hex'), 1, 16) $$;

create function analyse.tranche(p_annee smallint) returns text
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

create view analyse.clients with (security_barrier = true) as
    select analyse.pseudonyme('C', uuid_send(c.id), k.octets) as client, analyse.tranche(p.annee_naissance) as tranche_age,
        p.departement, c.statut, date_trunc('month', c.cree_le)::date as client_depuis
    from public.clients c cross join analyse.cle k left join analyse.profils p on p.client_id = c.id
    where (select analyse.peut_lire());

create view analyse.transactions with (security_barrier = true) as
    select t.id as operation, t.booked_at, t.date_valeur, t.date_comptable, t.type, t.montant_minor, t.devise,
        analyse.pseudonyme('C', uuid_send(d.client_id), k.octets) as client_debite,
        analyse.pseudonyme('K', int8send(d.id), k.octets) as compte_debite, d.type as type_debite,
        analyse.pseudonyme('C', uuid_send(c.client_id), k.octets) as client_credite,
        analyse.pseudonyme('K', int8send(c.id), k.octets) as compte_credite, c.type as type_credite,
        t.carte_id is not null as par_carte, t.historique
    from public.transactions t
        join public.comptes d on d.id = t.compte_debit_id
        join public.comptes c on c.id = t.compte_credit_id
        cross join analyse.cle k
    where (select analyse.peut_lire());

create view public.analyse_clients with (security_invoker = true) as
    select client, tranche_age, departement, statut, client_depuis from analyse.clients;
create view public.analyse_transactions with (security_invoker = true) as
    select operation, booked_at, date_valeur, date_comptable, type, montant_minor, devise, client_debite, compte_debite,
        type_debite, client_credite, compte_credite, type_credite, par_carte, historique
    from analyse.transactions;
comment on view public.analyse_clients is 'Customers under pseudonyms, for analysts.';
comment on view public.analyse_transactions is 'Operations between pseudonyms, for analysts.';

revoke all on analyse.clients, analyse.transactions, public.analyse_clients, public.analyse_transactions
    from public, anon, authenticated, service_role;
grant select on analyse.clients, analyse.transactions, public.analyse_clients, public.analyse_transactions
    to authenticated, service_role;
revoke all on all functions in schema analyse from public;
grant execute on all functions in schema analyse to authenticated, service_role;
