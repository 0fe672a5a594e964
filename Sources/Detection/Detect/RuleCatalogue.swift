/// Every rule that stands in code; Sigma rules come from files.
enum Rules {
    // SSH, portal, database: who comes in
    static let sshBrute = Rule(
        "ssh-brute-force", "ssh_brute_force", .medium, .credentialAccess, "T1110.001",
        "Essais de mots de passe en série (SSH)", advice: "Interdire l'adresse ; n'accepter que des clés.")
    static let sshSlow = Rule(
        "ssh-slow-brute-force", "ssh_brute_force", .medium, .credentialAccess, "T1110.001",
        "Essais de mots de passe lents (SSH)", advice: "Interdire l'adresse ; n'accepter que des clés.")
    static let sshSpray = Rule(
        "ssh-password-spraying", "password_spraying", .medium, .credentialAccess, "T1110.003",
        "Beaucoup de comptes essayés depuis une adresse (SSH)", advice: "Interdire l'adresse.")
    static let webBrute = Rule(
        "web-brute-force", "web_brute_force", .medium, .credentialAccess, "T1110.001",
        "Essais de mots de passe en série (portail)", advice: "Interdire l'adresse ; exiger un second facteur.")
    static let webSlow = Rule(
        "web-slow-brute-force", "web_brute_force", .medium, .credentialAccess, "T1110.001",
        "Essais de mots de passe lents (portail)", advice: "Interdire l'adresse ; exiger un second facteur.")
    static let stuffing = Rule(
        "credential-stuffing", "credential_stuffing", .high, .credentialAccess, "T1110.004",
        "Identifiants volés essayés sur le portail",
        advice: "Interdire les adresses ; réinitialiser les comptes dont un essai a réussi.")
    static let stuffingWave = Rule(
        "credential-stuffing-wave", "credential_stuffing", .high, .credentialAccess, "T1110.004",
        "Vague d'échecs de connexion sur tout le portail", advice: "Exiger un second facteur pour tous.")
    static let distributed = Rule(
        "distributed-brute-force", "distributed_brute_force", .low, .credentialAccess, "T1110.001",
        "Un compte essayé depuis beaucoup d'adresses", advice: "Exiger un second facteur pour ce compte.")
    static let databaseBrute = Rule(
        "database-brute-force", "database_brute_force", .high, .credentialAccess, "T1110.001",
        "Essais de mots de passe sur la base", advice: "Fermer le port de la base ; changer le mot de passe.")
    static let takeoverSSH = Rule(
        "ssh-takeover", "account_takeover", .critical, .initialAccess, "T1078.003",
        "Connexion SSH réussie après des échecs en série",
        advice: "Fermer la session, changer les secrets du compte, chercher ce qui a été laissé.")
    static let takeoverWeb = Rule(
        "web-takeover", "account_takeover", .high, .initialAccess, "T1078",
        "Connexion au portail réussie après des échecs en série",
        advice: "Révoquer les sessions, geler les cartes, prévenir le client.")
    static let takeoverDatabase = Rule(
        "database-takeover", "account_takeover", .critical, .initialAccess, "T1078.001",
        "Connexion à la base réussie après des échecs en série", advice: "Changer le mot de passe du rôle.")
    static let travel = Rule(
        "impossible-travel", "impossible_travel", .high, .initialAccess, "T1078",
        "Un compte à deux endroits trop éloignés", advice: "Révoquer les sessions et exiger un second facteur.")
    static let offHours = Rule(
        "off-hours-admin", "off_hours_admin", .low, .privilegeEscalation, "T1078.003",
        "Acte d'administration en dehors des heures", advice: "Vérifier avec la personne.")
    static let outsideAdmin = Rule(
        "outside-password-login", "outside_admin_login", .medium, .initialAccess, "T1021.004",
        "Connexion SSH par mot de passe depuis l'extérieur, la nuit", advice: "Vérifier avec la personne.")

    // The portal
    static let scanner = Rule(
        "web-scanner", "scanner", .medium, .reconnaissance, "T1595.002", "Balayage de pages absentes",
        advice: "Interdire l'adresse.")
    static let tool = Rule(
        "attack-tool", "scanner", .medium, .reconnaissance, "T1595.002", "Outil d'attaque connu",
        advice: "Interdire l'adresse.")
    static let enumeration = Rule(
        "object-enumeration", "api_enumeration", .medium, .collection, "T1530",
        "Numéros d'objets essayés un à un", advice: "Vérifier que la ligne n'appartient qu'à son client.")
    static let denials = Rule(
        "access-denials", "api_denials", .medium, .discovery, "T1087", "Refus d'accès en série",
        advice: "Vérifier ce que cette identité cherchait.")
    static let flood = Rule(
        "request-flood", "request_flood", .medium, .impact, "T1499.002", "Déluge de requêtes",
        advice: "Limiter le débit de l'adresse.")
    static let volume = Rule(
        "exfiltration-volume", "exfiltration", .high, .exfiltration, "T1567",
        "Volume de données anormal vers une adresse",
        advice: "Couper l'accès ; établir quelles personnes sont concernées (RGPD, art. 33).")
    static let massExport = Rule(
        "mass-export", "exfiltration", .high, .exfiltration, "T1530", "Exports de tables en série",
        advice: "Couper l'accès ; établir quelles personnes sont concernées (RGPD, art. 33).")

    // PostgreSQL
    static let newRole = Rule(
        "pg-new-role", "pg_new_role", .medium, .persistence, "T1136", "Nouveau rôle de base de données",
        advice: "Supprimer le rôle s'il n'est pas voulu.")
    static let newSuperuser = Rule(
        "pg-superuser", "pg_superuser", .critical, .privilegeEscalation, "T1098",
        "Rôle avec tous les droits créé ou promu", advice: "Supprimer le rôle ; revoir ce qu'il a fait.")
    static let grantPublic = Rule(
        "pg-grant-public", "pg_grant_public", .high, .privilegeEscalation, "T1098", "Droits donnés à PUBLIC",
        advice: "Révoquer le droit.")
    static let grantPowerful = Rule(
        "pg-grant-powerful", "pg_privilege", .high, .privilegeEscalation, "T1098", "Droits puissants donnés",
        advice: "Révoquer le droit.")
    static let program = Rule(
        "pg-copy-program", "pg_command_execution", .critical, .execution, "T1059.004",
        "Commande du système lancée par la base", advice: "Isoler le serveur : il n'est plus digne de confiance.")
    static let serverFile = Rule(
        "pg-server-file", "pg_file_access", .high, .collection, "T1005", "Fichier du serveur lu ou écrit par la base",
        advice: "Retirer le droit ; vérifier le fichier.")
    static let untrusted = Rule(
        "pg-untrusted-function", "pg_untrusted_function", .high, .persistence, "T1505.001",
        "Fonction dans un langage sans garde-fou", advice: "Supprimer la fonction.")
    static let codeObject = Rule(
        "pg-code-object", "pg_schema_tampering", .medium, .persistence, "T1505.001",
        "Fonction ou déclencheur créé en dehors d'une livraison", advice: "Comparer au schéma de référence.")
    static let eventTrigger = Rule(
        "pg-event-trigger", "pg_schema_tampering", .high, .persistence, "T1546", "Déclencheur d'événement créé",
        advice: "Supprimer le déclencheur.")
    static let guardsOff = Rule(
        "pg-guards-off", "pg_guards_off", .high, .defenseEvasion, "T1562.001",
        "Garde-fou de la base désactivé", advice: "Le remettre ; vérifier ce qui a été écrit entre-temps.")
    static let loggingOff = Rule(
        "pg-logging-off", "pg_logging_off", .high, .defenseEvasion, "T1562.001", "Journalisation de la base coupée",
        advice: "La remettre ; les actes entre-temps ne sont pas au journal.")
    static let logsDeleted = Rule(
        "pg-logs-deleted", "log_tampering", .high, .defenseEvasion, "T1070", "Lignes de journal supprimées",
        advice: "Comparer au journal scellé.")
    static let massRead = Rule(
        "pg-mass-read", "pg_mass_read", .high, .collection, "T1213", "Lecture en masse d'une table",
        advice: "Établir quelles personnes sont concernées (RGPD, art. 33).")
    static let massWrite = Rule(
        "pg-mass-update", "pg_mass_update", .high, .impact, "T1565.001", "Modification en masse d'une table",
        advice: "Comparer à la sauvegarde ; voir les lignes altérées du rapport de restauration.")
    static let massDelete = Rule(
        "pg-mass-delete", "pg_mass_delete", .high, .impact, "T1485", "Suppression en masse",
        advice: "Restaurer les lignes depuis la sauvegarde.")
    static let drops = Rule(
        "pg-mass-drop", "pg_mass_drop", .critical, .impact, "T1485", "Suppression de tables en série",
        advice: "Couper l'accès ; restaurer avant la première suppression.")
    static let ransom = Rule(
        "pg-ransom-note", "ransom", .critical, .impact, "T1486", "Demande de rançon dans la base",
        advice: "Couper l'accès ; ne rien payer ; restaurer.")
    static let sqlErrors = Rule(
        "pg-sql-errors", "sql_injection", .high, .initialAccess, "T1190",
        "Erreurs de syntaxe SQL en série venant de l'application",
        advice: "L'application colle des textes dans le SQL : corriger la requête.")
    static let permissionErrors = Rule(
        "pg-denials", "pg_denials", .medium, .discovery, "T1087", "Refus de droits en série dans la base",
        advice: "Vérifier ce que ce rôle cherchait.")
    static let outsideDatabase = Rule(
        "pg-outside", "pg_outside_login", .high, .initialAccess, "T1133",
        "Base de données jointe depuis l'extérieur", advice: "Fermer le port de la base.")

    // Systems and logs
    static let traces = Rule(
        "log-erasure-command", "log_tampering", .high, .defenseEvasion, "T1070.002", "Commande qui efface des traces",
        advice: "Comparer aux copies des journaux gardées ailleurs.")
    static let database = Rule(
        "sudo-database", "privilege_abuse", .medium, .privilegeEscalation, "T1548.003",
        "Compte du serveur devenu maître de la base", advice: "Vérifier avec la personne.")
    static let reverseShell = Rule(
        "reverse-shell", "command_execution", .critical, .execution, "T1059.004", "Interpréteur donné au réseau",
        advice: "Isoler le serveur.")
    static let newAccount = Rule(
        "system-account", "system_account", .medium, .persistence, "T1136.001", "Compte du système créé ou changé",
        advice: "Vérifier avec la personne.")
    static let gap = Rule(
        "log-gap", "log_gap", .medium, .defenseEvasion, "T1070.002", "Silence inhabituel dans un journal",
        advice: "Chercher la même heure dans les autres journaux.")
    static let sequenceGap = Rule(
        "log-sequence-gap", "log_gap", .high, .defenseEvasion, "T1070.002", "Numéros absents d'un journal",
        advice: "Comparer aux copies des journaux gardées ailleurs.")
    static let truncated = Rule(
        "log-cut-off", "log_tampering", .high, .defenseEvasion, "T1070.002", "Journal coupé ou supprimé sur place",
        advice: "Comparer aux copies du journal gardées ailleurs ; chercher qui a pu écrire dans ce dossier.")
    static let attackSeries = Rule(
        "web-attack-series", "web_attack_series", .medium, .initialAccess, "T1190", "Attaques du portail en série",
        advice: "Interdire l'adresse ; voir ce qui lui a été répondu.")
    static let secondOpinion = Rule(
        "web-modsecurity", "modsecurity", .medium, .initialAccess, "T1190", "Requête que libmodsecurity refuse",
        advice: "Interdire l'adresse ; voir ce qui lui a été répondu.")
    static let seal = Rule(
        "sealed-journal-broken", "log_tampering", .high, .defenseEvasion, "T1070", "Journal scellé coupé ou modifié",
        advice: "Comparer aux têtes publiées et aux copies du journal ; les actes manquants restent à établir.")
    static let clock = Rule(
        "log-clock-back", "clock_tampering", .medium, .defenseEvasion, "T1070.006", "L'horloge d'un journal recule",
        advice: "Vérifier l'horloge du serveur et l'ordre des fichiers.")
}
