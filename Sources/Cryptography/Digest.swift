internal import CLibCrypto
public import Diagnostics

/// What libcrypto refused.
public struct CryptoError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    static func library(_ action: String) -> CryptoError {
        ERR_clear_error()
        return CryptoError(
            code: "crypto_failed", message: "libcrypto could not \(action)",
            hint: "Check the installation of libssl3 and the memory that is free.")
    }
}

/// SHA-256 (FIPS 180-4), in one go or piece by piece.
public struct SHA256: ~Copyable, Sendable {
    // SAFETY: the context is owned by this value alone, which can not be copied.
    nonisolated(unsafe) private let context: OpaquePointer

    public init() throws(CryptoError) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            throw .library("begin a SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of all bytes so far; the value must not be used after it.
    public mutating func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            count = 32
        }
    }

    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, EVP_sha256(), nil)
            count = 32
        }
    }
}

/// HMAC-SHA-256 (RFC 2104).
public enum HMACSHA256 {
    public static func code(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            var length: UInt32 = 32
            HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, buffer.baseAddress, &length)
            count = 32
        }
    }
}

extension [UInt8] {
    /// Lower-case hexadecimal.
    public var hex: String {
        let digits = Array<UInt8>("0123456789abcdef".utf8)
        var out: [UInt8] = []
        out.reserveCapacity(count * 2)
        for byte in self {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Reads hexadecimal of either case; nil when it is none.
    public init?(hex: String) {
        let characters = Array<UInt8>(hex.utf8)
        guard characters.count % 2 == 0 else { return nil }
        self = []
        for index in stride(from: 0, to: characters.count, by: 2) {
            guard let high = Character(UnicodeScalar(characters[index])).hexDigitValue,
                let low = Character(UnicodeScalar(characters[index + 1])).hexDigitValue
            else { return nil }
            append(UInt8(high << 4 | low))
        }
    }
}

/// The system's cryptographic random source, through libcrypto.
public enum SecureRandom {
    public static func bytes(_ count: Int) throws(CryptoError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard RAND_bytes(&bytes, Int32(count)) == 1 else { throw .library("draw random bytes") }
        return bytes
    }
}
