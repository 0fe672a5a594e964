import Cryptography
import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@Suite struct KeyFolderTests {
    @Test func `a renewal keeps the old key, and one cut off at any step goes on`() async throws {
        try await withTemporaryDirectory { path in
            let folder = KeyFolder(path)
            let first = try await folder.keyring().current.kekID
            try folder.renew()
            let ring = try await folder.keyring()
            #expect(ring.current.kekID != first && ring.heldIDs.contains(first))
            // Killed after the next key was made: the same one is taken.
            let next = try newKEK()
            _ = next
            try FileManager.default.copyItem(atPath: path + "/vault.key", toPath: path + "/kept")
            try KeyProvider.createIfMissing(path + "/vault.next.key")
            let waiting = try KeyProvider.file(path + "/vault.next.key").key().id
            try folder.renew()
            let last = try await folder.keyring()
            #expect(last.current.kekID == waiting)
            #expect(Set(last.heldIDs) == [waiting, ring.current.kekID, first])
            try folder.forget(first)
            #expect(folder.oldIDs() == [ring.current.kekID])
            #expect(throws: VaultError.self) { try folder.forget("../vault") }
        }
    }

    @Test func `keys are for their owner only`() async throws {
        try await withTemporaryDirectory { path in
            let folder = KeyFolder(path)
            _ = try await folder.keyring()
            try folder.renew()
            let old = path + "/old/" + folder.oldIDs()[0] + ".key"
            for file in [path + "/vault.key", old] {
                let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
                #expect(mode == 0o600)
            }
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: old)
            await #expect(throws: VaultError.self) { try await folder.keyring() }
        }
    }

    @Test func `many processes that make the first key at once agree on one`() async throws {
        try await withTemporaryDirectory { path in
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<16 { group.addTask { try await KeyFolder(path).keyring().current.kekID } }
                var ids: Set<String> = []
                for try await id in group { ids.insert(id) }
                return ids
            }
            #expect(ids.count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["vault.key"])
        }
    }
}

/// Whatever is wrong with a key is one sentence with what to do, and never the key itself.
@Suite struct KeyProviderTests {
    private func refusal(_ provider: KeyProvider) throws -> VaultError {
        try #require(throws: VaultError.self) { try provider.key() }
    }

    @Test(arguments: [
        ("", "vault_key_size"), ("abcd", "vault_key_size"), ("no hexadecimal at all", "vault_key_missing"),
        (String(repeating: "ab", count: 33), "vault_key_size"),
    ])
    func `a file that holds no key is refused`(text: String, code: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/vault.key"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let error = try refusal(.file(path))
            #expect(error.code == code)
            #expect(error.hint.hasSuffix("."))
            #expect(text.count < 8 || !error.message.contains(text))
        }
    }

    @Test func `a file that is not there or is a folder is refused`() async throws {
        try await withTemporaryDirectory { folder in
            #expect(try refusal(.file(folder + "/absent")).code == "vault_key_missing")
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
            #expect(throws: (any Error).self) { try KeyProvider.file(folder).key() }
        }
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o620, 0o677])
    func `a file that others may read or write is refused with the command that mends it`(mode: Int) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/vault.key"
            try KeyProvider.createIfMissing(path)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let error = try refusal(.file(path))
            #expect(error.code == "vault_key_exposed")
            #expect(error.hint.contains("chmod 600 \(path)"))
        }
    }

    @Test func `an environment variable without a key is refused by its name`() throws {
        let error = try refusal(.environment("BANK_KEY_NOT_SET"))
        #expect(error.code == "vault_key_missing")
        #expect(error.message.contains("BANK_KEY_NOT_SET"))
    }

    @Test func `a key that stays with its keeper is not handed over`() throws {
        #expect(try refusal(.command(KeyCommand(["/bin/true"]))).code == "vault_key_kept")
    }
}
