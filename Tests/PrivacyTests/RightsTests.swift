import Evidence
import Foundation
import Postgres
import TestSupport
import Testing
import Vault
import Web

@testable import Privacy

@Suite("rights of persons") struct RightsTests {
    /// What somebody who reads the tables by hand finds of client 3.
    private static let inventory: [(section: String, count: Statement)] = [
        ("client", "select count(*) from clients where numero = 3"),
        ("accounts", "select count(*) from comptes where client_id = (select id from clients where numero = 3)"),
        ("cards", "select count(*) from cartes where compte_id = 3"),
        ("operations", "select count(*) from transactions where compte_debit_id = 3 or compte_credit_id = 3"),
        ("postings", "select count(*) from ecritures where compte_id = 3"),
        ("payees", "select count(*) from beneficiaires where client_id = (select id from clients where numero = 3)"),
        ("orders", "select count(*) from virements where donneur_id = (select id from clients where numero = 3)"),
        (
            "consents",
            "select count(*) from privacy.consents where client_id = (select id from clients where numero = 3)"
        ),
        ("sign_in", "select count(*) from auth.users where email = 'client3@exemple.fr'"),
        ("rectifications", "select count(*) from privacy.rectifications"),
        ("objections", "select count(*) from privacy.objections"),
        ("limits", "select count(*) from plafonds where compte_id = 3"),
        ("reservations", "select count(*) from reservations where compte_id = 3"),
        ("standing_orders", "select count(*) from ordres_permanents where compte_debit_id = 3"),
        ("reveals", "select count(*) from revelations where client_id = (select id from clients where numero = 3)"),
    ]

    @Test("an access dossier holds what a hand-written inventory finds, and masks third parties") func access()
        async throws
    {
        try await PrivacyStage.run { stage in
            let client = clientID(3)
            try await stage.desk.consent(
                client, purpose: "newsletter", isGiven: true, version: "1", text: "J'accepte la lettre.", by: admin)
            try await stage.desk.object(client, purpose: "analysis", reason: nil, by: admin)
            try await stage.desk.rectify(
                client, field: "telephone", to: "06 98 76 54 32", reason: "nouveau numéro", by: admin)
            let dossier = try await stage.desk.access(client, proof: proof(3), by: admin)
            for (section, count) in Self.inventory {
                let wanted = try await stage.count(count)
                #expect(Int(wanted) == dossier.section(section)?.rows.count, "\(section)")
            }
            #expect(dossier.identity["telephone"] == "06 98 76 54 32")
            #expect(dossier.identity["nir"] == "280057512345678")
            let json = dossier.json
            #expect(!json.contains("Durand") && json.contains("P*** D***"))
            #expect(!json.contains("FR1420041010050500013M02606") && json.contains("LOYER IBAN ***2606"))
            #expect(json.contains("FR7630006000010000000100300"))
            #expect(!json.contains("4970101234567890"))
            let read = try JSONReader.read(json)
            #expect(read["sections"]?["operations"]?["count"]?.integer == 6)
            #expect(try await stage.journaled("privacy.access") == 1)
        }
    }

    @Test("a client of 10,000 operations gets them all, with a PDF, each file signed") func heaviest() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run("select creer_partitions(date '2025-01-01', date '2025-12-01')")
            try await stage.database.run(
                """
                insert into transactions (booked_at, date_valeur, date_comptable, type, montant_minor, compte_debit_id,
                    compte_credit_id, libelle, historique)
                select at, at::date, at::date, 'carte', n, 3, 4, 'ACHAT ' || n || ' MAGASIN', true
                from generate_series(1, 10000) n, lateral (
                    select timestamptz '2025-01-01' + make_interval(mins => n * 50) as at) x
                """)
            let start = ContinuousClock.now
            let dossier = try await stage.desk.access(clientID(3), by: admin)
            let gathered = ContinuousClock.now - start
            #expect(dossier.section("operations")?.rows.count == 10_006)
            // Complete against the hand-written inventory, table by table, and to the cent.
            for (section, count) in Self.inventory where section != "requests" {
                let wanted = try await stage.count(count)
                #expect(Int(wanted) == dossier.section(section)?.rows.count, "\(section)")
            }
            let sum = try await stage.count(
                """
                select sum(case when compte_debit_id = 3 then -montant_minor else montant_minor end)::bigint
                from transactions where compte_debit_id = 3 or compte_credit_id = 3
                """)
            let amounts = try #require(dossier.section("operations"))
            let place = try #require(amounts.columns.firstIndex(of: "montant_minor"))
            let told = amounts.rows.reduce(Int64(0)) { $0 + (Int64($1[place] ?? "") ?? 0) }
            #expect(told == sum)
            let key = try SigningKey.open(path: stage.folder + "/cle")
            let folder = try SignedFolder(path: stage.folder + "/acces", signer: FileSigner(key: key), date: Date())
            try folder.write("donnees.json", dossier.json.utf8)
            let operations = try #require(dossier.section("operations"))
            try folder.write("operations.csv", dossier.csv(operations).utf8)
            let pdf = try #require(try await folder.writePDF("donnees", of: dossier.page))
            #expect(try Data(contentsOf: URL(filePath: pdf)).starts(with: Data("%PDF".utf8)))
            try Figures.note(
                "access of a client with 10,006 operations: gathered in \(gathered), signed with a PDF in "
                    + "\(ContinuousClock.now - start); the process had at most \(Figures.memoryMax) MB")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            #expect(
                files == [
                    "donnees.json", "donnees.json.sig", "donnees.pdf", "donnees.pdf.sig", "operations.csv",
                    "operations.csv.sig",
                ])
        }
    }

    @Test("a table that holds a client's key and is in no section fails") func complete() async throws {
        try await PrivacyStage.run { stage in
            // Tables that lead to a person, by their columns; the archives and ledgers of the desk itself are not data that
            // the person is told of twice.
            let tables = try await stage.database.all(
                """
                select distinct schema_name || '.' || table_name from privacy.columns
                where kind in ('r', 'p') and column_name in ('client_id', 'donneur_id', 'compte_id', 'compte_debit_id', 'user_id')
                    and schema_name || '.' || table_name not in (
                        'privacy.archives', 'privacy.holds', 'public.comptes_internes', 'vault.data_keys', 'auth.flow_state',
                        'auth.one_time_tokens', 'bi.lien_client', 'bi.lien_compte')
                order by 1
                """, as: String.self)
            let dossier = try await stage.desk.dossier(of: clientID(3))
            let covered = Set(dossier.sections.map(\.relation))
            for table in tables { #expect(covered.contains(table), "\(table) is in no section of an access dossier") }
        }
    }

    @Test("a wrong identity is refused and journaled") func identity() async throws {
        try await PrivacyStage.run { stage in
            for wrong in [
                IdentityProof(lastName: "Autre", birthDate: "1980-05-17"),
                IdentityProof(lastName: lastName(3), birthDate: "1980-05-18"),
            ] {
                await expectRefused("privacy_identity_wrong") {
                    _ = try await stage.desk.access(clientID(3), proof: wrong, by: admin)
                }
            }
            let refused = try await stage.journaled("privacy.access", outcome: "refused")
            let requests = try await stage.count("select count(*) from privacy.requests")
            #expect(refused == 2 && requests == 0)
        }
    }

    @Test("requests that wait are listed, the most urgent first, with the day on which each is due") func listed()
        async throws
    {
        try await PrivacyStage.run { stage in
            let early = try await stage.desk.file(clientID(2), kind: "access", reason: "", by: admin)
            let late = try await stage.desk.file(clientID(7), kind: "erasure", reason: "", by: admin)
            let done = try await stage.desk.file(clientID(8), kind: "access", reason: "", by: admin)
            try await stage.desk.answer(done, isDone: true, note: "remis au guichet", by: admin)
            try await stage.database.run(
                """
                update privacy.requests set received_at = now() - interval '2 months', extended_because = 'dossier complexe',
                    due_at = now() - interval '26 hours' where id = \(late)
                """)
            let waiting = try await stage.desk.requestLines(all: false)
            #expect(waiting.map(\.id) == [late, early] && waiting.map(\.client) == [7, 2])
            #expect(waiting.map(\.isOverdue) == [true, false])
            #expect(waiting[0].daysLeft == -2 && (27...31).contains(waiting[1].daysLeft))
            #expect(try await stage.desk.requestLines(all: true).map(\.status) == ["received", "received", "done"])
        }
    }

    @Test("a rectification keeps what was, sealed, and finds the client by the new address") func rectify() async throws
    {
        try await PrivacyStage.run { stage in
            let client = clientID(4)
            try await stage.desk.rectify(
                client, field: "email", to: "neuve@exemple.fr", reason: "erreur de saisie", by: admin)
            #expect(try await stage.desk.sealedIdentity(of: client)["email"] == "neuve@exemple.fr")
            let found = try await stage.count(
                "select count(*) from clients where email_index = \(stage.desk.secrets.emails.code(Array("neuve@exemple.fr".utf8))) and numero = 4"
            )
            #expect(found == 1)
            #expect(
                try await stage.count("select count(*) from privacy.rectifications where old_sealed <> new_sealed") == 1
            )
            try await stage.desk.rectify(
                client, field: "civilite", to: "M.", reason: "erreur de saisie", by: admin)
            let was = try await stage.database.one(
                "select encode(old_sealed, 'hex') from privacy.rectifications where field = 'civilite'", as: String.self
            )
            let place = SealedPlace(table: "clients", column: "civilite", row: client.uuidString)
            let title = try await stage.vault.open(try #require([UInt8](hexText: was)), of: client, at: place)
            #expect(String(decoding: title, as: UTF8.self) == "Mme")
            for (field, value) in [
                ("email", "pas une adresse"), ("date_naissance", "2026-02-30"), ("nir", "123"), ("iban", "x"),
                ("nom", ""),
            ] {
                await expectRefused("privacy_request_invalid") {
                    try await stage.desk.rectify(client, field: field, to: value, reason: "essai refusé", by: admin)
                }
            }
            #expect(try await stage.journaled("privacy.rectified", outcome: "refused") == 5)
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update privacy.rectifications set reason = 'autre chose'")
            }
        }
    }

    @Test("a restricted client is out of an employee's sight and not out of their own") func restriction() async throws
    {
        try await PrivacyStage.run { stage in
            try await stage.desk.restrict(
                clientID(5), ground: "accuracy_contested", reason: "adresse contestée", by: admin)
            func seen(_ claims: String) async throws -> Int64 {
                try await stage.database.transaction { tx in
                    try await tx.run("select set_config('request.jwt.claims', \(claims), true)")
                    try await tx.run("set local role authenticated")
                    return try await tx.one("select count(*) from clients where numero = 5", as: Int64.self)
                }
            }
            let own = "{\"sub\":\"\(user(5).uuidString.lowercased())\",\"role\":\"authenticated\"}"
            #expect(try await seen(own) == 1)
            #expect(try await seen("{\"sub\":\"\(user(99).uuidString)\",\"app_metadata\":{\"role\":\"analyst\"}}") == 0)
            #expect(try await seen("{\"sub\":\"\(user(99).uuidString)\",\"app_metadata\":{\"role\":\"admin\"}}") == 1)
            #expect(try await stage.desk.liftRestriction(of: clientID(5), by: admin))
            #expect(try await stage.desk.liftRestriction(of: clientID(5), by: admin) == false)
        }
    }

    @Test("the newest consent of a purpose counts, and none can be changed") func consents() async throws {
        try await PrivacyStage.run { stage in
            for isGiven in [true, false] {
                try await stage.desk.consent(
                    clientID(1), purpose: "lettre", isGiven: isGiven, version: "2", text: "J'accepte.", by: admin)
            }
            let list = try JSONReader.read(try await stage.desk.consents(of: clientID(1))).array ?? []
            #expect(list.count == 1 && list[0]["given"]?.bool == false)
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update privacy.consents set is_given = true")
            }
        }
    }

    @Test("a request has a month, two more with a reason, and is answered once") func deadlines() async throws {
        try await PrivacyStage.run { stage in
            let id = try await stage.desk.file(clientID(1), kind: "erasure", reason: "je pars", by: admin)
            let month = try await stage.count(
                "select count(*) from privacy.requests where due_at between received_at + interval '27 days' and received_at + interval '32 days'"
            )
            #expect(month == 1)
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.extend(id, because: "non", by: admin)
            }
            try await stage.desk.extend(id, because: "demande complexe, tiers concernés", by: admin)
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.extend(id, because: "encore une fois, sans raison", by: admin)
            }
            try await stage.desk.answer(id, isDone: false, note: "compte encore ouvert", by: admin)
            await expectRefused("privacy_request_invalid") {
                try await stage.desk.answer(id, isDone: true, note: "deux fois", by: admin)
            }
        }
    }

    @Test("reads are journaled in batches, the client sees them, and a snooper is found") func reads() async throws {
        try await PrivacyStage.run { stage in
            for _ in 0..<500 {
                for number in 1...clientCount {
                    stage.desk.reads.note(
                        reader: "curieux", client: clientID(number), fields: ["nom", "email"], reason: "dossier 1")
                }
            }
            stage.desk.reads.note(reader: "autre", client: clientID(1), fields: ["nom"], reason: "rappel")
            #expect(stage.desk.reads.waitingCount == clientCount + 1)
            let seen = try JSONReader.read(try await stage.desk.readers(of: clientID(1))).array ?? []
            #expect(seen.count == 2)
            #expect(
                try await stage.count("select sum(count)::bigint from privacy.reads") == 500 * Int64(clientCount) + 1)
            #expect(try await stage.journaled("privacy.reads") == 1)
            let snoopers = try await stage.database.all(
                "select reader from privacy.snoopers((now() at time zone 'Europe/Paris')::date, 10, 5)", as: String.self
            )
            #expect(snoopers == ["curieux"])
        }
    }

    @Test("one admin alone does not break the glass") func glass() async throws {
        try await PrivacyStage.run { stage in
            let line = stage.desk.anonymiser().line("login=jean.dupont de 193.12.4.5")
            try await stage.desk.keep([line])
            let token = try #require(line.text.split(separator: "user:").last?.prefix(16)).description
            let id = try await stage.desk.askGlass(purpose: "incident", reason: "enquête sur l'incident 12", by: admin)
            await expectRefused("privacy_second_admin_needed") {
                _ = try await stage.desk.reveal(token: token, glass: id, by: admin)
            }
            await expectRefused("privacy_second_admin_needed") { try await stage.desk.approveGlass(id, by: admin) }
            try await stage.desk.approveGlass(id, by: otherAdmin)
            #expect(try await stage.desk.reveal(token: token, glass: id, by: admin) == "jean.dupont")
            #expect(try await stage.desk.reveal(token: "0000000000000000", glass: id, by: admin) == nil)
            // Opened for the one who asked: not for the one who approved, nor for a third.
            for name in ["admin-2", "admin-3"] {
                await expectRefused("privacy_glass_of_another") {
                    _ = try await stage.desk.reveal(
                        token: token, glass: id, by: Requester(name: name, channel: .admin))
                }
            }
            let past: Statement =
                "update privacy.glass set approved_at = now() - interval '1 hour', expires_at = now() - interval '50 minutes'"
            try await stage.database.run(past)
            await expectRefused("privacy_second_admin_needed") {
                _ = try await stage.desk.reveal(token: token, glass: id, by: admin)
            }
            #expect(try await stage.journaled("privacy.glass.used", outcome: "refused") == 4)
            #expect(try await stage.journaled("privacy.glass.approved", outcome: "refused") == 1)
        }
    }
}
