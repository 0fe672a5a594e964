internal import Bank
internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Web

/// Files of payments: pain.001 in, JSON or pain.002 out.
enum PaymentFileEndpoint {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/payments/pain.001", name: "sendPaymentFile",
            summary: "Executes or schedules an ISO 20022 pain.001.001.03 or .09, each payment on its own",
            tag: "payments",
            body: .init(type: "application/xml", schema: .text(TextRule()), example: .string(example)),
            answers: [
                Route.Answer(
                    words: "each payment's fate; the same message again gets the first answer",
                    contents: [("application/json", schema), ("application/xml", .text(TextRule()))])
            ],
            refusals: [
                .init(400, "xml_unreadable", "xml_doctype_refused"), .init(406, "form_unsupported"),
                .init(409, "message_known"),
                .init(
                    422, "pain_version_unsupported", "pain_invalid", "pain_count_differs", "pain_sum_differs",
                    "pain_too_long"),
                .init(503, "ledger_day_closed"),
            ], run: send)
    ]

    @Sendable private static func send(_ call: BankCall) async throws -> ApiResponse {
        guard
            let form = Accept.best(
                of: [("json", "application/json"), ("xml", "application/xml"), ("xml", "text/xml")],
                header: call.request.fields[.accept] ?? "*/*")
        else {
            throw BankProblem(
                406, code: "form_unsupported", message: "the answer has none of the forms that Accept names",
                hint: "Ask for application/json or application/xml.")
        }
        let file = try Pain001(try document(call.request.body))
        var lines = try await lines(of: file, call)
        try await judge(&lines, file.messageID, call)
        let result = try await PaymentFileStore(core: call.core).execute(
            file.messageID, digest: SHA256.hash(call.request.body), lines, call.caller)
        let report = PaymentReport(file: file, isReplay: result.isReplay, outcomes: result.outcomes)
        guard form == "xml" else { return .json(report.json.text) }
        return ApiResponse(
            status: .ok, fields: [.contentType: "application/xml"],
            body: report.pain002(madeAt: CivilTime.text(call.core.clock())))
    }

    private static func document(_ body: [UInt8]) throws(BankProblem) -> XMLNode {
        do {
            return try XMLReader.read(body)
        } catch {
            throw BankProblem(
                error.code == "body_too_large" ? 413 : 400, code: error.code,
                message: "the file can not be taken: \(error.reason) at byte \(error.offset)",
                hint: "Send XML in UTF-8 without a document type, 2 MB at most.")
        }
    }

    /// Orders of a file pass the same screen as others; what it keeps is refused with its code. Those for a later day are
    /// judged when they fall due.
    private static func judge(_ lines: inout [PaymentFileStore.Line], _ message: String, _ call: BankCall) async throws
    {
        var orders: [TransferOrder] = []
        var places: [Int] = []
        let today = try await PaymentFileStore(core: call.core).today()
        for (index, line) in lines.enumerated() where line.refusal == nil {
            if let today, line.payment.executionDate > today { continue }
            guard let debit = line.debit, let credit = line.credit, let amount = line.payment.amount else { continue }
            var order = TransferOrder(
                debit: AccountID(debit), credit: AccountID(credit), amount: amount,
                key: OrderKey("pain/\(message)/\(index + 1)"), reason: line.payment.reason)
            order.channel = "fichier"
            orders.append(order)
            places.append(index)
        }
        let verdicts = try await ScreenedTransfers(core: call.core, caller: call.caller).refusals(orders)
        for (place, verdict) in zip(places, verdicts) {
            if let verdict { lines[place].refusal = verdict.code }
        }
    }

    /// Finds both accounts of each payment; what can be refused without the ledger has its reason here.
    private static func lines(
        of file: Pain001, _ call: BankCall
    ) async throws -> [PaymentFileStore.Line] {
        let own = try await AccountStore(core: call.core).all(call.caller)
        let debits = Dictionary(own.compactMap { account in account.iban.map { ($0, account) } }) { first, _ in first
        }
        let ibans = file.payments.map { IBAN($0.creditorIBAN) }
        let payees = ibans.compactMap { $0 }.map { Payee(iban: $0, name: nil) }
        var found = try await PayeeStore(core: call.core).find(payees).makeIterator()
        return zip(file.payments, ibans).map { payment, iban in
            let credit = iban == nil ? nil : found.next() ?? nil
            let debit = IBAN(payment.debtorIBAN).flatMap { debits[$0.text] }
            let refusal: String? =
                if iban == nil {
                    "iban_invalid"
                } else if debit == nil {
                    "LV011"
                } else if credit == nil {
                    "payee_not_here"
                } else if payment.amount == nil {
                    "amount_invalid"
                } else if payment.amount?.currency != debit?.currency {
                    "LV005"
                } else {
                    nil
                }
            return PaymentFileStore.Line(payment: payment, debit: debit?.id, credit: credit?.id, refusal: refusal)
        }
    }

    private static let schema = Schema.named(
        "PaymentReport",
        .object([
            .init("message_id", .text(1...35)), .init("format", .text(TextRule())), .init("replayed", .boolean),
            .init(
                "group_status", .word(["ACCP", "ACSC", "PART", "RJCT"]),
                "ISO 20022: none refused and some for later, all settled, some refused, all refused"),
            .init("executed", .integer(0...1000)), .init("scheduled", .integer(0...1000)),
            .init("refused", .integer(0...1000)),
            .init(
                "payments",
                .list(
                    .named(
                        "PaymentStatus",
                        .object([
                            .init("index", .integer(0...999)), .init("payment_information_id", .text(1...35)),
                            .init("end_to_end_id", .text(1...35)), .init("status", .word(["ACCP", "ACSC", "RJCT"])),
                            .init("reason", .nullable(.text(4...4)), "ISO 20022 status reason code"),
                            .init("code", .nullable(.text(TextRule()))), .init("message", .nullable(.text(TextRule()))),
                            .init("transfer", .nullable(.uuid)),
                            .init("standing_order", .nullable(.uuid), "of a payment for a later day: pays it then"),
                        ])), 1...1000)),
        ]))

    private static let example = """
        <?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03">\
        <CstmrCdtTrfInitn><GrpHdr><MsgId>LOYERS-2026-12</MsgId><CreDtTm>2026-11-28T10:00:00</CreDtTm>\
        <NbOfTxs>1</NbOfTxs><CtrlSum>42.50</CtrlSum><InitgPty><Nm>Jean Dupont</Nm></InitgPty></GrpHdr><PmtInf>\
        <PmtInfId>P1</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt>2026-11-28</ReqdExctnDt><Dbtr><Nm>Jean Dupont</Nm></Dbtr>\
        <DbtrAcct><Id><IBAN>FR7630006000011234567890189</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId/></DbtrAgt>\
        <CdtTrfTxInf><PmtId><EndToEndId>LOYER</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">42.50</InstdAmt></Amt>\
        <Cdtr><Nm>Léa Martin</Nm></Cdtr><CdtrAcct><Id><IBAN>FR7630006000011234567890189</IBAN></Id></CdtrAcct>\
        <RmtInf><Ustrd>Loyer</Ustrd></RmtInf></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>
        """
}
