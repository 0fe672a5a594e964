internal import CLibCrypto

/// Ed25519 signatures (RFC 8032).
public enum Ed25519 {
    /// 32 bytes that make the signature; never printed.
    public struct PrivateKey: Sendable, CustomStringConvertible {
        public let seed: [UInt8]
        public let publicKey: PublicKey

        public init() throws(CryptoError) { try self.init(seed: SecureRandom.bytes(32)) }

        public init(seed: [UInt8]) throws(CryptoError) {
            guard seed.count == 32 else {
                throw CryptoError(
                    code: "crypto_key_size", message: "an Ed25519 key of \(seed.count) bytes",
                    hint: "A private key has 32 bytes.")
            }
            self.seed = seed
            guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, 32) else {
                throw .library("take an Ed25519 key")
            }
            defer { EVP_PKEY_free(key) }
            var raw = [UInt8](repeating: 0, count: 32)
            var length = 32
            guard EVP_PKEY_get_raw_public_key(key, &raw, &length) == 1 else { throw .library("derive a public key") }
            publicKey = PublicKey(raw: raw)
        }

        public var description: String { "Ed25519 private key of \(publicKey.fingerprint)" }

        public func signature(of message: [UInt8]) throws(CryptoError) -> [UInt8] {
            guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, 32),
                let context = EVP_MD_CTX_new()
            else { throw .library("take an Ed25519 key") }
            defer {
                EVP_MD_CTX_free(context)
                EVP_PKEY_free(key)
            }
            var signature = [UInt8](repeating: 0, count: 64)
            var length = 64
            guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
                EVP_DigestSign(context, &signature, &length, message, message.count) == 1
            else { throw .library("sign") }
            return signature
        }
    }

    public struct PublicKey: Sendable, Hashable {
        public let raw: [UInt8]

        public init(raw: [UInt8]) { self.raw = raw }

        /// SHA-256 of the raw key, in hexadecimal: what people compare.
        public var fingerprint: String { SHA256.hash(raw).hex }

        public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            guard raw.count == 32, signature.count == 64,
                let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, raw, 32), let context = EVP_MD_CTX_new()
            else {
                ERR_clear_error()
                return false
            }
            defer {
                EVP_MD_CTX_free(context)
                EVP_PKEY_free(key)
                ERR_clear_error()
            }
            return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
                && EVP_DigestVerify(context, signature, 64, message, message.count) == 1
        }
    }
}

/// HKDF with SHA-256 (RFC 5869).
public enum HKDF {
    /// At most 255 × 32 bytes.
    public static func derive(key: [UInt8], salt: [UInt8], info: [UInt8], count: Int = 32) -> [UInt8] {
        let extracted = HMACSHA256.code(key, key: salt.isEmpty ? [UInt8](repeating: 0, count: 32) : salt)
        var out: [UInt8] = []
        var block: [UInt8] = []
        var number: UInt8 = 1
        while out.count < min(count, 255 * 32) {
            block = HMACSHA256.code(block + info + [number], key: extracted)
            out += block
            number &+= 1
        }
        return Array(out.prefix(count))
    }
}
