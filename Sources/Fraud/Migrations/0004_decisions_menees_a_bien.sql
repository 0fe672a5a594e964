-- Whether money moved on a decision, secrets that the bank's servers share, proposals of labels, states that are forgotten.

-- True: the payment was let through, at once or by a proof or an analyst later. Null, of before: as the verdict says.
alter table fraud.decisions add column passe boolean;

-- When a state was written last: one that nobody touches any more is forgotten.
alter table fraud.etats add column vu_le date not null default current_date;
create index etats_vus on fraud.etats (vu_le);

create table fraud.secrets (
    nom text primary key,
    valeur bytea not null,
    cree_le timestamptz not null default clock_timestamp(),
    constraint secrets_assez_longs check (length(valeur) >= 32)
);
alter table fraud.secrets enable row level security;

-- What one analyst says of a large payment, until a second says the same.
create table fraud.etiquettes_proposees (
    paiement bigint primary key references fraud.decisions (paiement) on delete cascade,
    fraude boolean not null,
    auteur text not null,
    dit_le timestamptz not null default clock_timestamp()
);
alter table fraud.etiquettes_proposees enable row level security;
revoke all on fraud.secrets, fraud.etiquettes_proposees from public;

-- As before; and what was proposed of a case is withdrawn when another payment joins it: nobody confirms what the first has
-- not seen.
create or replace function fraud.alerter(p_client bigint, p_paiement bigint, p_perte numeric, p_montant bigint)
    returns bigint
    language plpgsql
    as $$
declare
    v_id bigint;
begin
    insert into fraud.dossiers as d (client, priorite, montant_max_minor, alertes)
    values (p_client, p_perte, p_montant, 1)
    on conflict (client) where statut <> 'clos'
    do update set priorite = d.priorite + excluded.priorite,
        montant_max_minor = greatest(d.montant_max_minor, excluded.montant_max_minor),
        alertes = d.alertes + 1, derniere_alerte_le = clock_timestamp(),
        statut = 'ouvert', propose_par = null, propose_fraude = null
    returning id into v_id;
    insert into fraud.dossiers_paiements (dossier_id, paiement) values (v_id, p_paiement) on conflict do nothing;
    return v_id;
end
$$;

create or replace view fraud.indicators (name, labels, value, help) as
    select case d.mesure
            when 'psi' then 'digitalbank_fraud_column_drift'
            when 'score_psi' then 'digitalbank_fraud_score_drift'
            when 'calibration' then 'digitalbank_fraud_calibration_ratio'
            when 'fraudes' then 'digitalbank_fraud_calibration_frauds'
            when 'alertes' then 'digitalbank_fraud_alert_share'
            when 'alertes_avant' then 'digitalbank_fraud_alert_share_before'
            else 'digitalbank_fraud_drift_payments'
        end,
        case when d.mesure = 'psi' then jsonb_build_object('column', d.colonne) else '{}'::jsonb end,
        d.valeur,
        case d.mesure
            when 'psi' then 'Stability index of a column against the training data; over 0.25 is a shift.'
            when 'score_psi' then 'Stability index of the score against the training data; over 0.25 is a shift.'
            when 'calibration' then 'Frauds that came out, over those that the scores promised.'
            when 'fraudes' then 'Frauds known among the payments that the calibration was measured on.'
            when 'alertes' then 'Share of the last day''s payments that were not simply allowed.'
            when 'alertes_avant' then 'The same share over the 28 days before the last one.'
            else 'Payments that drift was measured on.'
        end
    from fraud.derives d
    union all
    select 'digitalbank_fraud_drift_age_seconds', '{}',
        extract(epoch from clock_timestamp() - max(d.mesure_le))::double precision,
        'Time since drift was measured last.'
    from fraud.derives d having count(*) > 0
    union all
    select 'digitalbank_fraud_model_unsupervised', '{}', count(*)::double precision,
        'One while the model in service has seen no label.'
    from fraud.modeles m where m.statut = 'champion' and m.nature = 'isolement'
    union all
    select 'digitalbank_fraud_retraining_age_seconds', '{}',
        extract(epoch from clock_timestamp() - b.fini_le)::double precision,
        'Time since the scheduled retraining ended last.'
    from fraud.baux b where b.nom = 'reentrainement' and b.fini_le is not null
    union all
    -- A server that refuses the champion's file goes on with rules and lists alone.
    select 'digitalbank_fraud_champion_unused', '{}', (
            select count(*) from fraud.decisions d
            where d.decide_le > clock_timestamp() - interval '5 minutes' and d.secours = 'no_model'
                and d.decide_le > m.promu_le + interval '1 minute')::double precision,
        'Decisions of the last five minutes that were made without a model although there is a champion.'
    from fraud.modeles m where m.statut = 'champion';
