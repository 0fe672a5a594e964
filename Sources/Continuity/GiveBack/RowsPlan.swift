internal import Cryptography
public import Foundation

/// What of chosen tables is not as it was at a moment, for a person to read and approve. It holds keys and names of columns,
/// and no values.
public struct RowsPlan: Codable, Sendable, Hashable {
    public struct Difference: Codable, Sendable, Hashable {
        public enum Kind: String, Codable, Sendable {
            /// It was there and is not: it would be brought back.
            case missing
            /// It was another: it would become that one again.
            case changed
            /// It came since: it stays as it is.
            case added
        }

        public let table: String
        /// The values of the primary key, as a JSON array.
        public let key: String
        public let kind: Kind
        /// Columns that differ, of a changed row.
        public let columns: [String]
        /// SHA-256 of the row then and now; what changed since the plan was made is a conflict.
        let past: String?
        let present: String?
    }

    /// What the ledger says differs; it is never rewritten.
    public struct Untouched: Codable, Sendable, Hashable {
        public let table: String
        public let missing: Int
        public let changed: Int
        public let added: Int
    }

    public static let formatName = "digitalbank.rows/1"
    public var format = Self.formatName
    public let target: String
    /// The last commit that the restored bank holds.
    public let moment: String?
    public let client: UUID?
    public var differences: [Difference] = []
    public var untouched: [Untouched] = []

    public static func read(_ path: String) throws -> RowsPlan {
        guard let data = FileManager.default.contents(atPath: path),
            let plan = try? JSONDecoder().decode(RowsPlan.self, from: data), plan.format == formatName
        else { throw ContinuityError.rows("\(path) is no plan of restore rows") }
        return plan
    }

    public func write(_ path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try ContinuityFolder.write(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: path)
    }

    /// French first, for the person who approves.
    public var lines: [String] {
        var lines: [String] = []
        let tables = Dictionary(grouping: differences, by: \.table)
        for (table, found) in tables.sorted(by: { $0.key < $1.key }) {
            let counts = { (kind: Difference.Kind) in found.count { $0.kind == kind } }
            lines.append(
                "\(table)  à rétablir / to bring back: \(counts(.missing))  à remettre / to set back: \(counts(.changed))"
                    + "  depuis / since, kept: \(counts(.added))")
            for row in found.prefix(Self.namedMax) where row.kind != .added {
                lines.append("  \(row.kind.rawValue)  \(row.key)  \(row.columns.joined(separator: ", "))")
            }
        }
        for table in untouched where table.missing + table.changed + table.added > 0 {
            lines.append(
                "\(table.table)  grand livre, jamais réécrit / ledger, never rewritten: \(table.missing) missing, "
                    + "\(table.changed) changed, \(table.added) since; book corrections where they are due")
        }
        return lines.isEmpty ? ["rien ne diffère / nothing differs"] : lines
    }

    private static let namedMax = 50
}

/// A row as both sides print it: JSON without the columns that are not given back.
struct ComparedRow: Sendable, Hashable {
    let key: String
    let text: String

    var digest: String { SHA256.hash(Array(text.utf8)).hex }
}

/// Holds two states of one table against each other.
enum RowComparison {
    static func differences(
        of table: String, past: [ComparedRow], present: [ComparedRow]
    ) -> [RowsPlan.Difference] {
        let now = Dictionary(present.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let then = Set(past.map(\.key))
        var found: [RowsPlan.Difference] = []
        for row in past {
            guard let other = now[row.key] else {
                found.append(
                    .init(table: table, key: row.key, kind: .missing, columns: [], past: row.digest, present: nil))
                continue
            }
            guard other.text != row.text else { continue }
            found.append(
                .init(
                    table: table, key: row.key, kind: .changed, columns: columns(row.text, other.text),
                    past: row.digest, present: other.digest))
        }
        for row in present where !then.contains(row.key) {
            found.append(
                .init(table: table, key: row.key, kind: .added, columns: [], past: nil, present: row.digest))
        }
        return found
    }

    /// Names of the columns that differ, in order.
    static func columns(_ left: String, _ right: String) -> [String] {
        guard let left = object(left), let right = object(right) else { return [] }
        return Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }.sorted()
    }

    private static func object(_ text: String) -> [String: NSObject]? {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: NSObject]
    }
}

extension ContinuityError {
    static func rows(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "restore_rows_refused", message: what,
            hint: "Look first: digitalbank restore rows --to-time TIME --table SCHEMA.TABLE --plan FILE, then --yes.",
            exitStatus: .badInput)
    }
}
