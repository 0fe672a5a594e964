internal import Bank
internal import Foundation

/// A statement on paper, in French: bank and holder, balances, movements, carried forward from page to page.
enum PDFStatement {
    static func bytes(_ statement: PeriodStatement, bank: BankSettings, madeAt: String) -> [UInt8] {
        let rows = rows(statement)
        let pages = paginate(rows, statement)
        var pdf = PDFWriter()
        for (index, page) in pages.enumerated() {
            pdf.add { sheet in
                var y =
                    index == 0
                    ? firstHead(&sheet, statement, bank, madeAt) : nextHead(&sheet, statement, bank)
                y = columnHeads(&sheet, y)
                for row in page { y = draw(row, &sheet, y) }
                sheet.line(from: Column.left, to: Column.right, y: y + 6)
                foot(&sheet, index + 1, pages.count, bank, statement.account)
            }
        }
        return pdf.bytes(title: "Releve de compte")
    }

    /// One line of the table.
    struct Row {
        var date = ""
        var value = ""
        /// The label, broken to the column's width.
        var lines: [String]
        var debit = ""
        var credit = ""
        var isBold = false
        /// The balance behind the row, for what is carried forward.
        var balance: Int64

        var height: Double { Double(lines.count) * leading + 4 }
    }

    enum Column {
        static let left = 50.0
        static let value = 108.0
        static let label = 164.0
        static let labelWidth = 215.0
        static let debit = 462.0
        static let right = 545.0
    }

    static let size = 9.0
    static let leading = 11.0
    /// Where rows begin below the heads, and where they end above the foot.
    private static let firstTop = 610.0
    private static let nextTop = 755.0
    private static let bottom = 80.0

    // MARK: Rows

    static func rows(_ statement: PeriodStatement) -> [Row] {
        var rows = [
            balanceRow(
                "Solde initial au \(CivilTime.french(statement.firstDay))", statement.openingMinor, statement.account)
        ]
        for entry in statement.entries {
            rows.append(
                Row(
                    date: CivilTime.french(entry.businessDate), value: CivilTime.french(entry.valueDate),
                    lines: wrap(entry.words),
                    debit: entry.amountMinor < 0 ? french(-entry.amountMinor, statement.account) : "",
                    credit: entry.amountMinor > 0 ? french(entry.amountMinor, statement.account) : "",
                    balance: entry.balanceAfterMinor))
        }
        rows.append(
            Row(
                lines: ["Total des mouvements"], debit: french(statement.debitsMinor, statement.account),
                credit: french(statement.creditsMinor, statement.account), isBold: true,
                balance: statement.closingMinor))
        rows.append(
            balanceRow(
                "Solde final au \(CivilTime.french(statement.lastDay))", statement.closingMinor, statement.account))
        return rows
    }

    /// A balance stands on its own side: a debt is a debit.
    private static func balanceRow(_ words: String, _ minor: Int64, _ account: Account) -> Row {
        Row(
            lines: [words], debit: minor < 0 ? french(-minor, account) : "",
            credit: minor >= 0 ? french(minor, account) : "", isBold: true, balance: minor)
    }

    /// Pages of rows, each but the last ending with what is carried forward, each but the first beginning with it.
    static func paginate(_ rows: [Row], _ statement: PeriodStatement) -> [[Row]] {
        var pages: [[Row]] = []
        var page: [Row] = []
        var room = firstTop - bottom
        var balance = statement.openingMinor
        let carried = leading + 4
        for row in rows {
            if row.height + carried > room {
                pages.append(page + [balanceRow("À reporter", balance, statement.account)])
                page = [balanceRow("Report", balance, statement.account)]
                room = nextTop - bottom - carried
            }
            page.append(row)
            room -= row.height
            balance = row.balance
        }
        pages.append(page)
        return pages
    }

    /// Words on lines of the label column's width; three lines at most.
    static func wrap(_ text: String) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ").flatMap(pieces) {
            let longer = line.isEmpty ? word : line + " " + word
            if WinAnsi.width(longer, size: size) <= Column.labelWidth {
                line = longer
            } else {
                lines.append(line)
                line = word
            }
        }
        lines.append(line)
        guard lines.count > 3 else { return lines }
        return Array(lines.prefix(2)) + [lines[2] + "…"]
    }

    /// A word that is wider than the column is cut.
    private static func pieces(_ word: Substring) -> [String] {
        var pieces: [String] = []
        var piece = ""
        for character in word {
            if WinAnsi.width(piece + String(character), size: size) > Column.labelWidth {
                pieces.append(piece)
                piece = ""
            }
            piece.append(character)
        }
        return piece.isEmpty ? pieces : pieces + [piece]
    }

    /// `1 234,56`
    static func french(_ minor: Int64, _ account: Account) -> String {
        let parts = Money(minor: minor, currency: account.currency).decimalText.split(separator: ".")
        var grouped = ""
        let whole = parts.first.map(String.init) ?? "0"
        let digits = whole.filter(\.isNumber)
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { grouped.append("\u{A0}") }
            grouped.append(digit)
        }
        return (whole.hasPrefix("-") ? "-" : "") + grouped + (parts.count > 1 ? "," + parts[1] : "")
    }

    // MARK: Drawing

    private static func firstHead(
        _ sheet: inout PDFWriter.Page, _ statement: PeriodStatement, _ bank: BankSettings, _ madeAt: String
    ) -> Double {
        let account = statement.account
        sheet.text(bank.name, x: Column.left, y: 780, size: 18, isBold: true)
        sheet.text("Relevé de compte", x: Column.left, y: 758, size: 12)
        sheet.text(rightAt: Column.right, "Édité le \(CivilTime.french(String(madeAt.prefix(10))))", y: 780, size: size)
        sheet.line(from: Column.left, to: Column.right, y: 748, width: 1)
        sheet.text("Titulaire", x: Column.left, y: 726, size: size, isBold: true)
        sheet.text(statement.holder ?? "Non communiqué", x: 130, y: 726, size: 10)
        sheet.text("Compte", x: Column.left, y: 710, size: size, isBold: true)
        sheet.text(
            "\(account.type.capitalized) n° \(account.id), en \(account.currency.code)", x: 130, y: 710, size: 10)
        sheet.text("IBAN", x: Column.left, y: 694, size: size, isBold: true)
        sheet.text(grouped(account.iban) ?? "Non communiqué", x: 130, y: 694, size: 10)
        sheet.text("BIC", x: Column.left, y: 678, size: size, isBold: true)
        sheet.text(account.bic ?? bank.bic, x: 130, y: 678, size: 10)
        sheet.text("Période", x: Column.left, y: 662, size: size, isBold: true)
        sheet.text(
            "du \(CivilTime.french(statement.firstDay)) au \(CivilTime.french(statement.lastDay))", x: 130, y: 662,
            size: 10)
        return firstTop + 24
    }

    private static func nextHead(
        _ sheet: inout PDFWriter.Page, _ statement: PeriodStatement, _ bank: BankSettings
    ) -> Double {
        sheet.text(bank.name, x: Column.left, y: 800, size: 11, isBold: true)
        sheet.text(
            rightAt: Column.right,
            "Relevé de compte \(grouped(statement.account.iban) ?? String(statement.account.id))",
            y: 800, size: size)
        return nextTop + 24
    }

    private static func columnHeads(_ sheet: inout PDFWriter.Page, _ y: Double) -> Double {
        sheet.band(x: Column.left, y: y - 5, width: Column.right - Column.left, height: 16)
        sheet.text("Date", x: Column.left + 2, y: y, size: size, isBold: true)
        sheet.text("Valeur", x: Column.value, y: y, size: size, isBold: true)
        sheet.text("Libellé", x: Column.label, y: y, size: size, isBold: true)
        sheet.text(rightAt: Column.debit, "Débit", y: y, size: size, isBold: true)
        sheet.text(rightAt: Column.right - 2, "Crédit", y: y, size: size, isBold: true)
        return y - 20
    }

    private static func draw(_ row: Row, _ sheet: inout PDFWriter.Page, _ y: Double) -> Double {
        sheet.text(row.date, x: Column.left + 2, y: y, size: size)
        sheet.text(row.value, x: Column.value, y: y, size: size)
        for (index, line) in row.lines.enumerated() {
            sheet.text(line, x: Column.label, y: y - Double(index) * leading, size: size, isBold: row.isBold)
        }
        sheet.text(rightAt: Column.debit, row.debit, y: y, size: size, isBold: row.isBold)
        sheet.text(rightAt: Column.right - 2, row.credit, y: y, size: size, isBold: row.isBold)
        return y - row.height
    }

    private static func foot(
        _ sheet: inout PDFWriter.Page, _ page: Int, _ pages: Int, _ bank: BankSettings, _ account: Account
    ) {
        sheet.line(from: Column.left, to: Column.right, y: 48)
        sheet.text("\(bank.name) - BIC \(account.bic ?? bank.bic)", x: Column.left, y: 34, size: 8)
        sheet.text(rightAt: Column.right, "Page \(page)/\(pages)", y: 34, size: 8)
    }

    /// In groups of four, as people read it.
    private static func grouped(_ iban: String?) -> String? {
        guard let iban else { return nil }
        var out = ""
        for (place, character) in iban.enumerated() {
            if place > 0, place % 4 == 0 { out.append(" ") }
            out.append(character)
        }
        return out
    }
}
