internal import Postgres
internal import Salvage

/// The SQL of the clean room: raw tables in schema `brut`, owned by an unprivileged role.
enum CleanRoomStore {
    static let schema = "brut"
    static let olderSchema = "ancien"
    static let role = "chargeur"
    static let database = "salle_blanche"

    static func createRole(password: String) -> Statement {
        Statement(
            unchecked: "create role \(Statement.quoted(role)) login nosuperuser nocreatedb nocreaterole noinherit "
                + "password \(Statement.literal(password))")
    }

    static let createDatabase = Statement(
        unchecked: "create database \(Statement.quoted(database)) template template0 encoding 'UTF8'")

    /// The unprivileged role owns its two schemas and can do nothing anywhere else.
    static let furnish: [Statement] = [
        Statement(unchecked: "revoke all on schema public from public"),
        Statement(unchecked: "revoke all on database \(Statement.quoted(database)) from public"),
        Statement(
            unchecked: "grant connect, temporary on database \(Statement.quoted(database)) to \(Statement.quoted(role))"
        ),
        Statement(unchecked: "alter role \(Statement.quoted(role)) set search_path = \(schema)"),
        Statement(unchecked: "create schema \(schema) authorization \(Statement.quoted(role))"),
        Statement(unchecked: "create schema \(olderSchema) authorization \(Statement.quoted(role))"),
    ]

    static let begin: Statement = "begin"
    static let commit: Statement = "commit"
    static let rollback: Statement = "rollback"
    static let savepoint: Statement = "savepoint morceau"
    static let releaseSavepoint: Statement = "release savepoint morceau"
    static let rollbackToSavepoint: Statement = "rollback to savepoint morceau"
    static let innerSavepoint: Statement = "savepoint ligne"
    static let rollbackToInnerSavepoint: Statement = "rollback to savepoint ligne"

    /// The raw table of a source table: `public.clients` is `brut.clients`, `audit.t` is `brut."audit.t"`.
    static func relation(_ table: String, schema: String = schema) -> Statement {
        "\(identifier: schema).\(identifier: RoomName.table(table))"
    }

    static func countRows(_ relation: Statement) -> Statement { "select count(*) from \(fragment: relation)" }

    static func copy(into relation: Statement, columns: [String]) -> Statement {
        "copy \(fragment: relation) (\(fragment: list(columns))) from stdin"
    }

    static func copyOut(_ query: Statement) -> Statement { "copy (\(fragment: query)) to stdout" }

    static func everything(of relation: Statement) -> Statement { "select * from \(fragment: relation)" }

    static func createTable(_ relation: Statement, columns: [(name: String, type: String)]) -> Statement {
        let definitions = columns.map { "\(Statement.quoted($0.name)) \($0.type)" }.joined(separator: ", ")
        return "create table \(fragment: relation) (\(fragment: Statement(unchecked: definitions)))"
    }

    static func createTableIfMissing(_ relation: Statement) -> Statement {
        "create table if not exists \(fragment: relation) ()"
    }

    static func addColumnIfMissing(_ relation: Statement, name: String, type: String) -> Statement {
        "alter table \(fragment: relation) add column if not exists \(identifier: name) \(fragment: Statement(unchecked: type))"
    }

    static func dropTable(_ relation: Statement) -> Statement { "drop table if exists \(fragment: relation)" }

    private static func list(_ columns: [String]) -> Statement {
        Statement(unchecked: columns.map(Statement.quoted).joined(separator: ", "))
    }
}
