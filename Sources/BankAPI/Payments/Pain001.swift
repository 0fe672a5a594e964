internal import Bank
internal import Web

/// A file of credit transfers: ISO 20022 CustomerCreditTransferInitiation, pain.001.001.03 and .09.
struct Pain001: Sendable {
    static let namespaces = [3, 9].map { "urn:iso:std:iso:20022:tech:xsd:pain.001.001.0\($0)" }
    static let paymentsMax = 1000

    let messageID: String
    /// `pain.001.001.03`
    let version: String
    let payments: [Payment]

    struct Payment: Sendable {
        let informationID: String
        let instructionID: String?
        let endToEndID: String
        let debtorIBAN: String
        let creditorIBAN: String
        let creditorName: String?
        /// As written; nil when the currency or the digits are not ours.
        let amount: Money?
        let reason: String?
        /// `2026-11-28`
        let executionDate: String
    }

    init(_ root: XMLNode) throws(BankProblem) {
        guard root.name == "Document", Self.namespaces.contains(root.namespace),
            let message = root.child("CstmrCdtTrfInitn")
        else {
            throw BankProblem(
                422, code: "pain_version_unsupported",
                message: "the document is no pain.001.001.03 or .09: \(root.name.prefix(40))",
                hint: "Send a CstmrCdtTrfInitn of one of these versions.")
        }
        version = String(root.namespace.suffix(15))
        guard let header = message.child("GrpHdr"), let id = header.text("MsgId"), Self.isName(id) else {
            throw Self.missing("GrpHdr/MsgId")
        }
        messageID = id
        var payments: [Payment] = []
        var total = Total()
        for information in message.all("PmtInf") {
            var part = Total()
            for transfer in information.all("CdtTrfTxInf") {
                guard payments.count < Self.paymentsMax else {
                    throw BankProblem(
                        422, code: "pain_too_long", message: "the file has more than \(Self.paymentsMax) payments",
                        hint: "Split it, each part with a MsgId of its own.")
                }
                payments.append(try Self.payment(transfer, in: information))
                let amount = transfer.text("Amt", "InstdAmt")
                try part.add(amount)
                try total.add(amount)
            }
            try part.compare(with: information, "PmtInf", isCountRequired: false)
        }
        guard !payments.isEmpty else { throw Self.missing("PmtInf/CdtTrfTxInf") }
        try total.compare(with: header, "GrpHdr", isCountRequired: true)
        self.payments = payments
    }

    private static func payment(_ transfer: XMLNode, in information: XMLNode) throws(BankProblem) -> Payment {
        guard let informationID = information.text("PmtInfId"), isName(informationID) else {
            throw missing("PmtInf/PmtInfId")
        }
        guard information.text("PmtMtd") == "TRF" else { throw missing("PmtInf/PmtMtd, which has to be TRF,") }
        guard let debtor = information.text("DbtrAcct", "Id", "IBAN") else { throw missing("PmtInf/DbtrAcct/Id/IBAN") }
        guard let creditor = transfer.text("CdtrAcct", "Id", "IBAN") else {
            throw missing("CdtTrfTxInf/CdtrAcct/Id/IBAN")
        }
        guard let endToEnd = transfer.text("PmtId", "EndToEndId"), isName(endToEnd) else {
            throw missing("CdtTrfTxInf/PmtId/EndToEndId")
        }
        guard let instructed = transfer.child("Amt")?.child("InstdAmt") else {
            throw missing("CdtTrfTxInf/Amt/InstdAmt")
        }
        // A date in version 03, an element with a date or a moment since.
        let date =
            information.text("ReqdExctnDt", "Dt") ?? information.text("ReqdExctnDt", "DtTm")
            ?? information.text("ReqdExctnDt")
        guard let date, Forms.isDate(String(date.prefix(10))) else { throw missing("PmtInf/ReqdExctnDt") }
        let code = instructed.attributes.first { $0.name == "Ccy" }?.value ?? ""
        let remittance = transfer.child("RmtInf")?.all("Ustrd").map(\.text).joined(separator: " ") ?? ""
        let name = transfer.text("Cdtr", "Nm")
        let money = Currency.known[code].flatMap { Money(decimal: instructed.text, currency: $0) }
        return Payment(
            informationID: informationID,
            instructionID: transfer.text("PmtId", "InstrId").map { String($0.prefix(35)) },
            endToEndID: endToEnd, debtorIBAN: debtor, creditorIBAN: creditor, creditorName: name,
            amount: money.flatMap { $0.minor > 0 ? $0 : nil },
            reason: remittance.isEmpty ? nil : clean(remittance), executionDate: String(date.prefix(10)))
    }

    /// Max35Text without control characters.
    private static func isName(_ text: String) -> Bool {
        (1...35).contains(text.unicodeScalars.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    private static func clean(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(140) {
            out.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return String(out)
    }

    private static func missing(_ place: String) -> BankProblem {
        BankProblem(
            422, code: "pain_invalid", message: "\(place) is missing or has another form",
            hint: "See the rules of pain.001 in the documentation.", details: ["place": .string(place)])
    }

    /// How many payments and how much: what NbOfTxs and CtrlSum promise.
    private struct Total {
        var count = 0
        /// In hundred-thousandths: ISO 20022 has at most five decimals. Counts across currencies.
        var sum: Int64 = 0

        mutating func add(_ text: String?) throws(BankProblem) {
            count += 1
            guard let amount = text.flatMap(Self.scaled) else { throw missing("CdtTrfTxInf/Amt/InstdAmt") }
            // A thousand amounts of thirteen digits and five decimals do not fit: then the sum is none either.
            let (sum, overflow) = sum.addingReportingOverflow(amount)
            guard !overflow else { throw missing("CdtTrfTxInf/Amt/InstdAmt") }
            self.sum = sum
        }

        /// `12.5` is 1250000; nil for a sign, too many digits or none.
        static func scaled(_ text: String) -> Int64? {
            let parts = text.utf8.split(separator: 46, maxSplits: 1, omittingEmptySubsequences: false)
            guard (1...13).contains(parts[0].count), parts.allSatisfy({ $0.allSatisfy(Forms.isDigit) }),
                parts.count == 1 || (1...5).contains(parts[1].count)
            else { return nil }
            let fraction = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
            return Int64(
                String(decoding: parts[0], as: UTF8.self) + fraction + String(repeating: "0", count: 5 - fraction.count)
            )
        }

        private var text: String {
            let digits = String(String(sum % 100_000 + 100_000).dropFirst())
            return "\(sum / 100_000).\(digits)"
        }

        func compare(with node: XMLNode, _ place: String, isCountRequired: Bool) throws(BankProblem) {
            let promised = node.text("NbOfTxs")
            guard promised.map({ Int($0) == count }) ?? !isCountRequired else {
                throw BankProblem(
                    422, code: "pain_count_differs",
                    message: "\(place)/NbOfTxs says \((promised ?? "nothing").prefix(20)), the file has \(count)",
                    hint: "Send the file again, whole.")
            }
            guard let promisedSum = node.text("CtrlSum") else { return }
            guard Self.scaled(promisedSum) == sum else {
                throw BankProblem(
                    422, code: "pain_sum_differs",
                    message: "\(place)/CtrlSum says \(promisedSum.prefix(25)), the payments add up to \(self.text)",
                    hint: "Send the file again, whole.")
            }
        }
    }
}
