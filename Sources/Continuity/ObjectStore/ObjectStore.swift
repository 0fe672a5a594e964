internal import Foundation

/// A repository behind S3: `s3://bucket/prefix` among the repositories, and how it is reached.
public struct ObjectStore: Codable, Sendable, Hashable {
    /// A host, or a host and a port: `s3.gra.io.cloud.ovh.net`, `127.0.0.1:9000`. Always TLS.
    public var endpoint: String
    public var region: String
    /// Two lines: the key's id and its secret. Nil reads AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    public var keyFile: String?
    /// The authority that signed the endpoint's certificate, where the system does not know it.
    public var authorityFile: String?
    /// `https://endpoint/bucket` instead of `https://bucket.endpoint`.
    public var isPathStyle: Bool
    public var verifiesTLS: Bool

    public init(
        endpoint: String, region: String, keyFile: String? = nil, authorityFile: String? = nil,
        isPathStyle: Bool = true, verifiesTLS: Bool = true
    ) {
        self.endpoint = endpoint
        self.region = region
        self.keyFile = keyFile
        self.authorityFile = authorityFile
        self.isPathStyle = isPathStyle
        self.verifiesTLS = verifiesTLS
    }

    var host: String { String(endpoint.prefix { $0 != ":" }) }
    var port: Int { endpoint.split(separator: ":", maxSplits: 1).dropFirst().first.flatMap { Int($0) } ?? 443 }

    func checked() throws(ContinuityError) -> ObjectStore {
        func isPlain(_ text: String) -> Bool {
            !text.isEmpty
                && text.utf8.allSatisfy {
                    (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 46
                }
        }
        let parts = endpoint.split(separator: ":", omittingEmptySubsequences: false)
        guard isPlain(host), parts.count <= 2, parts.count == 1 || (1...65_535).contains(Int(parts[1]) ?? 0) else {
            throw .store("\(endpoint) is no host and port")
        }
        guard isPlain(region) else { throw .store("\(region) is no region") }
        for path in [keyFile, authorityFile].compactMap(\.self) where !path.hasPrefix("/") || path.contains("\n") {
            throw .store("\(path) is no absolute path")
        }
        return self
    }
}

/// `s3://bucket/prefix`, taken apart.
struct BucketPlace: Sendable, Hashable {
    let bucket: String
    /// Without slashes at its ends; may be empty.
    let prefix: String

    static let scheme = "s3://"

    /// Nil when it is none: names as S3 has them, prefixes that need no quoting anywhere.
    init?(_ text: String) {
        guard text.hasPrefix(Self.scheme) else { return nil }
        let parts = text.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
            .map(String.init)
        guard let bucket = parts.first, (3...63).contains(bucket.utf8.count) else { return nil }
        func isPlain(_ text: String) -> Bool {
            text.utf8.allSatisfy {
                (48...57).contains($0) || (97...122).contains($0) || (65...90).contains($0) || $0 == 45 || $0 == 46
                    || $0 == 95
            }
        }
        guard bucket == bucket.lowercased(), isPlain(bucket), !bucket.contains("_") else { return nil }
        let rest = parts.dropFirst().filter { !$0.isEmpty }
        guard rest.allSatisfy({ isPlain($0) && $0 != "." && $0 != ".." }) else { return nil }
        self.bucket = bucket
        prefix = rest.joined(separator: "/")
    }

    /// The key of a file of the repository.
    func key(_ name: String) -> String { prefix.isEmpty ? name : prefix + "/" + name }

    /// The file of a key; nil when it is not of this repository.
    func name(of key: String) -> String? {
        guard !prefix.isEmpty else { return key }
        return key.hasPrefix(prefix + "/") ? String(key.dropFirst(prefix.utf8.count + 1)) : nil
    }
}

/// What a store knows its user by.
struct ObjectStoreKey: Sendable {
    let id: String
    let secret: String

    static func read(
        _ store: ObjectStore, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ContinuityError) -> ObjectStoreKey {
        let parts: [String]
        if let path = store.keyFile {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw .storeKey("\(path) can not be read")
            }
            parts = text.split(whereSeparator: \.isWhitespace).map(String.init)
        } else {
            parts = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].compactMap { environment[$0] }
        }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && !$0.contains("\"") && !$0.contains("\\") }) else {
            throw .storeKey(
                store.keyFile.map { "\($0) is not a key's id and its secret, a line each" }
                    ?? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
        }
        return ObjectStoreKey(id: parts[0], secret: parts[1])
    }
}

extension ContinuityError {
    static func store(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "object_store_invalid", message: what,
            hint: "Give --repository s3://bucket/prefix with --s3-endpoint HOST:PORT and --s3-region REGION.",
            exitStatus: .badInput)
    }

    static func storeKey(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "object_store_key_missing", message: "the object store's key is missing: \(what)",
            hint: "Name a file with --s3-key-file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            exitStatus: .environment)
    }

    static func storeAnswer(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "object_store_failed", message: "the object store does not do it: \(what)",
            hint: "Check endpoint, region, bucket, key and --s3-ca-file; then try again.", exitStatus: .environment)
    }
}
