internal import Foundation
internal import HTTPTypes
internal import Web

/// `$batch`: several reads in one request, as JSON or as multipart/mixed. Nothing is written, so nothing is atomic.
enum ODataBatch {
    static let partsMax = 50
    static let bytesMax = 64 << 20

    static func run(
        _ request: ApiRequest, _ handle: (ApiRequest) async -> ApiResponse
    ) async throws -> ApiResponse {
        let type = request.fields[.contentType] ?? ""
        if type.hasPrefix("application/json") { return try await json(request, handle) }
        guard type.lowercased().hasPrefix("multipart/mixed"), let boundary = boundary(in: type) else {
            throw ODataProblem.invalid("a batch is application/json or multipart/mixed with a boundary")
        }
        let parts = try MultipartReader.read(request.body, boundary: boundary)
        guard parts.count <= partsMax else { throw ODataProblem.invalid("a batch has at most \(partsMax) requests") }
        let mark = "reponse_" + request.id.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        var body: [UInt8] = []
        for part in parts {
            var response = await answer(part.method, part.target, part.fields, request, handle)
            if body.count + response.body.count > bytesMax {
                response = ODataService.response(
                    ODataProblem.invalid("the answers of this batch are too large together"))
            }
            var head = "--\(mark)\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
            if let id = part.id { head += "Content-ID: \(id)\r\n" }
            head += "\r\nHTTP/1.1 \(response.status.code) \(response.status.reasonPhrase)\r\n"
            for field in response.fields { head += "\(field.name.rawName): \(field.value)\r\n" }
            head += "Content-Length: \(response.body.count)\r\n\r\n"
            body += Array(head.utf8) + response.body + Array("\r\n".utf8)
        }
        body += Array("--\(mark)--\r\n".utf8)
        return ApiResponse(status: .ok, fields: [.contentType: "multipart/mixed; boundary=\(mark)"], body: body)
    }

    private static func json(_ request: ApiRequest, _ handle: (ApiRequest) async -> ApiResponse) async throws
        -> ApiResponse
    {
        let body: JSON
        do { body = try JSONReader.read(request.body) } catch {
            throw ODataProblem.invalid("the batch is no JSON: \(error)")
        }
        guard let list = body["requests"]?.array, list.count <= partsMax else {
            throw ODataProblem.invalid("a batch has a list `requests` of at most \(partsMax)")
        }
        var out = Array("{\"responses\":[".utf8)
        for (index, item) in list.enumerated() {
            guard let id = item["id"]?.string, let target = item["url"]?.string else {
                throw ODataProblem.invalid("each request of a batch has an id and a url")
            }
            var fields: HTTPFields = [:]
            for member in item["headers"]?.members ?? [] {
                if let name = HTTPField.Name(member.name), let value = member.value.string { fields[name] = value }
            }
            let response = await answer(item["method"]?.string ?? "GET", target, fields, request, handle)
            guard out.count + response.body.count <= bytesMax else {
                throw ODataProblem.invalid("the answers of this batch are too large together")
            }
            let type = response.fields[.contentType] ?? ""
            let isJSON = type.hasPrefix("application/json")
            let head: JSON = [
                "id": .string(id), "status": .integer(response.status.code), "headers": ["content-type": .string(type)],
            ]
            out += Array((index > 0 ? "," : "").utf8) + Array(head.text.utf8).dropLast() + Array(",\"body\":".utf8)
            out +=
                response.body.isEmpty
                ? Array("null".utf8)
                : isJSON ? response.body : Array(JSON.string(String(decoding: response.body, as: UTF8.self)).text.utf8)
            out.append(UInt8(ascii: "}"))
        }
        out += Array("]}".utf8)
        return ApiResponse(status: .ok, fields: [.contentType: "application/json; charset=utf-8"], body: out)
    }

    private static func answer(
        _ method: String, _ target: String, _ fields: HTTPFields, _ outer: ApiRequest,
        _ handle: (ApiRequest) async -> ApiResponse
    ) async -> ApiResponse {
        guard method.uppercased() == "GET" else { return ODataService.response(ODataProblem.methodNotAllowed) }
        var target = target[...]
        // Absolute addresses and such from the host's root name this service by its mount.
        if let place = target.range(of: "/odata/") { target = target[place.upperBound...] }
        let mark = target.firstIndex(of: "?")
        var path = String(mark.map { target[..<$0] } ?? target)
        if !path.hasPrefix("/") { path = "/" + path }
        guard !path.hasPrefix("/$batch") else {
            return ODataService.response(ODataProblem.unsupported("a batch inside a batch"))
        }
        let query = mark.map { String(target[target.index(after: $0)...]) } ?? ""
        return await handle(
            ApiRequest(
                method: .get, path: path, query: query, fields: fields, remoteAddress: outer.remoteAddress, id: outer.id
            ))
    }

    private static func boundary(in type: String) -> String? {
        for part in type.split(separator: ";") {
            let words = part.split(separator: "=", maxSplits: 1)
            guard words.count == 2, words[0].filter({ $0 != " " }).lowercased() == "boundary" else { continue }
            let value = words[1].filter { $0 != "\"" && $0 != " " }
            return (1...70).contains(value.utf8.count) ? value : nil
        }
        return nil
    }
}

/// Reads the parts of multipart/mixed that hold one HTTP request each.
enum MultipartReader {
    struct Part {
        let id: String?
        let method: String
        let target: String
        let fields: HTTPFields
    }

    static func read(_ bytes: [UInt8], boundary: String) throws(ODataProblem) -> [Part] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalid("the batch is no UTF-8") }
        let lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false).map { line in
            var line = Substring(line)
            if line.utf8.last == 13 { line = Substring(line.utf8.dropLast()) }
            return line
        }
        var parts: [Part] = []
        var current: [Substring]?
        for line in lines {
            if line == "--\(boundary)--" {
                if let current { parts.append(try part(current)) }
                return parts
            }
            if line == "--\(boundary)" {
                if let current { parts.append(try part(current)) }
                current = []
            } else {
                current?.append(line)
            }
            guard parts.count <= ODataBatch.partsMax else {
                throw .invalid("a batch has at most \(ODataBatch.partsMax) requests")
            }
        }
        throw .invalid("the batch does not end with its boundary")
    }

    private static func part(_ lines: [Substring]) throws(ODataProblem) -> Part {
        let head = lines.prefix { !$0.isEmpty }
        var id: String?
        for line in head {
            let words = line.split(separator: ":", maxSplits: 1).map { $0.drop { $0 == " " } }
            guard words.count == 2 else { continue }
            if words[0].lowercased() == "content-type", words[1].lowercased().hasPrefix("multipart/mixed") {
                throw .methodNotAllowed
            }
            if words[0].lowercased() == "content-id" { id = String(words[1].prefix(100)) }
        }
        let inner = lines.dropFirst(head.count + 1)
        let words = (inner.first ?? "").split(separator: " ")
        guard words.count >= 2 else { throw .invalid("a part of the batch holds no request") }
        var fields: HTTPFields = [:]
        for line in inner.dropFirst().prefix(while: { !$0.isEmpty }) {
            let pair = line.split(separator: ":", maxSplits: 1)
            if pair.count == 2, let name = HTTPField.Name(String(pair[0])) {
                fields[name] = String(pair[1].drop { $0 == " " })
            }
        }
        return Part(id: id, method: String(words[0]), target: String(words[1]), fields: fields)
    }
}
