import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

@Suite("closing days that nobody noted") struct ClosingTests {
    /// Closed before there was a column for the day, and last used `years` ago.
    private static func left(_ number: Int, _ stage: PrivacyStage, years: Int) async throws {
        try await stage.close(number)
        try await stage.database.run("update comptes set clos_le = null where id = \(number)")
        try await stage.database.run("select privacy.note_closings()")
        // Its last operation is of today, which noting has seen.
        let seen = try await stage.count(
            "select count(*) from privacy.closings where account_id = \(number) and last_operation_on >= current_date")
        #expect(seen == 1)
        try await stage.database.run(
            """
            update privacy.closings set last_operation_on = current_date - make_interval(years => \(years)::integer)
            where account_id = \(number)
            """)
    }

    private static func day(_ stage: PrivacyStage, _ expression: Statement) async throws -> String {
        try await stage.database.one("select (\(fragment: expression))::date::text", as: String.self)
    }

    @Test("a closing that nobody noted counts from the day on which it was seen, not from the day of each question")
    func seen() async throws {
        try await PrivacyStage.run { stage in
            try await Self.left(5, stage, years: 8)
            _ = try await stage.desk.retain(only: "clients_partis", isDry: false, by: admin)
            // Two years later.
            try await stage.database.run("update privacy.closings set seen_on = current_date - 730")
            let wanted = try await Self.day(stage, "current_date - 730 + interval '5 years'")
            let done = try await stage.desk.erase(clientID(5), proof: proof(5), by: admin)
            #expect(done.keptUntil == wanted)
            let words = try await stage.database.one(
                "select body from evidence.entries where kind = 'privacy.erased' and outcome = 'done'", as: String.self)
            #expect(words.contains("derived"))
            // What an erased client's account was seen as is not kept.
            _ = try await stage.desk.closings()
            #expect(try await stage.count("select count(*) from privacy.closings") == 0)
        }
    }

    @Test("nobody whose day is not known is archived early, and none is passed over: a person is asked")
    func question() async throws {
        try await PrivacyStage.run { stage in
            try await Self.left(5, stage, years: 8)
            try await Self.left(6, stage, years: 1)
            let first = try await stage.desk.retain(only: "clients_partis", isDry: false, by: admin)
            #expect(first.map(\.found) == [0] && first.map(\.treated) == [0])
            #expect(try await stage.desk.closingQuestions() == 1)
            let asked = try JSONReader.read(Array(try await stage.desk.closings().utf8)).array ?? []
            #expect(asked.map { $0["client"]?.integer } == [5, 6])
            #expect(asked.map { $0["may_be_over"]?.bool } == [true, false])
            // The day goes by itself, and with it the question: law's five years are over whatever the true day was.
            try await stage.database.run(
                "update privacy.closings set seen_on = current_date - interval '5 years 2 days' where account_id = 5")
            #expect(try await stage.desk.overdue().isEmpty)
            let later = try await stage.desk.retain(only: "clients_partis", isDry: false, by: admin)
            #expect(later.map(\.treated) == [1])
            #expect(try await stage.leftOf(5) == 0)
            #expect(try await stage.leftOf(6) == 14)
        }
    }

    @Test("a day that is stated counts, lies between the last operation and the day it was seen, and is journaled")
    func stated() async throws {
        try await PrivacyStage.run { stage in
            try await Self.left(5, stage, years: 8)
            let paper = "courrier de clôture n° 77"
            for (account, day, reason) in [
                (Int64(5), try await Self.day(stage, "now() - interval '9 years'"), paper),
                (5, try await Self.day(stage, "now() + interval '1 day'"), paper), (5, "hier", paper),
                (5, "2020-02-31", paper), (5, try await Self.day(stage, "now() - interval '6 years'"), "vu"),
                (6, try await Self.day(stage, "now()"), paper), (999, try await Self.day(stage, "now()"), paper),
            ] {
                await expectRefused("privacy_request_invalid") {
                    try await stage.desk.stateClosing(account: account, on: day, reason: reason, by: admin)
                }
            }
            #expect(try await stage.journaled("privacy.closing.stated", outcome: "refused") == 7)
            try await stage.desk.stateClosing(
                account: 5, on: try await Self.day(stage, "now() - interval '6 years'"), reason: paper, by: admin)
            #expect(try await stage.journaled("privacy.closing.stated") == 1)
            #expect(try await stage.desk.closingQuestions() == 0)
            #expect(try await stage.desk.overdue()["clients_partis"] == 1)
            let done = try await stage.desk.retain(only: "clients_partis", isDry: false, by: admin)
            #expect(done.map(\.treated) == [1])
            let ledger = try String(contentsOfFile: stage.folder + "/erasures.ledger", encoding: .utf8)
            #expect(ledger.contains("archived"))
            // Its five years are over: the schedule of archives takes the key.
            #expect(try await stage.desk.retain(only: "identites", isDry: false, by: admin).map(\.treated) == [1])
            #expect(try await stage.count("select count(*) from vault.data_keys where destroyed_at is not null") == 1)
            try await stage.expectSound()
        }
    }

    @Test(
        "who left more than five years ago is archived without having asked, unless something stands against it",
        arguments: ["nothing", "hold", "restriction", "request", "incident", "case"])
    func left(obstacle: String) async throws {
        try await PrivacyStage.run { stage in
            let client = clientID(7)
            try await stage.close(7)
            try await stage.database.run(
                "update comptes set clos_le = current_date - interval '5 years 1 day' where id = 7")
            switch obstacle {
            case "hold":
                _ = try await stage.desk.hold(client, kind: "judicial", reason: "réquisition", until: nil, by: admin)
            case "restriction":
                try await stage.desk.restrict(client, ground: "legal_claims", reason: "procès en cours", by: admin)
            case "request": _ = try await stage.desk.file(client, kind: "access", reason: "", by: admin)
            case "incident":
                try await stage.database.run(
                    """
                    with i as (
                        insert into detection.incidents
                            (reference, source, first_at, last_at, severity, title_fr, title_en, document)
                        values ('D-1', 'live', now(), now(), 'high', 'a', 'a', '{}') returning id)
                    insert into detection.persons (incident_id, client_id, is_read, is_changed, is_tampered, first_at, last_at)
                    select id, \(client), true, false, false, now(), now() from i
                    """)
            case "case":
                try await stage.database.run("insert into fraud.dossiers (client, statut) values (7, 'ouvert')")
            default: break
            }
            let isFree = obstacle == "nothing"
            let dry = try await stage.desk.retain(only: "clients_partis", isDry: true, by: admin)
            #expect(dry.map(\.found) == [isFree ? 1 : 0] && dry.map(\.treated) == [0])
            #expect(try await stage.leftOf(7) == 14)
            let done = try await stage.desk.retain(only: "clients_partis", isDry: false, by: admin)
            #expect(done.map(\.treated) == [isFree ? 1 : 0])
            #expect(try await stage.leftOf(7) == (isFree ? 0 : 14))
            #expect(try await stage.count("select count(*) from privacy.erasure_ledger") == (isFree ? 1 : 0))
        }
    }

    @Test("who left less than five years ago, or has an account open, stays") func stays() async throws {
        try await PrivacyStage.run { stage in
            try await stage.close(7)
            try await stage.database.run(
                "update comptes set clos_le = current_date - interval '4 years 364 days' where id = 7")
            try await stage.close(8)
            try await stage.database.run(
                "update comptes set clos_le = current_date - interval '9 years' where id = 8")
            try await stage.database.run(
                "insert into comptes (client_id, type, ouvert_le) values (\(clientID(8)), 'epargne', '2020-01-02')")
            let done = try await stage.desk.retain(only: "clients_partis", isDry: false, by: admin)
            #expect(done.map(\.treated) == [0])
            #expect(try await stage.leftOf(7) == 14)
        }
    }
}
