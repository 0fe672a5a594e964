internal import Cryptography
internal import Foundation
public import Postgres

/// Tokens that BI programs give as a password. Only their digests are kept.
public struct BITokenStore: Sendable {
    public static let daysMax = 400

    public enum Verdict: Sendable, Hashable {
        case valid(name: String)
        case expired, unknown
    }

    public struct Line: Sendable, Hashable, RowDecodable {
        public let id: Int64
        public let name: String
        public let expires: String
        public let used: String?
        public let isRevoked: Bool

        public init(row: Row) throws {
            id = try row.decode(0)
            name = try row.decode(1)
            expires = try row.decode(2)
            used = try row.decodeIfPresent(3)
            isRevoked = try row.decode(4)
        }
    }

    private let database: any SQLExecutor

    public init(_ database: any SQLExecutor) { self.database = database }

    /// The new token, which is shown once.
    public func add(name: String, days: Int) async throws -> String {
        guard (1...80).contains(name.count), (1...Self.daysMax).contains(days) else {
            throw AnalyticsError.token("a token with the name \(name.prefix(90)) for \(days) days can not be made")
        }
        let token = "dbi_" + (try SecureRandom.bytes(32)).hex
        try await database.run(
            """
            insert into bi.jetons (nom, empreinte, expire_le)
            values (\(name), \(SHA256.hash(Array(token.utf8))), clock_timestamp() + make_interval(days => \(days)::integer))
            """)
        return token
    }

    public func check(_ token: String) async throws -> Verdict {
        guard token.utf8.count <= 200 else { return .unknown }
        let digest = SHA256.hash(Array(token.utf8))
        let found = try await database.run(
            """
            select nom, expire_le > clock_timestamp() and revoque_le is null,
                coalesce(utilise_le < clock_timestamp() - interval '1 minute', true)
            from bi.jetons where empreinte = \(digest)
            """)
        guard let row = found.first else { return .unknown }
        guard try row.decode(1, as: Bool.self) else { return .expired }
        if try row.decode(2, as: Bool.self) {
            try await database.run("update bi.jetons set utilise_le = clock_timestamp() where empreinte = \(digest)")
        }
        return .valid(name: try row.decode(0))
    }

    public func all() async throws -> [Line] {
        try await database.all(
            """
            select id, nom, to_char(expire_le, 'YYYY-MM-DD'), to_char(utilise_le, 'YYYY-MM-DD HH24:MI'),
                revoque_le is not null
            from bi.jetons order by id
            """, as: Line.self)
    }

    /// False when there is none, or it was revoked before.
    public func revoke(_ id: Int64) async throws -> Bool {
        try await database.execute(
            "update bi.jetons set revoque_le = clock_timestamp() where id = \(id) and revoque_le is null") == 1
    }

    /// A role that Power BI signs in with, over TLS, to read the star schema and nothing else. Says its password.
    public func makeLogin(_ name: String) async throws -> String {
        guard (1...40).contains(name.count),
            name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }),
            name.first?.isLetter == true
        else { throw AnalyticsError.token("\(name.prefix(60)) is no name for a role: lower case letters, digits, _") }
        let password = try SecureRandom.bytes(18).hex
        try await database.run(
            Statement(
                unchecked: """
                    create role \(Statement.quoted(name)) login connection limit 8 password \(Statement.literal(password)) \
                    in role bi_reader
                    """))
        return password
    }
}
