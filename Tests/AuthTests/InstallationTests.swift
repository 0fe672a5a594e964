@testable import Auth
import Bank
import Cryptography
import Foundation
import HTTPTypes
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing
import Tokens
import Vault
import Web

@Suite struct InstallationTests {
    @Test func `a platform that has its own auth keeps it, with a word why`() async throws {
        for script in [
            "create schema auth; create table auth.users (id uuid);",
            "create role auth_owner_of_platform; create schema auth authorization auth_owner_of_platform;",
        ] {
            try await withTestDatabase { database in
                try await database.withConnection { try await $0.runScript(script) }
                guard script.contains("users") else { return }
                let error = await #expect(throws: MigrationError.self) {
                    try await Migrator(database).apply([AuthMigrations.set()])
                }
                #expect(error?.message.contains("already holds a users table") == true)
                #expect(error?.hint.contains("platform") == true)
                let count = try await database.one(
                    "select count(*) from pg_tables where schemaname = 'auth'", as: Int.self)
                #expect(count == 1)
            }
        }
    }

    @Test func `the API's roles read and write nothing of auth but their own identity`() async throws {
        try await withAuth { auth in
            try await auth.addUser("a@bank.example")
            let tables = try await auth.database.all(
                "select relname from pg_class where relnamespace = 'auth'::regnamespace and relkind in ('r', 'v')",
                as: String.self)
            #expect(tables.count >= 12)
            for role in ["anon", "authenticated", "service_role"] {
                for table in tables {
                    let rights = try await auth.database.one(
                        """
                        select has_table_privilege(\(role), 'auth.' || \(table), 'select')
                            or has_table_privilege(\(role), 'auth.' || \(table), 'insert')
                            or has_table_privilege(\(role), 'auth.' || \(table), 'update')
                            or has_table_privilege(\(role), 'auth.' || \(table), 'delete')
                        """, as: Bool.self)
                    #expect(!rights, "\(role) on \(table)")
                }
                let functions = try await auth.database.all(
                    """
                    select proname from pg_proc where pronamespace = 'auth'::regnamespace
                        and has_function_privilege(\(role), oid, 'execute')
                    """, as: String.self)
                #expect(Set(functions).isSubset(of: ["jwt", "uid", "role"]), "\(role): \(functions)")
            }
        }
    }

    @Test func `signing keys are kept sealed, and rotate with an overlap that was announced`() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/signing-keys"
            let sealing = try SecureRandom.bytes(32)
            let file = SigningKeyFile(path: path, sealingKey: sealing)
            let first = try file.load()
            #expect(first.tokens.active?.algorithm == .es256)
            #expect(try file.load().tokens.active?.id == first.tokens.active?.id)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let bytes = try #require(FileManager.default.contents(atPath: path))
            #expect(!String(decoding: bytes, as: UTF8.self).contains("keys"))
            let token = try first.tokens.token(["role": "anon"])
            let announced = first.tokens.publicJWKS["keys"]?.array?.compactMap { $0["kid"]?.string } ?? []
            let second = try file.rotate()
            // Whoever knew the published keys knows the one that signs now.
            #expect(announced.contains(second.tokens.active?.id ?? "-"))
            #expect(second.tokens.active?.id != first.tokens.active?.id)
            #expect(second.derived("refresh") == first.derived("refresh"))
            _ = try TokenParser.read(token, keys: second.tokens)
            var last = second
            for _ in 0..<SigningKeyFile.formerKeysMax + 1 { last = try file.rotate() }
            #expect(throws: TokenError.noSuitableKey) { try TokenParser.read(token, keys: last.tokens) }
            let other = SigningKeyFile(path: path, sealingKey: try SecureRandom.bytes(32))
            let error = #expect(throws: AuthFault.self) { try other.load() }
            #expect(error?.code == "auth_keys_not_ours")
            #expect(throws: AuthFault.self) {
                try SigningKeyFile(path: folder + "/no/file", sealingKey: sealing).load()
            }
        }
    }

    @Test func `sessions signed with ES256 outlive a rotation of keys`() async throws {
        try await withTemporaryDirectory { folder in
            let file = SigningKeyFile(path: folder + "/keys", sealingKey: try SecureRandom.bytes(32))
            try await withAuth(keys: try file.load()) { auth in
                let up = await auth.post("/signup")
                let token = up.string("access_token")
                #expect(token.split(separator: ".").count == 3)
                let keys = await auth.get("/.well-known/jwks.json")
                #expect(keys["keys"]?.array?.count == 2)
                auth.service.replace(keys: try file.rotate())
                #expect(await auth.get("/user", token: token).status == 200)
                let fresh = await auth.refresh(up.string("refresh_token"))
                #expect(fresh.status == 200)
                #expect(await auth.get("/user", token: fresh.string("access_token")).status == 200)
            }
        }
    }

    @Test func `addresses and patterns that cannot be read do not start`() async throws {
        try await withTestDatabase(authTemplate) { database in
            for change in [
                { $0.externalURL = "bank.example" }, { $0.siteURL = "" }, { $0.externalURL = "https://x.example/" },
                { $0.redirectAllowList = ["*"] },
            ] as [(inout AuthSettings) -> Void] {
                var settings = testSettings()
                change(&settings)
                #expect(throws: AuthFault.self) {
                    try AuthService(
                        database: database, settings: settings, keys: try #require(AuthKeys(secret: testSecret)),
                        mail: Mailbox(), clock: { 0 })
                }
            }
        }
        #expect(AuthKeys(secret: Array("short".utf8)) == nil)
    }

    @Test func `messages reach a relay whole, in French, and a file sink writes them down`() async throws {
        let relay = try Relay()
        defer { relay.stop() }
        let mail = Mail(recipient: "ana@bank.example", subject: "Été", body: "ligne\n.\n..point\nfin é")
        try await SMTPMailSink(host: "127.0.0.1", port: relay.port, sender: "bank@bank.example").deliver(mail)
        let text = relay.text
        #expect(text.contains("MAIL FROM:<bank@bank.example>"))
        #expect(text.contains("RCPT TO:<ana@bank.example>"))
        #expect(text.contains("Subject: =?UTF-8?B?\(Data("Été".utf8).base64EncodedString())?="))
        let body = Data("ligne\r\n.\r\n..point\r\nfin é".utf8).base64EncodedString()
        #expect(text.contains(body))
        try await withTemporaryDirectory { folder in
            try await FileMailSink(folder: folder, sender: "bank@bank.example").deliver(mail)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
        }
        await #expect(throws: AuthFault.self) {
            try await SMTPMailSink(host: "127.0.0.1", port: 1, sender: "bank@bank.example").deliver(mail)
        }
        let injected = Mail(recipient: "a@b.example>\r\nRCPT TO:<c@d.example", subject: "", body: "")
        await #expect(throws: AuthFault.self) {
            try await SMTPMailSink(host: "127.0.0.1", port: relay.port, sender: "bank@bank.example").deliver(injected)
        }
        for language in MailLanguage.allCases {
            let texts = MailTexts(bank: "Banque", language: language)
            let mail = texts.mail(.code(.recovery, code: "123456", link: "https://x.example/y"), to: "a@b.example")
            #expect(mail.body.contains("123456"))
            #expect(mail.body.contains("https://x.example/y"))
            #expect(mail.subject.hasPrefix(language == .french ? "Banque :" : "Banque:"))
        }
    }
}

/// A mail relay for one message on a port of its own.
final class Relay: Sendable {
    let port: UInt16
    private let descriptor: Int32
    private let received = Mutex("")

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let handle = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(handle, $0, size) == 0 && listen(handle, 4) == 0 && getsockname(handle, $0, &size) == 0
            }
        }
        guard isBound else { throw TestFailure("no port for the relay") }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in serve() }.start()
    }

    var text: String { received.withLock { $0 } }

    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    private func serve() {
        while true {
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { return }
            say("220 relay\r\n", client)
            var pending = ""
            var isData = false
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(client, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                pending += String(decoding: buffer.prefix(count), as: UTF8.self)
                while let end = pending.range(of: isData ? "\r\n.\r\n" : "\r\n") {
                    let line = String(pending[..<end.lowerBound])
                    pending = String(pending[end.upperBound...])
                    received.withLock { $0 += line + "\r\n" }
                    if isData {
                        isData = false
                        say("250 taken\r\n", client)
                    } else if line == "DATA" {
                        isData = true
                        say("354 go on\r\n", client)
                    } else {
                        say(line == "QUIT" ? "221 bye\r\n" : "250-hello\r\n250 fine\r\n", client)
                    }
                }
            }
            close(client)
        }
    }

    private func say(_ text: String, _ client: Int32) {
        let bytes = Array(text.utf8)
        _ = send(client, bytes, bytes.count, 0)
    }
}
