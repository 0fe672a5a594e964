/// Rules of the watch over rows: pure, from counts to an alarm.
public enum WatchRules {
    /// What PostgreSQL counted of one table between two looks.
    public struct Change: Sendable, Hashable {
        public let table: String
        public let rows: Int64
        public let inserted: Int64
        public let updated: Int64
        public let deleted: Int64
        /// Rows that were changed before and lie about: written again by whoever has not committed yet.
        public let grownBytes: Int64
        public let bytes: Int64

        public init(
            table: String, rows: Int64, inserted: Int64 = 0, updated: Int64 = 0, deleted: Int64 = 0,
            grownBytes: Int64 = 0, bytes: Int64 = 0
        ) {
            self.table = table
            self.rows = rows
            self.inserted = inserted
            self.updated = updated
            self.deleted = deleted
            self.grownBytes = grownBytes
            self.bytes = bytes
        }
    }

    /// Below so many rows a table's changes say nothing.
    static let rowsMin: Int64 = 500
    /// Updates and deletions within a window, as a share of the rows.
    static let shareMax = 0.01

    /// Tables whose rows never change or go once they are written: the first change is one too many.
    public static let appendOnly: Set<String> = ["public.ecritures", "evidence.entries", "evidence.blocks"]

    /// - Parameter usual: the greatest share that this table showed in a window on quiet days.
    public static func verdict(on change: Change, usual: Double) -> WatchAlarm? {
        let touched = change.updated + change.deleted
        if appendOnly.contains(change.table) || change.table.hasPrefix("public.transactions"), touched > 0 {
            return WatchAlarm(
                kind: "append-only-touched", level: .critical, subject: change.table,
                words: .init(
                    fr: "\(touched) lignes de \(change.table), qui ne changent jamais, ont été modifiées ou supprimées",
                    en: "\(touched) rows of \(change.table), which never change, were changed or deleted"))
        }
        guard change.rows >= rowsMin else { return nil }
        let share = Double(touched) / Double(change.rows)
        if share > max(shareMax, 3 * usual) {
            return WatchAlarm(
                kind: change.deleted > change.updated ? "mass-delete" : "mass-update", level: .critical,
                subject: change.table,
                words: .init(
                    fr: "\(touched) lignes sur \(change.rows) de \(change.table) modifiées ou supprimées d’un coup",
                    en: "\(touched) of \(change.rows) rows of \(change.table) changed or deleted at once"))
        }
        return nil
    }

    /// Sealed values that were looked at, and those that do not open any more: no key rotation and no change of a profile
    /// does that.
    public static func verdict(sealedSeen: Int, unreadable: Int) -> WatchAlarm? {
        guard unreadable > 0 else { return nil }
        return WatchAlarm(
            kind: "sealed-value-broken", level: .critical, subject: "public.clients",
            words: .init(
                fr: "\(unreadable) valeurs scellées sur \(sealedSeen) ne s’ouvrent plus : elles ont été réécrites",
                en: "\(unreadable) of \(sealedSeen) sealed values do not open any more: they were written over"))
    }

    /// Pages of files that were looked at.
    public static func verdict(on scan: PageScan) -> WatchAlarm? {
        guard scan.badPages > 0 else { return nil }
        let isNoise = scan.noisePages > 0
        return WatchAlarm(
            kind: isNoise ? "files-encrypted" : "pages-bad", level: isNoise ? .critical : .high, subject: scan.summary,
            words: .init(
                fr:
                    "\(scan.badPages) pages sur \(scan.pages) sont fausses, dont \(scan.noisePages) de bruit : \(scan.summary)",
                en: "\(scan.badPages) of \(scan.pages) pages are bad, \(scan.noisePages) of them noise: \(scan.summary)"
            ))
    }
}
