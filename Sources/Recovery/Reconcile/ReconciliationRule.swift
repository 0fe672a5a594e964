/// A rule about the bank's rows. `docs/reference/reconciliation-rules.md` says the same at length; a test compares.
struct ReconciliationRule: Sendable {
    let id: String
    let severity: String
    let reason: BilingualText
    /// What the rule proposes, when it does.
    let repair: BilingualText?

    private init(
        _ id: String, _ severity: String, fr: String, en: String, repair: (fr: String, en: String)? = nil
    ) {
        self.id = id
        self.severity = severity
        reason = BilingualText(fr: fr, en: en)
        self.repair = repair.map { BilingualText(fr: $0.fr, en: $0.en) }
    }

    static let duplicateKey = ReconciliationRule(
        "duplicate-key", "high", fr: "plusieurs lignes portent le même identifiant",
        en: "several rows bear the same id")
    static let orphan = ReconciliationRule(
        "orphan", "high", fr: "des lignes renvoient à une ligne qui n’existe plus",
        en: "rows refer to a row that is not there")
    static let missingRow = ReconciliationRule(
        "missing-row", "high", fr: "un numéro manque dans une suite sans trou : la ligne a été supprimée",
        en: "a number is missing in a sequence without gaps: the row was deleted",
        repair: (
            "fiche provisoire pour un client, rien pour le reste",
            "a provisional record for a client, nothing for the rest"
        ))
    static let lostRow = ReconciliationRule(
        "lost-row", "medium", fr: "numéros manquants dans une table abîmée : la sauvegarde les a perdus",
        en: "missing numbers in a damaged table: the dump lost them")
    static let operationMissing = ReconciliationRule(
        "operation-missing", "critical",
        fr: "la chaîne des soldes saute : une opération a été supprimée, son montant s’en déduit",
        en: "the running balance jumps: an operation was deleted, and its amount follows",
        repair: ("écriture de correction du montant exact", "a correcting entry of the exact amount"))
    static let orderWithoutOperation = ReconciliationRule(
        "order-without-operation", "critical", fr: "un virement exécuté dont l’opération a disparu",
        en: "an executed order whose operation is gone",
        repair: ("opération rétablie d’après l’ordre", "the operation restored from its order"))
    static let amountAltered = ReconciliationRule(
        "amount-altered", "critical", fr: "le montant ne mène pas du solde précédent au solde suivant",
        en: "the amount does not lead from one running balance to the next",
        repair: ("montant rétabli d’après les soldes", "the amount restored from the balances"))
    static let runningBalanceAltered = ReconciliationRule(
        "running-balance-altered", "high", fr: "un solde courant isolé contredit celui d’avant et celui d’après",
        en: "one running balance contradicts the one before and the one after",
        repair: ("solde courant rétabli", "the running balance restored"))
    static let runningBalanceBreak = ReconciliationRule(
        "running-balance-break", "medium", fr: "les soldes courants ne suivent pas les opérations du compte",
        en: "running balances do not follow the account's operations")
    static let balanceDiffers = ReconciliationRule(
        "balance-differs", "critical", fr: "le solde du compte n’est pas celui de ses opérations",
        en: "the account's balance is not that of its operations",
        repair: ("solde rétabli d’après les opérations", "the balance restored from the operations"))
    static let operationDuplicated = ReconciliationRule(
        "operation-duplicated", "critical", fr: "une opération figure deux fois, au même solde courant",
        en: "an operation stands twice, with the same running balance", repair: ("copie écartée", "the copy set aside"))
    static let operationOutOfSequence = ReconciliationRule(
        "operation-out-of-sequence", "critical",
        fr: "une opération écrite après coup : son numéro est postérieur à sa date, ou il lui manque un solde",
        en: "an operation written afterwards: its number is later than its date, or it has no running balance",
        repair: ("opération écartée, solde rétabli", "the operation set aside, the balance restored"))
    static let operationWithoutOrder = ReconciliationRule(
        "operation-without-order", "critical", fr: "un virement que personne n’a ordonné",
        en: "a transfer that nobody ordered", repair: ("à décider par une personne", "for a person to decide"))
    static let statementDiffers = ReconciliationRule(
        "statement-differs", "high", fr: "le relevé mensuel contredit les opérations du mois",
        en: "the monthly statement contradicts the month's operations")
    static let dateImpossible = ReconciliationRule(
        "date-impossible", "medium", fr: "une date impossible : future, avant l’ouverture du compte, ou absente",
        en: "an impossible date: in the future, before the account's opening, or none")
    static let ibanInvalid = ReconciliationRule(
        "iban-invalid", "medium", fr: "un IBAN dont la longueur ou la clé est fausse",
        en: "an IBAN whose length or check digits are wrong",
        repair: ("bénéficiaire à vérifier", "the beneficiary marked for verification"))
    static let bicInvalid = ReconciliationRule(
        "bic-invalid", "low", fr: "un BIC mal formé, ou d’un autre pays que l’IBAN",
        en: "a malformed BIC, or one of another country than the IBAN")
    static let panInvalid = ReconciliationRule(
        "pan-invalid", "medium", fr: "un numéro de carte dont la clé est fausse",
        en: "a card number whose check digit is wrong")
    static let nirInvalid = ReconciliationRule(
        "nir-invalid", "low", fr: "un numéro de sécurité sociale dont la clé est fausse",
        en: "a social security number whose key is wrong")
    static let beneficiaryShared = ReconciliationRule(
        "beneficiary-shared", "critical",
        fr: "le même IBAN chez plusieurs clients, sous des noms sans rapport : changement en masse",
        en: "one IBAN with several clients under unrelated names: a change en masse",
        repair: (
            "IBAN d’avant, ou bénéficiaire à vérifier", "the IBAN of before, or the beneficiary marked for verification"
        ))
    static let beneficiaryContradicted = ReconciliationRule(
        "beneficiary-contradicted", "critical", fr: "l’IBAN n’est pas celui des virements déjà faits à ce bénéficiaire",
        en: "the IBAN is not that of the transfers made to this beneficiary",
        repair: ("IBAN des virements antérieurs", "the IBAN of the earlier transfers"))
    static let beneficiaryCollects = ReconciliationRule(
        "beneficiary-collects", "critical", fr: "l’IBAN est celui qui reçoit des virements forgés",
        en: "the IBAN is one that receives forged transfers",
        repair: (
            "IBAN d’avant, ou bénéficiaire à vérifier", "the IBAN of before, or the beneficiary marked for verification"
        ))
    static let staffAdded = ReconciliationRule(
        "staff-added", "critical", fr: "un compte du personnel créé pendant l’attaque, avec des droits étendus",
        en: "a staff account made during the attack, with wide rights", repair: ("non repris", "not carried over"))
    static let logGap = ReconciliationRule(
        "log-gap", "critical", fr: "des entrées du journal ont été effacées : numéros manquants et silence",
        en: "log entries were erased: missing numbers and a silence")
    static let unusualHours = ReconciliationRule(
        "unusual-hours", "medium", fr: "des opérations à une heure où il n’y en a jamais",
        en: "operations at an hour at which there never are any")
    static let unusualAmount = ReconciliationRule(
        "unusual-amount", "medium", fr: "un montant hors de proportion avec ses semblables",
        en: "an amount out of proportion with its like")
    static let olderRowMissing = ReconciliationRule(
        "older-row-missing", "high", fr: "une ligne de la sauvegarde antérieure n’est plus là",
        en: "a row of the older dump is not there any more",
        repair: ("ligne reprise de la sauvegarde antérieure", "the row taken from the older dump"))
    static let olderRowDiffers = ReconciliationRule(
        "older-row-differs", "critical", fr: "une valeur qui ne change jamais diffère de la sauvegarde antérieure",
        en: "a value that never changes differs from the older dump",
        repair: ("valeur de la sauvegarde antérieure", "the value of the older dump"))
    static let intruderStatement = ReconciliationRule(
        "intruder-statement", "critical",
        fr: "le journal de PostgreSQL montre un utilisateur étranger à la banque qui change ses données",
        en: "PostgreSQL's log shows a user foreign to the bank changing its data")
    static let logFileSilence = ReconciliationRule(
        "log-file-silence", "high", fr: "un journal se tait bien plus longtemps que d’habitude",
        en: "a log file is silent for much longer than it ever is")
    static let ruleNotRun = ReconciliationRule(
        "rule-not-run", "medium", fr: "un contrôle n’a pas pu être fait sur ces données",
        en: "a check could not be made on these data")

    static let all: [ReconciliationRule] = [
        duplicateKey, orphan, missingRow, lostRow, operationMissing, orderWithoutOperation, amountAltered,
        runningBalanceAltered, runningBalanceBreak, balanceDiffers, operationDuplicated, operationOutOfSequence,
        operationWithoutOrder, statementDiffers, dateImpossible, ibanInvalid, bicInvalid, panInvalid, nirInvalid,
        beneficiaryShared, beneficiaryContradicted, beneficiaryCollects, staffAdded, logGap, unusualHours,
        unusualAmount, olderRowMissing, olderRowDiffers, intruderStatement, logFileSilence, ruleNotRun,
    ]

    static let byID: [String: ReconciliationRule] = Dictionary(
        all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
}
