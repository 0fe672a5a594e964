/// A rule that keeps an object of a dump out of the restored bank.
struct JudgementRule: Sendable {
    let id: String
    let severity: String
    let reason: BilingualText

    private init(_ id: String, _ severity: String, fr: String, en: String) {
        self.id = id
        self.severity = severity
        reason = BilingualText(fr: fr, en: en)
    }

    static let copyNotFromStdin = JudgementRule(
        "copy-not-from-stdin", "critical",
        fr: "une instruction COPY qui lit un fichier ou lance un programme du serveur",
        en: "a COPY statement that reads a file or runs a program of the server")
    static let reachesOutside = JudgementRule(
        "reaches-outside", "critical",
        fr: "atteint le système : programme, fichier, réseau ou droits de superutilisateur",
        en: "reaches outside the database: program, file, network or superuser rights")
    static let metaCommand = JudgementRule(
        "meta-command", "critical", fr: "une commande de psql, qui s’exécuterait sur la machine de restauration",
        en: "a psql command, which would run on the restoring machine")
    static let nameWithNewline = JudgementRule(
        "name-with-newline", "critical", fr: "un nom contenant un saut de ligne, qui peut cacher une commande",
        en: "a name with a line break in it, which can hide a command")
    static let function = JudgementRule(
        "function", "high", fr: "du code d’origine inconnue", en: "code of unknown origin")
    static let trigger = JudgementRule(
        "trigger", "high", fr: "du code lancé à chaque écriture", en: "code that runs on every write")
    static let eventTrigger = JudgementRule(
        "event-trigger", "critical", fr: "du code lancé à chaque changement de schéma, avec les droits de son auteur",
        en: "code that runs on every change of schema")
    static let rule = JudgementRule(
        "rewrite-rule", "high", fr: "une règle qui change en silence le sens des requêtes",
        en: "a rule that silently changes what statements do")
    static let view = JudgementRule(
        "view", "medium", fr: "une vue d’origine inconnue, qui peut cacher des lignes ou appeler du code",
        en: "a view of unknown origin, which can hide rows or call code")
    static let materializedView = JudgementRule(
        "materialized-view", "high", fr: "une requête exécutée pendant la restauration",
        en: "a query that runs during a restore")
    static let policy = JudgementRule(
        "policy", "medium", fr: "une règle de visibilité d’origine inconnue ; celles de la banque viennent du produit",
        en: "a visibility policy of unknown origin; the bank's own come from the product")
    static let grantToPublic = JudgementRule(
        "grant-to-public", "high", fr: "un droit donné à tout le monde", en: "a right given to everybody")
    static let grantOption = JudgementRule(
        "grant-option", "medium", fr: "un droit qui peut être transmis", en: "a right that can be passed on")
    static let role = JudgementRule(
        "role", "high", fr: "un rôle créé ou modifié par le fichier", en: "a role made or changed by the dump")
    static let extensionUnknown = JudgementRule(
        "extension", "high", fr: "une extension qui n’est pas de la liste permise",
        en: "an extension outside the allow-list")
    static let foreignAccess = JudgementRule(
        "foreign-access", "high", fr: "un accès à un serveur extérieur", en: "access to a foreign server")
    static let replication = JudgementRule(
        "replication", "high", fr: "une copie continue des données vers l’extérieur ou depuis l’extérieur",
        en: "a continuous copy of data to or from the outside")
    static let defaultCallsFunction = JudgementRule(
        "default-calls-function", "high", fr: "une valeur par défaut qui appelle du code",
        en: "a default value that calls code")
    static let generatedColumn = JudgementRule(
        "generated-column", "high", fr: "une colonne calculée, évaluée pendant la restauration",
        en: "a generated column, evaluated during a restore")
    static let constraintCallsFunction = JudgementRule(
        "constraint-calls-function", "high", fr: "une contrainte qui appelle du code à chaque ligne restaurée",
        en: "a constraint that calls code for each restored row")
    static let indexCallsFunction = JudgementRule(
        "index-calls-function", "high", fr: "un index qui appelle du code à sa construction",
        en: "an index that calls code when it is built")
    static let domain = JudgementRule(
        "domain", "high", fr: "un domaine, dont les contraintes s’exécutent à chaque ligne",
        en: "a domain, whose constraints run for each row")
    static let operatorOrCast = JudgementRule(
        "operator-or-cast", "high",
        fr: "un opérateur, une conversion ou un agrégat qui détourne des requêtes ordinaires",
        en: "an operator, cast or aggregate that hijacks ordinary statements")
    static let language = JudgementRule(
        "language", "critical", fr: "un langage de programmation installé dans la base",
        en: "a programming language installed in the database")
    static let largeObject = JudgementRule(
        "large-object", "medium", fr: "un objet binaire, qui peut porter un programme",
        en: "a large object, which can carry a program")
    static let dangerousSetting = JudgementRule(
        "setting", "high", fr: "un réglage qui change le comportement du serveur",
        en: "a setting that changes how the server behaves")
    static let inheritance = JudgementRule(
        "inheritance", "medium", fr: "une table héritée, qui mêle ses lignes à celles d’une autre",
        en: "an inherited table, which mixes its rows with another's")
    static let unknownSchema = JudgementRule(
        "schema", "low", fr: "un schéma qui n’est pas celui de la banque", en: "a schema that is not the bank's")
    static let statement = JudgementRule(
        "statement", "high", fr: "une instruction qu’une sauvegarde ne contient pas",
        en: "a statement that no dump holds")
    static let hiddenStatement = JudgementRule(
        "hidden-statement", "critical", fr: "le texte de l’objet n’est pas ce que son étiquette annonce",
        en: "the object's text is not what its label says")
    static let changedSinceBaseline = JudgementRule(
        "changed-since-baseline", "high", fr: "un objet connu de la référence, sous le même nom, mais modifié",
        en: "an object known to the baseline, changed under the same name")
    static let viewShowsSecrets = JudgementRule(
        "view-shows-secrets", "high", fr: "une vue qui montre mots de passe, numéros de carte ou de sécurité sociale",
        en: "a view that shows passwords, card numbers or social security numbers")
    static let lootTable = JudgementRule(
        "loot-table", "critical", fr: "une table inconnue où du code suspect écrit : un butin",
        en: "an unknown table that suspicious code writes to: loot")
    static let unknownTable = JudgementRule(
        "unknown-table", "medium", fr: "une table que ni la référence ni la correspondance ne connaissent",
        en: "a table that neither the baseline nor the mapping knows")
    static let foreignOwner = JudgementRule(
        "foreign-owner", "medium", fr: "une table d’un autre propriétaire que toutes les autres",
        en: "a table of another owner than all the others")
    static let allRights = JudgementRule(
        "all-rights", "high", fr: "tous les droits sur une table, donnés à un rôle qui n’en est pas propriétaire",
        en: "all rights on a table, given to a role that does not own it")
    static let sessionAuthorization = JudgementRule(
        "session-authorization", "high", fr: "une instruction exécutée au nom d’un autre",
        en: "a statement run in another's name")
    static let undecidable = JudgementRule(
        "undecidable", "medium", fr: "un objet que les règles ne savent pas juger : il est refusé",
        en: "an object that the rules can not judge: it is refused")

    static let byKind: [String: JudgementRule] = [
        "PROCEDURE": function, "AGGREGATE": operatorOrCast,
        "EVENT TRIGGER": eventTrigger, "RULE": rule, "MATERIALIZED VIEW": materializedView,
        "MATERIALIZED VIEW DATA": materializedView, "POLICY": policy, "ROW SECURITY": policy, "ROLE": role,
        "USER": role,
        "GROUP": role, "SERVER": foreignAccess, "USER MAPPING": foreignAccess, "FOREIGN TABLE": foreignAccess,
        "FOREIGN DATA WRAPPER": foreignAccess, "FOREIGN SERVER": foreignAccess, "PUBLICATION": replication,
        "PUBLICATION TABLE": replication, "PUBLICATION TABLES IN SCHEMA": replication, "SUBSCRIPTION": replication,
        "SHELL TYPE": domain, "OPERATOR": operatorOrCast, "CAST": operatorOrCast,
        "OPERATOR CLASS": operatorOrCast, "OPERATOR FAMILY": operatorOrCast, "CONVERSION": operatorOrCast,
        "TRANSFORM": operatorOrCast, "PROCEDURAL LANGUAGE": language, "LANGUAGE": language, "BLOB": largeObject,
        "BLOBS": largeObject, "BLOB METADATA": largeObject, "SECURITY LABEL": dangerousSetting, "DO": statement,
        "SELECT": statement, "INSERT": statement, "UPDATE": statement, "DELETE": statement, "DROP": statement,
        "REFRESH": materializedView, "COPY": copyNotFromStdin, "CALL": statement, "TRUNCATE": statement,
    ]

    private static let outsideWords: Set<String> = [
        "lo_export", "lo_import", "lo_from_bytea", "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file",
        "dblink", "dblink_connect", "dblink_exec", "pg_write_file", "pg_file_write", "adminpack", "plpythonu",
        "plpython3u", "plperlu", "pltclu", "superuser", "pg_execute_server_program", "pg_read_server_files",
        "pg_write_server_files", "pg_reload_conf", "session_preload_libraries", "local_preload_libraries",
        "shared_preload_libraries", "pg_terminate_backend",
    ]

    private static let outsidePhrases = [
        "to program", "from program", "language c", "language internal", "alter role", "alter user", "create role",
        "create user", "alter system", "drop role", "create subscription", "create server",
    ]

    /// Whether the text, or a string in it, speaks of the system around the database.
    static func reachesOutside(_ sql: String) -> Bool {
        CodeJudge.allWords(of: sql).contains { tokens in
            tokens.contains { token in
                guard case .word(let word) = token else { return false }
                return outsideWords.contains(word.split(separator: ".").last.map(String.init) ?? word)
            } || outsidePhrases.contains { tokens.contains(words: $0) }
        }
    }

    static let all: [JudgementRule] = [
        copyNotFromStdin, reachesOutside, metaCommand, nameWithNewline, hiddenStatement, function, trigger,
        eventTrigger, rule, view, viewShowsSecrets, materializedView, policy, grantToPublic, grantOption, allRights,
        sessionAuthorization, role, extensionUnknown, foreignAccess, replication, defaultCallsFunction,
        generatedColumn, constraintCallsFunction, indexCallsFunction, domain, operatorOrCast, language, largeObject,
        dangerousSetting, inheritance, unknownSchema, lootTable, unknownTable, foreignOwner, changedSinceBaseline,
        statement, undecidable,
    ]
}
