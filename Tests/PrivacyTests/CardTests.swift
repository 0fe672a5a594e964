import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Privacy

@Suite("card numbers in clear") struct CardTests {
    @Test("a scan of a bank in order finds none, with planted ones it finds each") func scan() async throws {
        try await PrivacyStage.run { stage in
            let clean = try await stage.desk.scanCards(folders: [])
            #expect(clean.findings.isEmpty, "\(clean.findings)")
            #expect(clean.columnsRead > 50 && clean.keysLive == Int64(clientCount))
            try await stage.database.run(
                "insert into fraud.listes (genre, entite, cle, motif, auteur) values ('watch', 'card', 1, 'carte 4111 1111 1111 1111', 'x')"
            )
            try await stage.database.run("create table public.vieux (id integer, cvv text)")
            let files = stage.folder + "/journaux"
            try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
            // A number that lies across the border of two blocks.
            let border = String(repeating: "x", count: (1 << 20) - 9) + " 5555555555554444 "
            try border.write(toFile: files + "/app.log", atomically: true, encoding: .utf8)
            try "rien".write(toFile: files + "/sauvegarde-4111111111111111.dump", atomically: true, encoding: .utf8)
            let found = try await stage.desk.scanCards(folders: [files])
            let places = Set(found.findings.map(\.place))
            #expect(places == ["fraud.listes.motif", "public.vieux.cvv", files + "/app.log", "name of \(files)/…"])
            #expect(found.findings.allSatisfy { !$0.shown.contains("11111111") })
            #expect(found.json.text.contains("411111…1111"))
        }
    }

    @Test(
        "a card behind a thousand numbers that are none, in a domain, in a column of numbers; what can not be read is told"
    )
    func hidden() async throws {
        try await PrivacyStage.run { stage in
            try await stage.database.run("create domain public.libre as varchar(40)")
            try await stage.database.run(
                "create table public.caches (n integer, mots libre, nombre numeric(20, 2), cle bigint)")
            try await stage.database.run(
                """
                insert into public.caches
                select n, '4111111111111112', case when n % 3 = 0 then 5555555555554444 end, 4000000000000000000 + n * 977
                from generate_series(1, 1500) n
                """)
            try await stage.database.run("insert into public.caches (n, mots) values (1501, 'carte 4111111111111111')")
            let found = try await stage.desk.scanCards(folders: [])
            // Keys of many digits are no cards because one in forty looks like one.
            #expect(Set(found.findings.map(\.place)) == ["caches.mots", "caches.nombre"])
            #expect(found.findings.count { $0.place == "caches.mots" } == 1)

            await expectRefused("privacy_request_invalid") {
                _ = try await stage.desk.scanCards(folders: [stage.folder + "/absent"])
            }
            try await stage.database.run("drop table public.caches")
            let files = stage.folder + "/f"
            try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
            // Opens, and can not be read: for root a file's rights are none.
            try FileManager.default.createDirectory(atPath: files + "/sain", withIntermediateDirectories: true)
            try "rien".write(toFile: files + "/sain/a", atomically: true, encoding: .utf8)
            let read = try await stage.desk.scanCards(folders: [files])
            #expect(read.isClean && read.filesRead == 1)
            var disk = FolderScan()
            try disk.scan("/proc/self/mem")
            #expect(disk.unread == ["/proc/self/mem"] && disk.files == 0)
        }
    }

    @Test("a number in a process's memory is found, one that only looks like one is not")
    func memory() async throws {
        let regions = MemoryScan.regions(
            """
            55d0a0000000-55d0a0021000 rw-p 00000000 00:00 0                          [heap]
            55d0a0021000-55d0a0022000 r--p 00000000 08:01 12345                      /usr/bin/x
            7f0000000000-7f0000001000 rw-s 00000000 00:01 7                          /dev/zero (deleted)
            7f0000001000-7f0000002000 rw-s 00000000 00:05 8                          /dev/dri/card0
            7f0000002000-7f0000003000 rw-p 00000000 00:00 0
            """)
        #expect(regions.map(\.name) == ["[heap]", "/dev/zero (deleted)", "anonymous"])
        #expect(MemoryScan.numbers(Array("\0pan=4111 1111 1111 1111\0".utf8)[...]) == ["411111…1111"])
        #expect(MemoryScan.numbers(Array("\u{1}1795917600000000 4111111111111112 12.345.678\0".utf8)[...]).isEmpty)
        let run = Process()
        run.executableURL = URL(filePath: "/bin/sleep")
        run.arguments = ["600"]
        run.environment = ["CARTE": "5555555555554444"]
        try run.run()
        defer { run.terminate() }
        // The copy of the environment is there once the program itself runs.
        for _ in 0..<1200 {
            if (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(run.processIdentifier)/exe"))?
                .contains("sleep") == true
            {
                break
            }
            try await Task.sleep(for: .milliseconds(25))
        }
        var findings: [CardScan.Finding] = []
        let read = MemoryScan.scan(run.processIdentifier, &findings)
        #expect(read > 10_000)
        #expect(findings.contains { $0.place.hasSuffix("[stack]") && $0.shown == "555555…4444" }, "\(findings)")
    }
}
