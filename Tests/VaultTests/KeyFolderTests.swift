import Crypto
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
