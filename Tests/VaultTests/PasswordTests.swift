import Postgres
import TestSupport
import Testing
import Vault

@Suite struct PasswordTests {
    @Test func `a password matches its own hash only, and two hashes of it differ`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let root = try newKEK()
            let hasher = PasswordHasher(root: root, cost: 4)
            let hash = try await hasher.hash("Été-2026", in: database)
            #expect(hash.hasPrefix("$2a$04$"))
            #expect(try await hasher.hash("Été-2026", in: database) != hash)
            #expect(try await hasher.matches("Été-2026", hash, in: database))
            // The same letters, with the accents typed as marks of their own.
            #expect(try await hasher.matches("E\u{301}te\u{301}-2026", hash, in: database))
            #expect(try await !hasher.matches("Ete-2026", hash, in: database))
            #expect(try await !hasher.matches("", hash, in: database))
            #expect(try await !hasher.matches("Été-2026", "not a hash", in: database))
            // Whoever has the table and another key has nothing.
            #expect(try await !PasswordHasher(root: newKEK(), cost: 4).matches("Été-2026", hash, in: database))
        }
    }

    @Test func `what stands behind the seventy-second byte counts, and a password without end is refused`() async throws
    {
        try await withTestDatabase(vaultTemplate) { database in
            let hasher = PasswordHasher(root: try newKEK(), cost: 4)
            let long = String(repeating: "a", count: 100)
            let hash = try await hasher.hash(long + "b", in: database)
            #expect(try await !hasher.matches(long + "c", hash, in: database))
            for password in ["", String(repeating: "a", count: 1025)] {
                let error = await #expect(throws: VaultError.self) { try await hasher.hash(password, in: database) }
                #expect(error?.code == "password_size")
                #expect(error?.message.contains("aaa") == false)
            }
        }
    }
}
