internal import Postgres

/// The SQL of lines and positions.
struct LogIntakeStore: Sendable {
    let database: any SQLExecutor

    func position(_ name: String) async throws -> String? {
        try await database.first(
            "select position::text from detection.positions where name = \(name)", as: String.self)
    }

    func add(_ rows: String) async throws {
        try await database.run(
            """
            insert into public.logs (horodatage, adresse_jeton, acteur_jeton, action, objet_jeton)
            select timestamptz 'epoch' + r.t * interval '1 microsecond', r.a, r.u, r.x, r.o
            from jsonb_to_recordset(\(rows)::jsonb) r (t bigint, a text, u text, x text, o text)
            """)
    }

    func keep(_ name: String, _ position: String) async throws {
        try await database.run(
            """
            insert into detection.positions (name, position) values (\(name), \(position)::jsonb)
            on conflict (name) do update set position = excluded.position, updated_at = clock_timestamp()
            """)
    }
}
