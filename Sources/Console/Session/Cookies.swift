internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Web

/// Reads the cookies of a request.
enum Cookies {
    static func value(_ name: String, in header: String) -> String? {
        for part in header.split(separator: ";") {
            let trimmed = part.drop { $0 == " " }
            guard trimmed.hasPrefix(name), trimmed.dropFirst(name.count).first == "=" else { continue }
            return String(trimmed.dropFirst(name.count + 1))
        }
        return nil
    }

    /// Browsers may split the header in HTTP/2.
    static func header(_ fields: HTTPFields) -> String { fields[values: .cookie].joined(separator: "; ") }
}

/// Sealed values that only a server of this bank can read: AES-256-GCM, bound to what they are for.
struct CookieSealer: Sendable {
    let key: [UInt8]
    /// Beyond this browsers drop a cookie without a word.
    static let bytesMax = 4000

    func seal(_ text: String, as purpose: String) throws -> String {
        let nonce = try SecureRandom.bytes(AESGCM.nonceBytes)
        let sealed = try AESGCM().seal(Array(text.utf8), key: key, nonce: nonce, associated: Array(purpose.utf8))
        return Self.plain(nonce + sealed)
    }

    /// Base64 with the letters of addresses, without padding (RFC 4648, section 5).
    static func plain(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    /// Nil when it is not ours, was changed, or is for something else.
    func open(_ text: String, as purpose: String) -> String? {
        guard text.utf8.count <= Self.bytesMax else { return nil }
        let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let padded = plain + String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), data.count > AESGCM.nonceBytes else { return nil }
        let bytes = [UInt8](data)
        let opened = try? AESGCM().open(
            Array(bytes[AESGCM.nonceBytes...]), key: key, nonce: Array(bytes[..<AESGCM.nonceBytes]),
            associated: Array(purpose.utf8))
        return opened.flatMap { String(validating: $0, as: UTF8.self) }
    }
}
