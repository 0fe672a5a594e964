import Evidence
import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Recovery

/// What a run leaves behind, and what a resumed one may touch.
@Suite(.serialized) struct `A run` {
    private typealias Bank = HandMadeBank

    private static let pan = "4012888888881881"
    private static let cvv = "cvv-7391"

    private static var script: String {
        Bank.clients + Bank.comptes
            + """
            CREATE TABLE public.cartes (
                id bigint NOT NULL, compte_id bigint, pan text, expiration date, cvv text, reseau text,
                plafond numeric(15,2), statut text, emise_le date
            );

            """ + Bank.copy("clients", Bank.clientColumns, [Bank.client(1)])
            + Bank.copy("comptes", Bank.accountColumns, [Bank.account(10, 1)])
            + Bank.copy(
                "cartes", "id, compte_id, pan, expiration, cvv, reseau, plafond, statut, emise_le",
                ["100\t10\t\(pan)\t2030-01-31\t\(cvv)\tVISA\t500.00\tactive\t2020-01-01"])
    }

    private static func engine(_ bank: Bank, _ folder: String) throws -> RecoveryEngine {
        try RecoveryEngine.resume(
            dataDirectory: bank.data, binaries: PostgresBinaries.find(), key: SigningKey.open(path: folder + "/cle"),
            vault: RecoveredBank.keys(), progress: { _ in })
    }

    @Test func `leaves no card number and no CVV in clear once its report is written`() async throws {
        try await withTemporaryDirectory { folder in
            try await Bank.recover(Self.script, in: folder) { bank in
                #expect(try await bank.database.one("select count(*) from cartes", as: Int64.self) == 1)
                #expect(!FileManager.default.fileExists(atPath: bank.run.cleanRoomDirectory))
                let password = try #require(bank.configuration.password)
                for secret in [Self.pan, Self.cvv, password] {
                    #expect(try FolderBytes.holding(secret, in: bank.data) == [])
                }
                let journal = try String(contentsOfFile: bank.run.journalFile, encoding: .utf8)
                #expect(journal.contains("recovery.room.destroyed"))
                // A resumed run makes no room again; one that a killed run left goes.
                try FileManager.default.createDirectory(
                    atPath: bank.run.cleanRoomDirectory, withIntermediateDirectories: true)
                let (again, _) = try await Self.engine(bank, folder).recover()
                #expect(again.tables.map(\.loaded) == bank.report.tables.map(\.loaded))
                #expect(!FileManager.default.fileExists(atPath: bank.run.cleanRoomDirectory))
            }
        }
    }

    @Test func `keeps the room when asked, says where, and begins anew beside it`() async throws {
        try await withTemporaryDirectory { folder in
            try await Bank.recover(Self.script, in: folder, options: { $0.keepsRoom = true }) { bank in
                #expect(bank.report.run.roomKept == bank.run.cleanRoomDirectory)
                #expect(FileManager.default.fileExists(atPath: bank.run.cleanRoomDirectory + "/ready"))
                let html = try String(contentsOfFile: bank.data + "/report/report.fr.html", encoding: .utf8)
                #expect(html.contains("La salle blanche a été gardée"))
                var options = try bank.run.options()
                options.keepsRoom = nil
                options.target = Bank.target(try await Bank.freshTarget())
                let restarted = try RecoveryEngine.begin(
                    options, restarts: true, binaries: PostgresBinaries.find(),
                    key: SigningKey.open(path: folder + "/cle"), vault: RecoveredBank.keys(), progress: { _ in })
                let (report, _) = try await restarted.recover()
                #expect(report.tables.map(\.loaded) == bank.report.tables.map(\.loaded))
                #expect(!FileManager.default.fileExists(atPath: bank.run.cleanRoomDirectory))
            }
        }
    }

    @Test func `rebuilds again only in the database that it has begun to rebuild in`() async throws {
        try await withTemporaryDirectory { folder in
            try await Bank.recover(Self.script, in: folder, options: { $0.keepsRoom = true }) { bank in
                for stage in [Stage.rebuild, .protect, .report] {
                    try? FileManager.default.removeItem(atPath: bank.run.resultFile(of: stage))
                }
                // The connection string leads to somebody else's database now, even one with another rebuild's mark.
                let other = try await Bank.freshTarget()
                let elsewhere = Database(other)
                try await elsewhere.run("create table precieuse (id integer)")
                for statement in RebuildTargetStore.mark("digitalbank, rebuild of another run") {
                    try await elsewhere.run(statement)
                }
                var options = try bank.run.options()
                let right = options.target
                options.target = Bank.target(other)
                try bank.run.write(options, to: bank.run.optionsFile)
                await #expect {
                    _ = try await Self.engine(bank, folder).recover()
                } throws: { ($0 as? RecoveryError)?.code == "target_not_empty" }
                #expect(try await elsewhere.one("select count(*) from precieuse", as: Int64.self) == 0)
                await elsewhere.close()
                options.target = right
                try bank.run.write(options, to: bank.run.optionsFile)
                let (report, _) = try await Self.engine(bank, folder).recover()
                #expect(report.restored?.rows["cartes"] == 1)
                // And its bank is told from another once it stands.
                try FileManager.default.removeItem(atPath: bank.run.resultFile(of: .report))
                options.target = Bank.target(try await Bank.freshTarget())
                try bank.run.write(options, to: bank.run.optionsFile)
                await #expect {
                    _ = try await Self.engine(bank, folder).recover()
                } throws: { ($0 as? RecoveryError)?.code == "target_changed" }
            }
        }
    }

    @Test func `goes on only with the dump that it took in, and with a journal that proves itself`() async throws {
        try await withTemporaryDirectory { folder in
            try await Bank.recover(Self.script, in: folder, options: { $0.keepsRoom = true }) { bank in
                for stage in [Stage.rebuild, .report] {
                    try FileManager.default.removeItem(atPath: bank.run.resultFile(of: stage))
                }
                let dump = URL(fileURLWithPath: folder + "/bank.sql")
                let bytes = try Data(contentsOf: dump)
                try (bytes + Data("-- more\n".utf8)).write(to: dump)
                await #expect {
                    _ = try await Self.engine(bank, folder).recover()
                } throws: { ($0 as? RecoveryError)?.code == "dump_changed" }
                try bytes.write(to: dump)
                let journal = URL(fileURLWithPath: bank.run.journalFile)
                let text = try String(contentsOf: journal, encoding: .utf8)
                try Data(text.replacing("clean-room", with: "clear-room", maxReplacements: 1).utf8).write(to: journal)
                #expect {
                    _ = try Self.engine(bank, folder)
                } throws: { ($0 as? RecoveryError)?.code == "journal_altered" }
                try Data(text.utf8).write(to: journal)
                let (report, _) = try await Self.engine(bank, folder).recover()
                #expect(report.restored?.rows["cartes"] == 1)
            }
        }
    }

    @Test func `says so when the salvaged rows are gone`() async throws {
        try await withTemporaryDirectory { folder in
            try await Bank.recover(Self.script, in: folder, options: { $0.keepsRoom = true }) { bank in
                try FileManager.default.removeItem(atPath: bank.run.cleanRoomDirectory + "/ready")
                for stage in [Stage.reconcile, .rebuild, .protect, .report] {
                    try? FileManager.default.removeItem(atPath: bank.run.resultFile(of: stage))
                }
                await #expect {
                    _ = try await Self.engine(bank, folder).recover()
                } throws: { ($0 as? RecoveryError)?.code == "clean_room_lost" }
            }
        }
    }
}
