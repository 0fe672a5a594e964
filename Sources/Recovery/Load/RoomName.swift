internal import Cryptography

/// Names in the clean room. No two of the dump's tables or columns may share one there, whatever they are called.
enum RoomName {
    /// Bytes of a name; PostgreSQL cuts what is longer, and two names may be one then.
    private static let bytesMax = 63
    /// Columns of a table.
    static let columnsMax = 1600

    private static let systemColumns: Set<String> = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"]

    /// `public.clients` is `clients`, `audit.t` is `audit.t`; names that are long, or hold what another's place needs, end
    /// in a digest of the whole name.
    static func table(_ table: String) -> String {
        let name = table.hasPrefix("public.") ? String(table.dropFirst(7)) : table
        guard name.utf8.count > bytesMax || name.contains("~") || name.contains("\"") || name.isEmpty else {
            return name
        }
        return marked(name, SHA256.hash(Array(table.utf8)).hex.prefix(32))
    }

    /// Names of columns that a table can have side by side, in the order of `listed`.
    static func columns(_ listed: [String]) -> [String] {
        var taken: Set<String> = []
        return listed.enumerated().map { index, name in
            let isPlain =
                !name.isEmpty && name.utf8.count <= bytesMax && !systemColumns.contains(name) && !name.contains("\0")
            let safe = isPlain && !taken.contains(name) ? name : marked(name, "\(index + 1)")
            taken.insert(safe)
            return safe
        }
    }

    private static func marked(_ name: String, _ mark: some StringProtocol) -> String {
        var bytes = 0
        let room = bytesMax - 1 - mark.utf8.count
        let kept = name.filter { $0 != "\0" && $0 != "~" }.prefix {
            bytes += $0.utf8.count
            return bytes <= room
        }
        return kept + "~" + mark
    }
}
