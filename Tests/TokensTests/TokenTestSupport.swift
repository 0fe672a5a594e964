import Cryptography
import Tokens
import Web

let now: Int64 = 1_900_000_000
let secret = Array("a secret of thirty-two bytes, or more".utf8)

func secretKeys() -> KeySet { KeySet([TokenKey(id: nil, .secret(secret))]) }

func claims(_ members: (String, JSON)...) -> JSON { .object(members.map { JSON.Member($0, $1) }) }

/// A token put together by hand, so that nothing of the library decides what stands in it.
func forged(header: String, payload: String, signature: (String) throws -> [UInt8]) rethrows -> String {
    let message = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(payload.utf8))
    return message + "." + Base64URL.encode(try signature(message))
}

func hmac(_ message: String) -> [UInt8] { HMACSHA256.code(Array(message.utf8), key: secret) }

func verifier(_ keys: KeySet, audience: String? = nil, now: Int64 = now) -> TokenVerifier {
    TokenVerifier(keys: keys, audience: audience) { now }
}
