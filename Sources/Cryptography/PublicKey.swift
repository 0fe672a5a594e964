internal import CLibCrypto

/// A key of libcrypto's, shared by all threads that verify or sign with it.
final class LibraryKey: @unchecked Sendable {
    // SAFETY: libcrypto counts references and only reads a key that is used to sign or verify.
    let pointer: OpaquePointer

    /// Takes the key over.
    init(taking pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// A public key from its SubjectPublicKeyInfo; nil when that is none, or a point off the curve.
    convenience init?(subjectPublicKeyInfo der: [UInt8]) {
        let key = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var place = buffer.baseAddress
            return d2i_PUBKEY(nil, &place, buffer.count)
        }
        guard let key else {
            ERR_clear_error()
            return nil
        }
        self.init(taking: key)
    }

    func signature(of message: [UInt8], lengthMax: Int) -> [UInt8]? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: lengthMax)
        var length = lengthMax
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, pointer) == 1,
            EVP_DigestSign(context, &signature, &length, message, message.count) == 1
        else {
            ERR_clear_error()
            return nil
        }
        return Array(signature.prefix(length))
    }

    func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, pointer) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}

/// RSA signatures of PKCS #1 version 1.5 over SHA-256 (RFC 8017): verified only, for tokens of other issuers.
public enum RSA {
    public struct PublicKey: Sendable, Hashable {
        public let modulus: [UInt8]
        public let exponent: [UInt8]
        private let key: LibraryKey

        public static let modulusBytes = 256...1024

        /// Big-endian numbers. Refuses keys below 2048 and above 8192 bits, and even exponents.
        public init(modulus: [UInt8], exponent: [UInt8]) throws(CryptoError) {
            let modulus = Array(modulus.drop { $0 == 0 })
            let exponent = Array(exponent.drop { $0 == 0 })
            guard Self.modulusBytes.contains(modulus.count), (1...4).contains(exponent.count), let low = exponent.last,
                low % 2 == 1, exponent != [1],
                let key = LibraryKey(subjectPublicKeyInfo: Self.der(modulus, exponent))
            else {
                throw CryptoError(
                    code: "crypto_key_size", message: "an RSA key of \(modulus.count) bytes",
                    hint: "RSA keys have 2048 to 8192 bits and an odd exponent of four bytes at most.")
            }
            self.modulus = modulus
            self.exponent = exponent
            self.key = key
        }

        public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            signature.count == modulus.count && key.isValid(signature, for: message)
        }

        public static func == (left: PublicKey, right: PublicKey) -> Bool {
            left.modulus == right.modulus && left.exponent == right.exponent
        }

        public func hash(into hasher: inout Hasher) { hasher.combine(modulus) }

        private static func der(_ modulus: [UInt8], _ exponent: [UInt8]) -> [UInt8] {
            let numbers = element(0x30, element(0x02, signed(modulus)) + element(0x02, signed(exponent)))
            let algorithm: [UInt8] = [
                0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
            ]
            return element(0x30, algorithm + element(0x03, [0] + numbers))
        }

        private static func signed(_ number: [UInt8]) -> [UInt8] {
            (number.first ?? 0) >= 0x80 ? [0] + number : number
        }

        /// Contents here stay far below 65,536 bytes.
        private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            let length = content.count
            if length < 0x80 { return [tag, UInt8(truncatingIfNeeded: length)] + content }
            return [tag, 0x82, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)] + content
        }
    }
}
