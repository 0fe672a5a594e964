import Bank
import Foundation
import HTTPTypes
import Postgres
import PostgresServer
import TestSupport
import Testing
import Web

@testable import BankAPI

/// Papers and files of a statement, read back.
@Suite struct FormatTests {
    private static func cents(_ text: String?) -> Int64 { Money(decimal: text ?? "", currency: .eur)?.minor ?? .min }

    @Test func `camt.053 is read back, and its balances and entries add up`() async throws {
        try await BankStage.run { stage in
            for (index, reason) in ["Loyer & charges", "<b>", "é\u{1F600}"].enumerated() {
                #expect(await stage.pay("1\(index).50", extra: [.init("reason", .string(reason))]).status == 201)
            }
            #expect(await stage.pay("7.25", to: 1, as: 2).status == 201)
            let answer = await stage.get("/accounts/1/statement", headers: ["Accept": "application/xml"])
            #expect(answer.status == 200)
            #expect(await stage.get("/accounts/1/statement?format=camt.053").status == 200)
            let root = try XMLReader.read(answer.bytes)
            #expect(root.namespace == "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08")
            let statement = try #require(root.child("BkToCstmrStmt")?.child("Stmt"))
            #expect(root.child("BkToCstmrStmt")?.text("GrpHdr", "MsgId")?.count ?? 99 <= 35)
            #expect(statement.text("Acct", "Id", "IBAN") == iban(1))
            #expect(statement.text("Acct", "Ownr", "Nm") == "Mme Léa Martin")
            #expect(statement.text("Acct", "Svcr", "FinInstnId", "BICFI") == "DGBKFRPP")
            func signed(_ node: XMLNode) -> Int64 {
                Self.cents(node.text("Amt")) * (node.text("CdtDbtInd") == "DBIT" ? -1 : 1)
            }
            let balances = Dictionary(
                uniqueKeysWithValues: statement.all("Bal").map { ($0.text("Tp", "CdOrPrtry", "Cd") ?? "", signed($0)) })
            let entries = statement.all("Ntry")
            #expect(entries.count == 5)
            let opening = try #require(balances["OPBD"])
            #expect(entries.reduce(opening) { $0 + signed($1) } == balances["CLBD"])
            #expect(balances["CLBD"] == startMinor - 3450 + 725)
            #expect(statement.text("TxsSummry", "TtlNtries", "NbOfNtries") == "5")
            for entry in entries {
                #expect(entry.text("Sts", "Cd") == "BOOK" && entry.text("BookgDt", "Dt")?.count == 10)
                #expect(
                    entry.text("ValDt", "Dt") != nil && entry.text("BkTxCd", "Domn", "Fmly", "SubFmlyCd")?.count == 4)
                #expect(entry.text("NtryDtls", "TxDtls", "Refs", "EndToEndId") == "NOTPROVIDED")
                // The order that the schema asks for.
                let places = [
                    "NtryRef", "Amt", "CdtDbtInd", "Sts", "BookgDt", "ValDt", "AcctSvcrRef", "BkTxCd", "NtryDtls",
                    "AddtlNtryInf",
                ]
                #expect(entry.children.map(\.name) == places)
            }
            let texts = entries.compactMap { $0.text("NtryDtls", "TxDtls", "RmtInf", "Ustrd") }
            #expect(texts == ["Loyer & charges", "<b>", "é\u{1F600}"])
        }
    }

    @Test func `camt.053 is what the message definition asks for`() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let made = try await ToolRun.run("/bin/bash", [root + "/scripts/client-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let python = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines) + "/bin/python"
        let others = ["carte", "contrepassation", "reprise", String(repeating: "é", count: 60)].map { kind in
            Self.statement(40, kind: kind, label: String(repeating: "&é😀", count: 100))
        }
        try await withTemporaryDirectory { folder in
            func check(_ texts: [[UInt8]]) async throws -> ToolRun {
                let paths = try texts.enumerated().map { index, bytes in
                    let path = folder + "/\(index).xml"
                    try Data(bytes).write(to: URL(filePath: path))
                    return path
                }
                let schemas = root + "/Tests/Schemas"
                return try await ToolRun.run(
                    python, [schemas + "/check.py", schemas + "/camt.053.001.08.xsd"] + paths)
            }
            let good = ([0, 1, 500].map { Self.statement($0) } + others).map {
                Camt053.bytes($0, bank: BankSettings(), madeAt: "2026-12-01T08:00:00Z")
            }
            let run = try await check(good)
            #expect(run.status == 0, "\(run.outputText)\(run.errorText)")
            // A schema that takes everything would show nothing.
            let text = String(decoding: good[1], as: UTF8.self)
            for (from, to) in [
                ("<CdtDbtInd>CRDT", "<CdtDbtInd>PLUS"), ("Ccy=\"EUR\"", "Ccy=\"euro\""),
                ("<NtryRef>", "<Sts/><NtryRef>"),
            ] {
                #expect(text.contains(from))
                let bad = try await check([Array(text.replacing(from, with: to).utf8)])
                #expect(bad.status == 1 && bad.outputText.contains("line"), "\(bad.outputText)\(bad.errorText)")
            }
        }
    }

    private static let account = Account(
        id: 12, type: "courant", status: "actif", currency: .eur, iban: iban(12), lastFour: "0012", bic: nil,
        balanceMinor: 0, heldMinor: 0, overdraftMinor: 0, openedOn: "2024-01-01")

    private static func statement(_ count: Int, kind: String = "virement", label: String? = nil) -> PeriodStatement {
        var balance: Int64 = 123_456
        var entries: [PeriodStatement.Entry] = []
        for index in 0..<count {
            let amount: Int64 = index % 3 == 0 ? 10_050 : -4_025
            balance += amount
            entries.append(
                PeriodStatement.Entry(
                    number: Int64(index + 1), operation: Int64(1000 + index), bookedAt: "2026-11-02T10:00:00.000Z",
                    businessDate: "2026-11-02", valueDate: "2026-11-03", kind: kind, amountMinor: amount,
                    balanceAfterMinor: balance,
                    label: label
                        ?? (index % 7 == 0
                            ? "Très long libellé d'un virement (n° \(index)) pour l'électricité, l'œuvre et le gaz à 100 % — 5 €"
                            : "Opération \(index)")))
        }
        return PeriodStatement(
            account: account, holder: "Mme Léa Martin", from: "2026-11-01", to: "2026-11-30", openingMinor: 123_456,
            closingMinor: balance, creditsMinor: entries.map(\.amountMinor).filter { $0 > 0 }.reduce(0, +),
            debitsMinor: -entries.map(\.amountMinor).filter { $0 < 0 }.reduce(0, +), entries: entries, next: nil,
            count: Int64(count))
    }

    @Test(arguments: [0, 1, 30, 37, 38, 39, 40, 500])
    func `the PDF is whole: every object is where its table says, every page carries forward`(count: Int) throws {
        let statement = Self.statement(count)
        let bytes = PDFStatement.bytes(statement, bank: BankSettings(), madeAt: "2026-12-01T08:00:00Z")
        let text = String(decoding: bytes.map { $0 < 128 ? $0 : 63 }, as: UTF8.self)
        #expect(text.hasPrefix("%PDF-1.4\n") && text.hasSuffix("%%EOF\n"))
        let tableStart = try #require(
            Int(text.split(separator: "startxref\n").last?.split(separator: "\n").first ?? ""))
        let table = String(decoding: bytes[tableStart...].map { $0 < 128 ? $0 : 63 }, as: UTF8.self).split(
            separator: "\n")
        #expect(table.first == "xref")
        let size = try #require(Int(table[1].split(separator: " ")[1]))
        for number in 1..<size {
            let line = table[2 + number]
            #expect(line.utf8.count == 19)
            let offset = try #require(Int(line.prefix(10)))
            #expect(bytes[offset...].starts(with: Array("\(number) 0 obj\n".utf8)))
        }
        let pages = text.components(separatedBy: "/Type /Page ").count - 1
        #expect(pages == (size - 6) / 2)
        #expect(text.components(separatedBy: "reporter) Tj").count - 1 == pages - 1)
        #expect(text.components(separatedBy: "(Report) Tj").count - 1 == pages - 1)
        for page in 1...pages { #expect(text.contains("(Page \(page)/\(pages)) Tj")) }
        #expect(text.contains("(Solde initial au 01/11/2026) Tj") && text.contains("(Solde final au 30/11/2026) Tj"))
        // WinAnsi: é is E9, the no-break space of thousands A0, and parentheses are escaped.
        #expect(bytes.split(separator: UInt8(ascii: "\n")).contains { $0.contains(0xE9) })
        let opening: [UInt8] = Array("(1".utf8) + [0xA0] + Array("234,56) Tj".utf8)
        #expect(bytes.firstRange(of: opening) != nil)
        if count > 0 { #expect(text.contains("\\(n")) }
    }

    @Test func `carried balances are the sums of what stands above them`() {
        let statement = Self.statement(200)
        let rows = PDFStatement.rows(statement)
        let pages = PDFStatement.paginate(rows, statement)
        var balance = statement.openingMinor
        var entry = statement.entries.makeIterator()
        for (index, page) in pages.enumerated() {
            for row in page {
                if row.lines == ["Report"] || row.lines == ["À reporter"] {
                    #expect(row.balance == balance, "page \(index)")
                } else if !row.isBold, let next = entry.next() {
                    balance += next.amountMinor
                }
            }
            let height = page.map(\.height).reduce(0, +)
            #expect(height <= (index == 0 ? 530 : 675), "page \(index) is \(height) high")
        }
        #expect(balance == statement.closingMinor)
    }

    @Test func `a statement of the real bank comes as PDF`() async throws {
        try await BankStage.run { stage in
            #expect(await stage.pay("12.00").status == 201)
            let answer = await stage.get("/accounts/1/statement?format=pdf")
            #expect(answer.status == 200 && answer.fields[.contentType] == "application/pdf")
            #expect(answer.bytes.starts(with: Array("%PDF".utf8)))
            #expect(answer.bytes.firstRange(of: Array("(M. ".utf8)) == nil)
        }
    }
}
