internal import HTTPTypes
internal import Web

/// Makes the response of what a flight gave.
extension RequestContext {
    /// A response with the headers that functions set (`response.headers`, `response.status`).
    func finish(_ response: ApiResponse, _ answer: Answer) throws(RestError) -> ApiResponse {
        var response = response
        if namesSchema { response.fields[.contentProfile] = schema }
        if isHead { response.body = [] }
        if let status = answer.responseStatus {
            guard let code = Int(status), (200...599).contains(code) else {
                throw RestError("PGRST112", 500, "response.status GUC must be a valid status code")
            }
            response.status = .init(code: code)
        }
        guard let text = answer.responseHeaders else { return response }
        guard let list = (try? JSONReader.read(text))?.array, list.allSatisfy({ $0.members?.count == 1 }) else {
            throw RestError(
                "PGRST111", 500,
                "response.headers GUC must be a JSON array composed of objects with a single key "
                    + "and a string value")
        }
        var isFirst: Set<String> = []
        for member in list.compactMap({ $0.members?.first }) {
            guard let name = HTTPField.Name(member.name), let value = member.value.string else {
                throw RestError("PGRST111", 500, "response.headers GUC must hold names and texts")
            }
            if isFirst.insert(name.canonicalName).inserted { response.fields[name] = nil }
            response.fields.append(HTTPField(name: name, value: value))
        }
        return response
    }

    /// Rows as they are read: status and `Content-Range` say which part of all they are.
    func rows(_ answer: Answer, _ range: RowRange, _ format: Format) throws(RestError) -> ApiResponse {
        if let plan = answer.plan {
            return ApiResponse(status: .ok, fields: [.contentType: format.contentType], body: plan)
        }
        try checkSingle(answer, format)
        let total = answer.total
        if let total, range.offset > total {
            throw RestError(
                "PGRST103", 416, "Requested range not satisfiable",
                details: "An offset of \(range.offset) was requested, but there are only \(total) rows.")
        }
        let status: HTTPResponse.Status
        if let total, range.offset + answer.rowCount < total, answer.rowCount > 0 || range.offset > 0 || total > 0 {
            status = .partialContent
        } else {
            status = .ok
        }
        var fields: HTTPFields = [.contentType: format.contentType]
        fields[.contentRange] = Self.contentRange(range.offset, answer.rowCount, total)
        let applied = applied(count: true)
        if !applied.isEmpty { fields[.preferenceApplied] = applied }
        return ApiResponse(status: status, fields: fields, body: answer.body)
    }

    static func contentRange(_ offset: Int64, _ count: Int64, _ total: Int64?) -> String {
        let (end, isHuge) = offset.addingReportingOverflow(count - 1)
        let rows = count > 0 && !isHuge ? "\(offset)-\(end)" : "*"
        return rows + "/" + (total.map(String.init) ?? "*")
    }

    func checkSingle(_ answer: Answer, _ format: Format) throws(RestError) {
        guard format.contentType.hasPrefix("application/vnd.pgrst.object"), answer.rowCount != 1 else { return }
        throw RestError(
            "PGRST116", 406, "Cannot coerce the result to a single JSON object",
            details: "The result contains \(answer.rowCount) rows")
    }

    /// The preferences that were heeded, as `Preference-Applied` tells them.
    func applied(count: Bool = false, write: Bool = false) -> String {
        var words: [String] = []
        if write, let resolution = preferences.resolution { words.append("resolution=\(resolution.rawValue)") }
        if write, preferences.missingDefault == true { words.append("missing=default") }
        if write, let returning = preferences.returning { words.append("return=\(returning.rawValue)") }
        if count, let count = preferences.count { words.append("count=\(count.rawValue)") }
        if settings.allowsRollback, let rollsBack = preferences.rollsBack {
            words.append("tx=\(rollsBack ? "rollback" : "commit")")
        }
        if let isStrict = preferences.isStrict { words.append("handling=\(isStrict ? "strict" : "lenient")") }
        if let zone = preferences.timeZone { words.append("timezone=\(zone)") }
        if preferences.isStrict == true, let most = preferences.maxAffected { words.append("max-affected=\(most)") }
        return words.joined(separator: ", ")
    }

    var rollsBack: Bool {
        if settings.allowsRollback, let asked = preferences.rollsBack { return asked }
        return settings.rollsBackAlways
    }
}
