/// What the sheets of the register are made of.
struct RegisterContext {
    let columns: [DataMapStore.Column]
    let controller: [String: String]
    let measures: DataMapStore.Measures
    let readers: [DataMapStore.Reader]
    let schedules: [DataMapStore.Schedule]

    private typealias Said = (text: String, source: AnswerSource)

    func sheet(_ activity: DataMapStore.Activity) -> ProcessingRegister.Sheet {
        let own = columns.filter { $0.activity == activity.code }
        let said =
            actors + [
                (activity.french, .label), ("TR-\(activity.rank)-\(activity.code)", .measured),
                (measures.since, measures.since.isEmpty ? .missing : .measured),
                (measures.changed, measures.changed.isEmpty ? .missing : .measured), (activity.inside, .label),
                (activity.purpose, .label), (activity.subpurposes, .label), (activity.basis, .label),
                (automation(activity), .measured), (activity.persons, .label), ("\(measures.clients)", .measured),
                category("person", own), category("contact", own), category("financial", own), category("card", own),
                category("technical", own), category("credential", own),
                ("aucune colonne de la carte des données n'en contient", .measured), nir(own),
                ("aucune colonne de la carte des données n'en contient", .measured),
                (
                    activity.code == "security"
                        ? "systèmes de la banque" : "la personne elle-même ; opérations de la banque", .label
                ),
                (retention(activity), .measured),
                (
                    "archive restreinte puis destruction de la clé du client ; registre d'effacement rejoué après restauration",
                    .measured
                ),
                (recipients(own, activity), .measured), (activity.outside, .label), (activity.processors, .label),
                ("aucun : base, journaux et sauvegardes sont sur les serveurs de la banque", .label),
                ("sans objet", .label),
                (technical, .measured), (access, .measured),
            ]
        let answers = zip(RegisterQuestion.all, said).map {
            ProcessingRegister.Answer(question: $0, text: $1.text, source: $1.text.isEmpty ? .missing : $1.source)
        }
        return ProcessingRegister.Sheet(code: activity.code, name: activity.french, answers: answers, columns: own)
    }

    private var actors: [Said] {
        let dpo = ["dpo_email", "dpo_phone", "dpo_organisation"].compactMap { controller[$0] }.joined(separator: ", ")
        return ["name", "address", "phone", "email", "representative", "dpo_name"].map {
            (controller[$0] ?? "", AnswerSource.human)
        } + [(dpo, .human), ("néant", .label)]
    }

    private func automation(_ activity: DataMapStore.Activity) -> String {
        guard activity.code == "fraud" else { return "non" }
        return measures.hasAutomatedDecisions
            ? "oui : notation des paiements, motifs conservés, recours devant un analyste"
            : "non : la notation est arrêtée"
    }

    private func category(_ code: String, _ own: [DataMapStore.Column]) -> Said {
        let names = own.filter { $0.category == code && $0.kind != "v" }.map { "\($0.table).\($0.name)" }
        guard !names.isEmpty else { return ("non", .measured) }
        return ("oui : " + names.joined(separator: ", "), .measured)
    }

    private func nir(_ own: [DataMapStore.Column]) -> Said {
        let found = own.filter { $0.name.hasPrefix("nir") }
        guard !found.isEmpty else { return ("non", .measured) }
        let isSealed = found.allSatisfy(\.isSealed)
        return (
            "oui (\(isSealed ? "scellé" : "EN CLAIR")) : "
                + found.map { "\($0.table).\($0.name)" }.joined(separator: ", "), .measured
        )
    }

    private func retention(_ activity: DataMapStore.Activity) -> String {
        let rules = schedules.filter { $0.activity == activity.code }.map { "\($0.relation) : \($0.keep) (\($0.law))" }
        return ([activity.retention] + rules).joined(separator: " ; ")
    }

    private func recipients(_ own: [DataMapStore.Column], _ activity: DataMapStore.Activity) -> String {
        let tables = Set(own.map { "\($0.schema).\($0.table)" })
        let roles = Dictionary(grouping: readers.filter { tables.contains($0.table) }, by: \.role)
        let granted = roles.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value.count) tables, lignes filtrées)" }
        return ([activity.inside] + granted).joined(separator: " ; ")
    }

    private var technical: String {
        "\(measures.sealedColumns) colonnes scellées en AES-256-GCM, une clé par client (\(measures.liveKeys) clés) ; "
            + "index aveugles HMAC ; journal chaîné et signé (\(measures.journalEntries) entrées) ; sauvegardes restaurées "
            + "pour preuve ; numéros de carte en jetons"
    }

    private var access: String {
        "sécurité par ligne active sur \(measures.tablesWithRowSecurity) tables sur \(measures.tables), "
            + "\(measures.policies) règles ; second facteur ; lectures de données personnelles journalisées ; "
            + "accès exceptionnel à deux administrateurs"
    }
}
