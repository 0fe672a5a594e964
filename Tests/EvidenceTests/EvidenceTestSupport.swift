import Cryptography
import Evidence
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

/// The journal as a customer of managed PostgreSQL has it: its owner is no superuser.
let evidenceTemplate = TestTemplate("evidence", owner: .plain) { database in
    try await Migrator(database).apply([EvidenceMigrations.set()])
}

/// A database with a journal, a signing key and a folder for what is published and exported.
struct Bench: Sendable {
    let database: Database
    let folder: String
    let key: SigningKey

    var heads: String { folder + "/heads.jsonl" }
    var file: String { folder + "/journal.export" }
    var fingerprint: String { key.publicKey.fingerprint }

    static func run(_ body: @Sendable (Bench) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            try await withTestDatabase(evidenceTemplate) { database in
                let key = try SigningKey.open(path: folder + "/evidence.key")
                try await body(Bench(database: database, folder: folder, key: key))
            }
        }
    }

    func sealer(rowsMax: Int = 10) -> EvidenceSealer {
        EvidenceSealer(database: database, key: key, publishers: [FileHeadPublisher(path: heads)], rowsMax: rowsMax)
    }

    func append(_ numbers: Range<Int>) async throws {
        for number in numbers {
            try await EvidenceJournal.append(
                EvidenceEvent("essai", "objet \(number)", body: #"{"numéro": \#(number), "mot": "\"é\" \\ \#n"}"#),
                in: database)
        }
    }

    /// Seals what `append` left, block by block, so that there are several.
    func appendAndSeal(_ numbers: Range<Int>, rowsMax: Int = 10) async throws {
        try await append(numbers)
        // Once nothing older runs all can be sealed in one go, so that each block but the last is full.
        let newest: Statement = """
            select pg_snapshot_xmin(pg_current_snapshot()) > e.xid from evidence.entries e order by e.xid desc limit 1
            """
        let deadline = ContinuousClock.now + .seconds(300)
        while try await database.one(newest, as: Bool.self) == false {
            try #require(ContinuousClock.now < deadline, "a transaction on the test cluster did not end in 5 minutes")
            try await Task.sleep(for: .milliseconds(50))
        }
        try await sealAll(rowsMax: rowsMax)
    }

    /// Other tests of the process have transactions on the same cluster, below which alone can be sealed.
    func sealAll(rowsMax: Int = 10) async throws { try await sealAll(by: sealer(rowsMax: rowsMax)) }

    func sealAll(by sealer: EvidenceSealer) async throws {
        let deadline = ContinuousClock.now + .seconds(300)
        while try await sealer.seal().unsealedCount > 0 {
            try #require(ContinuousClock.now < deadline, "a transaction on the test cluster did not end in 5 minutes")
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// As the cluster's superuser, who may switch triggers off.
    func tamper(_ statements: Statement...) async throws {
        let name = try await database.one("select current_database()::text", as: String.self)
        let superuser = Database(try await TestCluster.configuration(database: name))
        do {
            for table in ["entries", "blocks"] {
                try await superuser.run("alter table evidence.\(identifier: table) disable trigger all")
            }
            for statement in statements { try await superuser.run(statement) }
            for table in ["entries", "blocks"] {
                try await superuser.run("alter table evidence.\(identifier: table) enable trigger all")
            }
        } catch {
            await superuser.close()
            throw error
        }
        await superuser.close()
    }

    /// Exports and verifies.
    func verdict(withHeads: Bool = true) async throws -> Verdict {
        _ = try await JournalExporter(database: database).export(to: file)
        return try verify(withHeads: withHeads)
    }

    func verify(withHeads: Bool = true) throws -> Verdict {
        try OfflineVerifier.verify(path: file, fingerprint: fingerprint, headPath: withHeads ? heads : nil)
    }
}

func expect(
    _ verdict: Verdict, says words: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(!verdict.isValid, sourceLocation: sourceLocation)
    #expect(
        verdict.lines.contains { $0.contains(words) }, "\(verdict.lines.joined(separator: "\n"))",
        sourceLocation: sourceLocation)
}
