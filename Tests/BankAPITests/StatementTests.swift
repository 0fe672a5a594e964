import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@Suite struct StatementTests {
    /// Cents of `-12.34`.
    static func minor(_ json: JSON?) -> Int64 {
        Money(decimal: json?["amount"]?.string ?? "", currency: .eur)?.minor ?? .min
    }

    /// Orders on three business days.
    private func history(_ stage: BankStage) async throws -> [String] {
        let ledger = LedgerStore(stage.database)
        let first = try await stage.database.one(
            "select jour::text from journees where close_le is null", as: String.self)
        var days = [first]
        for day in 0..<3 {
            for number in 1...5 {
                #expect(
                    await stage.pay("\(number).0\(day)", extra: [.init("reason", .string("Jour \(day), n° \(number)"))])
                        .status
                        == 201)
            }
            #expect(await stage.pay("2.50", to: 1, as: 2).status == 201)
            try await ledger.closeDay()
            let next = try await stage.database.one(
                "select ((\(first)::date) + \(day + 1)::integer)::text", as: String.self)
            days.append(next)
            try await ledger.openDay(LedgerDay(next))
        }
        return days
    }

    @Test func `opening and entries make the closing balance, in any period and page size`() async throws {
        try await BankStage.run { stage in
            let days = try await history(stage)
            let whole = await stage.get("/accounts/1/statement?limit=500").json
            #expect(whole["entries"]?.array?.count == 19 && whole["next"] == JSON.null, "\(whole.text)")
            #expect(Self.minor(whole["opening"]) == 0)
            let periods = [
                "", "?from=\(days[0])", "?to=\(days[0])", "?from=\(days[1])&to=\(days[1])",
                "?from=\(days[1])&to=\(days[2])", "?from=\(days[3])", "?from=2030-01-01", "?to=2001-01-01",
                "?from=1000-01-01&to=9999-12-31",
            ]
            for period in periods {
                for limit in [1, 4, 500] {
                    var cursor = ""
                    var sum: Int64 = 0
                    var count: Int64 = 0
                    var last: JSON = .null
                    for _ in 0..<30 {
                        let mark = period.isEmpty ? "?" : period + "&"
                        let answer = await stage.get("/accounts/1/statement\(mark)limit=\(limit)\(cursor)")
                        try #require(answer.status == 200, "\(answer.text)")
                        let entries = answer.json["entries"]?.array ?? []
                        for entry in entries {
                            sum += Self.minor(entry["amount"])
                            count += 1
                            #expect(Self.minor(answer.json["opening"]) + sum == Self.minor(entry["balance_after"]))
                        }
                        last = answer.json
                        guard let next = answer.json["next"]?.string else { break }
                        cursor = "&cursor=\(next)"
                    }
                    #expect(Self.minor(last["opening"]) + sum == Self.minor(last["closing"]), "\(period) \(limit)")
                    #expect(
                        Self.minor(last["opening"]) + Self.minor(last["credits"]) - Self.minor(last["debits"])
                            == Self.minor(last["closing"]))
                    #expect(last["count"]?.integer == count)
                }
            }
            let second = await stage.get("/accounts/1/statement?from=\(days[1])&to=\(days[1])").json
            #expect(second["entries"]?.array?.count == 6)
            #expect(second["entries"]?.array?.allSatisfy { $0["business_date"]?.string == days[1] } == true)
        }
    }

    @Test func `the CSV form is quoted, guarded against formulas and adds up`() async throws {
        try await BankStage.run { stage in
            for reason in ["=HYPERLINK(\"http://x\")", "+33", "-1", "@SUM(A1)", "virgule, et \"guillemets\"", "é€"] {
                #expect(await stage.pay("1.00", extra: [.init("reason", .string(reason))]).status == 201)
            }
            let answer = await stage.get("/accounts/1/statement", headers: ["Accept": "text/csv"])
            #expect(answer.status == 200 && answer.fields[.contentType]?.hasPrefix("text/csv") == true)
            #expect(answer.fields[.contentDisposition]?.contains(".csv") == true)
            #expect(answer.bytes.starts(with: [0xEF, 0xBB, 0xBF]))
            let lines = answer.text.split(separator: "\r\n")
            #expect(lines.count == 10, "\(answer.text)")
            #expect(answer.text.contains("\"'=HYPERLINK(\"\"http://x\"\")\""))
            #expect(
                answer.text.contains(",'+33,") && answer.text.contains(",'-1,") && answer.text.contains(",'@SUM(A1),"))
            #expect(answer.text.contains("\"virgule, et \"\"guillemets\"\"\"") && answer.text.contains(",é€,"))
            #expect(lines.last?.contains("Solde final,,,994.00,EUR") == true)
            #expect(await stage.get("/accounts/1/statement?format=csv").bytes == answer.bytes)
        }
    }

    @Test func `the form follows Accept, and what has none of the forms is refused`() async throws {
        try await BankStage.run { stage in
            for (accept, type) in [
                ("*/*", "application/json"), ("text/html, application/json;q=0.5", "application/json"),
                ("application/xml", "application/xml"), ("text/xml;q=0.9, text/csv;q=0.1", "application/xml"),
                ("application/pdf;q=1.0, */*;q=0.1", "application/pdf"), ("text/*", "text/csv"),
                ("application/json;q=0, application/*", "application/pdf"),
            ] {
                let answer = await stage.get("/accounts/1/statement", headers: ["Accept": accept])
                #expect(answer.fields[.contentType]?.hasPrefix(type) == true, "\(accept) \(answer.fields)")
            }
            let refused = await stage.get("/accounts/1/statement", headers: ["Accept": "image/png"])
            #expect(refused.status == 406 && refused.code == "form_unsupported")
        }
    }
}
