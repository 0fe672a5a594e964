internal import CLibCrypto

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D): 12-byte nonce, 16-byte tag.
public struct AESGCM: ~Copyable {
    public static let keyBytes = 32
    public static let nonceBytes = 12
    public static let tagBytes = 16

    // SAFETY: the context is owned by this value alone, which can not be copied or shared.
    nonisolated(unsafe) private let context: OpaquePointer

    public init() throws(CryptoError) {
        guard let context = EVP_CIPHER_CTX_new() else { throw .library("make a cipher context") }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// Ciphertext followed by the tag. `associated` is authenticated, not encrypted.
    public func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try check(key, nonce)
        var length: Int32 = 0
        guard EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1
        else { throw .library("begin to encrypt") }
        var isDone = true
        let sealed = [UInt8](unsafeUninitializedCapacity: plaintext.count + Self.tagBytes) { buffer, count in
            count = plaintext.count + Self.tagBytes
            guard let base = buffer.baseAddress else { return isDone = false }
            isDone =
                EVP_EncryptUpdate(context, base, &length, plaintext, Int32(plaintext.count)) == 1
                && EVP_EncryptFinal_ex(context, base + Int(length), &length) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, base + plaintext.count) == 1
        }
        guard isDone else { throw .library("encrypt") }
        return sealed
    }

    /// The plaintext; an error when key, nonce, associated data, ciphertext or tag is not what was sealed.
    public func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try check(key, nonce)
        guard sealed.count >= Self.tagBytes else { throw Self.notAuthentic }
        let size = sealed.count - Self.tagBytes
        var tag = Array(sealed[size...])
        var length: Int32 = 0
        guard EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, &tag) == 1
        else { throw .library("begin to decrypt") }
        var isAuthentic = false
        let plaintext = [UInt8](unsafeUninitializedCapacity: size + Self.tagBytes) { buffer, count in
            count = size
            guard let base = buffer.baseAddress else { return }
            isAuthentic =
                EVP_DecryptUpdate(context, base, &length, sealed, Int32(size)) == 1
                && EVP_DecryptFinal_ex(context, base + Int(length), &length) == 1
        }
        guard isAuthentic else {
            ERR_clear_error()
            throw Self.notAuthentic
        }
        return plaintext
    }

    private func check(_ key: [UInt8], _ nonce: [UInt8]) throws(CryptoError) {
        guard key.count == Self.keyBytes, nonce.count == Self.nonceBytes else {
            throw CryptoError(
                code: "crypto_key_size", message: "a key of \(key.count) bytes or a nonce of \(nonce.count) bytes",
                hint: "AES-256-GCM takes a key of 32 and a nonce of 12 bytes.")
        }
    }

    static let notAuthentic = CryptoError(
        code: "crypto_not_authentic", message: "the sealed value is not authentic under this key",
        hint: "It was changed, moved to another row, or sealed with another key.")
}
