internal import Cryptography
internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// Speaks S3 through curl: a handful of requests, each signed here, so that no secret is in a command line.
struct ObjectStoreClient: Sendable {
    let store: ObjectStore
    let place: BucketPlace
    let signer: SignatureV4
    /// For curl's files; ours alone.
    let folder: String
    let now: @Sendable () -> Date

    init(
        _ store: ObjectStore, _ place: BucketPlace, key: ObjectStoreKey, folder: String,
        now: @escaping @Sendable () -> Date
    ) {
        self.store = store
        self.place = place
        signer = SignatureV4(key: key, region: store.region)
        self.folder = folder
        self.now = now
    }

    struct Request: Sendable {
        var method = "GET"
        /// Empty for the bucket itself.
        var key = ""
        var query: [(name: String, value: String)] = []
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        /// Where the answer's body goes; a file of ours when nil.
        var output: String?
    }

    struct Answer: Sendable {
        let status: Int
        let version: String?
        let body: String

        var isDone: Bool { (200...299).contains(status) }
        /// `AccessDenied`, `NoSuchBucket`, …
        var code: String { XMLText.first("Code", in: body) ?? "status \(status)" }
    }

    static func find() throws -> String {
        if let program = Tools.find("curl") { return program }
        throw ContinuityError(
            code: "curl_missing", message: "curl is not installed",
            hint: "Install it with: apt-get install --no-install-recommends curl", exitStatus: .environment)
    }

    func send(_ request: Request) async throws -> Answer {
        guard let answer = try await send([request]).first else { throw ContinuityError.storeAnswer("no answer") }
        return answer
    }

    private static let batchMax = 50
    private static let bodyBytesMax = 64 << 20

    /// Sends them one after the other over one connection.
    func send(_ requests: [Request]) async throws -> [Answer] {
        var answers: [Answer] = []
        for start in stride(from: 0, to: requests.count, by: Self.batchMax) {
            answers += try await batch(Array(requests[start..<min(start + Self.batchMax, requests.count)]))
        }
        return answers
    }

    private func batch(_ requests: [Request]) async throws -> [Answer] {
        let stem = folder + "/s3-" + String(UInt64.random(in: .min ... .max), radix: 36)
        var litter = [stem]
        defer { for path in litter { unlink(path) } }
        var lines: [String] = []
        for (index, request) in requests.enumerated() {
            let output = request.output ?? "\(stem)-\(index)"
            if request.output == nil { litter.append(output) }
            if index > 0 { lines.append("next") }
            var upload: String?
            if !request.body.isEmpty {
                let path = "\(stem)-\(index).body"
                litter.append(path)
                try ContinuityFolder.write(String(decoding: request.body, as: UTF8.self), to: path)
                upload = path
            }
            lines += config(request, output: output, upload: upload)
        }
        try ContinuityFolder.write(lines.joined(separator: "\n") + "\n", to: stem)
        let run = try await ToolRun.run(Self.find(), ["--disable", "--config", stem])
        let told = run.outputText.split(separator: "\n")
        guard run.status == 0, told.count == requests.count else {
            throw ContinuityError.storeAnswer(
                "\(store.endpoint): \(run.errorText.split(separator: "\n").first ?? "curl ended with \(run.status)")")
        }
        return requests.indices.map { index in
            let parts = told[index].split(separator: " ").map(String.init)
            let path = requests[index].output ?? "\(stem)-\(index)"
            let status = Int(parts.first ?? "") ?? 0
            let isText = requests[index].output == nil || !(200...299).contains(status)
            let body =
                isText ? String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self) : ""
            return Answer(status: status, version: parts.count > 1 ? parts[1] : nil, body: body)
        }
    }

    private func config(_ request: Request, output: String, upload: String?) -> [String] {
        let bucket = store.isPathStyle ? "/\(place.bucket)" : ""
        let path = request.key.isEmpty && store.isPathStyle ? bucket : bucket + "/" + request.key
        let host = (store.isPathStyle ? "" : "\(place.bucket).") + store.host
        let authority = store.port == 443 ? host : "\(host):\(store.port)"
        var plain = request.headers
        plain["host"] = authority
        let digest = SHA256.hash(request.body)
        if !request.body.isEmpty {
            plain["x-amz-checksum-sha256"] = Data(digest).base64EncodedString()
            plain["x-amz-sdk-checksum-algorithm"] = "SHA256"
        }
        let headers = signer.headers(
            request.method, path: path, query: request.query, headers: plain, bodyDigest: digest.hex,
            at: Self.stamp(now()))
        let query = request.query.isEmpty ? "" : "?" + SignatureV4.encoded(query: request.query)
        var lines = [
            "url = \"https://\(authority)\(SignatureV4.encoded(path: path))\(query)\"",
            "request = \"\(request.method)\"",
            "output = \"\(output)\"", "silent", "show-error", "globoff", "path-as-is", "connect-timeout = 10",
            "max-time = 3600", "max-filesize = \(1 << 40)", "retry = 2",
            "write-out = \"%{http_code} %header{x-amz-version-id}\\n\"",
        ]
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { lines.append("header = \"\(name): \(value)\"") }
        if let upload {
            lines += ["data-binary = \"@\(upload)\"", "header = \"content-type: application/octet-stream\""]
        }
        if let authority = store.authorityFile { lines.append("cacert = \"\(authority)\"") }
        if !store.verifiesTLS { lines.append("insecure") }
        return lines
    }

    static func stamp(_ date: Date) -> String {
        date.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
    }
}

/// The few forms of XML that S3 answers with: flat elements without attributes that matter.
enum XMLText {
    /// The text of the first element of this name.
    static func first(_ name: String, in text: some StringProtocol) -> String? {
        guard let open = text.range(of: "<\(name)>"),
            let close = text.range(of: "</\(name)>", range: open.upperBound..<text.endIndex)
        else { return nil }
        return decoded(String(text[open.upperBound..<close.lowerBound]))
    }

    /// The insides of all elements of this name, in order.
    static func all(_ name: String, in text: String) -> [Substring] {
        var found: [Substring] = []
        var rest = text[...]
        while let open = rest.range(of: "<\(name)>"),
            let close = rest.range(of: "</\(name)>", range: open.upperBound..<rest.endIndex)
        {
            found.append(rest[open.upperBound..<close.lowerBound])
            rest = rest[close.upperBound...]
        }
        return found
    }

    private static func decoded(_ text: String) -> String {
        guard text.contains("&") else { return text }
        return text.replacing("&quot;", with: "\"").replacing("&#34;", with: "\"").replacing("&lt;", with: "<")
            .replacing("&gt;", with: ">").replacing("&apos;", with: "'").replacing("&amp;", with: "&")
    }
}
