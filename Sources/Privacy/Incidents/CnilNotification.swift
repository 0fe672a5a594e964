public import Web

/// The CNIL's notification of a breach (article 33(3)) as questions with answers, the missing ones named.
public struct CnilNotification: Sendable {
    public struct Answer: Sendable, Hashable {
        public let section: String
        public let question: String
        public let text: String
        public var isMissing: Bool { text.isEmpty }
    }

    public let reference: String
    public let answers: [Answer]

    init(reference: String, facts: IncidentFacts, controller: [String: String], sealedColumns: Int64, personal: Int) {
        self.reference = reference
        let advice = BreachAdvice(facts)
        func yes(_ value: Bool) -> String { value ? "oui" : "non" }
        func answer(_ section: String, _ question: String, _ text: String?) -> Answer {
            Answer(section: section, question: question, text: text ?? "")
        }
        let read = facts.readCategories.sorted().joined(separator: ", ")
        answers = [
            answer("Organisme", "Nom", controller["name"]), answer("Organisme", "Adresse", controller["address"]),
            answer("Organisme", "Délégué à la protection des données", controller["dpo_name"]),
            answer("Organisme", "Contact", controller["contact_email"]),
            answer("Violation", "Référence interne", reference),
            answer("Violation", "Début", facts.occurredAt), answer("Violation", "Fin", facts.resolvedAt ?? "en cours"),
            answer("Violation", "Découverte", facts.detectedAt),
            answer("Violation", "Prise de connaissance", facts.awareAt),
            answer("Violation", "Perte de confidentialité", yes(facts.dataLost.contains(.confidentiality))),
            answer(
                "Violation", "Perte d'intégrité",
                yes(facts.dataLost.contains(.integrity) || facts.dataLost.contains(.authenticity))),
            answer("Violation", "Perte de disponibilité", yes(facts.dataLost.contains(.availability))),
            answer("Violation", "Origine", facts.isMalicious ? "acte externe malveillant" : "défaillance interne"),
            answer("Violation", "Circonstances", facts.stages.joined(separator: " > ")),
            answer("Données", "Catégories de données", read.isEmpty ? "aucune lue" : read),
            answer("Données", "Nombre d'enregistrements", "\(facts.recordsRead + facts.operationsAffected)"),
            answer(
                "Données", "Données sensibles ou NIR",
                "NIR : scellé, \(sealedColumns) colonnes scellées sur \(personal) personnelles"),
            answer("Personnes", "Catégories de personnes", "clients"),
            answer("Personnes", "Nombre de personnes", "\(facts.clientsAffected)"),
            answer(
                "Mesures", "Mesures avant la violation",
                "chiffrement par client, sécurité par ligne, journal scellé, sauvegardes prouvées"),
            answer("Mesures", "Mesures après la violation", facts.measures.joined(separator: " ; ")),
            answer("Conséquences", "Nature du risque", advice.reasonsFr.joined(separator: " ; ")),
            answer(
                "Conséquences", "Gravité",
                advice.tellsPersons ? "élevée" : advice.tellsAuthority ? "moyenne" : "négligeable"),
            answer("Personnes", "Information des personnes (art. 34)", advice.tellsPersons ? "à faire" : "non requise"),
            answer(
                "Transfrontalier", "Autres États membres",
                facts.memberStates.count > 1 ? facts.memberStates.sorted().joined(separator: ", ") : "non"),
            answer(
                "Retard", "Motif d'une notification après 72 h",
                "dans le délai si envoyée avant l'échéance de l'horloge gdpr_72h"),
        ]
    }

    public var json: JSON {
        [
            "format": "digitalbank.cnil/1", "reference": .string(reference),
            "answered": .integer(answers.filter { !$0.isMissing }.count), "of": .integer(answers.count),
            "answers": .array(
                answers.map {
                    [
                        "section": .string($0.section), "question": .string($0.question),
                        "answer": $0.isMissing ? .null : .string($0.text),
                    ]
                }),
        ]
    }

    public var page: HTMLPage {
        var page = HTMLPage(title: "Notification de violation de données — \(reference)", language: "fr")
        page.table(
            ["Rubrique", "Question", "Réponse"],
            answers.map { [$0.section, $0.question, $0.isMissing ? "À REMPLIR" : $0.text] })
        return page
    }
}
