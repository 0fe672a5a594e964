internal import Postgres

/// The SQL of the role that the API connects as: it may nothing itself, only become what a token says.
enum ApiRolesStore {
    static let name = "authenticator"

    /// What the login role may do before it becomes another: keep answers, and nothing else.
    static let answers: [Statement] = [
        Statement(unchecked: "grant usage on schema api to \(name)"),
        Statement(
            unchecked: """
                grant execute on function api.reserver_cle(text, text, text, bytea),
                    api.garder_reponse(text, text, text, smallint, text, bytea) to \(name)
                """),
    ]

    /// Who this connection is.
    static func currentRole(_ connection: Connection) async throws -> String {
        try await connection.one("select current_user::text", as: String.self)
    }

    static func make(password: String) -> [Statement] {
        let literal = Statement.literal(password)
        return [
            "select pg_advisory_xact_lock(7231, 1)",
            Statement(
                unchecked: """
                    do $$ begin
                        if not exists (select from pg_roles where rolname = '\(name)') then
                            create role \(name) login noinherit;
                        end if;
                    end $$
                    """),
            Statement(unchecked: "alter role \(name) login noinherit password \(literal)"),
            Statement(unchecked: "grant anon, authenticated, service_role to \(name)"),
        ]
    }

    /// Whether the figures can have a reader of their own: the role is there and ours to become, or may be made.
    static func mayReadFigures(_ database: Database) async throws -> Bool {
        try await database.one(
            """
            select case when exists (select from pg_roles where rolname = 'bi_reader')
                then (select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = 'bi_reader')
                else false end
                or (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
            """, as: Bool.self)
    }
}
