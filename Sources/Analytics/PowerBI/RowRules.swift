internal import Foundation

/// Roles of the semantic model and the rows that each may see. A database that stores one role for all readers can not tell who
/// looks; the model can (*Manage roles*, then who belongs to each in the service).
struct RowRules: Sendable {
    let name: String
    let english: String
    /// DAX by table: rows for which it holds are seen.
    let filters: [(table: String, dax: String)]

    private static let none = "FALSE()"

    static let all: [RowRules] = [
        RowRules(name: "Lecture", english: "Everything.", filters: []),
        RowRules(
            name: "Fraude", english: "Operations and fraud, nothing of security, backups or requests of persons.",
            filters: hiding([
                "fact_evenement_securite", "fact_incident", "fact_sauvegarde", "fact_demande_rgpd",
            ])),
        RowRules(
            name: "Securite", english: "Security, availability and backups, no operation of a client.",
            filters: hiding([
                "fact_transaction", "fact_alerte_fraude", "fact_solde_jour", "fact_demande_rgpd",
            ])),
        RowRules(
            name: "Conformite", english: "Requests of persons, incidents and automations, no operation of a client.",
            filters: hiding(["fact_transaction", "fact_alerte_fraude", "fact_solde_jour"])),
        // The application that shows the report says which: a client's facts follow from the client.
        RowRules(
            name: "Departement", english: "Clients of the department that CUSTOMDATA names, and what hangs on them.",
            filters: [("dim_client", "dim_client[departement] = CUSTOMDATA()")]
                + hiding(["fact_evenement_securite", "fact_incident", "fact_sauvegarde", "fact_demande_rgpd"])),
    ]

    private static func hiding(_ tables: [String]) -> [(table: String, dax: String)] { tables.map { ($0, none) } }

    /// A role in TMDL; tables that this bank does not have are left out.
    func tmdl(_ model: Model) -> String {
        var out = "/// \(english)\nrole \(name)\n\tmodelPermission: read\n"
        for (table, dax) in filters where model.entity(table) != nil {
            out += "\n\ttablePermission \(table) = \(dax)\n"
        }
        return out
    }

    /// What is wrong with a role that was written.
    static func faults(_ text: String, _ model: Model) -> [String] {
        var faults: [String] = []
        var isRole = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("role ") { isRole = true }
            guard line.hasPrefix("\ttablePermission ") else { continue }
            let rule = line.dropFirst("\ttablePermission ".count)
            guard let equals = rule.range(of: " = ") else {
                faults.append("a permission without a rule")
                continue
            }
            let table = String(rule[..<equals.lowerBound])
            if model.entity(table) == nil { faults.append("there is no table \(table)") }
            faults += DAXLint.faults(in: String(rule[equals.upperBound...]), model: model)
        }
        return isRole ? faults : faults + ["no role"]
    }
}
