internal import Postgres

/// The SQL that lays the clean room's rows out under canonical names, in tables that are made anew by each run.
///
/// They are unlogged tables rather than temporary ones: parallel workers and other sessions can read them.
enum ReconcileStore {
    static let schema = "rapprochement"
    static let workSchema = "travail"

    /// Run by the clean room's superuser: the loader's role may not make schemas. What a killed run had laid out goes.
    static let makeSchemas: [Statement] = [
        Statement(
            unchecked: "create schema if not exists \(schema) authorization \(Statement.quoted(CleanRoomStore.role))"),
        dropWorkSchema,
        Statement(unchecked: "create schema \(workSchema) authorization \(Statement.quoted(CleanRoomStore.role))"),
    ]

    static let dropWorkSchema = Statement(unchecked: "drop schema if exists \(workSchema) cascade")

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
        """
        create table if not exists rapprochement.a_journaliser (
            numero bigint generated always as identity primary key, sujet text not null, corps text not null
        )
        """,
    ]

    /// What the journal is to say of the repairs, kept with them: it is told once they stand.
    static func keepEntries(_ entries: [(subject: String, body: String)]) -> Statement {
        """
        insert into rapprochement.a_journaliser (sujet, corps)
        select * from unnest(\(SQLArray(entries.map { Optional.some($0.subject) }))::text[],
            \(SQLArray(entries.map { Optional.some($0.body) }))::text[])
        """
    }

    static let entries: Statement = "select sujet, corps from rapprochement.a_journaliser order by numero"

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

    /// Enough memory to sort a million operations; the zone of the source's wall clocks; every large scan in parallel,
    /// because what a scan computes (times in a zone, wordings without digits) costs more than passing a row on.
    static func settings(timeZone: String) -> [Statement] {
        [
            "select set_config('timezone', \(timeZone), false)",
            "select set_config('work_mem', '192MB', false)",
            "select set_config('max_parallel_workers_per_gather', '1', false)",
            "select set_config('parallel_tuple_cost', '0', false)",
            // Tables that are read whole and joined by hash need no more than their size and how many values there are.
            "select set_config('default_statistics_target', '20', false)",
            // Copies and late rows are few or none: a loop over them for each operation is what the planner would like.
            "select set_config('enable_nestloop', 'off', false)",
        ]
    }

    /// Until the transaction's end. Sums of floating-point numbers depend on the order of rows, which parallel workers
    /// do not keep; and where nearly each row is a group of its own they only get in each other's way.
    static let withoutWorkers: Statement = "select set_config('max_parallel_workers_per_gather', '0', true)"

    static func exists(_ relation: String) -> Statement {
        "select to_regclass(\("\(Statement.quoted(CleanRoomStore.schema)).\(Statement.quoted(relation))")) is not null"
    }

    static func table(_ role: RoleTable) -> Statement { Statement(unchecked: "\(workSchema).rapp_\(role.rawValue)") }

    /// A role that the bank does not have, or whose rows did not survive: rules run on it and find nothing.
    static func layOutEmpty(_ role: RoleTable) -> Statement {
        let columns = role.columns.map { "\(read("null", $0.form)) as \($0.name)" }.joined(separator: ", ")
        return Statement(
            unchecked:
                "create unlogged table travail.rapp_\(role.rawValue) as select null::tid as ligne, \(columns) where false"
        )
    }

    static func layOut(_ source: RoleSource) -> Statement {
        Statement(unchecked: "create unlogged table travail.rapp_\(source.role.rawValue) as \(rows(source))")
    }

    /// What the order of ids shows, from one sort of few columns: rows before which ids are missing, and rows whose time
    /// is well before that of lower ids, which were written later than they say.
    static func findBreaksInSequence(_ role: RoleTable, time: String) -> [Statement] {
        [
            Statement(
                unchecked: """
                    create unlogged table travail.rapp_suite_\(role.rawValue) as
                    select * from (
                        select ligne, id, moment, lag(id) over suite as id_avant, lag(moment) over suite as moment_avant,
                            moment < max(moment) over (suite rows between unbounded preceding and 1 preceding)
                                - interval '5 minutes' as est_tardive
                        from (select ligne, id, \(time) as moment from travail.rapp_\(role.rawValue)) lignes
                        window suite as (order by id, ligne)
                    ) suite where est_tardive or case when id > id_avant then id - 1 > id_avant end
                    """),
            Statement(
                unchecked: """
                    create unlogged table travail.rapp_tardives_\(role.rawValue) as
                    select ligne from travail.rapp_suite_\(role.rawValue) where est_tardive
                    """),
            Statement(unchecked: "analyze travail.rapp_tardives_\(role.rawValue)"),
        ]
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
        Statement(unchecked: "analyze travail.rapp_\(role.rawValue)")
    }

    static let savepoint: Statement = "savepoint regle"
    static let release: Statement = "release savepoint regle"
    static let rollback: Statement = "rollback to savepoint regle"

    /// How the ids of a table run: rows, missing ids, rows later than their id says.
    static func profile(_ role: RoleTable, time: String?) -> Statement {
        let late = time == nil ? "0" : "(select count(*) from travail.rapp_tardives_\(role.rawValue))"
        let day =
            role == .transactions
            ? "(select count(distinct booked_at::time) from "
                + "(select booked_at from travail.rapp_transactions order by ligne limit 20000) debut)" : "99"
        return Statement(
            unchecked: """
                select count(*), count(distinct \(role.key)), \(late), \(day),
                    coalesce(min(\(role.key)), 0), coalesce(max(\(role.key)), 0)
                from travail.rapp_\(role.rawValue)
                """)
    }

    /// The same as `missingIds` for a table whose ids are unique and have been looked at in their order.
    static func missingIdsOfSequence(_ role: RoleTable) -> Statement {
        Statement(
            unchecked: """
                select id_avant + 1, id - 1, moment_avant::text, moment::text from travail.rapp_suite_\(role.rawValue)
                where case when id > id_avant then id - 1 > id_avant end order by id limit \(RuleLimits.rowsMax)
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
                        select \(role.key) as cle, \(moment) as moment from travail.rapp_\(role.rawValue) group by 1
                    ) cles
                    window suite as (order by cle)
                ) trous where case when suivant > cle then suivant - 1 > cle end order by cle limit \(RuleLimits.rowsMax)
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
