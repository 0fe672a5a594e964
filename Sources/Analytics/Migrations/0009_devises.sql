-- Amounts of different currencies are never added: each fact that holds an amount says in what, and the measures in euro take
-- what is in euro. The deadlines of incidents are the law's own clocks, which a rise of the severity alone does not start.

alter table bi.fact_transaction add column devise text not null default 'EUR';
alter table bi.fact_solde_jour add column devise text not null default 'EUR';
alter table bi.fact_alerte_fraude add column devise text not null default 'EUR';
alter table bi.agg_transaction_jour add column devise text not null default 'EUR';
alter table bi.agg_transaction_jour drop constraint agg_transaction_jour_pkey,
    add primary key (date_cle, type_operation_cle, canal_cle, devise);

update bi.fact_transaction f set devise = c.devise from bi.dim_compte c
where c.compte_cle = f.compte_cle and c.devise <> 'EUR' and c.compte_cle <> -1;
update bi.fact_solde_jour f set devise = c.devise from bi.dim_compte c
where c.compte_cle = f.compte_cle and c.devise <> 'EUR' and c.compte_cle <> -1;
update bi.fact_incident set dora_initial_avant = null, dora_intermediaire_avant = null, rgpd_notification_avant = null;

create or replace function bi.rafraichir_les_transactions(p_lignes integer default 200000) returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_repere bi.reperes;
    v_plancher bigint;
    v_ajoutees bigint;
    v_vu bigint;
    v_jours bigint[];
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    select * into v_repere from bi.reperes where source = 'transactions' for update;
    -- Read before the rows are: whatever ran below this number has ended, and is seen.
    v_plancher := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    with lot as materialized (
        select t.id, t.booked_at, t.date_valeur, t.type, t.montant_minor, t.devise, t.compte_debit_id, t.compte_credit_id,
            t.carte_id, t.virement_id, t.reservation_id, t.historique
        from public.transactions t
        where t.id > v_repere.sur
            and not exists (select from bi.fact_transaction f where f.transaction_cle = t.id)
        order by t.id limit p_lignes
    ), types as (
        insert into bi.dim_type_operation (type_operation)
        select distinct type from lot on conflict do nothing
        returning type_operation_cle, type_operation
    ), tous as (
        select type_operation_cle, type_operation from types
        union all
        select d.type_operation_cle, d.type_operation from bi.dim_type_operation d
    ), lignes as (
        insert into bi.fact_transaction (transaction_cle, horodatage, date_cle, date_valeur_cle, heure_cle, client_cle,
            contrepartie_cle, compte_cle, compte_credit_cle, carte_cle, marchand_cle, canal_cle, pays_cle, type_operation_cle,
            montant, historique, devise)
        select l.id, l.booked_at, bi.cle_du_jour((l.booked_at at time zone 'Europe/Paris')::date),
            coalesce(dv.date_cle, -1), extract(hour from l.booked_at at time zone 'Europe/Paris')::bigint,
            coalesce(cd.client_cle, -1), coalesce(cc.client_cle, -1), coalesce(kd.compte_cle, -1),
            coalesce(kc.compte_cle, -1), coalesce(ca.carte_cle, -1), coalesce(m.marchand_cle, -1),
            coalesce(cn.canal_cle, -1), coalesce(py.pays_cle, -1), coalesce(ty.type_operation_cle, -1),
            l.montant_minor / (10::numeric ^ v.exposant), l.historique, l.devise
        from lot l
        join public.devises v on v.code = l.devise
        left join bi.dim_date dv on dv.date_cle = bi.cle_du_jour(l.date_valeur)
        left join bi.lien_compte kd on kd.compte_id = l.compte_debit_id
        left join bi.lien_compte kc on kc.compte_id = l.compte_credit_id
        left join bi.dim_client cd
            on cd.client = kd.client and cd.valide_de <= l.booked_at and l.booked_at < cd.valide_a
        left join bi.dim_client cc
            on cc.client = kc.client and cc.valide_de <= l.booked_at and l.booked_at < cc.valide_a
        left join bi.lien_carte ca on ca.carte_id = l.carte_id
        left join public.virements o on o.id = l.virement_id
        left join public.beneficiaires b on b.id = o.beneficiaire_id
        left join bi.dim_pays py on py.pays = substr(b.bic, 5, 2)
        left join bi.dim_canal cn on cn.canal = case
            when l.historique then 'historique' when o.canal is not null then o.canal
            when l.carte_id is not null or l.reservation_id is not null then 'carte' else 'interne' end
        left join tous ty on ty.type_operation = l.type
        left join public.reservations r on r.id = l.reservation_id and r.marchand is not null
        left join pseudonymes.cle s on r.id is not null
        left join bi.dim_marchand m
            on m.marchand = case when r.id is not null then
                pseudonymes.pseudonyme('M', sha256(convert_to(r.marchand, 'UTF8')), s.octets) end
        on conflict do nothing
        returning transaction_cle, date_cle
    )
    select count(*), max(transaction_cle), array_agg(distinct date_cle) into v_ajoutees, v_vu, v_jours from lignes;
    if v_ajoutees < p_lignes and v_plancher >= v_repere.vu_borne then
        -- Every row up to `vu` is in for good.
        update bi.reperes set sur = greatest(v_repere.sur, v_repere.vu), vu = greatest(v_repere.vu, coalesce(v_vu, 0)),
            vu_borne = pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        where source = 'transactions';
    end if;
    update bi.reperes set lignes = lignes + v_ajoutees, rafraichi_le = clock_timestamp() where source = 'transactions';
    perform bi.compter_les_jours(v_jours);
    return v_ajoutees;
end
$$;

create or replace function bi.compter_les_jours(p_jours bigint[]) returns void
    language sql
    set search_path = ''
    as $$
        insert into bi.agg_transaction_jour as a (date_cle, type_operation_cle, canal_cle, devise, nombre, montant)
        select f.date_cle, f.type_operation_cle, f.canal_cle, f.devise, count(*), sum(f.montant)
        from bi.fact_transaction f where f.date_cle = any (p_jours)
        group by f.date_cle, f.type_operation_cle, f.canal_cle, f.devise
        on conflict (date_cle, type_operation_cle, canal_cle, devise)
        do update set nombre = excluded.nombre, montant = excluded.montant
        where (a.nombre, a.montant) is distinct from (excluded.nombre, excluded.montant)
    $$;

create or replace function bi.rafraichir_les_soldes(p_jours integer default 31) returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_hier constant date := (clock_timestamp() at time zone 'Europe/Paris')::date - 1;
    v_jour date;
    v_fin date;
    v_lignes bigint := 0;
    v_n bigint;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    select jour into v_jour from bi.dim_date
    where date_cle = (select max(date_cle) from bi.fact_solde_jour);
    if v_jour is null then
        select min((booked_at at time zone 'Europe/Paris')::date) into v_jour from public.ecritures;
    end if;
    v_fin := least(v_hier, v_jour + p_jours);
    while v_jour <= v_fin loop
        insert into bi.fact_solde_jour as s (date_cle, compte_cle, client_cle, solde, devise)
        select bi.cle_du_jour(v_jour), l.compte_cle, bi.client_au(l.client, (v_jour + 1)::timestamp at time zone 'Europe/Paris'),
            e.solde_apres_minor / (10::numeric ^ v.exposant), k.devise
        from public.comptes k
        join public.devises v on v.code = k.devise
        join bi.lien_compte l on l.compte_id = k.id
        cross join lateral (
            select x.solde_apres_minor from public.ecritures x
            where x.compte_id = k.id and x.booked_at < (v_jour + 1)::timestamp at time zone 'Europe/Paris'
            order by x.numero desc limit 1) e
        where k.client_id is not null and e.solde_apres_minor is not null
        on conflict (date_cle, compte_cle) do update set solde = excluded.solde where s.solde <> excluded.solde;
        get diagnostics v_n = row_count;
        v_lignes := v_lignes + v_n;
        v_jour := v_jour + 1;
    end loop;
    update bi.reperes set lignes = lignes + v_lignes, rafraichi_le = clock_timestamp() where source = 'soldes';
    return v_lignes;
end
$$;

create or replace function bi.rafraichir_les_alertes() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint := 0;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    if to_regclass('fraud.decisions') is null then
        return 0;
    end if;
    insert into bi.dim_statut (statut) values ('sans dossier'), ('ouvert'), ('propose'), ('clos') on conflict do nothing;
    insert into bi.fact_alerte_fraude as a (alerte_cle, date_cle, heure_cle, date_ouverture_cle, date_cloture_cle, client_cle,
        regle_fraude_cle, modele_cle, statut_cle, horodatage, verdict, score, est_fraude, montant, montant_arrete,
        montant_perdu, delai_cloture_heures, devise)
    select d.rang, bi.cle_du_jour((d.decide_le at time zone 'Europe/Paris')::date),
        extract(hour from d.decide_le at time zone 'Europe/Paris')::bigint,
        coalesce(bi.cle_du_jour((o.ouvert_le at time zone 'Europe/Paris')::date), -1),
        coalesce(bi.cle_du_jour((o.tranche_le at time zone 'Europe/Paris')::date), -1),
        bi.client_au(l.client, d.decide_le), coalesce(r.regle_fraude_cle, -1), coalesce(m.modele_cle, -1),
        coalesce(s.statut_cle, -1), d.decide_le, d.verdict, d.probabilite, e.fraude, d.montant_minor / (10::numeric ^ coalesce(v.exposant, 2)),
        case when d.verdict = 'block' or (d.verdict <> 'allow' and e.fraude) then d.montant_minor / (10::numeric ^ coalesce(v.exposant, 2)) else 0 end,
        case when d.verdict = 'allow' and e.fraude then d.montant_minor / (10::numeric ^ coalesce(v.exposant, 2)) else 0 end,
        extract(epoch from o.tranche_le - d.decide_le) / 3600, coalesce(k.devise, 'EUR')
    from fraud.decisions d
    left join fraud.etiquettes e on e.paiement = d.paiement
    left join lateral (
        select c.* from fraud.dossiers_paiements p join fraud.dossiers c on c.id = p.dossier_id
        where p.paiement = d.paiement order by c.id desc limit 1) o on true
    left join bi.lien_compte l on l.compte_id = d.cles[1]
    left join public.comptes k on k.id = d.cles[1]
    left join public.devises v on v.code = k.devise
    left join bi.dim_regle_fraude r on r.regle = d.regles[1]
    left join bi.dim_modele m on m.modele_cle = d.modele_id
    left join bi.dim_statut s on s.statut = coalesce(o.statut, 'sans dossier')
    where (d.verdict <> 'allow' or e.fraude)
        and (d.decide_le > clock_timestamp() - interval '90 days'
            or not exists (select from bi.fact_alerte_fraude x where x.alerte_cle = d.rang))
    on conflict (alerte_cle) do update
    set date_ouverture_cle = excluded.date_ouverture_cle, date_cloture_cle = excluded.date_cloture_cle,
        statut_cle = excluded.statut_cle, est_fraude = excluded.est_fraude, montant_arrete = excluded.montant_arrete,
        montant_perdu = excluded.montant_perdu, delai_cloture_heures = excluded.delai_cloture_heures
    where (a.date_ouverture_cle, a.date_cloture_cle, a.statut_cle, a.est_fraude, a.montant_arrete, a.montant_perdu)
        is distinct from (excluded.date_ouverture_cle, excluded.date_cloture_cle, excluded.statut_cle, excluded.est_fraude,
            excluded.montant_arrete, excluded.montant_perdu);
    get diagnostics v_lignes = row_count;
    update bi.reperes set lignes = lignes + v_lignes, rafraichi_le = clock_timestamp() where source = 'alertes';
    return v_lignes;
end
$$;

create or replace function bi.rafraichir_les_incidents() returns bigint
    language plpgsql
    set search_path = ''
    as $$
declare
    v_lignes bigint := 0;
begin
    perform pg_advisory_xact_lock(hashtext('bi.rafraichir'));
    if to_regclass('detection.incidents') is null then
        return 0;
    end if;
    insert into bi.dim_statut (statut) select distinct status from detection.incidents on conflict do nothing;
    insert into bi.fact_incident as f (incident, date_cle, date_cloture_cle, service_cle, severite_cle, statut_cle,
        ouvert_le, etapes, duree_minutes, delai_detection_minutes, dora_initial_avant, dora_intermediaire_avant,
        rgpd_notification_avant)
    select i.id::text, bi.cle_du_jour((i.opened_at at time zone 'Europe/Paris')::date),
        case when i.status = 'closed' then bi.cle_du_jour((i.updated_at at time zone 'Europe/Paris')::date) else -1 end,
        (select service_cle from bi.dim_service where service = 'api'),
        coalesce(array_position(array['low', 'medium', 'high', 'critical'], i.severity), -1), s.statut_cle, i.opened_at,
        coalesce(cardinality(i.stages), 0), extract(epoch from i.last_at - i.first_at) / 60,
        extract(epoch from i.opened_at - i.first_at) / 60,
        null, null, null
    from detection.incidents i join bi.dim_statut s on s.statut = i.status
    on conflict (incident) do update
    set date_cloture_cle = excluded.date_cloture_cle, severite_cle = excluded.severite_cle,
        statut_cle = excluded.statut_cle, etapes = excluded.etapes, duree_minutes = excluded.duree_minutes
    where (f.date_cloture_cle, f.severite_cle, f.statut_cle, f.etapes, f.duree_minutes) is distinct from
        (excluded.date_cloture_cle, excluded.severite_cle, excluded.statut_cle, excluded.etapes, excluded.duree_minutes);
    get diagnostics v_lignes = row_count;
    -- The law's clocks, as the register of incidents counts them; where none is kept there are none.
    if to_regclass('privacy.clocks') is not null then
        execute $q$
            update bi.fact_incident f
            set dora_initial_avant = c.initial, dora_intermediaire_avant = c.intermediaire, rgpd_notification_avant = c.cnil
            from (
                select i.source_id as incident, min(k.due_at) filter (where k.clock = 'dora_4h') as initial,
                    min(k.due_at) filter (where k.clock = 'dora_72h') as intermediaire,
                    min(k.due_at) filter (where k.clock = 'gdpr_72h') as cnil
                from privacy.incidents i left join privacy.clocks k on k.incident_id = i.id
                where i.source = 'detection' group by i.source_id) c
            where c.incident = f.incident
                and (f.dora_initial_avant, f.dora_intermediaire_avant, f.rgpd_notification_avant)
                    is distinct from (c.initial, c.intermediaire, c.cnil)
        $q$;
    end if;
    update bi.reperes set lignes = lignes + v_lignes, rafraichi_le = clock_timestamp() where source = 'incidents';
    return v_lignes;
end
$$;

-- Days with another currency are counted again.
delete from bi.agg_transaction_jour a
where exists (select from bi.fact_transaction f where f.date_cle = a.date_cle and f.devise <> 'EUR');
select bi.compter_les_jours(array(select distinct f.date_cle from bi.fact_transaction f where f.devise <> 'EUR'));
revoke execute on all functions in schema bi from public;
