internal import Bank

/// A statement as ISO 20022 BankToCustomerStatement, camt.053.001.08.
enum Camt053 {
    static let namespace = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"

    static func bytes(_ statement: PeriodStatement, bank: BankSettings, madeAt: String) -> [UInt8] {
        let account = statement.account
        // 35 characters at most: what names a message in ISO 20022.
        let period = statement.firstDay.filter(\.isNumber) + "-" + statement.lastDay.filter(\.isNumber)
        let name = String("\(account.id)-\(period)".suffix(35))
        var xml = XMLWriter()
        xml.element("Document", [("xmlns", namespace)]) { xml in
            xml.element("BkToCstmrStmt") { xml in
                xml.element("GrpHdr") { xml in
                    xml.element("MsgId", text: name)
                    xml.element("CreDtTm", text: madeAt)
                    xml.element("MsgPgntn") { xml in
                        xml.element("PgNb", text: "1")
                        xml.element("LastPgInd", text: "true")
                    }
                }
                xml.element("Stmt") { xml in
                    body(statement, bank, name, madeAt, &xml)
                }
            }
        }
        return xml.bytes
    }

    private static func body(
        _ statement: PeriodStatement, _ bank: BankSettings, _ name: String, _ madeAt: String, _ xml: inout XMLWriter
    ) {
        xml.element("Id", text: name)
        xml.element("CreDtTm", text: madeAt)
        xml.element("FrToDt") { xml in
            xml.element("FrDtTm", text: statement.firstDay + "T00:00:00")
            xml.element("ToDtTm", text: statement.lastDay + "T23:59:59")
        }
        self.account(statement, bank, &xml)
        balance("OPBD", statement.openingMinor, statement.firstDay, statement.account, &xml)
        balance("CLBD", statement.closingMinor, statement.lastDay, statement.account, &xml)
        xml.element("TxsSummry") { xml in
            xml.element("TtlNtries") { xml in
                xml.element("NbOfNtries", text: String(statement.entries.count))
                xml.element("Sum", text: decimal(statement.creditsMinor + statement.debitsMinor, statement.account))
            }
            for (tag, sum, count) in [
                ("TtlCdtNtries", statement.creditsMinor, statement.entries.count { $0.amountMinor > 0 }),
                ("TtlDbtNtries", statement.debitsMinor, statement.entries.count { $0.amountMinor < 0 }),
            ] {
                xml.element(tag) { xml in
                    xml.element("NbOfNtries", text: String(count))
                    xml.element("Sum", text: decimal(sum, statement.account))
                }
            }
        }
        for entry in statement.entries { self.entry(entry, statement.account, &xml) }
    }

    private static func account(_ statement: PeriodStatement, _ bank: BankSettings, _ xml: inout XMLWriter) {
        let account = statement.account
        xml.element("Acct") { xml in
            xml.element("Id") { xml in
                if let iban = account.iban {
                    xml.element("IBAN", text: iban)
                } else {
                    xml.element("Othr") { $0.element("Id", text: String(account.id)) }
                }
            }
            xml.element("Ccy", text: account.currency.code)
            if let holder = statement.holder {
                xml.element("Ownr") { $0.element("Nm", text: String(holder.prefix(140))) }
            }
            xml.element("Svcr") { xml in
                xml.element("FinInstnId") { xml in
                    xml.element("BICFI", text: account.bic ?? bank.bic)
                    xml.element("Nm", text: bank.name)
                }
            }
        }
    }

    private static func balance(
        _ code: String, _ minor: Int64, _ day: String, _ account: Account, _ xml: inout XMLWriter
    ) {
        xml.element("Bal") { xml in
            xml.element("Tp") { $0.element("CdOrPrtry") { $0.element("Cd", text: code) } }
            amount(minor, account, &xml)
            xml.element("Dt") { $0.element("Dt", text: day) }
        }
    }

    private static func amount(_ minor: Int64, _ account: Account, _ xml: inout XMLWriter) {
        xml.element("Amt", [("Ccy", account.currency.code)], text: decimal(minor < 0 ? -minor : minor, account))
        xml.element("CdtDbtInd", text: minor < 0 ? "DBIT" : "CRDT")
    }

    private static func decimal(_ minor: Int64, _ account: Account) -> String {
        Money(minor: minor, currency: account.currency).decimalText
    }

    private static func entry(_ entry: PeriodStatement.Entry, _ account: Account, _ xml: inout XMLWriter) {
        xml.element("Ntry") { xml in
            xml.element("NtryRef", text: String(entry.number))
            amount(entry.amountMinor, account, &xml)
            xml.element("Sts") { $0.element("Cd", text: "BOOK") }
            xml.element("BookgDt") { $0.element("Dt", text: entry.businessDate) }
            xml.element("ValDt") { $0.element("Dt", text: entry.valueDate) }
            xml.element("AcctSvcrRef", text: String(entry.operation))
            xml.element("BkTxCd") { transactionCode(entry, &$0) }
            xml.element("NtryDtls") { xml in
                xml.element("TxDtls") { xml in
                    xml.element("Refs") { xml in
                        xml.element("AcctSvcrRef", text: String(entry.operation))
                        xml.element("EndToEndId", text: String((entry.reference ?? "NOTPROVIDED").prefix(35)))
                    }
                    amount(entry.amountMinor, account, &xml)
                    if let label = entry.label, !label.isEmpty {
                        xml.element("RmtInf") { $0.element("Ustrd", text: String(label.prefix(140))) }
                    }
                }
            }
            xml.element("AddtlNtryInf", text: String(entry.words.prefix(500)))
        }
    }

    /// Domain, family and sub-family of ISO 20022's external code set.
    private static func transactionCode(_ entry: PeriodStatement.Entry, _ xml: inout XMLWriter) {
        let isDebit = entry.amountMinor < 0
        let codes: (domain: String, family: String, sub: String) =
            switch entry.kind {
            case "virement": ("PMNT", isDebit ? "ICDT" : "RCDT", "BOOK")
            case "carte": ("PMNT", isDebit ? "CCRD" : "MCRD", isDebit ? "POSD" : "POSP")
            case "contrepassation": ("PMNT", isDebit ? "ICDT" : "RCDT", "RRTN")
            default: ("ACMT", "MDOP", "ADJT")
            }
        xml.element("Domn") { xml in
            xml.element("Cd", text: codes.domain)
            xml.element("Fmly") { xml in
                xml.element("Cd", text: codes.family)
                xml.element("SubFmlyCd", text: codes.sub)
            }
        }
        xml.element("Prtry") { xml in
            xml.element("Cd", text: String(entry.kind.prefix(35)))
            xml.element("Issr", text: "DigitalBank")
        }
    }
}
