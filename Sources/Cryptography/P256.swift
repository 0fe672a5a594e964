internal import CLibCrypto

/// ECDSA over the curve P-256 with SHA-256 (FIPS 186-4); signatures are the 64 bytes r then s.
public enum P256 {
    public static let scalarBytes = 32
    public static let signatureBytes = 64

    /// The order of the curve's base point: private keys lie below it.
    private static let order: [UInt8] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ]
    private static let curve: [UInt8] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]

    /// 32 bytes that make the signature; never printed.
    public struct PrivateKey: Sendable, CustomStringConvertible {
        public let scalar: [UInt8]
        public let publicKey: PublicKey
        private let key: LibraryKey

        public init() throws(CryptoError) {
            // A draw that is out of range happens once in four thousand million times.
            while true {
                let scalar = try SecureRandom.bytes(P256.scalarBytes)
                if Self.isInRange(scalar) {
                    self = try PrivateKey(scalar: scalar)
                    return
                }
            }
        }

        public init(scalar: [UInt8]) throws(CryptoError) {
            guard Self.isInRange(scalar) else {
                throw CryptoError(
                    code: "crypto_key_size", message: "no P-256 private key in \(scalar.count) bytes",
                    hint: "A private key is a number of 32 bytes below the curve's order.")
            }
            // RFC 5915 without the public key, which the library computes.
            let der: [UInt8] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20] + scalar + [0xA0, 0x0A] + P256.curve
            let pointer = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
                var place = buffer.baseAddress
                return d2i_PrivateKey(EVP_PKEY_EC, nil, &place, buffer.count)
            }
            guard let pointer else { throw .library("take a P-256 key") }
            let key = LibraryKey(taking: pointer)
            var info: UnsafeMutablePointer<UInt8>?
            let length = Int(i2d_PUBKEY(pointer, &info))
            guard let info else { throw .library("derive a public key") }
            defer { CRYPTO_free(info, "", 0) }
            guard length >= 64 else { throw .library("derive a public key") }
            let point = Array(UnsafeBufferPointer(start: info + (length - 64), count: 64))
            self.scalar = scalar
            self.key = key
            publicKey = try PublicKey(x: Array(point.prefix(32)), y: Array(point.suffix(32)))
        }

        public var description: String { "P-256 private key" }

        public func signature(of message: [UInt8]) throws(CryptoError) -> [UInt8] {
            guard let der = key.signature(of: message, lengthMax: 80), let raw = P256.raw(der) else {
                throw .library("sign")
            }
            return raw
        }

        private static func isInRange(_ scalar: [UInt8]) -> Bool {
            scalar.count == P256.scalarBytes && scalar.contains { $0 != 0 }
                && scalar.lexicographicallyPrecedes(P256.order)
        }
    }

    public struct PublicKey: Sendable, Hashable {
        public let x: [UInt8]
        public let y: [UInt8]
        private let key: LibraryKey

        /// Refuses a point that is not on the curve.
        public init(x: [UInt8], y: [UInt8]) throws(CryptoError) {
            let prefix: [UInt8] = [
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
            ]
            guard x.count == 32, y.count == 32,
                let key = LibraryKey(subjectPublicKeyInfo: prefix + P256.curve + [0x03, 0x42, 0x00, 0x04] + x + y)
            else {
                throw CryptoError(
                    code: "crypto_key_size", message: "no P-256 public key in \(x.count) and \(y.count) bytes",
                    hint: "A public key is a point of the curve: two numbers of 32 bytes.")
            }
            self.x = x
            self.y = y
            self.key = key
        }

        public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            guard let der = P256.der(signature) else { return false }
            return key.isValid(der, for: message)
        }

        public static func == (left: PublicKey, right: PublicKey) -> Bool { left.x == right.x && left.y == right.y }
        public func hash(into hasher: inout Hasher) { hasher.combine(x) }
    }

    // MARK: The two forms of a signature

    private static func raw(_ der: [UInt8]) -> [UInt8]? {
        let signature = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var place = buffer.baseAddress
            return d2i_ECDSA_SIG(nil, &place, buffer.count)
        }
        guard let signature else { return nil }
        defer { ECDSA_SIG_free(signature) }
        var out = [UInt8](repeating: 0, count: signatureBytes)
        let isWritten = out.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return BN_bn2binpad(ECDSA_SIG_get0_r(signature), base, 32) == 32
                && BN_bn2binpad(ECDSA_SIG_get0_s(signature), base + 32, 32) == 32
        }
        return isWritten ? out : nil
    }

    /// At most 72 bytes: a sequence of two numbers of 33 bytes at most.
    private static func der(_ raw: [UInt8]) -> [UInt8]? {
        guard raw.count == signatureBytes else { return nil }
        let numbers = integer(raw.prefix(32)) + integer(raw.suffix(32))
        return [0x30, UInt8(truncatingIfNeeded: numbers.count)] + numbers
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var digits = Array(bytes.drop { $0 == 0 })
        if digits.isEmpty || digits[0] >= 0x80 { digits.insert(0, at: 0) }
        return [0x02, UInt8(truncatingIfNeeded: digits.count)] + digits
    }
}
