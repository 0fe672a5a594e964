internal import Postgres

/// The SQL of the role that the API connects as: it may nothing itself, only become what a token says.
enum ApiRolesStore {
    static let name = "authenticator"

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
}
