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
}
