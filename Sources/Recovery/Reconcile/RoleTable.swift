/// A table that rules speak of, in the canonical bank's words: its columns and how each is read.
///
/// A mapping says where the columns come from; a column without a counterpart is NULL, and the rules that need it find
/// nothing.
enum RoleTable: String, CaseIterable, Sendable, Codable {
    case clients, comptes, cartes, transactions, beneficiaires, virements, logs, releves, employes

    enum Form: Sendable {
        case integer, money, text, time, date
    }

    /// The column that names a row.
    var key: String { self == .clients ? "numero" : "id" }

    var columns: [(name: String, form: Form)] {
        switch self {
        case .clients: [("numero", .integer), ("nom_complet", .text), ("nir", .text), ("cree_le", .time)]
        case .comptes:
            [
                ("id", .integer), ("client_numero", .integer), ("iban", .text), ("bic", .text), ("solde", .money),
                ("decouvert", .money), ("ouvert_le", .date),
            ]
        case .cartes:
            [("id", .integer), ("compte_id", .integer), ("pan", .text), ("expire_le", .date), ("emise_le", .date)]
        case .transactions:
            [
                ("id", .integer), ("compte_id", .integer), ("booked_at", .time), ("date_comptable", .date),
                ("date_valeur", .date), ("montant", .money), ("type", .text), ("libelle", .text),
                ("contrepartie_nom", .text), ("contrepartie_iban", .text), ("carte_id", .integer),
                ("solde_apres", .money), ("reference", .text),
            ]
        case .beneficiaires:
            [
                ("id", .integer), ("client_numero", .integer), ("nom", .text), ("iban", .text), ("bic", .text),
                ("ajoute_le", .time),
            ]
        case .virements:
            [
                ("id", .integer), ("compte_id", .integer), ("beneficiaire_id", .integer), ("montant", .money),
                ("motif", .text), ("statut", .text), ("demande_le", .time), ("transaction_id", .integer),
            ]
        case .logs:
            [("id", .integer), ("horodatage", .time), ("acteur", .text), ("action", .text)]
        case .releves:
            [
                ("id", .integer), ("compte_id", .integer), ("mois", .date), ("solde_debut", .money),
                ("solde_fin", .money), ("nombre_operations", .integer),
            ]
        case .employes: [("id", .integer), ("login", .text), ("role", .text), ("cree_le", .time)]
        }
    }
}

/// Where the rows of a role stand in the clean room, as a mapping has it.
struct RoleSource: Sendable {
    let role: RoleTable
    /// The `FROM` clause.
    let from: String
    /// The first relation of `from`, whose rows are the role's, and its name in the clause.
    let relation: String
    let alias: String
    private let expressions: [String: String]

    /// Nil when the mapping has no such table.
    init?(_ role: RoleTable, in mapping: Mapping) {
        let target = mapping.targets[role.rawValue]
        let evidence = mapping.evidence[role.rawValue]
        guard let from = evidence?.from ?? target?.from else { return nil }
        self.role = role
        self.from = from
        guard let clause = SourceClause(from) else { return nil }
        relation = clause.relation
        alias = clause.alias
        var expressions: [String: String] = [:]
        for (name, column) in (target?.columns ?? [:]).merging(evidence?.columns ?? [:], uniquingKeysWith: { $1 }) {
            if case .expression(let sql) = column { expressions[name] = sql }
        }
        self.expressions = expressions
    }

    func expression(of column: String) -> String? { expressions[column] }

    func has(_ columns: String...) -> Bool { columns.allSatisfy { expressions[$0] != nil } }

    /// The column of the clean room's table that alone makes `column`; nil when the mapping computes it.
    func rawColumn(of column: String) -> String? {
        guard var name = expressions[column] else { return nil }
        if name.hasPrefix(alias + ".") { name.removeFirst(alias.count + 1) }
        guard let first = name.first, first.isLetter || first == "_",
            name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }), Int(name) == nil
        else { return nil }
        return name
    }
}
