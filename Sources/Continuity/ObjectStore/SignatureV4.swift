internal import Cryptography
internal import Foundation

/// AWS Signature Version 4 as S3 wants it: the path is encoded once, the body's digest is a header.
struct SignatureV4: Sendable {
    let key: ObjectStoreKey
    let region: String

    static let emptyDigest = SHA256.hash([]).hex

    /// All headers of the request, with the signature's. Names are given in small letters.
    ///
    /// - Parameter at: `20261129T120000Z`.
    func headers(
        _ method: String, path: String, query: [(name: String, value: String)], headers: [String: String],
        bodyDigest: String, at: String
    ) -> [String: String] {
        var all = headers
        all["x-amz-date"] = at
        all["x-amz-content-sha256"] = bodyDigest
        let names = all.keys.sorted()
        let lines = names.map { "\($0):\((all[$0] ?? "").trimmingCharacters(in: .whitespaces))\n" }.joined()
        let signed = names.joined(separator: ";")
        let request = [
            method, Self.encoded(path: path), Self.encoded(query: query), lines, signed, bodyDigest,
        ].joined(separator: "\n")
        let day = String(at.prefix(8))
        let scope = "\(day)/\(region)/s3/aws4_request"
        let text = ["AWS4-HMAC-SHA256", at, scope, SHA256.hash(Array(request.utf8)).hex].joined(separator: "\n")
        var signing = Array("AWS4\(key.secret)".utf8)
        for part in [day, region, "s3", "aws4_request"] {
            signing = HMACSHA256.code(Array(part.utf8), key: signing)
        }
        let signature = HMACSHA256.code(Array(text.utf8), key: signing).hex
        all["authorization"] =
            "AWS4-HMAC-SHA256 Credential=\(key.id)/\(scope), SignedHeaders=\(signed), Signature=\(signature)"
        return all
    }

    static func encoded(path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { encoded(String($0)) }.joined(separator: "/")
    }

    static func encoded(query: [(name: String, value: String)]) -> String {
        query.map { encoded($0.name) + "=" + encoded($0.value) }.sorted().joined(separator: "&")
    }

    /// RFC 3986: all but letters, digits and `-._~`.
    static func encoded(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: out.unicodeScalars.append(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                out += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return out
    }
}
