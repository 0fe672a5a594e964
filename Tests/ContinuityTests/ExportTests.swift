import Cryptography
import Evidence
import Foundation
import Postgres
import Salvage
import Testing

@testable import Continuity
@testable import PostgresServer

/// Exports that need nothing of pgBackRest: made, verified, damaged, opened, restored.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct ExportTests {
    private static let made = Task {
        let bank = try await LivingBank.shared()
        try await bank.with { database in
            try await database.run(
                "create table if not exists public.\"Étrange table\" (n int primary key, \"le texte\" text, b bytea)")
            try await database.run("alter table public.\"Étrange table\" enable row level security")
            try await database.run(
                """
                insert into public."Étrange table"
                select g, case when g % 7 = 0 then null else E'a\\tb\\n\\\\' || repeat(md5(g::text), g % 30) end, decode(md5(g::text), 'hex')
                from generate_series(1, 6000) g on conflict do nothing
                """)
        }
        let desk = ExportDesk(dataDirectory: bank.data)
        return (bank, desk, try await desk.make(of: LivingBank.name))
    }

    @Test("an export is sealed, verifies off line and in depth, and comes back equal in a new database")
    func comesBack() async throws {
        let (bank, desk, made) = try await Self.made.value
        #expect(made.tables > 20 && made.rows > 6000 && made.left.isEmpty)
        for deep in [false, true] {
            let found = try await desk.verify(made.directory, deep: deep)
            #expect(found.isSound && found.rows == made.rows, "\(found.findings)")
        }
        let all = try FileManager.default.contentsOfDirectory(atPath: made.directory)
            .map { FileManager.default.contents(atPath: made.directory + "/" + $0) ?? Data() }
        #expect(!all.contains { $0.range(of: Data("CREATE TABLE".utf8)) != nil })

        let opened = try await desk.restore(made.directory, into: "banque_exportee")
        #expect(opened.isWhole && opened.rows == made.rows, "\(opened.lost)")
        let copy = Database(bank.cluster.configuration(database: "banque_exportee"))
        let balances = try await LivingBank.balances(copy)
        let check = try await copy.one("select count(*) from verifier_le_grand_livre()", as: Int64.self)
        let next = try await copy.one("select nextval('comptes_id_seq')", as: Int64.self)
        let policies = try await copy.one("select count(*) from pg_policies", as: Int64.self)
        await copy.close()
        #expect(balances.count == LivingBank.accounts && check == 0 && next > 1000)
        #expect(
            try await bank.with { try await $0.one("select count(*) from pg_policies", as: Int64.self) } == policies)
        try await bank.cluster.dropDatabase("banque_exportee")
    }

    @Test("opened, it is a plain dump whose rows our own reader proves by the digests beside it")
    func opened() async throws {
        let (_, desk, made) = try await Self.made.value
        let dump = made.directory + "-opened.sql"
        let opened = try await desk.open(made.directory, to: dump, isPartial: false)
        #expect(opened.isWhole && opened.rows == made.rows)
        // The same digests, made anew by the reader of dumps.
        try DumpManifest.write(dump: dump, to: dump + ".again")
        let ours = try DumpManifest.read(dump + ".manifest.json")
        let again = try DumpManifest.read(dump + ".again")
        let roots = Dictionary(again.tables.map { ($0.table, $0.root) }, uniquingKeysWith: { first, _ in first })
        #expect(ours.tables.allSatisfy { roots[$0.table] == $0.root }, "\(ours.tables.map(\.table)) \(roots.keys)")
        #expect(ours.tables.count == made.tables)
        for path in [dump, dump + ".manifest.json", dump + ".again"] { unlink(path) }
    }

    @Test("every kind of damage is found, stays where it is, and the rows that it costs are named exactly")
    func damaged() async throws {
        let (bank, desk, made) = try await Self.made.value
        let list = try ExportList.read(made.directory, fingerprint: nil)
        let large = try #require(list.files.filter { $0.table != nil }.max { $0.pieces.count < $1.pieces.count })
        #expect(large.pieces.count > 1)
        for kind in ["flip", "cut", "gone", "swap", "list", "other"] {
            let copy = bank.place("export-" + kind)
            try FileManager.default.copyItem(atPath: made.directory, toPath: copy)
            let file = copy + "/" + large.name
            switch kind {
            case "flip": try Sabotage.flip(file, at: UInt64(large.pieces[0].bytes + 40))
            case "cut": try Sabotage.truncate(file, to: UInt64(large.bytes - 1))
            case "gone": unlink(file)
            case "swap":
                // A piece of another place, whole as it is.
                let bytes = try #require(FileManager.default.contents(atPath: file))
                let first = bytes.prefix(large.pieces[0].bytes)
                try (bytes.dropFirst(first.count) + first).write(to: URL(filePath: file))
            case "list": try Sabotage.flip(copy + "/export.json", at: 200)
            default:
                // The newest of another time in the place of this one.
                let other = try #require(list.files.first { $0.table != nil && $0.name != large.name && $0.bytes > 0 })
                unlink(file)
                try FileManager.default.copyItem(atPath: copy + "/" + other.name, toPath: file)
            }
            guard kind != "list" else {
                await #expect { try await desk.verify(copy, deep: false) } throws: {
                    ($0 as? ContinuityError)?.code == "export_unsound"
                }
                try FileManager.default.removeItem(atPath: copy)
                continue
            }
            let shallow = try await desk.verify(copy, deep: false)
            #expect(shallow.findings.count == 1 && shallow.findings[0].contains(large.table ?? "?"), "\(kind)")
            let dump = copy + ".sql"
            await #expect(throws: ContinuityError.self) { try await desk.open(copy, to: dump, isPartial: false) }
            #expect(!FileManager.default.fileExists(atPath: dump))
            await #expect(throws: ContinuityError.self) { try await desk.restore(copy, into: "rien") }
            let opened = try await desk.open(copy, to: dump, isPartial: true)
            let lost = kind == "flip" ? [1] : kind == "cut" ? [large.pieces.count - 1] : Array(large.pieces.indices)
            #expect(made.rows - opened.rows == lost.reduce(0) { $0 + large.pieces[$1].rows }, "\(kind): \(opened.lost)")
            #expect(opened.lost.count == lost.count)
            print("| export: \(kind) | \(opened.lost.joined(separator: "; ")) |")
            for path in [dump, dump + ".manifest.json"] { unlink(path) }
            try FileManager.default.removeItem(atPath: copy)
        }
    }

    @Test("without the vault's key an export is noise, and its signature is still looked at")
    func withoutKey() async throws {
        let (bank, _, made) = try await Self.made.value
        let left = try await bank.copyOfBackups()
        unlink(left.folder.keys + "/vault.key")
        let fingerprint = try SigningKey.open(path: left.folder.evidenceKey).publicKey.fingerprint
        let thief = ExportDesk(dataDirectory: left.folder.dataDirectory)
        #expect(try await thief.verify(made.directory, deep: false, fingerprint: fingerprint).isSound)
        await #expect(throws: (any Error).self) { try await thief.verify(made.directory, deep: true) }
        try? FileManager.default.removeItem(atPath: left.folder.dataDirectory)
    }

    @Test("a folder that is not there is named, where there is no key to verify with either")
    func folderIsMissing() async throws {
        let desk = ExportDesk(dataDirectory: NSTemporaryDirectory() + "/no-bank-\(UUID())")
        await #expect { try await desk.verify("/no/such/export", deep: false) } throws: {
            ($0 as? ContinuityError)?.message.contains("/no/such/export/export.json") == true
        }
    }

    @Test("one is made when the newest is old enough")
    func due() async throws {
        let (bank, desk, _) = try await Self.made.value
        #expect(try await desk.makeWhenDue(of: LivingBank.name, every: 7 * 86_400) == nil)
        let later = ExportDesk(folder: bank.desk.folder, now: { Date().addingTimeInterval(8 * 86_400) })
        let made = try #require(try await later.makeWhenDue(of: LivingBank.name, every: 7 * 86_400))
        #expect(try await later.verify(made.directory, deep: true).isSound)
        #expect(
            try ContinuityJournal(folder: bank.desk.folder, now: { Date() }).entries().contains { $0.kind == .exported }
        )
        try FileManager.default.removeItem(atPath: made.directory)
    }
}
