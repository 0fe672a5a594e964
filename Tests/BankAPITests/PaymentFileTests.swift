import Bank
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@testable import BankAPI

/// A file of payments as its sender writes it.
struct PaymentFile {
    var version = 3
    var id = "MSG-1"
    var count: String?
    var sum: String? = "auto"
    var debtor = iban(1)
    var date: String
    /// Creditor, amount, currency, end-to-end id.
    var payments: [(String, String, String, String)]

    var text: String {
        let namespace = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.0\(version)"
        let total = payments.compactMap { Money(decimal: $0.1, currency: .eur)?.minor }.reduce(0, +)
        let control = sum == "auto" ? Money(minor: total, currency: .eur).decimalText : sum
        let day = version == 3 ? date : "<Dt>\(date)</Dt>"
        let transfers = payments.map { creditor, amount, currency, name in
            """
            <CdtTrfTxInf><PmtId><InstrId>I-\(name)</InstrId><EndToEndId>\(name)</EndToEndId></PmtId>
            <Amt><InstdAmt Ccy="\(currency)">\(amount)</InstdAmt></Amt><Cdtr><Nm>Client &amp; fils</Nm></Cdtr>
            <CdtrAcct><Id><IBAN>\(creditor)</IBAN></Id></CdtrAcct><RmtInf><Ustrd>Facture \(name)</Ustrd></RmtInf></CdtTrfTxInf>
            """
        }.joined()
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <Document xmlns="\(namespace)"><CstmrCdtTrfInitn><GrpHdr><MsgId>\(id)</MsgId>
            <CreDtTm>2026-11-28T10:00:00</CreDtTm><NbOfTxs>\(count ?? "\(payments.count)")</NbOfTxs>
            \(control.map { "<CtrlSum>\($0)</CtrlSum>" } ?? "")<InitgPty><Nm>Léa</Nm></InitgPty></GrpHdr>
            <PmtInf><PmtInfId>P-1</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt>\(day)</ReqdExctnDt><Dbtr><Nm>Léa</Nm></Dbtr>
            <DbtrAcct><Id><IBAN>\(debtor)</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId/></DbtrAgt>\(transfers)</PmtInf>
            </CstmrCdtTrfInitn></Document>
            """
    }
}

@Suite struct PaymentFileTests {
    private func send(
        _ stage: BankStage, _ text: String, level: String = "aal1", accept: String = "application/json",
        as number: Int = 1
    ) async -> Answer {
        await stage.ask(
            .post, "/payments/pain.001", as: number, level: level, headers: ["Accept": accept],
            bytes: Array(text.utf8), type: "application/xml")
    }

    private func today(_ stage: BankStage) async throws -> String {
        try await stage.database.one("select jour::text from journees where close_le is null", as: String.self)
    }

    @Test(arguments: [3, 9])
    func `each payment of a file has its own fate, and the file happens once`(version: Int) async throws {
        try await BankStage.run { stage in
            let day = try await today(stage)
            let file = PaymentFile(
                version: version, date: day,
                payments: [
                    (iban(2), "10.00", "EUR", "E1"), (iban(3), "5000.00", "EUR", "E2"),
                    ("DE89370400440532013000", "1.00", "EUR", "E3"), (iban(4), "600.00", "EUR", "E4"),
                    ("FR00", "1.00", "EUR", "E5"), (iban(3), "2.5", "EUR", "E6"), (iban(3), "1.00", "USD", "E7"),
                    (iban(3), "1.00", "ABC", "E8"),
                ])
            let answer = await send(stage, file.text)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.json["group_status"]?.string == "PART" && answer.json["executed"]?.integer == 2)
            let payments = answer.json["payments"]?.array ?? []
            #expect(
                payments.map { $0["reason"]?.string ?? "-" } == [
                    "-", "DS0A", "AGNT", "DS0A", "AC03", "-", "AM03", "AM12",
                ], "\(answer.text)")
            #expect(payments.compactMap { $0["end_to_end_id"]?.string } == (1...8).map { "E\($0)" })
            let again = await send(stage, file.text)
            #expect(again.json["replayed"]?.bool == true && again.json["payments"] == answer.json["payments"])
            #expect(try await stage.balance(1) == startMinor - 1250)
            var other = file
            other.payments[0].1 = "11.00"
            let refused = await send(stage, other.text)
            #expect(refused.status == 409 && refused.code == "message_known")
            // The name of another client's message is free.
            var theirs = file
            theirs.debtor = iban(2)
            theirs.payments = [(iban(3), "1.00", "EUR", "X")]
            #expect(await send(stage, theirs.text, as: 2).json["executed"]?.integer == 1)
            let entries = await stage.get("/accounts/1/statement").json["entries"]?.array
            #expect(entries?.last?["reference"]?.string == "E6", "the end-to-end id is on the statement")
            #expect(entries?.last?["label"]?.string == "Facture E6")
            try await stage.expectSound()
        }
    }

    @Test func `the report comes as pain.002 too`() async throws {
        try await BankStage.run { stage in
            let day = try await today(stage)
            let file = PaymentFile(
                date: day, payments: [(iban(2), "600.00", "EUR", "A"), (iban(3), "9999.00", "EUR", "B")])
            let answer = await send(stage, file.text, level: "aal2", accept: "application/xml")
            #expect(answer.status == 200 && answer.fields[.contentType] == "application/xml")
            let root = try XMLReader.read(answer.bytes)
            #expect(root.namespace == "urn:iso:std:iso:20022:tech:xsd:pain.002.001.03")
            let report = try #require(root.child("CstmrPmtStsRpt"))
            #expect(report.text("OrgnlGrpInfAndSts", "GrpSts") == "PART")
            #expect(report.text("OrgnlGrpInfAndSts", "OrgnlMsgId") == "MSG-1")
            let parts = report.child("OrgnlPmtInfAndSts")?.all("TxInfAndSts") ?? []
            #expect(parts.map { $0.text("TxSts") ?? "" } == ["ACSC", "RJCT"])
            #expect(parts.last?.text("StsRsnInf", "Rsn", "Cd") == "AM04")
            #expect(await send(stage, file.text, accept: "image/png").status == 406)
            let late = PaymentFile(id: "LATE", date: "2099-01-01", payments: [(iban(2), "1.00", "EUR", "A")])
            let tooLate = await send(stage, late.text, level: "aal2")
            #expect(tooLate.json["payments"]?.array?.first?["reason"]?.string == "DT01")
            let foreign = PaymentFile(id: "F", debtor: iban(5), date: day, payments: [(iban(2), "1.00", "EUR", "A")])
            let answerToForeign = await send(stage, foreign.text)
            #expect(answerToForeign.json["payments"]?.array?.first?["code"]?.string == "ledger_not_your_account")
            #expect(try await stage.balance(5) == startMinor)
            try await stage.expectSound()
        }
    }

    @Test func `payments for a later day are kept, paid on that day and no other, and ended on demand`() async throws {
        try await BankStage.run { stage in
            let later = try await stage.database.one(
                "select (jour + 10)::text from journees where close_le is null", as: String.self)
            let file = PaymentFile(
                id: "LATER", date: later,
                payments: [
                    (iban(2), "10.00", "EUR", "E1"), (iban(3), "20.00", "EUR", "E2"), (iban(3), "1.00", "USD", "E3"),
                ])
            var weak = file
            weak.id = "WEAK"
            let refused = await send(stage, weak.text)
            #expect(refused.json["group_status"]?.string == "RJCT", "\(refused.text)")
            #expect(refused.json["payments"]?.array?.first?["reason"]?.string == "DS0A")
            let answer = await send(stage, file.text, level: "aal2")
            let payments = answer.json["payments"]?.array ?? []
            #expect(payments.map { $0["status"]?.string ?? "-" } == ["ACCP", "ACCP", "RJCT"], "\(answer.text)")
            #expect(answer.json["scheduled"]?.integer == 2 && answer.json["executed"]?.integer == 0)
            #expect(answer.json["group_status"]?.string == "PART" && payments[2]["reason"]?.string == "AM03")
            let again = await send(stage, file.text, level: "aal2")
            #expect(again.json["replayed"]?.bool == true && again.json["payments"] == answer.json["payments"])
            let report = try XMLReader.read(await send(stage, file.text, accept: "application/xml").bytes)
            let states = report.child("CstmrPmtStsRpt")?.child("OrgnlPmtInfAndSts")?.all("TxInfAndSts") ?? []
            #expect(states.map { $0.text("TxSts") ?? "-" } == ["ACCP", "ACCP", "RJCT"])
            #expect(try await stage.balance(1) == startMinor)
            let kept = await stage.get("/standing-orders").json["standing_orders"]?.array ?? []
            #expect(kept.map { $0["frequency"]?.string ?? "-" } == ["once", "once"])
            #expect(kept.allSatisfy { $0["next_on"]?.string == later })
            let ended = try #require(payments[1]["standing_order"]?.string)
            #expect(await stage.ask(.delete, "/standing-orders/\(ended)").status == 204)
            let today = try await today(stage)
            #expect(try await stage.service.executeStandingOrders(on: LedgerDay(today)) == 0)
            #expect(try await stage.service.executeStandingOrders(on: LedgerDay(later)) == 1)
            #expect(try await stage.service.executeStandingOrders(on: LedgerDay(later)) == 0)
            #expect(try await stage.balance(1) == startMinor - 1000)
            let entries = await stage.get("/accounts/1/statement").json["entries"]?.array
            #expect(entries?.last?["reference"]?.string == "E1", "the end-to-end id is on the statement")
            let order = await stage.get("/standing-orders").json["standing_orders"]?.array?.first {
                $0["id"] == payments[0]["standing_order"]
            }
            #expect(order?["status"]?.string == "finished")
            try await stage.expectSound()
        }
    }

    @Test func `a file that is not what it says is refused whole`() async throws {
        try await BankStage.run { stage in
            let day = try await today(stage)
            let good = PaymentFile(
                date: day, payments: [(iban(2), "10.00", "EUR", "A"), (iban(3), "5.00", "EUR", "B")])
            func refused(_ text: String, _ status: Int, _ code: String) async {
                let answer = await send(stage, text, level: "aal2")
                #expect(answer.status == status && answer.code == code, "\(answer.text)")
            }
            func changed(_ change: (inout PaymentFile) -> Void) -> String {
                var file = good
                change(&file)
                return file.text
            }
            await refused(changed { $0.count = "3" }, 422, "pain_count_differs")
            await refused(changed { $0.count = "" }, 422, "pain_count_differs")
            await refused(changed { $0.sum = "15.01" }, 422, "pain_sum_differs")
            await refused(changed { $0.sum = "NaN" }, 422, "pain_sum_differs")
            await refused(changed { $0.version = 8 }, 422, "pain_version_unsupported")
            await refused(changed { $0.id = String(repeating: "x", count: 36) }, 422, "pain_invalid")
            await refused(changed { $0.date = "2026-13-01" }, 422, "pain_invalid")
            await refused(changed { $0.payments[0].1 = "1e5" }, 422, "pain_invalid")
            await refused(changed { $0.payments[0].1 = "-5" }, 422, "pain_invalid")
            await refused(changed { $0.payments = [] }, 422, "pain_invalid")
            await refused(good.text.replacing("TRF", with: "CHK"), 422, "pain_invalid")
            await refused(
                changed { $0.payments = (0...1000).map { (iban(2), "0.01", "EUR", "\($0)") } }, 422, "pain_too_long")
            await refused("", 400, "xml_unreadable")
            await refused("<Document/>", 422, "pain_version_unsupported")
            let lol = (1...9).map { "<!ENTITY l\($0) \"" + String(repeating: "&l\($0 - 1);", count: 10) + "\">" }
                .joined()
            await refused(
                "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY l0 \"lol\">\(lol)]><Document>&l9;</Document>", 400,
                "xml_doctype_refused")
            await refused(
                "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><x/>", 400, "xml_doctype_refused")
            await refused(good.text.replacing("&amp;", with: "&xxe;"), 400, "xml_unreadable")
            await refused(good.text + "<x/>", 400, "xml_unreadable")
            await refused(String(repeating: "<a>", count: 100_000), 400, "xml_unreadable")
            await refused("<a>" + String(repeating: "x", count: 10_000_000) + "</a>", 413, "body_too_large")
            await refused("<a>" + String(repeating: "<b/>", count: 100_000) + "</a>", 400, "xml_unreadable")
            let count = try await stage.database.one("select count(*) from fichiers_de_paiement", as: Int64.self)
            #expect(count == 0)
        }
    }

    @Test func `the same file sent many times at once is executed once`() async throws {
        try await BankStage.run { stage in
            let text = PaymentFile(
                date: try await today(stage),
                payments: (0..<50).map { (iban($0 % 9 + 2), "1.00", "EUR", "E\($0)") }
            ).text
            let answers = await withTaskGroup(of: Answer.self) { group in
                for _ in 0..<8 { group.addTask { await send(stage, text) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 200 && $0.json["executed"]?.integer == 50 })
            #expect(answers.count { $0.json["replayed"]?.bool == false } == 1)
            #expect(try await stage.balance(1) == startMinor - 5000)
            try await stage.expectSound()
        }
    }
}

@Suite struct XMLReaderTests {
    @Test(arguments: [
        "", "<", "<a", "<a>", "<a></b>", "<a/><b/>", "<a b></a>", "<a b=1></a>", "<a b=\"1\" b=\"2\"/>",
        "<a>&nope;</a>",
        "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#65</a>", "<x:a/>", "<!-- <a/>", "<a><![CDATA[</a>",
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>", "<1a/>", "<a b=\"<\"/>", "text", "<a><!ELEMENT a ANY></a>",
        "<a/ >",
        "<a\u{0}/>",
    ])
    func `what is no XML, or more than we take, is refused`(text: String) {
        #expect(throws: XMLError.self) { try XMLReader.read(Array(text.utf8)) }
    }

    @Test func `what is well formed is read with its namespaces and references`() throws {
        let text = """
            <?xml version="1.0"?><!-- c --><?pi x?>
            <p:a xmlns:p="urn:p" xmlns="urn:d" k='v&quot;'><b>x &lt;&#233;&#x1F600;<!-- no -->y<![CDATA[<&]]></b><p:b/> </p:a>
            """
        let root = try XMLReader.read([0xEF, 0xBB, 0xBF] + Array(text.utf8))
        #expect(root.name == "a" && root.namespace == "urn:p" && root.children.count == 2)
        #expect(root.children[0].namespace == "urn:d" && root.children[0].text == "x <é😀y<&")
        #expect(root.attributes.first { $0.name == "k" }?.value == "v\"")
        #expect(root.child("b")?.text == "")
    }

    @Test func `random damage to a file never ends the reader`() {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var generator = SeededGenerator(seed: seed)
        let good = Array(PaymentFile(date: "2026-11-28", payments: [(iban(2), "10.00", "EUR", "A")]).text.utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(Array("<>&\"'/!?[]-".utf8).randomElement(using: &generator) ?? 60, at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + 20))
                }
            }
            if let root = try? XMLReader.read(bytes) { _ = try? Pain001(root) }
        }
    }
}
