internal import Postgres

/// The SQL of the role that exporters connect as: it sees the server's statistics and no row of the bank.
enum SupervisionStore {
    static let role = "supervision"

    static func make(password: String) -> [Statement] {
        [
            "select pg_advisory_xact_lock(7231, 3)",
            Statement(
                unchecked: """
                    do $$ begin
                        if not exists (select from pg_roles where rolname = '\(role)') then
                            create role \(role) login;
                        end if;
                    end $$
                    """),
            Statement(
                unchecked: "alter role \(role) login connection limit 5 password \(Statement.literal(password))"),
            Statement(unchecked: "grant pg_monitor to \(role)"),
        ]
    }
}
