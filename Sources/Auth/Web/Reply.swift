internal import HTTPTypes
internal import Web

/// Writes answers as clients of Supabase Auth read them.
enum Reply {
    private static let versionWithCodes = "2024-01-01"

    static func json(_ text: String, status: HTTPResponse.Status = .ok) -> ApiResponse {
        var response = ApiResponse.json(text, status: status)
        response.fields[.cacheControl] = "no-store"
        return response
    }

    static func json(_ value: JSON, status: HTTPResponse.Status = .ok) -> ApiResponse {
        json(value.text, status: status)
    }

    static let empty = json("{}")

    static var noContent: ApiResponse { ApiResponse(status: .noContent, fields: [.cacheControl: "no-store"]) }

    static func redirect(to url: String) -> ApiResponse {
        ApiResponse(
            status: .seeOther,
            fields: [.location: url, .cacheControl: "no-store", .referrerPolicy: "no-referrer"])
    }

    /// One of two shapes, by the version that the client names.
    static func error(_ error: AuthError, to request: ApiRequest) -> ApiResponse {
        let version = request.fields[.apiVersion].flatMap { $0 >= versionWithCodes && isDate($0) ? $0 : nil }
        var members: [JSON.Member]
        if version != nil {
            members = [.init("code", .string(error.errorCode.rawValue)), .init("message", .string(error.message))]
        } else {
            members = [
                .init("code", .integer(error.status)), .init("error_code", .string(error.errorCode.rawValue)),
                .init("msg", .string(error.message)),
            ]
        }
        if error.errorCode == .weakPassword {
            members.append(.init("weak_password", ["reasons": .array(error.weakReasons.map(JSON.string))]))
        }
        if error.errorCode == .unexpectedFailure { members.append(.init("error_id", .string(request.id))) }
        var response = json(.object(members), status: HTTPResponse.Status(code: error.status))
        response.fields[.errorCode] = error.errorCode.rawValue
        if version != nil { response.fields[.apiVersion] = versionWithCodes }
        if let seconds = error.retryAfterSeconds { response.fields[.retryAfter] = String(seconds) }
        return response
    }

    private static func isDate(_ text: String) -> Bool {
        text.utf8.count == 10 && text.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
