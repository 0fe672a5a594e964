internal import Foundation

/// The numbered `.sql` files of one target.
public struct MigrationSet: Sendable, Hashable {
    /// The owner, as in `meta.migrations.owner`: `bank`, `vault`.
    public let owner: String
    public let migrations: [Migration]

    public init(owner: String, migrations: [Migration]) {
        self.owner = owner
        self.migrations = migrations.sorted { $0.number < $1.number }
    }

    /// Reads every `NNNN_what.sql` of a folder; any other `.sql` name, a number twice or a gap is refused.
    public static func load(owner: String, bundleDirectory: String) throws -> MigrationSet {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: bundleDirectory)
        } catch {
            throw MigrationError.folderUnreadable(bundleDirectory)
        }
        let migrations = try names.filter { $0.hasSuffix(".sql") }.map { file in
            guard let (number, name) = Migration.parse(fileName: file) else {
                throw MigrationError.badFileName(file, owner: owner)
            }
            guard let sql = try? String(contentsOfFile: bundleDirectory + "/" + file, encoding: .utf8) else {
                throw MigrationError.fileUnreadable(bundleDirectory + "/" + file)
            }
            return Migration(number: number, name: name, sql: sql)
        }
        let set = MigrationSet(owner: owner, migrations: migrations)
        try set.checkNumbers()
        return set
    }

    /// Numbers run 1, 2, 3, … without a gap or a repetition.
    func checkNumbers() throws(MigrationError) {
        for (index, migration) in migrations.enumerated() where migration.number != index + 1 {
            throw .numbersNotContiguous(owner: owner, expected: index + 1, found: migration)
        }
    }
}

/// One file: `0001_comptes.sql`.
public struct Migration: Sendable, Hashable {
    public let number: Int
    public let name: String
    public let sql: String

    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    public var fileName: String {
        String(repeating: "0", count: max(0, 4 - "\(number)".count)) + "\(number)_\(name).sql"
    }

    static func parse(fileName: String) -> (number: Int, name: String)? {
        let stem = fileName.dropLast(4)
        let digits = stem.prefix(4)
        let rest = stem.dropFirst(4)
        guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits),
            rest.first == "_", rest.count > 1
        else { return nil }
        return (number, String(rest.dropFirst()))
    }
}
