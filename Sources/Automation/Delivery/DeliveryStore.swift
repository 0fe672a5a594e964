internal import Postgres
internal import Web

/// A delivery that this server has leased.
struct ClaimedDelivery: Sendable, RowDecodable {
    let id: Int64
    let lane: String
    let key: String
    let scenario: String
    let step: String
    let payload: String
    let attempts: Int
    /// Seconds from now until it is given up.
    let patienceLeft: Double

    init(row: Row) throws {
        id = try row.decode(0)
        lane = try row.decode(1)
        key = try row.decode(2)
        scenario = try row.decode(3)
        step = try row.decode(4)
        payload = try row.decodeIfPresent(5) ?? "{}"
        attempts = try row.decode(6)
        patienceLeft = try row.decode(7)
    }
}

/// What became of a claimed delivery, as `automation.settle` takes it.
struct Settlement: Sendable {
    let id: Int64
    let outcome: Outcome
    let milliseconds: Int
    let isDead: Bool
    let pause: Double?

    var json: JSON {
        var members: [JSON.Member] = [
            .init("id", .integer(id)), .init("sent", .bool(outcome.isSent)), .init("dead", .bool(isDead)),
            .init("ms", .integer(milliseconds)),
        ]
        if let code = outcome.code { members.append(.init("code", .integer(code))) }
        if let detail = outcome.detail {
            members.append(.init("detail", .string(String(detail.prefix(Outcome.detailMax)).replacing("\0", with: ""))))
        }
        if let pause { members.append(.init("pause", .number("\(pause)"))) }
        return .object(members)
    }
}

/// Where deliveries go, as it stands in the database.
struct Destination: Sendable, RowDecodable {
    let name: String
    let kind: String
    let settings: String
    let secret: [UInt8]?

    init(row: Row) throws {
        name = try row.decode(0)
        kind = try row.decode(1)
        settings = try row.decode(2)
        secret = try row.decodeIfPresent(3)
    }
}

/// The SQL of deliveries.
struct DeliveryStore: Sendable {
    let database: any SQLExecutor

    /// Destinations with a lane that is due, free, and for a server with these functions.
    func dueDestinations(_ functions: [String]) async throws -> [String] {
        try await database.all(
            "select automation.due_destinations(\(SQLArray(functions))::text[])", as: String.self)
    }

    func destination(_ name: String) async throws -> Destination? {
        try await database.first(
            "select name, kind, settings::text, secret from automation.destinations where name = \(name)",
            as: Destination.self)
    }

    func claim(
        _ destination: String, owner: String, lanes: Int, most: Int, leaseSeconds: Int, trips: Int,
        functions: [String]
    ) async throws -> [ClaimedDelivery] {
        try await database.all(
            """
            select id, lane, key, scenario, step, payload::text, attempts,
                extract(epoch from expires_at - clock_timestamp())::double precision
            from automation.claim(\(destination), \(owner), \(lanes)::integer, \(most)::integer,
                make_interval(secs => \(leaseSeconds)), \(trips)::integer, \(SQLArray(functions))::text[])
            """, as: ClaimedDelivery.self)
    }

    /// Holds lanes for another lease; false when some are another server's by now.
    func renew(_ lanes: [String], owner: String, leaseSeconds: Int) async throws -> Bool {
        try await database.one(
            """
            select automation.renew(\(owner), \(SQLArray(lanes))::text[], make_interval(secs => \(leaseSeconds)))
            """, as: Int.self) == lanes.count
    }

    @discardableResult
    func settle(
        _ destination: String, owner: String, lanes: [String], _ settlements: [Settlement], trips: Int,
        restSeconds: Double, disables: String?
    ) async throws -> Int {
        let results = JSON.array(settlements.map(\.json)).text
        return try await database.one(
            """
            select automation.settle(\(destination), \(owner), \(SQLArray(lanes))::text[], \(results)::jsonb,
                \(trips)::integer, make_interval(secs => \(restSeconds)), \(disables)::text)
            """, as: Int.self)
    }
}
