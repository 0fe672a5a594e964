import ApiTestSupport
import Foundation
import HTTPTypes
import Migrations
import Postgres
import PostgresServer
import Rest
import TestSupport
import Testing
import Web

/// The films with the schema `api`, served as `digitalbank serve` does: by a login role that may nothing itself.
let keptCinema = TestTemplate("kept_cinema") { database in
    try await Migrator(database).apply([try RestMigrations.set()])
    try await database.withConnection { connection in
        try await connection.runScript(cinemaSQL)
        try await connection.runScript(
            """
            do $$ begin
                create role kept_login login noinherit password 'kept';
                create role strict_cinema nologin;
                alter role strict_cinema set default_transaction_isolation = 'serializable';
                alter role strict_cinema set statement_timeout = '700ms';
            exception when duplicate_object or unique_violation then null; end $$;
            grant anon, authenticated, service_role, strict_cinema to kept_login;
            grant usage on schema public to strict_cinema;
            grant usage on schema api to kept_login;
            grant execute on function api.reserver_cle(text, text, text, bytea),
                api.garder_reponse(text, text, text, smallint, text, bytea) to kept_login;
            create table waits (id int primary key, at timestamptz default clock_timestamp());
            create function slow_note(text_of text, seconds float8) returns int language plpgsql as $$
                declare made int; begin
                    insert into notes (owner, body) values ('u1', text_of) returning id into made;
                    perform pg_sleep(seconds);
                    return made;
                end $$;
            create function count_notes() returns bigint language sql stable as 'select count(*) from notes';
            grant all on waits to authenticated, anon, service_role;
            """)
    }
}

extension Cinema {
    /// Requests run on a login role's connection, as in `serve`.
    static func kept(
        _ change: (inout RestSettings) -> Void = { _ in }, _ body: @Sendable (Cinema) async throws -> Void
    ) async throws {
        var settings = RestSettings()
        settings.servesUnguarded = true
        settings.keepsAnswers = true
        change(&settings)
        let fixed = settings
        try await withTestDatabase(keptCinema) { database in
            let cache = SchemaCache(database: database, schemas: fixed.schemas)
            try await cache.reload()
            let name = try await database.one("select current_database()::text", as: String.self)
            var configuration = try await TestCluster.shared().configuration(
                database: name, user: "kept_login", password: "kept")
            configuration.limits.connectionsMax = 12
            let login = Database(configuration)
            do {
                try await body(
                    Cinema(
                        service: RestService(database: login, cache: cache, settings: fixed), cache: cache,
                        database: database))
                await login.close()
            } catch {
                await login.close()
                throw error
            }
        }
    }
}
