-- A client whose data are restricted, or who objected to analysis or profiling, has no profile among the figures: amounts stay
-- true, the person is in no segment.

create function bi.ecartes() returns setof uuid
    language plpgsql stable
    set search_path = ''
    as $$
begin
    if to_regclass('privacy.restrictions') is not null and to_regclass('privacy.objections') is not null then
        return query execute
            'select client_id from privacy.restrictions union '
            'select client_id from privacy.objections where purpose in (''analysis'', ''profiling'')';
    end if;
end
$$;
revoke all on function bi.ecartes() from public;

create or replace view bi.clients_du_moment as
    select l.client,
        case
            when e.client_id is not null then 'sans profil'
            when k.types is null then 'sans compte'
            when k.types = '{epargne}' then 'épargne seule'
            when 'epargne' = any (k.types) then 'courant et épargne'
            when 'joint' = any (k.types) then 'compte joint'
            else 'courant seul'
        end as segment,
        case when e.client_id is null then coalesce(pseudonymes.tranche(p.annee_naissance), 'inconnue') else 'inconnue' end
            as tranche_age,
        case when e.client_id is null then coalesce(p.departement, 'inconnu') else 'inconnu' end as departement,
        case
            when e.client_id is not null then 'inconnue'
            when c.cree_le > now() - interval '1 year' then 'moins de 1 an'
            when c.cree_le > now() - interval '5 years' then '1 à 5 ans'
            else '5 ans et plus'
        end as anciennete,
        case
            when e.client_id is not null or p.client_id is null then 'inconnu'
            when p.annee_naissance is null or p.departement is null then 'à compléter'
            else 'complet'
        end as etat_kyc,
        case when r.client is null or e.client_id is not null then 'normal' else 'à surveiller' end as risque,
        c.statut, c.id as identifiant
    from public.clients c
    join bi.lien_client l on l.client_id = c.id
    left join pseudonymes.profils p on p.client_id = c.id
    cross join lateral (
        select array_agg(distinct type order by type) as types from public.comptes where client_id = c.id) k
    left join (
        select distinct d.client from bi.fact_alerte_fraude f join bi.dim_client d using (client_cle)
        where f.est_fraude) r on r.client = l.client
    left join bi.ecartes() e (client_id) on e.client_id = c.id;
