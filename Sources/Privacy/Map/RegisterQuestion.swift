/// The questions of the CNIL's model of a register sheet (article 30), in its order.
public struct RegisterQuestion: Sendable, Hashable {
    public let number: Int
    public let section: String
    public let french: String
    public let isRequired: Bool

    private init(_ number: Int, _ section: String, _ french: String, _ isRequired: Bool) {
        self.number = number
        self.section = section
        self.french = french
        self.isRequired = isRequired
    }

    private static let sections: [(String, [(String, Bool)])] = [
        (
            "Acteurs",
            [
                ("Responsable du traitement", true), ("Adresse du responsable", false),
                ("Téléphone du responsable", false), ("Courriel du responsable", false),
                ("Représentant dans l'Union européenne", false), ("Délégué à la protection des données", true),
                ("Coordonnées du délégué", false), ("Responsables conjoints", false),
            ]
        ),
        (
            "Fiche",
            [
                ("Nom du traitement", true), ("Référence", true), ("Date de création", true),
                ("Dernière mise à jour", true), ("Services chargés du traitement", false),
            ]
        ),
        (
            "Objectifs",
            [
                ("Finalité principale", true), ("Sous-finalités", false), ("Base légale", true),
                ("Décision automatisée ou profilage", false),
            ]
        ),
        ("Personnes", [("Catégories de personnes concernées", true), ("Nombre de personnes concernées", false)]),
        (
            "Données",
            [
                ("État civil, identité", true), ("Coordonnées", false),
                ("Informations économiques et financières", false),
                ("Données de carte de paiement", false), ("Données de connexion et techniques", false),
                ("Données d'authentification", false), ("Données sensibles (art. 9)", true),
                ("Numéro de sécurité sociale (NIR)", true), ("Condamnations et infractions (art. 10)", false),
                ("Source des données", false),
            ]
        ),
        ("Durées", [("Durée de conservation", true), ("Moyen d'archivage et d'effacement", false)]),
        (
            "Destinataires",
            [("Destinataires internes", true), ("Destinataires externes", true), ("Sous-traitants", true)]
        ),
        ("Transferts", [("Transferts hors de l'Union européenne", true), ("Garanties des transferts", false)]),
        ("Sécurité", [("Mesures techniques", true), ("Contrôle des accès et traçabilité", true)]),
    ]

    public static let all: [RegisterQuestion] = {
        var all: [RegisterQuestion] = []
        for (section, questions) in sections {
            for (french, isRequired) in questions {
                all.append(RegisterQuestion(all.count + 1, section, french, isRequired))
            }
        }
        return all
    }()
}

/// Where an answer comes from.
public enum AnswerSource: String, Sendable {
    /// Read from the catalogue or counted in the tables.
    case measured
    /// Shipped with the labels: the law and the purpose of a processing.
    case label
    /// Somebody of the bank filled it in.
    case human
    case missing
}
