internal import CLibCrypto

/// Digests that old formats name. New things use `SHA256`.
public enum LegacyDigest: Sendable {
    case md5, sha1, sha224, sha256, sha384, sha512

    private var type: OpaquePointer? {
        switch self {
        case .md5: EVP_md5()
        case .sha1: EVP_sha1()
        case .sha224: EVP_sha224()
        case .sha256: EVP_sha256()
        case .sha384: EVP_sha384()
        case .sha512: EVP_sha512()
        }
    }

    public func hash(_ bytes: some Sequence<UInt8>) throws(CryptoError) -> [UInt8] {
        let bytes = Array(bytes)
        return try hash(repeating: bytes, upTo: bytes.count, zeros: 0)
    }

    /// The digest of `zeros` zero bytes, then `pattern` again and again until `count` bytes of it were taken.
    public func hash(repeating pattern: [UInt8], upTo count: Int, zeros: Int) throws(CryptoError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw .library("make a digest context") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestInit_ex(context, type, nil) == 1 else { throw .library("begin a digest") }
        EVP_DigestUpdate(context, [UInt8](repeating: 0, count: zeros), zeros)
        if !pattern.isEmpty {
            // Whole copies of the pattern, so that long counts go in few calls.
            let copies = min(max(1, 8192 / pattern.count), count / pattern.count + 1)
            let chunk = Array(repeatElement(pattern, count: copies).joined())
            var left = count
            while left > 0 {
                EVP_DigestUpdate(context, chunk, min(left, chunk.count))
                left -= min(left, chunk.count)
            }
        }
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard EVP_DigestFinal_ex(context, &digest, &length) == 1 else { throw .library("end a digest") }
        return Array(digest.prefix(Int(length)))
    }
}

/// Block ciphers in cipher feedback mode, to read what old formats hold. Nothing new is written with them.
public enum LegacyCipher: Sendable, CaseIterable {
    case tripleDES, aes128, aes192, aes256

    public var keyBytes: Int {
        switch self {
        case .tripleDES, .aes192: 24
        case .aes128: 16
        case .aes256: 32
        }
    }

    public var blockBytes: Int { self == .tripleDES ? 8 : 16 }

    private var type: OpaquePointer? {
        switch self {
        case .tripleDES: EVP_des_ede3_cfb64()
        case .aes128: EVP_aes_128_cfb128()
        case .aes192: EVP_aes_192_cfb128()
        case .aes256: EVP_aes_256_cfb128()
        }
    }

    public func decrypted(_ bytes: some Collection<UInt8>, key: [UInt8], vector: [UInt8]) throws(CryptoError) -> [UInt8]
    {
        guard key.count == keyBytes, vector.count == blockBytes, bytes.count <= Int(Int32.max) - 64 else {
            throw CryptoError(
                code: "crypto_key_size", message: "a key of \(key.count) bytes for a cipher that takes \(keyBytes)",
                hint: "The encrypted value is broken, or of a kind that is not read.")
        }
        guard let context = EVP_CIPHER_CTX_new() else { throw .library("make a cipher context") }
        defer { EVP_CIPHER_CTX_free(context) }
        guard EVP_DecryptInit_ex(context, type, nil, key, vector) == 1 else { throw .library("begin to decrypt") }
        let input = Array(bytes)
        var isDone = true
        let output = [UInt8](unsafeUninitializedCapacity: input.count + blockBytes) { buffer, count in
            var length: Int32 = 0
            isDone = EVP_DecryptUpdate(context, buffer.baseAddress, &length, input, Int32(input.count)) == 1
            count = isDone ? Int(length) : 0
        }
        guard isDone, output.count == input.count else { throw .library("decrypt") }
        return output
    }
}

/// Compares secrets in a time that does not depend on where they differ.
public enum ConstantTime {
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
