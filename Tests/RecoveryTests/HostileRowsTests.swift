import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Recovery

/// Rows and definitions that damage or an intruder has made: none of them stops a recovery or harms the rest.
@Suite(.serialized) struct `A recovery` {
    private typealias Bank = HandMadeBank

    private static var base: String {
        Bank.clients + Bank.comptes + Bank.copy("clients", Bank.clientColumns, [Bank.client(1), Bank.client(2)])
            + Bank.copy("comptes", Bank.accountColumns, [Bank.account(10, 1)])
    }

    @Test func `adds up the parts in which a table comes, and says so`() async throws {
        let script =
            Self.base + Bank.copy("clients", Bank.clientColumns, [Bank.client(3)])
            + Bank.copy("clients", "id, nom, surnom", ["4\tNOM4\tle dernier"])
            + Bank.copy("clients", nil, [])
            + "CREATE SCHEMA audit;\nCREATE TABLE audit.t (a integer);\nCREATE TABLE public.\"audit.t\" (a integer);\n"
            + "COPY audit.t (a) FROM stdin;\n1\n2\n\\.\n\nCOPY public.\"audit.t\" (a) FROM stdin;\n3\n\\.\n\n"
        try await withTemporaryDirectory { folder in
            try await Bank.recover(script, in: folder) { bank in
                let clients = try #require(bank.report.tables.first { $0.name == "public.clients" })
                #expect(clients.loaded == 4 && clients.restored == 4 && clients.parts == 4, "\(clients)")
                #expect(bank.report.findings.contains { $0.rule == "table-in-parts" && $0.table == "public.clients" })
                #expect(bank.report.checks.contains { $0.name == Conservation.name && $0.passed })
                let kept = bank.report.tables.filter { $0.name.contains("audit") }.map {
                    "\($0.name) \($0.restored ?? 0)"
                }
                #expect(kept == ["audit.t 2", "public.\"audit.t\" 1"])
                let twice = Statement(unchecked: "select count(*) from archive.\"audit.t\"")
                #expect(try await bank.database.one(twice, as: Int64.self) == 2)
            }
        }
    }

    @Test func `reads cents, columns and times whatever letter of a definition is broken`() async throws {
        let definition = Bank.transactions.replacing("montant numeric(15,2)", with: "montant numeric(15,0)")
            .replacing("date_operation timestamp without", with: "date_operation timdstamp without")
            .replacing("libelle text", with: "libelle varchar(00)")
        let columns = Bank.operationColumns.replacing("date_valeur", with: "date_vadeur")
        let script =
            Self.base + definition
            + Bank.copy("transactions", columns, [Bank.operation("1", 10, "12.34"), Bank.operation("2", 10, "-0.99")])
        try await withTemporaryDirectory { folder in
            try await Bank.recover(script, in: folder) { bank in
                let amounts = try await bank.database.all(
                    "select montant_minor || ' ' || date_valeur || ' ' || libelle from transactions where historique order by id",
                    as: String.self)
                #expect(amounts == ["1234 2024-03-01 essai", "99 2024-03-01 essai"])
                let told = bank.report.damage.filter { $0.kind == "table-of-contents" }.map(\.explanation)
                #expect(
                    told.contains { $0.contains("date_vadeur") } && told.contains { $0.contains("timdstamp") },
                    "\(told)")
                #expect(bank.report.outcome == .partial)
            }
        }
    }

    @Test func `sets aside impossible dates, amounts and keys, however many, and keeps the rest`() async throws {
        let rows =
            [
                Bank.operation("-9223372036854775808", 10, "3.00"), Bank.operation("1", 10, "12.34"),
                Bank.operation("2", 10, "1.00", at: "infinity"),
                Bank.operation("3", 10, "1.00", at: "0044-03-15 12:00:00 BC"),
                Bank.operation("4", 10, "1.00", at: "9999-12-31 00:00:00"),
                Bank.operation("5", 10, "1.00", day: "infinity"),
                Bank.operation("6", 10, "92233720368547758.07"),
                Bank.operation("9223372036854775807", 10, "2.00"),
            ]
        let accounts = [Bank.account(10, 1), Bank.account(11, 1, balance: "-92233720368547758.08")]
        // Without a precision in the dump's definition, an amount of any size is a well-formed row.
        let script =
            Bank.clients + (Bank.comptes + Bank.transactions).replacing("numeric(15,2)", with: "numeric")
            + "SELECT pg_catalog.setval('public.comptes_id_seq', 9223372036854775807, true);\n"
            + Bank.copy("clients", Bank.clientColumns, [Bank.client(1), Bank.client(2)])
            + Bank.copy("comptes", Bank.accountColumns, accounts)
            + Bank.copy("transactions", Bank.operationColumns, rows)
        try await withTemporaryDirectory { folder in
            try await Bank.recover(script, in: folder) { bank in
                let ids = try await bank.database.all(
                    "select id::text from transactions where historique order by id", as: String.self)
                let quarantine = try bank.quarantine()
                #expect(ids == ["-9223372036854775808", "1"], "\(quarantine)")
                #expect(quarantine.contains("leaves no room"))
                #expect(quarantine.components(separatedBy: "its date is impossible").count > 3)
                for id in 2...5 { #expect(quarantine.contains("\"row\":\"\(id)\\t10\\t"), "\(id): \(quarantine)") }
                #expect(quarantine.contains("beyond what a ledger can hold"))
                let failed = bank.report.checks.filter { !$0.passed }
                #expect(failed.isEmpty, "\(failed)")
                #expect(!bank.report.findings.contains { $0.rule == "rule-not-run" }, "\(bank.report.findings)")
            }
        }
    }

    @Test func `keeps no card number and no CVV in the tables that it archives`() async throws {
        let script =
            Self.base + "CREATE TABLE public.litiges (id integer, note text, numero bigint, cvv text);\n"
            + Bank.copy(
                "litiges", "id, note, numero, cvv",
                ["1\tcarte 4012 8888 8888 1881 perdue\t4012888888881881\t737", "2\tréférence 4012888888881882\t7\t\\N"])
        try await withTemporaryDirectory { folder in
            try await Bank.recover(script, in: folder) { bank in
                let rows = try await bank.database.all(
                    Statement(unchecked: "select to_jsonb(l)::text from archive.litiges l order by id"), as: String.self
                )
                #expect(rows.count == 2)
                #expect(rows[0].contains("carte **** **** **** 1881 perdue") && !rows[0].contains("737"), "\(rows)")
                #expect(!rows[0].contains("4012888888881881") && rows[1].contains("référence 4012888888881882"))
                let told = bank.report.findings.filter { $0.rule == "card-data-masked" }
                #expect(told.map(\.rowCount) == [1])
                #expect(try bank.quarantine().contains("4012888888881881"))
            }
        }
    }

    @Test func `is not stopped by more rows that the mapping can not read than anyone would plant`() async throws {
        let bad = 1_200
        let rows = (1...2_000).map { "\($0)\t\($0 % 5 < 3 && $0 <= 2_000 ? "45XX04" : "706213")\t1" }
        let script =
            "CREATE TABLE public.client (client_id integer NOT NULL, birth_number text NOT NULL, district_id integer);\n"
            + "CREATE TABLE public.district (district_id integer NOT NULL, name text NOT NULL, region text NOT NULL);\n"
            + Bank.copy("client", "client_id, birth_number, district_id", rows)
            + Bank.copy("district", "district_id, name, region", ["1\tPraha\tPrague"])
        try await withTemporaryDirectory { folder in
            try await Bank.recover(script, in: folder, options: { $0.mapping = "berka" }) { bank in
                #expect(
                    try await bank.database.one("select count(*) from clients", as: Int64.self) == Int64(2_000 - bad))
                let lines = try bank.quarantine().split(separator: "\n").filter {
                    $0.contains("do not fit the mapping") && $0.contains("45XX04")
                }
                #expect(lines.count == bad)
                #expect(bank.report.checks.contains { $0.name == Conservation.name && $0.passed })
            }
        }
    }
}
