/// The five pages of the report: what is shown where. Names of measures and columns are those of the model.
struct ReportPage: Sendable {
    struct Visual: Sendable {
        enum Form: String, Sendable {
            case card, slicer, lineChart, columnChart, barChart, donutChart, tableEx
        }
        let form: Form
        /// x, y, width, height on a page of 1280 by 720.
        let place: (Int, Int, Int, Int)
        /// `table.column`
        var columns: [String] = []
        var measures: [String] = []
    }

    let name: String
    let title: String
    let english: String
    let visuals: [Visual]

    static let all: [ReportPage] = [
        page(
            "operations", "Opérations", "Operations",
            cards: ["nombre_operations", "montant_operations", "montant_moyen", "part_carte"],
            line: ("dim_date.annee_mois", ["montant_operations"]),
            bars: ("dim_type_operation.type_operation", ["nombre_operations"]),
            donut: ("dim_client.segment", ["montant_operations"]),
            table: (["dim_client.departement"], ["nombre_operations", "montant_operations"])),
        page(
            "fraude", "Fraude", "Fraud",
            cards: ["nombre_alertes", "montant_en_alerte", "fraude_arretee", "taux_de_confirmation"],
            line: ("dim_date.annee_mois", ["nombre_alertes"]), bars: ("dim_regle_fraude.regle", ["nombre_alertes"]),
            donut: ("dim_statut.statut", ["nombre_alertes"]),
            table: (["dim_client.departement"], ["nombre_alertes", "montant_en_alerte", "delai_de_cloture"])),
        page(
            "securite", "Sécurité", "Security",
            cards: ["evenements_securite", "nombre_incidents", "incidents_ouverts", "delai_de_detection"],
            line: ("dim_date.annee_mois", ["evenements_securite"]),
            bars: ("fact_evenement_securite.action", ["evenements_securite"]),
            donut: ("dim_severite.severite", ["nombre_incidents"]),
            table: (["dim_service.service", "dim_service.criticite"], ["nombre_incidents", "evenements_securite"])),
        page(
            "continuite", "Continuité", "Continuity",
            cards: ["nombre_sauvegardes", "taux_de_sauvegarde", "rto_max", "rpo_max"],
            line: ("dim_date.annee_mois", ["nombre_sauvegardes"]),
            bars: ("fact_sauvegarde.genre", ["nombre_sauvegardes"]),
            donut: ("dim_statut.statut", ["nombre_sauvegardes"]),
            table: (["dim_service.service"], ["nombre_requetes", "disponibilite", "p95_max"])),
        page(
            "conformite", "Conformité et automatisations", "Compliance and automations",
            cards: ["demandes_rgpd", "demandes_en_retard", "executions", "taux_de_reussite"],
            line: ("dim_date.annee_mois", ["demandes_rgpd", "executions"]),
            bars: ("fact_automatisation.scenario", ["executions"]),
            donut: ("fact_demande_rgpd.genre", ["demandes_rgpd"]),
            table: (["dim_date.annee_mois"], ["solde_moyen", "comptes_suivis", "comptes_a_decouvert"])),
    ]

    private static func page(
        _ name: String, _ title: String, _ english: String, cards: [String], line: (String, [String]),
        bars: (String, [String]),
        donut: (String, [String]), table: ([String], [String])
    ) -> ReportPage {
        var visuals = [Visual(form: .slicer, place: (16, 16, 220, 96), columns: ["dim_date.annee"])]
        for (index, card) in cards.enumerated() {
            visuals.append(Visual(form: .card, place: (252 + index * 256, 16, 240, 96), measures: [card]))
        }
        visuals.append(Visual(form: .lineChart, place: (16, 128, 816, 280), columns: [line.0], measures: line.1))
        visuals.append(Visual(form: .donutChart, place: (848, 128, 416, 280), columns: [donut.0], measures: donut.1))
        visuals.append(Visual(form: .barChart, place: (16, 424, 624, 280), columns: [bars.0], measures: bars.1))
        visuals.append(Visual(form: .tableEx, place: (656, 424, 608, 280), columns: table.0, measures: table.1))
        return ReportPage(name: name, title: title, english: english, visuals: visuals)
    }
}
