internal import HTTPTypes
internal import Postgres
internal import Web

/// What one statement of a request gave.
struct Answer: Sendable {
    var rowCount: Int64 = 0
    var body: [UInt8] = []
    /// False when the body is NULL.
    var hasBody = false
    var total: Int64?
    /// The key of the row that was written, as a JSON array of texts.
    var key: String?
    var responseHeaders: String?
    var responseStatus: String?
    /// The planner's guess, when it was asked.
    var planned: Int64?
    /// The plan's text, when it was asked for instead of rows.
    var plan: [UInt8]?
}

/// The statements of one request.
struct Flight: Sendable {
    var main: SQLText
    var plan: Format.Plan?
    /// Explained beside it for the planned count.
    var counted: SQLText?
    var isReadOnly: Bool
    /// What is checked before the change is kept; throwing takes it back.
    var check: (@Sendable (Answer) throws(RestError) -> Void)?
    /// Done and taken back: a dry run.
    var rollsBack = false
    /// The answer has columns for what functions set.
    var readsResponse = false
    /// Each row is an answer's row as JSON; the array around them is made here.
    var isRowWise = false
}

/// Sends a request's statements in one flight: settings, main statement, one Sync.
struct Runner: Sendable {
    let carrier: Carrier

    func run(_ flight: Flight, in context: RequestContext) async throws -> Answer {
        var statements = [settings(context, isReadOnly: flight.isReadOnly)]
        if let function = context.settings.preRequest {
            var sql = SQLText()
            sql.add("select ")
            let parts = function.split(separator: ".", maxSplits: 1).map(String.init)
            if parts.count == 2 {
                sql.name(QualifiedName(schema: parts[0], name: parts[1]))
            } else {
                sql.name(QualifiedName(schema: context.schema, name: function))
            }
            sql.add("()")
            statements.append(sql.statement(scope: context.planScope))
        }
        let place = statements.count
        statements.append(main(flight, context))
        if let counted = flight.counted {
            var explained = counted.statement(scope: context.planScope)
            explained = Statement(unchecked: "explain (format json) " + explained.sql, values: explained.values)
            statements.append(explained)
        }
        let sent = statements
        // Also when the plan alone is asked for: `analyze` runs it, and its figures are told.
        try await checkCost(of: flight, Array(sent[..<place]), context)
        let role = context.roleSettings
        guard flight.check != nil || flight.rollsBack || role.isolation != nil || carrier.isShared else {
            return try Self.read(try await carrier.pipeline(sent), at: place, flight)
        }
        do {
            return try await carrier.undoable(isolation: role.isolation ?? .readCommitted) { tx in
                let answer = try Self.read(try await tx.pipeline(sent), at: place, flight)
                try flight.check?(answer)
                if flight.rollsBack { throw DryRun(answer: answer) }
                return answer
            }
        } catch let dryRun as DryRun {
            return dryRun.answer
        }
    }

    /// Asks the planner before a shape runs for the first time, when the role has a ceiling.
    private func checkCost(of flight: Flight, _ before: [Statement], _ context: RequestContext) async throws {
        guard let most = context.settings.costMaxByRole[context.actor.role] else { return }
        let shape = CostGuard.Shape(scope: context.planScope, sql: flight.main.sql, sizes: flight.main.sizes)
        let now = ContinuousClock.now
        guard !context.costs.knows(shape, at: now) else { return }
        let main = flight.main.statement(scope: context.planScope)
        let explained = Statement(unchecked: "explain (format json) " + main.sql, values: main.values)
        let settings = settings(context, isReadOnly: true)
        // In a savepoint when others share the transaction, which must not stay read only.
        let results: [QueryResult]
        if carrier.isShared {
            results = try await carrier.undoable(isolation: .readCommitted) {
                try await $0.pipeline([settings, explained])
            }
        } else if case .transaction = carrier {
            results = try await carrier.pipeline([before[0], explained])
        } else {
            results = try await carrier.pipeline([settings, explained])
        }
        guard case .number(let text)? = results.last.flatMap(Self.plan)?["Total Cost"], let cost = Double(text),
            cost <= most
        else {
            throw CostGuard.tooCostly(context.actor.role)
        }
        context.costs.pass(shape, at: now)
    }

    /// Runs a statement of ours as the caller, reading only.
    func run(_ statement: Statement, in context: RequestContext) async throws -> QueryResult {
        let sent = [settings(context, isReadOnly: true), statement]
        // The other requests of a batch may write: what reads only does so in a savepoint of its own.
        let results =
            carrier.isShared
            ? try await carrier.undoable(isolation: .readCommitted) { try await $0.pipeline(sent) }
            : try await carrier.pipeline(sent)
        guard let last = results.last else { throw RestError("PGRSTX00", 500, "the database gave no answer") }
        return last
    }

    private struct DryRun: Error { let answer: Answer }

    private func main(_ flight: Flight, _ context: RequestContext) -> Statement {
        let statement = flight.main.statement(scope: context.planScope)
        guard let plan = flight.plan else { return statement }
        let options = (["format \(plan.isJSON ? "json" : "text")"] + plan.options).joined(separator: ", ")
        return Statement(unchecked: "explain (\(options)) " + statement.sql, values: statement.values)
    }

    /// One `select` of `set_config`s, all of them local to the flight.
    private func settings(_ context: RequestContext, isReadOnly: Bool) -> Statement {
        Self.settings(context, isReadOnly: isReadOnly, isShared: carrier.isShared)
    }

    /// Where the claims stand among the values of `settings`.
    static let claimsPlace = 1

    static func settings(_ context: RequestContext, isReadOnly: Bool, isShared: Bool) -> Statement {
        var sql = SQLText()
        sql.add("select ")
        sql.list(pairs(context, isReadOnly: isReadOnly, isShared: isShared)) { sql, setting in
            sql.add("set_config(\(Statement.literal(setting.0)), ")
            sql.bind(setting.1)
            sql.add(", true)")
        }
        return sql.statement(scope: "")
    }

    /// The same for a session that only reads, without sending the claims back.
    static func quietSettings(_ context: RequestContext) -> Statement {
        var sql = SQLText()
        sql.add("select ")
        sql.list(pairs(context, isReadOnly: false, isShared: false), separator: " and ") { sql, setting in
            sql.add("set_config(\(Statement.literal(setting.0)), ")
            sql.bind(setting.1)
            sql.add(", true) is not null")
        }
        return sql.statement(scope: "")
    }

    private static func pairs(
        _ context: RequestContext, isReadOnly: Bool, isShared: Bool
    ) -> [(String, String)] {
        var values = [("role", context.actor.role), ("request.jwt.claims", context.actor.claims)]
        let path = [context.schema] + context.settings.extraSearchPath.filter { $0 != context.schema }
        if path != ["public"] || isShared {
            values.append(("search_path", path.map(SQLText.quoted).joined(separator: ", ")))
        }
        if isReadOnly { values.append(("transaction_read_only", "on")) }
        values += context.roleSettings.hoisted
        if isShared { values += [("response.headers", ""), ("response.status", "")] }
        if let zone = context.preferences.timeZone { values.append(("timezone", zone)) }
        for (name, value) in context.settings.appSettings.sorted(by: { $0.key < $1.key }) {
            values.append((name, value))
        }
        if context.settings.setsRequestDetails { values += details(context.request) }
        return values
    }

    private static func details(_ request: ApiRequest) -> [(String, String)] {
        var headers: [JSON.Member] = []
        var cookies: [JSON.Member] = []
        for field in request.fields {
            if field.name == .cookie {
                for part in field.value.split(separator: ";") {
                    let pair = part.split(separator: "=", maxSplits: 1).map { String($0).trimmingSpaces() }
                    if pair.count == 2 { cookies.append(.init(pair[0], .string(pair[1]))) }
                }
            } else {
                headers.append(.init(field.name.canonicalName, .string(field.value)))
            }
        }
        return [
            ("request.method", request.method.rawValue), ("request.path", request.path),
            ("request.headers", JSON.object(headers).text), ("request.cookies", JSON.object(cookies).text),
        ]
    }

    // MARK: Reading

    static func read(_ results: [QueryResult], at place: Int, _ flight: Flight) throws -> Answer {
        var answer = Answer()
        guard place < results.count else { return answer }
        if flight.plan != nil {
            answer.plan = text(results[place])
            return answer
        }
        if flight.isRowWise {
            answer.rowCount = Int64(results[place].count)
            answer.body = array(results[place])
            answer.hasBody = true
            return answer
        }
        if let row = results[place].first {
            answer.rowCount = try row.decode(0)
            row.withBytes(1) { bytes in
                guard let bytes else { return }
                answer.body = Array(bytes)
                answer.hasBody = true
            }
            answer.total = try row.decodeIfPresent(2)
            answer.key = try row.decodeIfPresent(3)
            if flight.readsResponse {
                answer.responseHeaders = try row.decodeIfPresent(4)
                answer.responseStatus = try row.decodeIfPresent(5)
            }
        }
        if flight.counted != nil, place + 1 < results.count { answer.planned = plannedRows(results[place + 1]) }
        return answer
    }

    /// As `json_agg` writes it.
    private static func array(_ result: QueryResult) -> [UInt8] {
        var body: [UInt8] = [UInt8(ascii: "[")]
        for (index, row) in result.enumerated() {
            if index > 0 { body += ", \n ".utf8 }
            row.withBytes(0) { bytes in if let bytes { body += bytes } }
        }
        body.append(UInt8(ascii: "]"))
        return body
    }

    private static func text(_ result: QueryResult) -> [UInt8] {
        var lines: [UInt8] = []
        for row in result {
            if !lines.isEmpty { lines.append(UInt8(ascii: "\n")) }
            row.withBytes(0) { lines += $0.map(Array.init) ?? [] }
        }
        return lines
    }

    /// `[{"Plan": {"Plan Rows": 42, …}}]`
    private static func plannedRows(_ result: QueryResult) -> Int64? {
        plan(result)?["Plan Rows"]?.integer
    }

    private static func plan(_ result: QueryResult) -> JSON? {
        (try? JSONReader.read(text(result)))?.array?.first?["Plan"]
    }
}
