public import Cryptography
internal import Web

/// A model as bytes: one line with the signature, then JSON. The signature is over the JSON's bytes.
public enum ModelFile {
    static let formatName = "digitalbank.fraud-model/1"
    static let bytesMax = 64 << 20

    public static func sign(_ model: TrainedModel, with key: Ed25519.PrivateKey) throws -> [UInt8] {
        let payload = Array(ModelJSON.write(model).text.utf8)
        let signature = try key.signature(of: payload)
        return Array("\(formatName) \(key.publicKey.raw.hex) \(signature.hex)\n".utf8) + payload
    }

    /// Refuses what is not signed by a trusted key, damaged, of another feature version, or does not reproduce its
    /// reference rows.
    public static func open(_ bytes: [UInt8], trusted: [Ed25519.PublicKey], plan: FeaturePlan) throws(FraudError)
        -> Scorer
    {
        let model = try read(bytes, trusted: trusted)
        guard model.columns == plan.names, model.featureVersion == plan.version else {
            throw FraudError.model("it reads other features than this program computes")
        }
        return try Scorer(model, plan: plan)
    }

    public static func read(_ bytes: [UInt8], trusted: [Ed25519.PublicKey]) throws(FraudError) -> TrainedModel {
        guard bytes.count <= bytesMax else { throw FraudError.model("it is over \(bytesMax >> 20) MB") }
        guard let end = bytes.prefix(512).firstIndex(of: UInt8(ascii: "\n")) else {
            throw FraudError.model("it does not begin with a signature")
        }
        let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ").map(String.init)
        guard words.count == 3, words[0] == formatName, let key = [UInt8](hex: words[1]), key.count == 32,
            let signature = [UInt8](hex: words[2]), signature.count == 64
        else { throw FraudError.model("it is not signed") }
        let signer = Ed25519.PublicKey(raw: key)
        guard trusted.contains(signer) else { throw FraudError.model("the key that signed it is not trusted") }
        let payload = Array(bytes[(end + 1)...])
        guard signer.isValid(signature, for: payload) else {
            throw FraudError.model("its signature is wrong: it was changed or damaged")
        }
        let json: JSON
        do {
            json = try JSONReader.read(payload)
        } catch {
            throw FraudError.model("it is no JSON: \(error)")
        }
        return try ModelJSON.read(json)
    }
}
