internal import Bank

/// A statement as comma-separated values (RFC 4180) in UTF-8, with a byte order mark for spreadsheets.
///
/// A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
enum CSVStatement {
    static func bytes(_ statement: PeriodStatement) -> [UInt8] {
        let account = statement.account
        var out = "\u{FEFF}"
        line(
            [
                "date", "date_valeur", "libelle", "debit", "credit", "solde", "devise", "reference", "operation",
                "numero",
            ], to: &out)
        line(
            [
                statement.firstDay, "", "Solde initial", "", "", decimal(statement.openingMinor, account),
                account.currency.code, "", "", "",
            ], to: &out)
        for entry in statement.entries {
            line(
                [
                    entry.businessDate, entry.valueDate, guarded(entry.words),
                    entry.amountMinor < 0 ? decimal(-entry.amountMinor, account) : "",
                    entry.amountMinor > 0 ? decimal(entry.amountMinor, account) : "",
                    decimal(entry.balanceAfterMinor, account), account.currency.code, guarded(entry.reference ?? ""),
                    String(entry.operation), String(entry.number),
                ], to: &out)
        }
        line(
            [
                statement.lastDay, "", "Solde final", "", "", decimal(statement.closingMinor, account),
                account.currency.code, "", "", "",
            ], to: &out)
        return Array(out.utf8)
    }

    private static func decimal(_ minor: Int64, _ account: Account) -> String {
        Money(minor: minor, currency: account.currency).decimalText
    }

    static func guarded(_ text: String) -> String {
        guard let first = text.unicodeScalars.first, "=+-@\t\r\n＝＋－＠".unicodeScalars.contains(first) else {
            return text
        }
        return "'" + text
    }

    private static func line(_ fields: [String], to out: inout String) {
        for (index, field) in fields.enumerated() {
            if index > 0 { out += "," }
            let isPlain = field.utf8.allSatisfy { $0 != 34 && $0 != 44 && $0 != 10 && $0 != 13 }
            out += isPlain ? field : "\"" + field.replacing("\"", with: "\"\"") + "\""
        }
        out += "\r\n"
    }
}
