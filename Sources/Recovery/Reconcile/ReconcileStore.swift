internal import Postgres

/// The SQL that lays the clean room's rows out under canonical names, in temporary tables that end with the session.
enum ReconcileStore {
    static let schema = "rapprochement"

    /// Run by the clean room's superuser: the loader's role may not make schemas.
    static let makeSchema = Statement(
        unchecked: "create schema if not exists \(schema) authorization \(Statement.quoted(CleanRoomStore.role))")

    /// Before images of repairs, the rows marked for a person, and the stage's result: one transaction writes them all.
    static let makeTables: [Statement] = [
        """
        create table if not exists rapprochement.reparations (
            numero bigint generated always as identity primary key, reparation text not null, relation text not null,
            action text not null, avant jsonb, apres jsonb
        )
        """,
        "create table if not exists rapprochement.a_verifier (role text not null, cle text not null)",
        "create table if not exists rapprochement.resultat (contenu text not null)",
    ]

    static let result: Statement = "select contenu from rapprochement.resultat"

    static func keepResult(_ json: String) -> Statement {
        "insert into rapprochement.resultat (contenu) values (\(json))"
    }

    static func mark(_ role: String, _ key: String) -> Statement {
        "insert into rapprochement.a_verifier (role, cle) values (\(role), \(key))"
    }

    static func marked(_ role: String) -> Statement {
        "select cle from rapprochement.a_verifier where role = \(role)"
    }

    static let hasMarks: Statement = "select to_regclass('rapprochement.a_verifier') is not null"

    /// Enough memory to sort a million operations; the zone of the source's wall clocks.
    static func settings(timeZone: String) -> [Statement] {
        [
            "select set_config('timezone', \(timeZone), true)",
            "select set_config('work_mem', '192MB', true)",
            "select set_config('temp_buffers', '256MB', false)",
            "select set_config('max_parallel_workers_per_gather', '2', true)",
        ]
    }

    static func exists(_ relation: String) -> Statement {
        "select to_regclass(\("\(Statement.quoted(CleanRoomStore.schema)).\(Statement.quoted(relation))")) is not null"
    }

    static func table(_ role: RoleTable) -> Statement { Statement(unchecked: "pg_temp.rapp_\(role.rawValue)") }

    /// A role that the bank does not have, or whose rows did not survive: rules run on it and find nothing.
    static func layOutEmpty(_ role: RoleTable) -> Statement {
        let columns = role.columns.map { "\(read("null", $0.form)) as \($0.name)" }.joined(separator: ", ")
        let suite =
            role == .transactions || role == .logs
            ? ", null::bigint as id_suivant, null::timestamptz as moment_suivant, null::timestamptz as plus_tard" : ""
        return Statement(
            unchecked: """
                create temporary table rapp_\(role.rawValue) as
                select null::tid as ligne, \(columns)\(suite) where false
                """)
    }

    /// The role's rows; operations come with the id that follows and the latest time among lower ids.
    static func layOut(_ source: RoleSource) -> Statement {
        let rows = rows(source)
        let time = source.role == .transactions ? "booked_at" : source.role == .logs ? "horodatage" : nil
        guard let time else {
            return Statement(unchecked: "create temporary table rapp_\(source.role.rawValue) as \(rows)")
        }
        return Statement(
            unchecked: """
                create temporary table rapp_\(source.role.rawValue) as
                select lignes.*, lead(id) over suite as id_suivant, lead(\(time)) over suite as moment_suivant,
                    max(\(time)) over (suite rows between unbounded preceding and 1 preceding) as plus_tard
                from (\(rows)) lignes window suite as (order by id)
                """)
    }

    static func rows(_ source: RoleSource) -> String {
        let columns = source.role.columns.map { column -> String in
            let expression = source.expression(of: column.name) ?? "null"
            return "\(read(expression, column.form)) as \(column.name)"
        }
        return "select \(source.alias).ctid as ligne, \(columns.joined(separator: ", ")) from \(source.from)"
    }

    /// What does not fit its form (NaN, infinity, beyond a bank's amounts) is NULL: it must not stop the rules.
    private static func read(_ expression: String, _ form: RoleTable.Form) -> String {
        switch form {
        case .integer: "(\(expression))::bigint"
        case .text: "(\(expression))::text"
        case .money:
            "case when (\(expression))::numeric between -1e13 and 1e13 "
                + "then ((\(expression))::numeric * 100)::bigint end"
        case .time: "case when isfinite((\(expression))::timestamptz) then (\(expression))::timestamptz end"
        case .date: "case when isfinite((\(expression))::date) then (\(expression))::date end"
        }
    }

    static func analyze(_ role: RoleTable) -> Statement {
        Statement(unchecked: "analyze pg_temp.rapp_\(role.rawValue)")
    }

    static let savepoint: Statement = "savepoint regle"
    static let release: Statement = "release savepoint regle"
    static let rollback: Statement = "rollback to savepoint regle"

    /// How the ids of a table run: rows, missing ids, rows later than their id says.
    static func profile(_ role: RoleTable, time: String?) -> Statement {
        let time = time.map { "count(*) filter (where \($0) < plus_tard - interval '5 minutes')" } ?? "0"
        let day =
            role == .transactions
            ? "(select count(distinct booked_at::time) from "
                + "(select booked_at from pg_temp.rapp_transactions limit 20000) debut)" : "99"
        return Statement(
            unchecked: """
                select count(*), count(distinct \(role.key)), \(time), \(day),
                    coalesce(min(\(role.key)), 0), coalesce(max(\(role.key)), 0)
                from pg_temp.rapp_\(role.rawValue)
                """)
    }

    /// Runs of ids that no row has, and between which times.
    static func missingIds(_ role: RoleTable, time: String?) -> Statement {
        let moment = time.map { "min(\($0))" } ?? "null::timestamptz"
        return Statement(
            unchecked: """
                select cle + 1, suivant - 1, moment::text, moment_suivant::text from (
                    select cle, moment, lead(cle) over suite as suivant, lead(moment) over suite as moment_suivant
                    from (
                        select \(role.key) as cle, \(moment) as moment from pg_temp.rapp_\(role.rawValue) group by 1
                    ) cles
                    window suite as (order by cle)
                ) trous where suivant > cle + 1 order by cle limit \(RuleLimits.rowsMax)
                """)
    }
}

/// Limits of the reconciliation.
enum RuleLimits {
    /// Rows that one rule reports one by one; beyond it, the rest is counted.
    static let rowsMax = 50_000
    /// Samples of a rule in the report.
    static let samplesMax = 5
}
