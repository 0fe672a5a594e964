-- The first day without labels, what a decision was made by, drift, and work that one server of many does.

alter table fraud.modeles add column nature text not null default 'appris';
alter table fraud.modeles add constraint modeles_nature_connue check (nature in ('appris', 'isolement'));

-- The rules and the definition of columns that a decision was made by.
alter table fraud.decisions add column regles_version text;
alter table fraud.decisions add column colonnes_version text;

-- States that were computed from the history of before service began: recomputing begins with them.
create table fraud.etats_repris (
    entite text not null,
    cle bigint not null,
    etat bytea not null,
    primary key (entite, cle)
);
alter table fraud.etats_repris alter column etat set storage external;
alter table fraud.etats_repris enable row level security;

-- The last measurement of how far payments have gone from what the champion was trained on.
create table fraud.derives (
    mesure text not null,
    colonne text not null,
    valeur double precision not null,
    modele_id bigint references fraud.modeles,
    mesure_le timestamptz not null default clock_timestamp(),
    primary key (mesure, colonne),
    constraint derives_mesure_connue check (
        mesure in ('psi', 'score_psi', 'calibration', 'fraudes', 'alertes', 'alertes_avant', 'paiements'))
);
alter table fraud.derives enable row level security;

-- Who does a work that only one server does, and until when.
create table fraud.baux (
    nom text primary key,
    detenteur text not null,
    jusqu_a timestamptz not null,
    fini_le timestamptz,
    resultat text
);
alter table fraud.baux enable row level security;

revoke all on fraud.etats_repris, fraud.derives, fraud.baux from public;

-- Takes a work for a time, when its turn has come and nobody has it: true for one caller only.
create function fraud.prendre_bail(p_nom text, p_detenteur text, p_duree interval, p_rythme interval) returns boolean
    language plpgsql
    as $$
declare
    v_pris boolean;
begin
    insert into fraud.baux as b (nom, detenteur, jusqu_a)
    values (p_nom, p_detenteur, clock_timestamp() + p_duree)
    on conflict (nom) do update
    set detenteur = excluded.detenteur, jusqu_a = excluded.jusqu_a
    where b.jusqu_a < clock_timestamp()
        and (b.fini_le is null or b.fini_le + p_rythme <= clock_timestamp())
    returning true into v_pris;
    return coalesce(v_pris, false);
end
$$;

-- Gives a work back. With a result it is done, and comes again when its time has passed.
create function fraud.rendre_bail(p_nom text, p_detenteur text, p_resultat text) returns void
    language plpgsql
    as $$
begin
    update fraud.baux
    set jusqu_a = clock_timestamp(), fini_le = case when p_resultat is null then fini_le else clock_timestamp() end,
        resultat = coalesce(p_resultat, resultat)
    where nom = p_nom and detenteur = p_detenteur;
end
$$;
revoke execute on function fraud.prendre_bail(text, text, interval, interval), fraud.rendre_bail(text, text, text)
    from public;

create view fraud.indicators (name, labels, value, help) as
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
    from fraud.baux b where b.nom = 'reentrainement' and b.fini_le is not null;
