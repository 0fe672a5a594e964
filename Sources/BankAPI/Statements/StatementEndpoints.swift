internal import HTTPTypes
internal import Web

/// Statements, in the form that the caller asks for.
enum StatementEndpoints {
    /// Entries of a paper or file; a longer period is refused.
    static let entriesMax = 10_000

    static let routes: [Route] = [
        Route(
            method: .get, path: "/accounts/{id}/statement", name: "getStatement",
            summary: "What moved on an account in a period", tag: "accounts",
            parameters: [
                AccountEndpoints.accountID,
                .query("from", .date, "the first business day; without it the account's beginning"),
                .query("to", .date, "the last business day; without it the newest posting"),
                .query("limit", .integer(1...500), "entries of a page of JSON, 50 by default"),
                .query("cursor", .integer(0...Int64.max), "of JSON: `next` of the page before"),
                .query("format", .word(Format.allCases.map(\.rawValue)), "wins over the header Accept"),
            ],
            answers: [
                Route.Answer(
                    words: "JSON in pages; the other forms hold the whole period",
                    contents: [
                        ("application/json", PeriodStatement.schema), ("text/csv", .text(TextRule())),
                        ("application/pdf", .text(TextRule())), ("application/xml", .text(TextRule())),
                    ])
            ],
            refusals: [
                .init(400, "period_invalid"), .init(404, "account_not_found"), .init(406, "form_unsupported"),
                .init(422, "statement_too_long"),
            ],
            run: show)
    ]

    enum Format: String, CaseIterable {
        case json
        case csv
        case pdf
        case camt053 = "camt.053"

        var mediaType: String {
            switch self {
            case .json: "application/json"
            case .csv: "text/csv"
            case .pdf: "application/pdf"
            case .camt053: "application/xml"
            }
        }
    }

    @Sendable private static func show(_ call: BankCall) async throws -> ApiResponse {
        let format = try format(call)
        if let from = call.values["from"], let to = call.values["to"], from > to {
            throw BankProblem(
                400, code: "period_invalid", message: "the period from \(from) to \(to) ends before it begins",
                hint: "Give the earlier day as from.")
        }
        guard format != .json else { return try await show(call, format) }
        // A file of thousands of entries is milliseconds of work: not on a thread that others wait for.
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { try await show(call, format) }
    }

    private static func show(_ call: BankCall, _ format: Format) async throws -> ApiResponse {
        let account = try await AccountEndpoints.find(call)
        let store = StatementStore(core: call.core)
        let isPaged = format == .json
        let size = isPaged ? Int(call.integer("limit") ?? 50) : entriesMax
        guard
            var statement = try await store.page(
                of: account, from: call.values["from"], to: call.values["to"],
                after: isPaged ? call.integer("cursor") : nil, size: size, call.caller)
        else { throw ProblemTable.unexpected }
        if isPaged { return .json(statement.json.text) }
        guard statement.next == nil else {
            throw BankProblem(
                422, code: "statement_too_long",
                message: "the period has \(statement.count) entries, more than \(entriesMax)",
                hint: "Ask for a shorter period, or for JSON in pages.")
        }
        statement.holder = try await store.holder(call.caller)
        return file(format, statement, call)
    }

    private static func file(_ format: Format, _ statement: PeriodStatement, _ call: BankCall) -> ApiResponse {
        let made = CivilTime.text(call.core.clock())
        let body: [UInt8]
        let ending: String
        switch format {
        case .csv: (body, ending) = (CSVStatement.bytes(statement), "csv")
        case .pdf: (body, ending) = (PDFStatement.bytes(statement, bank: call.core.settings, madeAt: made), "pdf")
        case .json, .camt053:
            (body, ending) = (Camt053.bytes(statement, bank: call.core.settings, madeAt: made), "xml")
        }
        let name = "releve-\(statement.account.id)-\(statement.firstDay)-\(statement.lastDay).\(ending)"
        let type = format == .csv ? "text/csv; charset=utf-8; header=present" : format.mediaType
        return ApiResponse(
            status: .ok,
            fields: [.contentType: type, .contentDisposition: "attachment; filename=\"\(name)\""], body: body)
    }

    private static func format(_ call: BankCall) throws(BankProblem) -> Format {
        if let named = call.values["format"].flatMap(Format.init(rawValue:)) { return named }
        guard let accept = call.request.fields[.accept] else { return .json }
        let known = Format.allCases.map { ($0, [$0.mediaType]) } + [(.camt053, ["text/xml"])]
        guard let found = Accept.best(of: known.flatMap { form, types in types.map { (form, $0) } }, header: accept)
        else {
            throw BankProblem(
                406, code: "form_unsupported", message: "a statement has none of the forms that Accept names",
                hint: "Ask for application/json, text/csv, application/pdf or application/xml.")
        }
        return found
    }
}

/// Content negotiation (RFC 9110, 12.5.1), as far as a choice among a few types needs it.
enum Accept {
    /// The choice with the highest weight; among equals the first. Nil when none is accepted.
    static func best<Choice>(of choices: [(Choice, String)], header: String) -> Choice? {
        var best: (choice: Choice, weight: Int)?
        for (choice, type) in choices {
            let weight = weight(of: type, header)
            if weight > best?.weight ?? 0 { best = (choice, weight) }
        }
        return best?.choice
    }

    /// In thousandths; the most specific range that fits decides.
    private static func weight(of type: String, _ header: String) -> Int {
        var found: (specificity: Int, weight: Int)?
        for part in header.split(separator: ",").prefix(50) {
            let words = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let range = words.first else { continue }
            let specificity: Int
            if range == type {
                specificity = 2
            } else if range == type.prefix(while: { $0 != "/" }) + "/*" {
                specificity = 1
            } else if range == "*/*" {
                specificity = 0
            } else {
                continue
            }
            if specificity > found?.specificity ?? -1 { found = (specificity, quality(words.dropFirst())) }
        }
        return found?.weight ?? 0
    }

    private static func quality(_ words: some Sequence<String>) -> Int {
        guard let word = words.first(where: { $0.hasPrefix("q=") })?.dropFirst(2) else { return 1000 }
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ Int($0) }), (0...1).contains(whole) else { return 0 }
        let thousandths = parts.count > 1 ? Int((parts[1] + "000").prefix(3)) ?? 0 : 0
        return min(1000, max(0, whole * 1000 + thousandths))
    }
}

/// Moments as texts, without Foundation's formatters.
enum CivilTime {
    /// `2026-11-25T22:04:39Z`
    static func text(_ seconds: Int64) -> String {
        let days = Int(seconds / 86_400)
        let rest = Int(seconds % 86_400)
        // Civil date of a day number; years begin in March, so that leap days come last.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(two(year / 100))\(two(year % 100))-\(two(month))-\(two(day))"
            + "T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// `25/11/2026` of `2026-11-25`.
    static func french(_ day: String) -> String {
        day.split(separator: "-").reversed().joined(separator: "/")
    }
}
