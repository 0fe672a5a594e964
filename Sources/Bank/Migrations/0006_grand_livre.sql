-- What the ledger's functions stand on: columns, limits, holds, reversals, and the guards of history.

-- Busy accounts of the bank's own (settlement, card clearing) would make every transfer wait for one row. A `chaud`
-- account has no balance of its own that moves: its postings are only added, and rolled up when a day is closed.
alter table public.comptes
    add column chaud boolean not null default false;
comment on column public.comptes.chaud is
    'Postings are numbered by a sequence and carry no balance; solde_minor holds the sum up to dernier_numero.';
comment on column public.comptes.dernier_numero is
    'The number of the last posting; of a hot account, of the last posting that is in solde_minor.';

create sequence public.ecritures_chaudes_numero;
alter table public.ecritures alter column solde_apres_minor drop not null;

alter table public.transactions
    add column numero_debit bigint,
    add column numero_credit bigint,
    add column origine_id bigint,
    add column reservation_id uuid;
comment on column public.transactions.numero_debit is 'The posting is ecritures (compte_debit_id, numero_debit).';
comment on column public.transactions.origine_id is 'The operation that this one reverses.';
create index transactions_origine on public.transactions (origine_id) where origine_id is not null;

-- These keys were checked when the rows came in. From here on only the functions write, and they hold the account's row
-- while they do; an account never goes away (below). Seven more lookups and row locks for each transfer would prove what
-- the function has just seen. verifier_le_grand_livre() looks for what has no account.
alter table public.transactions
    drop constraint transactions_debit_existe,
    drop constraint transactions_credit_existe;
alter table public.ecritures
    drop constraint ecritures_compte_existe;
alter table public.virements
    drop constraint virements_donneur_existe,
    drop constraint virements_debit_existe,
    drop constraint virements_credit_existe;
comment on column public.virements.donneur_id is
    'The holder of the debited account; all zeros when the bank itself orders.';

create trigger comptes_jamais_supprimes before delete on public.comptes
    for each row execute function public.refuser_le_changement();
create trigger comptes_jamais_vides before truncate on public.comptes
    for each statement execute function public.refuser_le_changement();

-- PostgreSQL reads and prepares every check of a table again for each statement that writes to it: eleven of them were
-- 100 of a transfer's 280 microseconds. Those on columns that a transfer never writes are kept by a trigger that fires
-- only when these columns are written, under the same names; what guards money stays a constraint.
alter table public.comptes
    drop constraint comptes_type_connu,
    drop constraint comptes_statut_connu,
    drop constraint comptes_interne_sans_client,
    drop constraint comptes_decouvert_positif,
    drop constraint comptes_iban_entier,
    drop constraint comptes_iban_fin_de_4,
    drop constraint comptes_bic_bien_forme,
    drop constraint comptes_reserve_positive,
    drop constraint comptes_solde_au_dessus_du_decouvert;
-- One check instead of two, for the same reason: nothing is held below zero, and nothing is spent below the overdraft.
alter table public.comptes
    add constraint comptes_solde_au_dessus_du_decouvert check (
        reserve_minor >= 0 and (type = 'interne' or solde_minor - reserve_minor >= -decouvert_minor)) no inherit;

-- The tables that each transfer inserts into keep all their rules, as one check each.
alter table public.ecritures
    drop constraint ecritures_montant_non_nul,
    drop constraint ecritures_numero_positif,
    add constraint ecritures_montant_et_numero check (montant_minor <> 0 and numero > 0);
alter table public.transactions
    drop constraint transactions_montant_positif,
    drop constraint transactions_entre_deux_comptes,
    add constraint transactions_montant_positif check (montant_minor > 0 and compte_debit_id <> compte_credit_id);
alter table public.virements
    drop constraint virements_montant_positif,
    drop constraint virements_statut_connu,
    drop constraint virements_execute_a_une_operation,
    add constraint virements_coherent check (
        montant_minor > 0 and statut in ('execute', 'refuse', 'en_attente', 'annule')
        and (statut <> 'execute' or transaction_id is not null));

create function public.garder_la_forme_du_compte() returns trigger
    language plpgsql
    set search_path = ''
    as $$
declare
    v_regle constant text := case
        when new.type not in ('courant', 'epargne', 'joint', 'interne') then 'comptes_type_connu'
        when new.statut not in ('actif', 'bloque', 'clos') then 'comptes_statut_connu'
        when (new.type = 'interne') <> (new.client_id is null) then 'comptes_interne_sans_client'
        when new.decouvert_minor < 0 then 'comptes_decouvert_positif'
        when (new.iban_chiffre is null) <> (new.iban_index is null)
            or (new.iban_chiffre is null) <> (new.iban_fin is null) then 'comptes_iban_entier'
        when length(new.iban_fin) > 4 then 'comptes_iban_fin_de_4'
        when new.bic !~ '^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$' then 'comptes_bic_bien_forme'
        when new.chaud and new.type <> 'interne' then 'comptes_chaud_interne'
    end;
begin
    if v_regle is not null then
        raise exception 'account % violates the rule %', new.id, v_regle
            using errcode = '23514', schema = 'public', table = 'comptes', constraint = v_regle;
    end if;
    if tg_op = 'UPDATE' and (
        old.id <> new.id or old.type <> new.type or old.devise <> new.devise or old.chaud <> new.chaud
        or old.client_id is distinct from new.client_id)
    then
        raise exception 'account % keeps its number, type, currency and holder', old.id
            using errcode = '42501', hint = 'Open another account and move the money there.';
    end if;
    return null;
end
$$;
create trigger comptes_forme
    after insert or update of
        id, client_id, type, devise, chaud, statut, decouvert_minor, iban_chiffre, iban_index, iban_fin, bic
    on public.comptes
    for each row execute function public.garder_la_forme_du_compte();

-- The same rule as before, found faster: one sum when all postings are in one currency, which is nearly always.
-- Every name in it is qualified, and who inserts is a function with a pinned search_path.
create or replace function public.verifier_equilibre() returns trigger
    language plpgsql
    as $$
declare
    ecart record;
begin
    select sum(n.montant_minor) as somme, min(k.devise) as premiere, max(k.devise) as derniere into ecart
    from nouvelles n join public.comptes k on k.id = n.compte_id;
    if ecart.somme = 0 and ecart.premiere = ecart.derniere then
        return null;
    end if;
    select k.devise, sum(n.montant_minor) as somme into ecart
    from nouvelles n join public.comptes k on k.id = n.compte_id
    group by k.devise having sum(n.montant_minor) <> 0 limit 1;
    if found then
        raise exception 'the postings do not balance: % % too much', ecart.somme, ecart.devise using errcode = '23514';
    end if;
    return null;
end
$$;

-- Balances that were taken over at a restore: one operation with many postings, which has no row in transactions.
create table public.reprises (
    transaction_id bigint primary key,
    devise char(3) not null,
    nombre bigint not null,
    total_minor bigint not null,
    faite_le timestamptz not null default clock_timestamp()
);

-- How much may leave an account in one business day. Channel '*' counts all channels together.
create table public.plafonds_par_defaut (
    canal text primary key,
    plafond_minor bigint not null,
    constraint plafonds_par_defaut_positif check (plafond_minor >= 0),
    constraint plafonds_par_defaut_canal_court check (length(canal) between 1 and 20)
);
create table public.plafonds (
    compte_id bigint not null references public.comptes (id),
    canal text not null,
    plafond_minor bigint,
    jour date,
    consomme_minor bigint not null default 0,
    primary key (compte_id, canal),
    constraint plafonds_positif check (plafond_minor >= 0),
    constraint plafonds_consomme_positif check (consomme_minor >= 0),
    constraint plafonds_canal_court check (length(canal) between 1 and 20)
) with (fillfactor = 50);
comment on column public.plafonds.plafond_minor is 'Null follows the channel''s default.';
comment on column public.plafonds.consomme_minor is 'What left on `jour`; nothing has left on any other day.';

-- Money promised and not yet moved: card authorisations. comptes.reserve_minor is the sum of the open ones' rest.
create table public.reservations (
    id uuid primary key default gen_random_uuid(),
    compte_id bigint not null references public.comptes (id),
    carte_id bigint references public.cartes (id),
    cle_idempotence text not null,
    empreinte bytea not null,
    montant_minor bigint not null,
    capture_minor bigint not null default 0,
    reste_minor bigint not null,
    devise char(3) not null references public.devises (code),
    marchand text,
    statut text not null default 'ouverte',
    cree_le timestamptz not null default clock_timestamp(),
    expire_le timestamptz not null,
    terminee_le timestamptz,
    constraint reservations_cle_unique unique (compte_id, cle_idempotence),
    constraint reservations_statut_connu check (statut in ('ouverte', 'capturee', 'liberee', 'expiree')),
    constraint reservations_montant_positif check (montant_minor > 0),
    constraint reservations_capture_dans_le_montant check (capture_minor between 0 and montant_minor),
    constraint reservations_reste_exact check (
        reste_minor = case when statut = 'ouverte' then montant_minor - capture_minor else 0 end),
    constraint reservations_ouverte_non_terminee check ((statut = 'ouverte') = (terminee_le is null))
) with (fillfactor = 70);
create index reservations_ouvertes on public.reservations (compte_id, expire_le) where statut = 'ouverte';
create index reservations_a_expirer on public.reservations (expire_le) where statut = 'ouverte';
create index reservations_carte on public.reservations (carte_id, cree_le);

create table public.captures (
    reservation_id uuid not null references public.reservations (id),
    cle_idempotence text not null,
    empreinte bytea not null,
    transaction_id bigint not null,
    montant_minor bigint not null,
    faite_le timestamptz not null default clock_timestamp(),
    primary key (reservation_id, cle_idempotence),
    constraint captures_montant_positif check (montant_minor > 0)
);

-- How much of an operation has been given back. Its row is the lock of concurrent reversals.
create table public.contrepassations (
    origine_id bigint primary key,
    montant_minor bigint not null,
    rendu_minor bigint not null,
    constraint contrepassations_jamais_plus_que_le_montant check (rendu_minor between 1 and montant_minor)
);

-- An executed, refused or cancelled order is history; a waiting one may still become one of these.
create function public.garder_les_virements() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if tg_op = 'UPDATE' and old.statut = 'en_attente' and old.id = new.id and old.donneur_id = new.donneur_id
        and old.cle_idempotence = new.cle_idempotence and old.empreinte = new.empreinte
        and old.montant_minor = new.montant_minor and old.compte_debit_id = new.compte_debit_id then
        return new;
    end if;
    raise exception '% of public.virements is refused: history does not change', tg_op
        using errcode = '42501', hint = 'Order another transfer, or reverse the operation.';
end
$$;
create trigger virements_immuables before update or delete on public.virements
    for each row execute function public.garder_les_virements();
create trigger virements_jamais_vides before truncate on public.virements
    for each statement execute function public.refuser_le_changement();

create trigger captures_immuables before update or delete on public.captures
    for each row execute function public.refuser_le_changement();
create trigger captures_jamais_videes before truncate on public.captures
    for each statement execute function public.refuser_le_changement();
create trigger reprises_immuables before update or delete on public.reprises
    for each row execute function public.refuser_le_changement();
create trigger reprises_jamais_videes before truncate on public.reprises
    for each statement execute function public.refuser_le_changement();
create trigger contrepassations_jamais_supprimees before delete on public.contrepassations
    for each row execute function public.refuser_le_changement();
create trigger contrepassations_jamais_videes before truncate on public.contrepassations
    for each statement execute function public.refuser_le_changement();
create trigger reservations_jamais_supprimees before delete on public.reservations
    for each row execute function public.refuser_le_changement();
create trigger reservations_jamais_videes before truncate on public.reservations
    for each statement execute function public.refuser_le_changement();

-- A closed day stays closed.
create trigger journees_closes_immuables before update on public.journees
    for each row when (old.close_le is not null or old.jour <> new.jour)
    execute function public.refuser_le_changement();
create trigger journees_jamais_supprimees before delete on public.journees
    for each row execute function public.refuser_le_changement();
create trigger journees_jamais_videes before truncate on public.journees
    for each statement execute function public.refuser_le_changement();

-- A truncate names one table, so each partition needs its own guard.
create trigger transactions_jamais_videes before truncate on public.transactions
    for each statement execute function public.refuser_le_changement();
do $$
declare
    partition regclass;
begin
    for partition in select inhrelid::regclass from pg_inherits where inhparent = 'public.transactions'::regclass loop
        execute format(
            'create trigger transactions_jamais_videes before truncate on %s '
            || 'for each statement execute function public.refuser_le_changement()', partition);
    end loop;
end
$$;

create or replace function public.creer_partitions(debut date, fin date) returns integer
    language plpgsql
    set search_path = ''
    as $$
declare
    mois date := date_trunc('month', debut)::date;
    nom text;
    faites integer := 0;
begin
    if fin - debut > 366 * 120 then
        raise exception 'a period of more than 120 years: % to %', debut, fin using errcode = '22023';
    end if;
    while mois <= fin loop
        nom := 'transactions_' || to_char(mois, 'YYYY_MM');
        if to_regclass('public.' || nom) is null then
            execute format(
                'create table public.%I partition of public.transactions for values from (%L) to (%L)',
                nom, (mois::timestamp at time zone 'Europe/Paris'),
                ((mois + interval '1 month')::timestamp at time zone 'Europe/Paris'));
            execute format('alter table public.%I enable row level security', nom);
            execute format('revoke all on public.%I from public, anon, authenticated, service_role', nom);
            execute format(
                'create trigger transactions_jamais_videes before truncate on public.%I '
                || 'for each statement execute function public.refuser_le_changement()', nom);
            faites := faites + 1;
        end if;
        mois := (mois + interval '1 month')::date;
    end loop;
    return faites;
end
$$;
revoke all on function public.creer_partitions(date, date) from public, anon, authenticated, service_role;

-- As before, and each take-over leaves a row that says which postings are its own.
create or replace function public.reprendre_les_soldes() returns bigint
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    v_devise record;
    v_interne bigint;
    v_transaction bigint;
    v_nombre bigint := 0;
    v_total bigint;
    v_faits bigint;
begin
    for v_devise in select distinct devise as code from public.comptes where client_id is not null loop
        select count(*), coalesce(sum(solde_minor), 0) into v_faits, v_total
        from public.comptes
        where client_id is not null and devise = v_devise.code and dernier_numero = 0 and solde_minor <> 0;
        v_interne := public.compte_interne('reprise', v_devise.code);
        continue when v_faits = 0;
        v_transaction := nextval('public.transactions_id_seq');
        insert into public.reprises (transaction_id, devise, nombre, total_minor)
        values (v_transaction, v_devise.code, v_faits, v_total);
        insert into public.ecritures (compte_id, numero, transaction_id, montant_minor, solde_apres_minor)
        select id, 1, v_transaction, solde_minor, solde_minor
        from public.comptes
        where client_id is not null and devise = v_devise.code and dernier_numero = 0 and solde_minor <> 0
        union all
        select v_interne, dernier_numero + 1, v_transaction, -v_total, solde_minor - v_total
        from public.comptes where id = v_interne and v_total <> 0;
        update public.comptes set dernier_numero = 1
        where client_id is not null and devise = v_devise.code and dernier_numero = 0 and solde_minor <> 0;
        if v_total <> 0 then
            update public.comptes set solde_minor = solde_minor - v_total, dernier_numero = dernier_numero + 1
            where id = v_interne;
        end if;
        v_nombre := v_nombre + v_faits;
    end loop;
    return v_nombre;
end
$$;

-- Who sees the new tables: a client what is theirs, the bank's people all of it. Nobody writes but the functions.
do $$
declare
    nom text;
begin
    foreach nom in array array[
        'reprises', 'plafonds_par_defaut', 'plafonds', 'reservations', 'captures', 'contrepassations']
    loop
        execute format('alter table public.%I enable row level security', nom);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', nom);
        execute format('grant select on public.%I to authenticated, service_role', nom);
        execute format(
            'create policy %I on public.%I for select to authenticated '
            || 'using ((select public.role_metier()) in (''analyst'', ''admin''))', nom || '_lecture_banque', nom);
        execute format('create policy %I on public.%I for select to service_role using (true)', nom || '_service', nom);
    end loop;
end
$$;
revoke all on sequence public.ecritures_chaudes_numero from public, anon, authenticated, service_role;

create policy plafonds_par_defaut_lecture on public.plafonds_par_defaut for select to authenticated using (true);
create policy plafonds_lecture_client on public.plafonds for select to authenticated
    using (compte_id in (select public.mes_comptes()));
create policy reservations_lecture_client on public.reservations for select to authenticated
    using (compte_id in (select public.mes_comptes()));
create policy captures_lecture_client on public.captures for select to authenticated
    using (reservation_id in (
        select id from public.reservations where compte_id in (select public.mes_comptes())));
