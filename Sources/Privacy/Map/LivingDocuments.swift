internal import Postgres
public import Web

/// Documents that are made anew from what is there: the impact assessment (article 35) and the register of providers (DORA).
extension PrivacyDesk {
    /// Risks as the CNIL's method names them, each with the measures that are in force now.
    public func impactAssessment() async throws -> HTMLPage {
        let store = DataMapStore(database: database)
        let measures = try await store.measures()
        let columns = try await store.columns().filter { $0.kind != "v" }
        var page = HTMLPage(title: "Analyse d'impact relative à la protection des données", language: "fr")
        page.paragraph(
            "Document vivant, produit depuis la base. Traitements qui l'exigent : "
                + (try await store.activities()).filter(\.needsDPIA).map(\.french).joined(separator: ", ") + ".")
        page.heading("Contexte")
        page.table(
            ["Mesure", "Valeur"],
            [
                ["Personnes concernées", "\(measures.clients)"],
                ["Colonnes personnelles", "\(columns.filter { $0.category != "none" }.count) sur \(columns.count)"],
                ["Colonnes scellées", "\(columns.filter(\.isSealed).count)"],
                ["Tables protégées par ligne", "\(measures.tablesWithRowSecurity) sur \(measures.tables)"],
                ["Entrées du journal", "\(measures.journalEntries)"],
            ])
        page.heading("Risques")
        let isClear = columns.filter { $0.name.hasPrefix("nir") || $0.name.hasPrefix("pan_c") }.contains {
            !$0.isSealed
        }
        page.table(
            ["Événement redouté", "Sources", "Mesures en vigueur", "Gravité", "Vraisemblance résiduelle"],
            [
                [
                    "Accès illégitime aux données", "intrus, employé curieux",
                    "scellement par client ; sécurité par ligne ; révélation motivée ; lectures journalisées et surveillées",
                    "importante", isClear ? "importante : une colonne est en clair" : "limitée",
                ],
                [
                    "Modification non désirée", "intrus, erreur",
                    "partie double, tables immuables, journal chaîné et signé, réconciliation", "maximale", "limitée",
                ],
                [
                    "Disparition", "sinistre, rançon",
                    "sauvegardes restaurées pour preuve, reprise d'un dump endommagé",
                    "importante", "limitée",
                ],
                [
                    "Retour d'une personne effacée", "restauration d'une sauvegarde",
                    "registre d'effacement hors base, rejoué après chaque restauration ; destruction de la clé",
                    "importante", "négligeable",
                ],
                [
                    "Ré-identification d'un jeu exporté", "recoupement",
                    "k-anonymat, l-diversité, t-proximité mesurés, refus",
                    "importante", "limitée",
                ],
            ])
        return page
    }

    /// The register of information on ICT providers, as JSON.
    public func providers() async throws -> JSON {
        let store = DataMapStore(database: database)
        let version = try await store.serverVersion()
        let list: [JSON] = try await store.providers().map { provider in
            [
                "code": .string(provider.code), "name": .string(provider.name), "service": .string(provider.service),
                "country": .string(provider.country), "lei": provider.lei.map { .string($0) } ?? .null,
                "critical": .bool(provider.isCritical), "personal_data": .bool(provider.hasPersonalData),
                "contract": .string(provider.contract), "exit_plan": .string(provider.exit),
                "version": provider.code == "postgresql" ? .string(version) : .null,
            ]
        }
        return ["format": "digitalbank.providers/1", "providers": .array(list)]
    }
}
