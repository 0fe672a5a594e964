internal import CModSecurity
internal import Glibc

/// libmodsecurity with rules of the operator's, OWASP's for example: the second opinion behind our own engine. It takes
/// some hundred times as long. No more than one request at a time goes through one of these.
final class ModSecurityRules {
    private let engine: OpaquePointer

    /// - Parameter configuration: a file that switches the engine on and includes the rules.
    init(configuration: String) throws(DetectionError) {
        var error = [CChar](repeating: 0, count: 500)
        guard let made = cmodsecurity_open(configuration, &error, error.count) else {
            let words = error.withUnsafeBytes { Bytes($0) }
            throw .option(
                "libmodsecurity: \(words.prefix(words.first(0) ?? 0).text)",
                "Install libmodsecurity3 and modsecurity-crs; docs/guides/detection.md has a configuration.")
        }
        engine = made
    }

    deinit { cmodsecurity_close(engine) }

    /// Whether the rules refuse the request.
    func refuses(_ request: RequestGuard.Request) -> Bool {
        var headers: [(String, String)] = request.headers
        func add(_ name: String, _ value: String) {
            if !value.isEmpty, !headers.contains(where: { $0.0.lowercased() == name }) { headers.append((name, value)) }
        }
        add("host", "banque.example")
        add("user-agent", request.agent)
        add("accept", "*/*")
        add("referer", request.referer)
        add("cookie", request.cookie)
        add("content-type", request.contentType)
        if !request.body.isEmpty { add("content-length", "\(request.body.count)") }
        let copies = headers.flatMap { [strdup($0.0), strdup($0.1)] }
        defer { for copy in copies { free(copy) } }
        let target = request.query.isEmpty ? request.path : request.path + "?" + request.query
        let address = request.address.isEmpty ? "192.0.2.1" : request.address
        let pointers = copies.map { UnsafePointer($0) }
        let answer = target.withCString { target in
            request.method.withCString { method in
                address.withCString { address in
                    pointers.withUnsafeBufferPointer { pointers in
                        request.body.withUnsafeBufferPointer { body in
                            "1.1".withCString { version in
                                var asked = cmodsecurity_request(
                                    address: address, target: target, method: method, version: version,
                                    headers: pointers.baseAddress, header_count: pointers.count,
                                    body: body.baseAddress, body_length: body.count)
                                return cmodsecurity_judge(engine, &asked)
                            }
                        }
                    }
                }
            }
        }
        return answer == 1
    }
}
