import Cryptography
import Foundation
import Postgres
import TestSupport
import Testing
import Vault

/// A keeper's program, played by a script: it XORs with bytes that only it knows, which is enough to see who holds what.
@Suite struct KeeperTests {
    private static let script = #"""
        #!/usr/bin/env python3
        import base64, os, sys
        folder = os.path.dirname(os.path.abspath(__file__))
        operation = sys.argv[-1]
        with open(folder + "/calls", "a") as log:
            log.write(operation + " " + " ".join(sys.argv[1:-1]) + " " + repr(sorted(os.environ.items())) + "\n")
        secret = (b"KEPT" * 24)[:96]
        mask = lambda data: bytes(a ^ b for a, b in zip(data, secret))
        if operation == "id":
            print(open(folder + "/id").read())
        elif operation == "key":
            print(base64.b64encode(secret[:32]).decode())
        else:
            for line in sys.stdin:
                context, data = [base64.b64decode(part) for part in line.split()]
                out = mask(data) + context if operation == "wrap" else mask(data[:32])
                if operation == "unwrap" and data[32:] != context:
                    sys.exit(3)
                print(base64.b64encode(out).decode())
        """#

    private func withKeeper(_ body: (_ folder: String, _ program: String) async throws -> Void) async throws {
        try await withTemporaryDirectory { path in
            let program = path + "/keeper"
            try Self.script.write(toFile: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
            try "v1".write(toFile: path + "/id", atomically: true, encoding: .utf8)
            try await body(path, program)
        }
    }

    private func name(_ program: String, mode: String, in folder: String) throws {
        try #"{"command": ["\#(program)", "--bank"], "mode": "\#(mode)", "timeout_seconds": 30}"#
            .write(toFile: folder + "/keeper.json", atomically: true, encoding: .utf8)
    }

    @Test func `a keeper wraps and unwraps, its own key never comes here, and ours are never in its arguments`()
        async throws
    {
        try await withKeeper { folder, program in
            try name(program, mode: "wrap", in: folder)
            try await withTestDatabase(vaultTemplate) { database in
                let keyring = try await KeyFolder(folder).keyring()
                #expect(keyring.current.kekID == "kms:v1")
                let sealed = try await seal(3, with: Vault(database: database, keyring: keyring))
                let other = Vault(database: database, keyring: keyring)
                for value in sealed {
                    #expect(try await other.open(value.bytes, of: value.client, at: value.place) == value.plain)
                }
                // The keeper's key changes: its name does, and all is re-wrapped in one run of its program.
                try "v2".write(toFile: folder + "/id", atomically: true, encoding: .utf8)
                let renewed = try await KeyFolder(folder).keyring()
                #expect(try await KeyRotation(database: database, keyring: renewed).run().rewrapped == 3)
                #expect(try await VaultKeyStore(database: database).counts().byKEK.map(\.id) == ["kms:v2"])
            }
            let calls = try String(contentsOfFile: folder + "/calls", encoding: .utf8)
            #expect(calls.contains("unwrap") && !calls.contains("key --bank") && !calls.contains("DIGITALBANK"))
        }
    }

    @Test func `a bank moves from a key in a file to a keeper by a rotation`() async throws {
        try await withKeeper { folder, program in
            try await withTestDatabase(vaultTemplate) { database in
                let before = try await KeyFolder(folder).keyring()
                let sealed = try await seal(3, with: Vault(database: database, keyring: before))
                try name(program, mode: "wrap", in: folder)
                let after = try await KeyFolder(folder).keyring()
                #expect(try await KeyRotation(database: database, keyring: after).run().rewrapped == 3)
                let vault = Vault(database: database, keyring: Keyring(current: after.current))
                for value in sealed {
                    #expect(try await vault.open(value.bytes, of: value.client, at: value.place) == value.plain)
                }
            }
        }
    }

    @Test func `a keeper may hand its key over instead`() async throws {
        try await withKeeper { folder, program in
            try name(program, mode: "key", in: folder)
            let keyring = try await KeyFolder(folder).keyring()
            #expect(keyring.current is KeyEncryptionKey)
        }
    }

    @Test(arguments: [
        ("exit 3", "vault_keeper_failed"), ("echo 'not base64!'", "vault_keeper_answer"),
        ("sleep 60", "vault_keeper_slow"),
        ("exec 0<&-; echo", "vault_keeper_answer"),
    ])
    func `a keeper that fails, talks nonsense or hangs is one sentence`(words: String, code: String) async throws {
        let command = KeyCommand(["/bin/sh", "-c", words], mode: .key, timeoutSeconds: 1)
        let error = await #expect(throws: VaultError.self) { try await command.wrapper() }
        #expect(error?.code == code)
    }

    @Test func `a keeper that is not there, or is named badly, is one sentence`() async throws {
        try await withTemporaryDirectory { folder in
            await #expect(throws: VaultError.self) { try await KeyCommand([folder + "/absent"]).wrapper() }
            for text in [
                #"{"command": []}"#, #"{"command": ["kms"]}"#, "[]", #"{"command": ["/kms"], "timeout_seconds": 0}"#,
            ] {
                try text.write(toFile: folder + "/keeper.json", atomically: true, encoding: .utf8)
                let error = await #expect(throws: VaultError.self) { try await KeyFolder(folder).keyring() }
                #expect(error?.code == "vault_keeper_unreadable")
            }
        }
    }
}
