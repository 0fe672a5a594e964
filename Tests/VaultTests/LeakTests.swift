import Cryptography
import Foundation
import Migrations
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Vault

/// The server tells all it can: every statement, every parameter, every error. Nothing of ours may be in it.
@Suite struct LeakTests {
    @Test func `no key, passphrase, password or sealed value is in the server's log or in pg_stat_activity`()
        async throws
    {
        try await withTalkativeServer { database, superuser, log in
            let secrets = try await withActivity(superuser) { try await useEverything(database) }
            let written = try Data(contentsOf: URL(filePath: log()))
            let seen = secrets.samples + Array(written)
            #expect(written.count > 10_000)
            // What must be there, or nothing is proved: parameters in hexadecimal, statements in activity.
            #expect(find(Data(secrets.found.control.hex.utf8), in: Data(seen)))
            #expect(find(Data("vault.data_keys".utf8), in: Data(secrets.samples)))
            let text = Data(seen)
            for (name, secret) in secrets.found.all {
                for (form, bytes) in Self.forms(of: secret) where find(bytes, in: text) {
                    Issue.record("\(name) stands in the log or in activity, as \(form)")
                }
            }
        }
    }

    @Test func `the search finds a secret in each of its forms`() async throws {
        let secret = try SecureRandom.bytes(32)
        for (form, bytes) in Self.forms(of: secret) {
            #expect(find(bytes, in: Data("before ".utf8) + bytes + Data(" after".utf8)), "\(form)")
        }
        try await withTalkativeServer { database, _, log in
            _ = try await database.run("select length(\(secret))")
            try await database.run("select 1 / length(\(secret.hex)) where false")
            let written = try Data(contentsOf: URL(filePath: log()))
            #expect(find(Data(secret.hex.utf8), in: written))
        }
    }

    // MARK: What is done

    private struct Secrets: Sendable {
        /// A value that is meant to be sent: shows that the log has parameters in it.
        var control: [UInt8] = []
        var all: [(name: String, bytes: [UInt8])] = []
    }

    private func useEverything(_ database: Database) async throws -> Secrets {
        try await withTemporaryDirectory { path in
            var secrets = Secrets()
            let folder = KeyFolder(path)
            try KeyProvider.createIfMissing(path + "/index.key")
            let root = try KeyProvider.file(path + "/index.key").key()
            try KeyProvider.createIfMissing(folder.current)
            let first = try KeyProvider.file(folder.current).key()
            secrets.all += [("the index root", root.bytes), ("the first key-encryption key", first.bytes)]
            for purpose in ["blind-index/clients.email", "password"] {
                secrets.all.append(("the derived key of \(purpose)", root.derived(purpose)))
            }
            let email = BlindIndex(root: root, purpose: "clients.email")
            let vault = Vault(database: database, keyring: try await folder.keyring())
            try await database.run(
                "create table personnes (id uuid primary key, nom bytea not null, email_index bytea not null)")
            let sealed = try await seal(20, with: vault, prefix: "Jean-Baptiste Grenouille")
            for (number, value) in sealed.enumerated() {
                let address = Normaliser.email("grenouille\(number)@exemple.fr")
                secrets.control = email.code(address)
                secrets.all += [("a name", value.plain), ("an e-mail", address)]
                try await database.run(
                    """
                    insert into personnes (id, nom, email_index)
                    values (\(value.client), \(value.bytes), \(secrets.control))
                    """)
                let found = try await database.run(
                    "select id, nom from personnes where email_index = \(secrets.control)")
                let bytes = try found[0].decode(1, as: [UInt8].self)
                #expect(try await vault.open(bytes, of: value.client, at: value.place) == value.plain)
            }
            try await changeKeys(database, vault, folder, sealed, &secrets)
            try await useLegacyAndPasswords(database, root, &secrets)
            return secrets
        }
    }

    private func changeKeys(
        _ database: Database, _ vault: Vault, _ folder: KeyFolder, _ sealed: [Sealed], _ secrets: inout Secrets
    ) async throws {
        try await vault.rotateDataKey(of: sealed[0].client)
        try folder.renew()
        let renewed = try await folder.keyring()
        secrets.all.append(("the second key-encryption key", try KeyProvider.file(folder.current).key().bytes))
        _ = try await KeyRotation(database: database, keyring: renewed).run()
        for value in sealed {
            let wrapped = try await VaultKeyStore(database: database).keys(of: value.client)
            secrets.all += try await renewed.unwrap(wrapped).map { ("a client's key", $0.bytes) }
        }
        try await vault.shred(sealed[1].client, in: database)
        // Errors are logged with their parameters as well.
        _ = try? await database.run(
            "update vault.data_keys set client_id = \(UUID()) where client_id = \(sealed[2].client)")
    }

    private func useLegacyAndPasswords(
        _ database: Database, _ root: KeyEncryptionKey, _ secrets: inout Secrets
    ) async throws {
        let passphrase = "l’ancienne clé de la banque 1998"
        let nir = "1 85 05 78 006 084 36"
        // Written by another server, as the attacked bank did.
        let legacy = try await withTestDatabase(vaultTemplate) { other in
            try await other.run("select pgp_sym_encrypt(\(nir), \(passphrase))")[0].decode(0, as: [UInt8].self)
        }
        try await database.run("create table ancienne (nir bytea)")
        try await database.run("insert into ancienne values (\(legacy))")
        let read = try await database.run("select nir from ancienne")[0].decode(0, as: [UInt8].self)
        #expect(try LegacyPGP.decrypt(read, passphrase: Array(passphrase.utf8)) == Array(nir.utf8))
        let password = "Tr0ub4dor & 3 éléphants"
        let hasher = PasswordHasher(root: root, cost: 4)
        let hash = try await hasher.hash(password, in: database)
        #expect(try await hasher.matches(password, hash, in: database))
        #expect(try await !hasher.matches(password + "!", hash, in: database))
        for (name, text) in [("the legacy passphrase", passphrase), ("a legacy value", nir), ("a password", password)] {
            secrets.all.append((name, Array(text.utf8)))
        }
    }

    // MARK: How it is watched

    private func withTalkativeServer(
        _ body: @Sendable (_ database: Database, _ superuser: Database, _ log: () -> String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { folder in
            var options = Cluster.Options(directory: folder + "/cluster")
            options.isDurable = false
            options.isRemovedWithOwner = true
            options.settings = [
                "log_min_duration_statement": "0", "log_statement": "all", "log_duration": "on",
                "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "-1",
                "log_min_error_statement": "debug1", "log_error_verbosity": "verbose",
                "track_activity_query_size": "1MB", "shared_buffers": "32MB",
            ]
            let cluster = try await Cluster.create(options)
            try await cluster.start()
            try await cluster.createDatabase("coffre")
            let database = Database(cluster.configuration(database: "coffre"))
            let superuser = Database(cluster.configuration(database: "coffre"))
            let result: Result<Void, any Error>
            do {
                try await Migrator(database).apply([VaultMigrations.set()])
                result = .success(try await body(database, superuser) { cluster.logFile })
            } catch { result = .failure(error) }
            await database.close()
            await superuser.close()
            try await cluster.destroy()
            try result.get()
        }
    }

    /// Runs `body` while another session reads what all sessions are doing. Returns all that it saw.
    private func withActivity(
        _ superuser: Database, _ body: @Sendable () async throws -> Secrets
    ) async throws -> (found: Secrets, samples: [UInt8]) {
        try await withThrowingTaskGroup(of: Set<String>.self) { group in
            group.addTask {
                var seen: Set<String> = []
                while !Task.isCancelled {
                    let rows = try? await superuser.run("select query from pg_stat_activity where query is not null")
                    guard let rows else { continue }
                    for row in rows { seen.insert(try row.decode(0)) }
                }
                return seen
            }
            let secrets = try await body()
            group.cancelAll()
            let seen = try await group.reduce(into: Set()) { $0.formUnion($1) }
            return (secrets, Array(seen.sorted().joined(separator: "\n").utf8))
        }
    }

    private func find(_ needle: Data, in text: Data) -> Bool { text.range(of: needle) != nil }

    /// How bytes may be written by a server, a client or a person.
    private static func forms(of bytes: [UInt8]) -> [(name: String, bytes: Data)] {
        let data = Data(bytes)
        let escaped = bytes.map { byte -> String in
            if byte == 92 { return "\\\\" }
            if (32..<127).contains(byte) { return String(UnicodeScalar(byte)) }
            let octal = String(byte, radix: 8)
            return "\\" + String(repeating: "0", count: 3 - octal.count) + octal
        }.joined()
        let base64 = data.base64EncodedString()
        return [
            ("raw bytes", data), ("hexadecimal", Data(bytes.hex.utf8)),
            ("upper-case hexadecimal", Data(bytes.hex.uppercased().utf8)),
            ("base64", Data(base64.prefix { $0 != "=" }.utf8)),
            (
                "base64url",
                Data(
                    base64.replacing("+", with: "-").replacing("/", with: "_").prefix { $0 != "=" }.utf8)
            ),
            ("octal escapes", Data(escaped.utf8)),
        ]
    }
}
