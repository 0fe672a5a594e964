-- Orders without a second factor add up (RTS 2018/389, article 16): since the last order with it, what went to payees
-- that are not trusted stays below a sum, and below a number where the bank sets one.
alter table public.seuils_authentification
    add column cumul_minor bigint,
    add column nombre_max integer,
    add constraint seuils_authentification_cumul_positif check (cumul_minor >= 0 and nombre_max >= 0);
comment on column public.seuils_authentification.cumul_minor is
    'What such orders may add up to since the last one with a second factor; null sets no limit.';
comment on column public.seuils_authentification.nombre_max is
    'How many of them there may be since the last one with a second factor; null sets no limit.';
update public.seuils_authentification set cumul_minor = 150000 where devise = 'EUR';

create table public.petits_paiements (
    client_id uuid not null references public.clients (id),
    devise char(3) not null references public.devises (code),
    cumul_minor bigint not null default 0,
    nombre integer not null default 0,
    primary key (client_id, devise),
    constraint petits_paiements_positifs check (cumul_minor >= 0 and nombre >= 0)
) with (fillfactor = 50);
comment on table public.petits_paiements is 'A client''s orders without a second factor since the last one with it.';
alter table public.petits_paiements enable row level security;
revoke all on public.petits_paiements from public, anon, authenticated, service_role;
grant select on public.petits_paiements to authenticated, service_role;
create policy petits_paiements_service on public.petits_paiements for select to service_role using (true);
create policy petits_paiements_lecture_client on public.petits_paiements for select to authenticated
    using (client_id = (select c.id from public.clients c where c.utilisateur_id = (select auth.uid())));

-- Whether the payee is the client's own account, or one of the client's trusted beneficiaries.
create function public.beneficiaire_de_confiance(p_client uuid, p_credit bigint) returns boolean
    language plpgsql stable
    set search_path = ''
    as $$
begin
    return exists (
        select from public.comptes k
        where k.id = p_credit and (
            k.client_id = p_client
            or exists (
                select from public.beneficiaires b
                where b.client_id = p_client and b.iban_index = k.iban_index and b.statut = 'actif')));
end
$$;

-- Whether an order of this client needs the second factor: the payee is not trusted, and the amount is above the limit
-- of one order, or above what is left for all of them.
create or replace function public.authentification_requise(
    p_client uuid, p_credit bigint, p_montant bigint, p_devise text
) returns boolean
    language plpgsql stable
    set search_path = ''
    as $$
declare
    v_limite record;
begin
    select s.montant_minor, s.cumul_minor, s.nombre_max, coalesce(p.cumul_minor, 0) as cumul,
        coalesce(p.nombre, 0) as nombre
    into v_limite
    from public.seuils_authentification s
    left join public.petits_paiements p on p.client_id = p_client and p.devise = s.devise
    where s.devise = p_devise;
    if p_montant <= v_limite.montant_minor and coalesce(v_limite.cumul + p_montant <= v_limite.cumul_minor, true)
        and coalesce(v_limite.nombre < v_limite.nombre_max, true)
    then
        return false;
    end if;
    return not public.beneficiaire_de_confiance(p_client, p_credit);
end
$$;

-- Takes the counters of all these clients, in the order of their ids, and makes those of payers; the caller holds the
-- clients' accounts.
create function public.tenir_petits_paiements(p_payeurs uuid[], p_tous uuid[], p_devise text) returns void
    language plpgsql
    as $$
begin
    insert into public.petits_paiements (client_id, devise)
    select distinct q.client, p_devise from unnest(p_payeurs) q (client)
    where q.client is not null and not exists (
        select from public.petits_paiements p where p.client_id = q.client and p.devise = p_devise)
    order by 1
    on conflict do nothing;
    perform from public.petits_paiements where client_id = any (p_tous) and devise = p_devise
    order by client_id for no key update;
end
$$;

-- An order with the second factor: counting begins again.
create function public.oublier_petits_paiements(p_clients uuid[], p_devise text) returns void
    language plpgsql
    as $$
begin
    perform from public.petits_paiements
    where client_id = any (p_clients) and devise = p_devise and nombre > 0 order by client_id for no key update;
    if found then
        update public.petits_paiements set cumul_minor = 0, nombre = 0
        where client_id = any (p_clients) and devise = p_devise;
    end if;
end
$$;

-- Counts a client's own order after it was booked; refuses it when the orders without a second factor add up to too
-- much.
create function public.compter_petit_paiement(p_debit bigint, p_credit bigint, p_montant bigint, p_devise text)
    returns void
    language plpgsql
    as $$
declare
    v_client uuid;
    v_limite record;
begin
    select k.client_id, s.cumul_minor, s.nombre_max into v_limite
    from public.comptes k, public.seuils_authentification s where k.id = p_debit and s.devise = p_devise;
    if not found or (v_limite.cumul_minor is null and v_limite.nombre_max is null) then
        return;
    end if;
    v_client := v_limite.client_id;
    if public.niveau_d_authentification() = 'aal2' then
        perform public.oublier_petits_paiements(array[v_client], p_devise);
        return;
    elsif public.beneficiaire_de_confiance(v_client, p_credit) then
        return;
    end if;
    perform public.tenir_petits_paiements(array[v_client], array[v_client], p_devise);
    update public.petits_paiements p set cumul_minor = p.cumul_minor + p_montant, nombre = p.nombre + 1
    where p.client_id = v_client and p.devise = p_devise
        and coalesce(p.cumul_minor + p_montant <= v_limite.cumul_minor, true)
        and coalesce(p.nombre < v_limite.nombre_max, true);
    if not found then
        raise exception 'orders without a second factor add up to too much with %', p_montant
            using errcode = 'LV024',
            hint = 'Sign in with your second factor, or trust the payee as a beneficiary first.';
    end if;
end
$$;
revoke all on function public.beneficiaire_de_confiance(uuid, bigint),
    public.tenir_petits_paiements(uuid[], uuid[], text), public.oublier_petits_paiements(uuid[], text),
    public.compter_petit_paiement(bigint, bigint, bigint, text)
    from public, anon, authenticated, service_role;
grant execute on function public.beneficiaire_de_confiance(uuid, bigint) to service_role;
