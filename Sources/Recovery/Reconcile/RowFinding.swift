internal import Foundation

/// One row that a rule speaks against. Written to `findings.jsonl` beside the run: it names rows exactly, so it is
/// readable by the operator only; the report shows counts and masked samples.
struct RowFinding: Codable, Sendable, Hashable {
    /// What the attacker must have done to the row; nil when the finding is evidence only.
    enum Kind: String, Codable, Sendable, CaseIterable {
        case balanceAltered = "balance_altered"
        case beneficiaryAltered = "beneficiary_iban"
        case transactionAltered = "transaction_altered"
        case transactionForged = "transaction_forged"
        case transactionDuplicated = "transaction_duplicated"
        case transactionDeleted = "transaction_deleted"
        case cardDeleted = "card_deleted"
        case clientDeleted = "client_deleted"
        case employeeAdded = "employee_added"
        case logWiped = "log_wiped"
        /// A row of another table is gone.
        case rowDeleted = "row_deleted"
        /// A row that an older dump has otherwise.
        case rowAltered = "row_altered"
    }

    enum Confidence: String, Codable, Sendable, Comparable {
        case likely, certain

        static func < (left: Confidence, right: Confidence) -> Bool { left == .likely && right == .certain }
    }

    let rule: String
    var kind: Kind?
    let table: String
    /// The row's id; `first-last` for a range of missing rows.
    let key: String
    var column: String?
    var expected: String?
    var found: String?
    var confidence = Confidence.likely
    /// When the row says it happened, or between which two rows it is missing.
    var at: String?
    /// A few words about the row without personal data.
    var note: String?

    /// What the report may show.
    var sample: String {
        var text = "\(table) \(key)"
        if let column { text += " \(column)" }
        if let found { text += ": \(Mask.value(found, column))" }
        if let expected { text += (found == nil ? " = " : " ≠ ") + Mask.value(expected, column) }
        if let at { text += " (\(at))" }
        return note.map { "\(text), \($0)" } ?? text
    }
}

/// Values as a report may show them: amounts in full, numbers of accounts, cards and people by their ends.
enum Mask {
    static func value(_ text: String, _ column: String?) -> String {
        switch column {
        case "montant", "solde", "solde_apres", "solde_debut", "solde_fin", "nombre_operations": return text
        default:
            guard text.count > 8 else { return String(repeating: "•", count: text.count) }
            return "\(text.prefix(2))…\(text.suffix(4))"
        }
    }
}

/// Amounts of the clean room, in hundredths, as decimals.
enum Hundredths {
    static func text(_ amount: Int64) -> String {
        let digits = String(amount.magnitude)
        let padded = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        return (amount < 0 ? "-" : "") + padded.dropLast(2) + "." + padded.suffix(2)
    }
}
