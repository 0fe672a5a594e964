import Foundation
import Postgres
import TestSupport
import Testing
import Vault

/// Values are written by pgcrypto itself and read by us.
@Suite struct LegacyPGPTests {
    private static let pgcrypto = TestTemplate("pgcrypto") { database in
        try await database.run("create extension pgcrypto")
    }

    private static let key = "l’ancienne clé de la banque"

    private func written(_ text: String, _ options: String, in database: Database) async throws -> [UInt8] {
        try await database.run("select pgp_sym_encrypt(\(text), \(Self.key), \(options))")[0].decode(0)
    }

    @Test func `every cipher, digest and key derivation of pgcrypto is read`() async throws {
        try await withTestDatabase(Self.pgcrypto) { database in
            var read = 0
            for cipher in ["aes128", "aes192", "aes256", "3des"] {
                for derivation in [
                    "s2k-mode=0", "s2k-mode=1", "s2k-mode=3", "s2k-count=1024", "s2k-count=65536, s2k-digest-algo=md5",
                    "s2k-digest-algo=sha256", "s2k-digest-algo=sha512", "s2k-digest-algo=sha384",
                    "sess-key=1", "sess-key=1, s2k-cipher-algo=aes256", "disable-mdc=1",
                    "disable-mdc=1, compress-algo=2",
                    "compress-algo=1", "compress-algo=2, compress-level=9", "unicode-mode=1", "convert-crlf=1",
                ] {
                    let text = "1 85 05 78 006 084 36 — né à Orléans"
                    let sealed = try await written(text, "cipher-algo=\(cipher), \(derivation)", in: database)
                    let opened = try LegacyPGP(passphrase: Array(Self.key.utf8)).decrypt(sealed)
                    #expect(String(decoding: opened.plaintext, as: UTF8.self) == text, "\(cipher) \(derivation)")
                    #expect(opened.isAuthentic == !derivation.contains("disable-mdc"))
                    read += 1
                }
            }
            #expect(read == 64)
        }
    }

    @Test(arguments: [0, 1, 180, 191, 192, 8_300, 8_400, 70_000, 300_000])
    func `a value of any length is read, in parts or whole, compressed or not`(length: Int) async throws {
        try await withTestDatabase(Self.pgcrypto) { database in
            let text = String(decoding: (0..<length).map { UInt8(97 + ($0 * $0 / 7) % 26) }, as: UTF8.self)
            for options in ["compress-algo=0", "compress-algo=1", "compress-algo=2", "disable-mdc=1"] {
                let sealed = try await written(text, options, in: database)
                let opened = try LegacyPGP.decrypt(sealed, passphrase: Array(Self.key.utf8))
                #expect(opened == Array(text.utf8), "\(options)")
            }
        }
    }

    @Test func `bytes written with pgp_sym_encrypt_bytea are read as they were`() async throws {
        try await withTestDatabase(Self.pgcrypto) { database in
            let bytes: [UInt8] = (0...255).map { UInt8($0) }
            let sealed: [UInt8] = try await database.run("select pgp_sym_encrypt_bytea(\(bytes), \(Self.key))")[0]
                .decode(0)
            #expect(try LegacyPGP.decrypt(sealed, passphrase: Array(Self.key.utf8)) == bytes)
        }
    }

    @Test func `a wrong key is called wrong, and a cipher that is not read is named`() async throws {
        try await withTestDatabase(Self.pgcrypto) { database in
            for options in ["", "disable-mdc=1", "sess-key=1", "compress-algo=2"] {
                let sealed = try await written("secret", options, in: database)
                let error = #expect(throws: VaultError.self) {
                    try LegacyPGP.decrypt(sealed, passphrase: Array("une autre".utf8))
                }
                #expect(error?.code == "legacy_key_wrong", "\(options)")
            }
        }
        // pgcrypto refuses Blowfish where OpenSSL's old ciphers are off, so the packet is made by hand.
        let blowfish: [UInt8] = [0xC3, 4, 4, 4, 0, 2, 0xD2, 1, 1]
        let error = #expect(throws: VaultError.self) { try LegacyPGP.decrypt(blowfish, passphrase: [1]) }
        #expect(error?.message.contains("Blowfish") == true)
    }

    @Test func `changed, cut and random bytes are refused and never trap`() async throws {
        let sealed = try await withTestDatabase(Self.pgcrypto) { database in
            let text = String(repeating: "donnée ", count: 40)
            return [
                try await written(text, "s2k-count=1024", in: database),
                try await written(text, "s2k-mode=1, compress-algo=2, disable-mdc=1", in: database),
            ]
        }
        var generator = SeededGenerator(seed: 20_260_101)
        var limits = LegacyPGP.Limits()
        limits.hashedBytesMax = 1 << 16
        let reader = LegacyPGP(passphrase: Array(Self.key.utf8), limits: limits)
        var refused = 0
        for round in 0..<6_000 {
            do {
                let opened = try reader.decrypt(Self.broken(sealed[round % 2], using: &generator))
                // With a modification code nothing but the value itself may come out.
                if opened.isAuthentic { #expect(opened.plaintext.starts(with: Array("donnée ".utf8))) }
            } catch { refused += 1 }
        }
        #expect(refused > 4_000)
    }

    private static func broken(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << Int.random(in: 0..<8, using: &generator)
        case 1: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
        case 2:
            for _ in 0..<4 {
                bytes[Int.random(in: 0..<40, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
        default:
            let count = Int.random(in: 0..<64, using: &generator)
            bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
        return bytes
    }

    @Test func `a value that asks for more work or memory than allowed is refused`() async throws {
        try await withTestDatabase(Self.pgcrypto) { database in
            var limits = LegacyPGP.Limits()
            limits.hashedBytesMax = 1 << 20
            limits.plaintextBytesMax = 1 << 20
            let reader = LegacyPGP(passphrase: Array(Self.key.utf8), limits: limits)
            let slow = try await written("x", "s2k-count=65000000", in: database)
            #expect(throws: VaultError.self) { try reader.decrypt(slow) }
            let bomb = try await written(String(repeating: "0", count: 4 << 20), "compress-algo=2", in: database)
            #expect(bomb.count < 10_000)
            #expect(throws: VaultError.self) { try reader.decrypt(bomb) }
        }
    }
}

/// SplitMix64: the same seed gives the same test.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
