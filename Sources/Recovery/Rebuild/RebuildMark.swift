internal import Cryptography
internal import Postgres

/// Which database a run rebuilds in. What stands in a database is removed only when it bears the mark of this very run,
/// and is the database that the mark speaks of: a connection string may lead elsewhere tomorrow.
struct RebuildMark: Codable, Sendable, Equatable {
    /// Of the rebuild, from the system's random source.
    let id: String
    /// Of the server's files.
    let systemIdentifier: String
    let databaseOID: Int64
    let database: String

    static func make(for place: DatabaseIdentity) throws -> RebuildMark {
        RebuildMark(
            id: try SecureRandom.bytes(16).hex, systemIdentifier: place.systemIdentifier,
            databaseOID: place.databaseOID, database: place.database)
    }

    /// Whether `place` is the database that this mark was made for, and bears it.
    func matches(_ place: DatabaseIdentity) -> Bool {
        place.systemIdentifier == systemIdentifier && place.databaseOID == databaseOID && place.mark == words
    }

    /// As the target bears it.
    var words: String { "digitalbank, rebuild \(id)" }
}

/// A database as it is met: which one it is, whether it holds anything, whose rebuild has begun in it.
struct DatabaseIdentity: RowDecodable, Sendable {
    let systemIdentifier: String
    let databaseOID: Int64
    let database: String
    let occupants: Int64
    let mark: String?

    init(row: Row) throws {
        systemIdentifier = try row.decode(0)
        databaseOID = try row.decode(1)
        database = try row.decode(2)
        occupants = try row.decode(3)
        mark = try row.decodeIfPresent(4)
    }
}
