-- Answers of writes that brought an Idempotency-Key. The API's roles reach none of it: no usage of the schema, no privilege
-- on the table. The role that the API logs in as calls the functions before it becomes what the token says, and after.

create schema if not exists api;
revoke all on schema api from public;

create table api.reponses (
    role_demandeur text not null,
    -- The token's subject; empty for those who have none.
    sujet text not null,
    cle text not null,
    -- SHA-256 of method, path, query, the headers that shape the answer, and body.
    empreinte bytea not null,
    -- Null while the request is under way, which nobody else sees: the row is of its transaction.
    statut smallint,
    champs jsonb,
    corps bytea,
    faite_le timestamptz not null default now(),
    constraint reponses_pkey primary key (role_demandeur, sujet, cle),
    constraint reponses_cle_bornee check (length(cle) between 1 and 255),
    constraint reponses_empreinte_sha256 check (length(empreinte) = 32),
    constraint reponses_statut_http check (statut between 100 and 599),
    constraint reponses_corps_borne check (length(corps) <= 1048576)
);
create index reponses_faite_le_idx on api.reponses (faite_le);
-- Not even its rows, should somebody grant the table by mistake.
alter table api.reponses enable row level security;
revoke all on api.reponses from public;

-- Takes the key for this transaction ('nouvelle'), or tells what was answered ('connue'), that the key was another
-- request's ('autre'), or that the caller keeps too much already ('plein'): nobody fills the disk with answers. A twin that is under way is waited for, as long as lock_timeout says.
create function api.reserver_cle(p_role text, p_sujet text, p_cle text, p_empreinte bytea)
    returns table (etat text, statut smallint, champs text, corps bytea)
    language plpgsql volatile security definer
    set search_path = ''
    set lock_timeout = '2s'
as $$
begin
    delete from api.reponses r
    where r.role_demandeur = p_role and r.sujet = p_sujet and r.cle = p_cle
        and r.faite_le < now() - interval '24 hours';
    insert into api.reponses (role_demandeur, sujet, cle, empreinte)
    values (p_role, p_sujet, p_cle, p_empreinte)
    on conflict on constraint reponses_pkey do nothing;
    if found then
        -- The service is the bank itself.
        if p_role <> 'service_role' and (
            select count(*) > 1000 or sum(octet_length(r.corps)) > 16777216 from (
                select r.corps from api.reponses r where r.role_demandeur = p_role and r.sujet = p_sujet limit 1001) r)
        then
            return query select 'plein'::text, null::smallint, null::text, null::bytea;
            return;
        end if;
        return query select 'nouvelle'::text, null::smallint, null::text, null::bytea;
        return;
    end if;
    return query
        select case when r.empreinte = p_empreinte then 'connue' else 'autre' end, r.statut, r.champs::text,
            case when r.empreinte = p_empreinte then r.corps end
        from api.reponses r
        where r.role_demandeur = p_role and r.sujet = p_sujet and r.cle = p_cle;
end
$$;

create function api.garder_reponse(
    p_role text, p_sujet text, p_cle text, p_statut smallint, p_champs text, p_corps bytea
) returns void
    language sql volatile security definer
    set search_path = ''
as $$
    update api.reponses
    set statut = p_statut, champs = p_champs::jsonb, corps = p_corps
    where role_demandeur = p_role and sujet = p_sujet and cle = p_cle
$$;

-- Forgets what is older than a day, a bounded number at a time.
create function api.oublier_reponses(p_nombre integer) returns bigint
    language sql volatile security definer
    set search_path = ''
as $$
    with vieilles as (
        select r.role_demandeur, r.sujet, r.cle from api.reponses r
        where r.faite_le < now() - interval '24 hours'
        order by r.faite_le limit p_nombre for update skip locked
    ), effacees as (
        delete from api.reponses r using vieilles v
        where r.role_demandeur = v.role_demandeur and r.sujet = v.sujet and r.cle = v.cle
        returning 1
    )
    select count(*) from effacees
$$;

revoke all on all functions in schema api from public;
