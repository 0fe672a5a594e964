-- The labels of every schema. A new table brings a new migration with its lines.
select privacy.label('public.devises', 'payments', 'none', 'code exposant nom');
select privacy.label('public.clients', 'relation', 'person',
    'civilite nom_chiffre prenom_chiffre date_naissance_chiffre nir_chiffre');
select privacy.label('public.clients', 'relation', 'contact',
    'email_chiffre email_index telephone_chiffre telephone_index adresse_chiffre');
select privacy.label('public.clients', 'relation', 'technical', 'id numero utilisateur_id statut cree_le');
select privacy.label('public.comptes', 'relation', 'financial',
    'iban_chiffre iban_index iban_fin bic solde_minor reserve_minor decouvert_minor');
select privacy.label('public.comptes', 'relation', 'technical',
    'id client_id type devise dernier_numero statut ouvert_le chaud utilisateur_id');
select privacy.label('public.cartes', 'cards', 'card', 'pan_jeton pan_chiffre pan_index pan_fin reseau expire_le');
select privacy.label('public.cartes', 'cards', 'financial', 'plafond_minor');
select privacy.label('public.cartes', 'cards', 'technical', 'id compte_id statut emise_le blocage_motif bloquee_le');
select privacy.label('public.transactions', 'payments', 'financial',
    'date_valeur date_comptable type montant_minor devise libelle reference contrepartie_index contrepartie_fin');
select privacy.label('public.transactions', 'payments', 'technical',
    'id booked_at compte_debit_id compte_credit_id carte_id virement_id historique numero_debit numero_credit
    origine_id reservation_id');
select privacy.label('public.ecritures', 'payments', 'financial', 'montant_minor solde_apres_minor');
select privacy.label('public.ecritures', 'payments', 'technical', 'compte_id numero transaction_id booked_at');
select privacy.label('public.beneficiaires', 'payments', 'person', 'nom_chiffre');
select privacy.label('public.beneficiaires', 'payments', 'financial', 'iban_chiffre iban_index iban_fin bic');
select privacy.label('public.beneficiaires', 'payments', 'technical', 'id client_id statut ajoute_le');
select privacy.label('public.virements', 'payments', 'financial', 'montant_minor devise motif');
select privacy.label('public.virements', 'payments', 'technical',
    'id donneur_id cle_idempotence empreinte compte_debit_id compte_credit_id beneficiaire_id canal statut
    transaction_id demande_le');
select privacy.label('public.logs', 'security', 'technical',
    'id horodatage adresse_jeton acteur_jeton action objet_jeton');
select privacy.label('public.journees', 'payments', 'none', 'jour ouverte_le close_le');
select privacy.label('public.comptes_internes', 'payments', 'none', 'role devise compte_id');
select privacy.label('public.reprises', 'payments', 'none', 'transaction_id devise nombre total_minor faite_le');
select privacy.label('public.plafonds_par_defaut', 'payments', 'none', 'canal plafond_minor');
select privacy.label('public.plafonds', 'payments', 'financial', 'plafond_minor consomme_minor');
select privacy.label('public.plafonds', 'payments', 'technical', 'compte_id canal jour');
select privacy.label('public.reservations', 'cards', 'financial',
    'montant_minor capture_minor reste_minor devise marchand');
select privacy.label('public.reservations', 'cards', 'technical',
    'id compte_id carte_id cle_idempotence empreinte statut cree_le expire_le terminee_le');
select privacy.label('public.captures', 'cards', 'financial', 'montant_minor');
select privacy.label('public.captures', 'cards', 'technical',
    'reservation_id cle_idempotence empreinte transaction_id faite_le');
select privacy.label('public.contrepassations', 'payments', 'financial', 'montant_minor rendu_minor');
select privacy.label('public.contrepassations', 'payments', 'technical', 'origine_id');
select privacy.label('public.devises_tenues', 'payments', 'none', 'devise');
select privacy.label('public.seuils_authentification', 'payments', 'none', 'devise montant_minor');
select privacy.label('public.autorisations_virement', 'payments', 'financial', 'montant_minor devise');
select privacy.label('public.autorisations_virement', 'payments', 'technical',
    'id utilisateur_id compte_debit_id compte_credit_id cree_le expire_le utilisee_par utilisee_le');
select privacy.label('public.ordres_permanents', 'payments', 'financial', 'payee_fin montant_minor devise motif');
select privacy.label('public.ordres_permanents', 'payments', 'technical',
    'id client_id compte_debit_id compte_credit_id frequence premiere_le derniere_le fin_de_mois statut rang
    prochaine_le essais prochain_essai cree_le modifie_le');
select privacy.label('public.executions_permanentes', 'payments', 'technical',
    'ordre_id echeance essai jour statut code raison virement_id faite_le');
select privacy.label('public.fichiers_de_paiement', 'payments', 'financial', 'nombre total_minor');
select privacy.label('public.fichiers_de_paiement', 'payments', 'technical', 'client_id message_id empreinte recu_le');
select privacy.label('public.lignes_de_paiement', 'payments', 'technical',
    'client_id message_id rang bout_en_bout statut code virement_id');
select privacy.label('public.revelations', 'rights', 'technical',
    'id demandee_par client_id champ motif accordee_le expire_le');
select privacy.label('public.analyse_clients', 'analysis', 'technical',
    'client tranche_age departement statut client_depuis');
select privacy.label('public.analyse_transactions', 'analysis', 'financial', 'type montant_minor devise');
select privacy.label('public.analyse_transactions', 'analysis', 'technical',
    'operation booked_at date_valeur date_comptable client_debite compte_debite type_debite client_credite
    compte_credite type_credite par_carte historique');
select privacy.label('pseudonymes.cle', 'analysis', 'credential', 'octets');
select privacy.label('pseudonymes.profils', 'analysis', 'person', 'annee_naissance departement');
select privacy.label('pseudonymes.profils', 'analysis', 'technical', 'client_id');
select privacy.label('pseudonymes.clients', 'analysis', 'technical',
    'client tranche_age departement statut client_depuis');
select privacy.label('pseudonymes.transactions', 'analysis', 'financial', 'type montant_minor devise');
select privacy.label('pseudonymes.transactions', 'analysis', 'technical',
    'operation booked_at date_valeur date_comptable client_debite compte_debite type_debite client_credite
    compte_credite type_credite par_carte historique');
select privacy.label('auth.users', 'access', 'contact', 'email phone email_change');
select privacy.label('auth.users', 'access', 'credential', 'encrypted_password');
select privacy.label('auth.users', 'access', 'person', 'raw_app_meta_data raw_user_meta_data');
select privacy.label('auth.users', 'access', 'technical',
    'id aud role email_confirmed_at phone_confirmed_at invited_at confirmation_sent_at recovery_sent_at
    email_change_sent_at email_change_confirmed reauthentication_sent_at last_sign_in_at is_anonymous
    banned_until deleted_at created_at updated_at');
select privacy.label('auth.accounts', 'access', 'contact', 'email phone email_change');
select privacy.label('auth.accounts', 'access', 'credential', 'encrypted_password');
select privacy.label('auth.accounts', 'access', 'person', 'app_metadata user_metadata document');
select privacy.label('auth.accounts', 'access', 'technical',
    'id aud role is_anonymous deleted_at created_at is_confirmed is_banned has_factor');
select privacy.label('auth.identities', 'access', 'person', 'identity_data');
select privacy.label('auth.identities', 'access', 'technical',
    'id user_id provider provider_id last_sign_in_at created_at updated_at');
select privacy.label('auth.sessions', 'access', 'technical',
    'id user_id aal amr factor_id refresh_counter refreshed_at tokens_until user_agent ip created_at updated_at');
select privacy.label('auth.revoked_sessions', 'access', 'technical', 'session_id valid_until revoked_at');
select privacy.label('auth.refresh_tokens', 'access', 'technical', 'session_id counter used_at ip');
select privacy.label('auth.mfa_factors', 'access', 'credential', 'secret last_step');
select privacy.label('auth.mfa_factors', 'access', 'technical',
    'id user_id friendly_name factor_type status last_challenged_at created_at updated_at');
select privacy.label('auth.mfa_challenges', 'access', 'technical', 'id factor_id session_id ip created_at');
select privacy.label('auth.one_time_tokens', 'access', 'contact', 'relates_to');
select privacy.label('auth.one_time_tokens', 'access', 'credential', 'link_hash code_hash');
select privacy.label('auth.one_time_tokens', 'access', 'technical',
    'id user_id token_type flow_id failures created_at expires_at');
select privacy.label('auth.flow_state', 'access', 'credential',
    'auth_code_hash code_challenge code_challenge_method provider_secrets');
select privacy.label('auth.flow_state', 'access', 'technical',
    'id user_id linking_user_id authentication_method provider redirect_to created_at expires_at');
select privacy.label('auth.audit_log_entries', 'access', 'person', 'payload');
select privacy.label('auth.audit_log_entries', 'access', 'technical', 'id ip_address created_at');
select privacy.label('auth.attempts', 'access', 'technical', 'scope subject window_start attempts expires_at');
select privacy.label('api.reponses', 'payments', 'financial', 'corps champs');
select privacy.label('api.reponses', 'payments', 'technical', 'role_demandeur sujet cle empreinte statut faite_le');
select privacy.label('realtime.messages', 'relation', 'person', 'payload');
select privacy.label('realtime.messages', 'relation', 'technical',
    'topic extension event private updated_at inserted_at id');
select privacy.label('evidence.entries', 'security', 'technical',
    'id cluster xid recorded_at actor kind subject outcome body');
select privacy.label('evidence.blocks', 'security', 'none',
    'number cluster first_xid end_xid row_count first_id last_id last_recorded_at root marks sealed_at previous
    hash signature key');
select privacy.label('vault.data_keys', 'security', 'credential', 'wrapped');
select privacy.label('vault.data_keys', 'security', 'technical',
    'client_id version kek_id created_at destroyed_at rewrapped_at');
select privacy.label('vault.key_encryption_keys', 'security', 'none', 'id first_used_at retired_at');
select privacy.label('fraud.etats', 'fraud', 'technical', 'entite cle etat');
select privacy.label('fraud.modeles', 'fraud', 'none', 'id colonnes fichier empreinte figures statut cree_le promu_le');
select privacy.label('fraud.decisions', 'fraud', 'financial',
    'montant_minor probabilite rivale verdict verdict_rival regles fantomes raisons colonnes');
select privacy.label('fraud.decisions', 'fraud', 'technical',
    'rang paiement cle empreinte horodatage cles modele_id secours temoin ordre decide_le');
select privacy.label('fraud.etiquettes', 'fraud', 'financial', 'fraude');
select privacy.label('fraud.etiquettes', 'fraud', 'technical', 'paiement source auteur dit_le');
select privacy.label('fraud.etiquettes_dites', 'fraud', 'financial', 'fraude');
select privacy.label('fraud.etiquettes_dites', 'fraud', 'technical', 'id paiement source auteur dit_le');
select privacy.label('fraud.dossiers', 'fraud', 'financial', 'montant_max_minor fraude propose_fraude motif');
select privacy.label('fraud.dossiers', 'fraud', 'technical',
    'id client statut priorite alertes confie_a propose_par tranche_par ouvert_le derniere_alerte_le tranche_le');
select privacy.label('fraud.dossiers_paiements', 'fraud', 'technical', 'dossier_id paiement');
select privacy.label('fraud.dossiers_notes', 'fraud', 'financial', 'note');
select privacy.label('fraud.dossiers_notes', 'fraud', 'technical', 'id dossier_id auteur ecrite_le');
select privacy.label('fraud.listes', 'fraud', 'financial', 'motif');
select privacy.label('fraud.listes', 'fraud', 'technical', 'genre entite cle auteur expire_le cree_le');
select privacy.label('meta.migrations', 'security', 'none', '*');
select privacy.label('privacy.categories', 'rights', 'none', '*');
select privacy.label('privacy.activities', 'rights', 'none', '*');
select privacy.label('privacy.controller', 'rights', 'contact', '*');
select privacy.label('privacy.labels', 'rights', 'none', '*');
select privacy.label('privacy.open_schemas', 'rights', 'none', '*');
select privacy.label('privacy.columns', 'rights', 'none', '*');
select privacy.label('privacy.unlabelled', 'rights', 'none', '*');
