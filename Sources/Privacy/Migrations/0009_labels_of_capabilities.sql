-- The labels of the capabilities that came beside the bank: detection, automations, figures, backups.
select privacy.label('detection.incidents', 'security', 'contact', 'addresses accounts document handled_by');
select privacy.label('detection.incidents', 'security', 'technical',
    'id reference source opened_at updated_at first_at last_at severity status title_fr title_en stages restore_before
    merged_into handled_at reason');
select privacy.label('detection.findings', 'security', 'contact', 'address account document');
select privacy.label('detection.findings', 'security', 'technical',
    'id incident_id fingerprint at until rule class severity technique tactic recorded_at');
select privacy.label('detection.responses', 'security', 'contact', 'target decided_by ended_by');
select privacy.label('detection.responses', 'security', 'technical',
    'id incident_id action reason dry_run decided_at until before touched ended_at');
select privacy.label('detection.positions', 'security', 'none', 'name position updated_at');
select privacy.label('detection.indicators', 'security', 'none', 'name labels value help');

-- Events and messages carry what their tables carry: names and numbers of clients may be among it.
select privacy.label('automation.outbox', 'security', 'financial', 'payload');
select privacy.label('automation.outbox', 'security', 'technical', 'id source operation written_at');
select privacy.label('automation.runs', 'security', 'financial', 'event notes');
select privacy.label('automation.runs', 'security', 'technical',
    'id scenario version dedupe outcome event_at started_at');
select privacy.label('automation.deliveries', 'security', 'contact', 'payload shown');
select privacy.label('automation.deliveries', 'security', 'technical',
    'id run_id scenario step destination lane key status attempts on_error event_at created_at expires_at settled_at code
    detail');
select privacy.label('automation.attempts', 'security', 'contact', 'sent');
select privacy.label('automation.attempts', 'security', 'technical',
    'delivery_id number at code milliseconds detail');
select privacy.label('automation.windows', 'security', 'financial', 'items');
select privacy.label('automation.windows', 'security', 'technical', 'scenario key closes_at');
select privacy.label('automation.destinations', 'security', 'credential', 'secret');
select privacy.label('automation.destinations', 'security', 'contact', 'settings changed_by');
select privacy.label('automation.destinations', 'security', 'technical',
    'name kind rate burst tokens tokens_at failures open_until enabled disabled_reason changed_at');
select privacy.label('automation.hooks', 'security', 'credential', 'secret');
select privacy.label('automation.hooks', 'security', 'technical', 'name changed_by changed_at');
select privacy.label('automation.scenarios', 'security', 'technical', 'name document enabled changed_by changed_at');
select privacy.label('automation.counters', 'security', 'none', '*');
select privacy.label('automation.firings', 'security', 'none', '*');
select privacy.label('automation.lanes', 'security', 'technical', '*');
select privacy.label('automation.receipts', 'security', 'technical', '*');
select privacy.label('automation.schedules', 'security', 'none', '*');
select privacy.label('automation.thresholds', 'security', 'none', '*');
select privacy.label('automation.watches', 'security', 'none', '*');
select privacy.label('automation.indicators', 'security', 'none', '*');

-- The star schema knows people by pseudonyms only; the three tables of links know whose they are, and no role reads them.
select privacy.label('bi.lien_client', 'analysis', 'technical', '*');
select privacy.label('bi.lien_compte', 'analysis', 'technical', '*');
select privacy.label('bi.lien_carte', 'analysis', 'technical', '*');
select privacy.label('bi.secret', 'analysis', 'credential', 'octets');
select privacy.label('bi.jetons', 'analysis', 'credential', 'empreinte');
select privacy.label('bi.jetons', 'analysis', 'technical', 'id nom cree_le expire_le revoque_le utilise_le');
select privacy.label('bi.dim_client', 'analysis', 'person', 'tranche_age departement');
select privacy.label('bi.dim_client', 'analysis', 'technical',
    'client_cle client segment anciennete etat_kyc risque statut valide_de valide_a est_courant');
select privacy.label('bi.clients_du_moment', 'analysis', 'person', 'tranche_age departement');
select privacy.label('bi.clients_du_moment', 'analysis', 'technical',
    'client segment anciennete etat_kyc risque statut');
select privacy.label('bi.dim_compte', 'analysis', 'technical', '*');
select privacy.label('bi.dim_carte', 'analysis', 'card', 'reseau annee_expiration');
select privacy.label('bi.dim_carte', 'analysis', 'technical', 'carte_cle carte statut');
select privacy.label('bi.dim_marchand', 'analysis', 'financial', '*');
select privacy.label('bi.fact_transaction', 'analysis', 'financial', 'montant');
select privacy.label('bi.fact_transaction', 'analysis', 'technical',
    'transaction_cle horodatage date_cle date_valeur_cle heure_cle client_cle contrepartie_cle compte_cle compte_credit_cle
    carte_cle marchand_cle canal_cle pays_cle type_operation_cle historique');
select privacy.label('bi.fact_solde_jour', 'analysis', 'financial', 'solde');
select privacy.label('bi.fact_solde_jour', 'analysis', 'technical', 'date_cle compte_cle client_cle');
select privacy.label('bi.fact_alerte_fraude', 'fraud', 'financial', 'montant montant_arrete montant_perdu');
select privacy.label('bi.fact_alerte_fraude', 'fraud', 'technical',
    'alerte_cle date_cle heure_cle date_ouverture_cle date_cloture_cle client_cle regle_fraude_cle modele_cle statut_cle
    horodatage verdict score est_fraude delai_cloture_heures');
select privacy.label('bi.' || t, 'analysis', 'none', '*')
from unnest(array[
    'agg_transaction_jour', 'dim_canal', 'dim_date', 'dim_heure', 'dim_modele', 'dim_pays', 'dim_regle_fraude',
    'dim_service', 'dim_severite', 'dim_statut', 'dim_type_operation', 'fact_automatisation',
    'fact_evenement_securite', 'fact_incident', 'fact_sauvegarde', 'fact_slo_5min', 'rapports', 'reperes',
    'indicators']) t;
select privacy.label('bi.fact_demande_rgpd', 'rights', 'technical', '*');

select privacy.label('continuity.' || t, 'security', 'none', '*')
from unnest(array['alarms', 'beats', 'drills', 'relations', 'sets', 'indicators']) t;
select privacy.label('monitoring.indicators', 'security', 'none', '*');
