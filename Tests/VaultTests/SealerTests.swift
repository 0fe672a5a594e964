import Cryptography
import Foundation
import Testing
import Vault

@Suite struct SealerTests {
    private let place = SealedPlace(table: "clients", column: "nom", row: "1")

    @Test func `a sealed value opens at its place and nowhere else`() throws {
        let sealer = try Sealer()
        let key = try DataKey(newFor: UUID())
        let sealed = try sealer.seal(Array("Dupont".utf8), with: key, at: place)
        #expect(try sealer.open(sealed, with: key, at: place) == Array("Dupont".utf8))
        for other in [
            SealedPlace(table: "comptes", column: "nom", row: "1"),
            SealedPlace(table: "clients", column: "prenom", row: "1"),
            SealedPlace(table: "clients", column: "nom", row: "2"),
            SealedPlace(table: "client", column: "snom", row: "1"),
        ] {
            #expect(throws: CryptoError.self) { try sealer.open(sealed, with: key, at: other) }
        }
        let stranger = try DataKey(newFor: UUID())
        #expect(throws: CryptoError.self) { try sealer.open(sealed, with: stranger, at: place) }
        #expect(throws: VaultError.self) { try sealer.open([], with: key, at: place) }
    }

    @Test func `the same value sealed twice looks different`() throws {
        let sealer = try Sealer()
        let key = try DataKey(newFor: UUID())
        let first = try sealer.seal([1, 2, 3], with: key, at: place)
        #expect(try first != sealer.seal([1, 2, 3], with: key, at: place))
    }

    @Test func `a wrapped key is of one client, one version and one key-encryption key`() throws {
        let sealer = try Sealer()
        let kek = try KeyEncryptionKey(bytes: SecureRandom.bytes(32))
        let client = UUID()
        let wrapped = try sealer.wrap(DataKey(newFor: client), under: kek)
        #expect(wrapped.count == 60)
        _ = try sealer.unwrap(wrapped, clientID: client, version: 1, under: kek)
        #expect(throws: CryptoError.self) { try sealer.unwrap(wrapped, clientID: UUID(), version: 1, under: kek) }
        #expect(throws: CryptoError.self) { try sealer.unwrap(wrapped, clientID: client, version: 2, under: kek) }
        let other = try KeyEncryptionKey(bytes: SecureRandom.bytes(32))
        #expect(throws: CryptoError.self) { try sealer.unwrap(wrapped, clientID: client, version: 1, under: other) }
        #expect(throws: VaultError.self) { try sealer.unwrap([], clientID: client, version: 1, under: kek) }
    }

    @Test func `equal values have equal blind indexes, in one column only`() throws {
        let root = try KeyEncryptionKey(bytes: SecureRandom.bytes(32))
        let email = BlindIndex(root: root, purpose: "clients.email")
        #expect(
            email.code(Normaliser.email(" Jeanne@Exemple.FR ")) == email.code(Normaliser.email("jeanne@exemple.fr")))
        let iban = BlindIndex(root: root, purpose: "comptes.iban")
        #expect(email.code([1]) != iban.code([1]))
        #expect(Normaliser.telephone("06 12 34 56 78") == Normaliser.telephone("+33 6 12 34 56 78"))
        #expect(Normaliser.telephone("0033612345678") == Normaliser.telephone("+33612345678"))
    }

    @Test func `a key never prints`() throws {
        let bytes = try SecureRandom.bytes(32)
        let kek = try KeyEncryptionKey(bytes: bytes)
        #expect(!"\(kek)".contains(bytes.hex))
    }
}
