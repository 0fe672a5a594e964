internal import Bank
internal import Foundation
internal import Web

/// What became of a file: as JSON, and as ISO 20022 CustomerPaymentStatusReport, pain.002.001.03.
struct PaymentReport: Sendable {
    static let namespace = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"
    let file: Pain001
    let isReplay: Bool
    let outcomes: [PaymentFileStore.Outcome]

    private var executed: Int { outcomes.count { $0.transfer != nil } }
    private var scheduled: Int { outcomes.count { $0.scheduled != nil } }
    private var refused: Int { outcomes.count { $0.refusal != nil } }
    private var groupStatus: String {
        guard refused == 0 else { return refused == outcomes.count ? "RJCT" : "PART" }
        return scheduled == 0 ? "ACSC" : "ACCP"
    }

    /// ISO 20022's external codes of status reasons, by our own.
    static let reasons: [String: String] = [
        "LV001": "AM04", "LV002": "AC01", "LV003": "AC06", "LV004": "AC04", "LV005": "AM03", "LV006": "AM02",
        "LV007": "AM05", "LV009": "AM12", "LV010": "AC03", "LV011": "AC02", "LV020": "DT01", "LV024": "DS0A",
        "iban_invalid": "AC03", "payee_not_here": "AGNT", "amount_invalid": "AM12",
        "payment_needs_proof": "DS0A",
    ]
    private static let words: [String: String] = [
        "iban_invalid": "the creditor's IBAN is none", "payee_not_here": PayeeStore.elsewhere.message,
        "amount_invalid": "the amount or its currency can not be paid", "LV020": "the execution date is too far away",
        "LV011": "the debtor's account is none of yours",
        "payment_needs_proof": "the order needs one more proof of who you are",
        "payment_held": "the bank looks at this order first",
        "payment_refused": "the bank does not execute this order",
    ]

    private static func code(_ refusal: String) -> String {
        LedgerError.kinds.first { $0.sqlState == refusal }?.code ?? refusal
    }

    private static func message(_ refusal: String) -> String {
        words[refusal] ?? LedgerError.kinds.first { $0.sqlState == refusal }?.message ?? refusal
    }

    var json: JSON {
        [
            "message_id": .string(file.messageID), "format": .string(file.version), "replayed": .bool(isReplay),
            "group_status": .string(groupStatus), "executed": .integer(executed),
            "scheduled": .integer(scheduled), "refused": .integer(refused),
            "payments": .array(
                zip(file.payments, outcomes).map { payment, outcome in
                    [
                        "index": .integer(outcome.index),
                        "payment_information_id": .string(payment.informationID),
                        "end_to_end_id": .string(payment.endToEndID),
                        "status": .string(outcome.status),
                        "reason": .text(outcome.refusal.map { Self.reasons[$0] ?? "MS03" }),
                        "code": .text(outcome.refusal.map(Self.code)),
                        "message": .text(outcome.refusal.map(Self.message)),
                        "transfer": .text(outcome.transfer?.uuidString.lowercased()),
                        "standing_order": .text(outcome.scheduled?.uuidString.lowercased()),
                    ]
                }),
        ]
    }

    func pain002(madeAt: String) -> [UInt8] {
        var xml = XMLWriter()
        xml.element("Document", [("xmlns", Self.namespace)]) { xml in
            xml.element("CstmrPmtStsRpt") { xml in
                xml.element("GrpHdr") { xml in
                    xml.element("MsgId", text: String(("S-" + file.messageID).prefix(35)))
                    xml.element("CreDtTm", text: madeAt)
                }
                xml.element("OrgnlGrpInfAndSts") { xml in
                    xml.element("OrgnlMsgId", text: file.messageID)
                    xml.element("OrgnlMsgNmId", text: file.version)
                    xml.element("OrgnlNbOfTxs", text: String(file.payments.count))
                    xml.element("GrpSts", text: groupStatus)
                }
                var ids: [String] = []
                for payment in file.payments where !ids.contains(payment.informationID) {
                    ids.append(payment.informationID)
                }
                for id in ids { part(id, &xml) }
            }
        }
        return xml.bytes
    }

    private func part(_ id: String, _ xml: inout XMLWriter) {
        xml.element("OrgnlPmtInfAndSts") { xml in
            xml.element("OrgnlPmtInfId", text: id)
            for (payment, outcome) in zip(file.payments, outcomes) where payment.informationID == id {
                xml.element("TxInfAndSts") { xml in
                    xml.element("OrgnlInstrId", text: payment.instructionID)
                    xml.element("OrgnlEndToEndId", text: payment.endToEndID)
                    xml.element("TxSts", text: outcome.status)
                    if let refusal = outcome.refusal {
                        xml.element("StsRsnInf") { xml in
                            xml.element("Rsn") { $0.element("Cd", text: Self.reasons[refusal] ?? "MS03") }
                            xml.element("AddtlInf", text: String(Self.message(refusal).prefix(105)))
                        }
                    }
                }
            }
        }
    }
}

extension PaymentFileStore.Outcome {
    /// ISO 20022: settled, accepted for its day, refused.
    var status: String { refusal != nil ? "RJCT" : scheduled == nil ? "ACSC" : "ACCP" }
}
