internal import Cryptography

/// The key of one encrypted value, made of the passphrase (RFC 4880, 3.7 and 5.3).
struct PGPSessionKey {
    private let cipher: LegacyCipher
    private let key: [UInt8]
    let hashedBytes: Int

    init(packet: [UInt8], passphrase: [UInt8], hashedBytesMax: Int) throws(VaultError) {
        guard packet.count >= 4, packet[0] == 4 else { throw .legacyBroken("its key packet is of another version") }
        let cipher = try Self.cipher(packet[1])
        var rest = packet[2...]
        let s2k = try PGPStringToKey(&rest, hashedBytesMax: hashedBytesMax)
        let (made, hashed) = try s2k.key(of: passphrase, count: cipher.keyBytes)
        hashedBytes = hashed
        guard !rest.isEmpty else {
            self.cipher = cipher
            key = made
            return
        }
        // The session key itself, encrypted with the passphrase's: its cipher's number, then its bytes.
        let opened = try Self.decrypted(rest, cipher, key: made, vector: nil)
        let inner: LegacyCipher
        do { inner = try Self.cipher(opened[0]) } catch { throw .legacyKeyWrong }
        guard opened.count == 1 + inner.keyBytes else { throw .legacyKeyWrong }
        self.cipher = inner
        key = Array(opened[1...])
    }

    /// Version byte, then random prefix, content and its SHA-1, in one stream (5.13, 5.14).
    func openProtected(_ body: [UInt8]) throws(VaultError) -> [UInt8] {
        guard body.first == 1 else { throw .legacyBroken("its encrypted data is of another version") }
        let opened = try Self.decrypted(body[1...], cipher, key: key, vector: nil)
        let prefix = cipher.blockBytes + 2
        guard opened.count >= prefix + 22 else { throw .legacyBroken("its encrypted data is cut off") }
        let codeStart = opened.count - 20
        let digest: [UInt8]
        do { digest = try LegacyDigest.sha1.hash(opened[..<codeStart]) } catch { throw .legacyBroken(error.message) }
        guard opened[codeStart - 2] == 0xD3, opened[codeStart - 1] == 0x14,
            ConstantTime.areEqual(digest, Array(opened[codeStart...]))
        else { throw .legacyKeyWrong }
        return Array(opened[prefix..<(codeStart - 2)])
    }

    /// Without a modification code: the stream starts anew behind the prefix (5.7).
    func openUnprotected(_ body: [UInt8]) throws(VaultError) -> [UInt8] {
        let prefix = cipher.blockBytes + 2
        guard body.count > prefix else { throw .legacyBroken("its encrypted data is cut off") }
        let start = try Self.decrypted(body[..<prefix], cipher, key: key, vector: nil)
        guard start[prefix - 4] == start[prefix - 2], start[prefix - 3] == start[prefix - 1] else {
            throw .legacyKeyWrong
        }
        return try Self.decrypted(body[prefix...], cipher, key: key, vector: Array(body[2..<prefix]))
    }

    private static func decrypted(
        _ bytes: ArraySlice<UInt8>, _ cipher: LegacyCipher, key: [UInt8], vector: [UInt8]?
    ) throws(VaultError) -> [UInt8] {
        do {
            return try cipher.decrypted(
                bytes, key: key, vector: vector ?? [UInt8](repeating: 0, count: cipher.blockBytes))
        } catch {
            throw .legacyBroken(error.message)
        }
    }

    private static func cipher(_ number: UInt8) throws(VaultError) -> LegacyCipher {
        switch number {
        case 2: return .tripleDES
        case 3: throw .legacyUnknown("the cipher CAST5")
        case 4: throw .legacyUnknown("the cipher Blowfish")
        case 7: return .aes128
        case 8: return .aes192
        case 9: return .aes256
        default: throw .legacyUnknown("the cipher number \(number)")
        }
    }
}

/// How a passphrase becomes a key: hashed plainly, with a salt, or with a salt again and again.
struct PGPStringToKey {
    private let digest: LegacyDigest
    private let salt: [UInt8]
    private let count: Int

    /// Takes its description off the front of `rest`.
    init(_ rest: inout ArraySlice<UInt8>, hashedBytesMax: Int) throws(VaultError) {
        guard let kind = rest.popFirst(), let number = rest.popFirst() else {
            throw .legacyBroken("its key packet is cut off")
        }
        digest = try Self.digest(number)
        guard [0, 1, 3].contains(kind) else { throw .legacyUnknown("the key derivation \(kind)") }
        guard kind == 0 || rest.count >= 8 else { throw .legacyBroken("its key packet is cut off") }
        salt = kind == 0 ? [] : Array(rest.prefix(8))
        rest = rest.dropFirst(salt.count)
        guard kind == 3 else {
            count = 0
            return
        }
        guard let code = rest.popFirst() else { throw .legacyBroken("its key packet is cut off") }
        count = (16 + Int(code & 15)) << (Int(code >> 4) + 6)
        guard count <= hashedBytesMax else { throw .legacyUnknown("a key made by hashing \(count) bytes") }
    }

    func key(of passphrase: [UInt8], count keyBytes: Int) throws(VaultError) -> (key: [UInt8], hashedBytes: Int) {
        let pattern = salt + passphrase
        let length = max(count, pattern.count)
        var key: [UInt8] = []
        var zeros = 0
        while key.count < keyBytes {
            do {
                key += try digest.hash(repeating: pattern, upTo: length, zeros: zeros)
            } catch {
                throw .legacyBroken(error.message)
            }
            zeros += 1
        }
        return (Array(key.prefix(keyBytes)), length * zeros)
    }

    private static func digest(_ number: UInt8) throws(VaultError) -> LegacyDigest {
        switch number {
        case 1: return .md5
        case 2: return .sha1
        case 3: throw .legacyUnknown("the digest RIPEMD-160")
        case 8: return .sha256
        case 9: return .sha384
        case 10: return .sha512
        case 11: return .sha224
        default: throw .legacyUnknown("the digest number \(number)")
        }
    }
}
