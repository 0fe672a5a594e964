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

    /// Tables whose rows change one at a time, over days: what is slow enough for a window of seconds is added up.
    static let guarded: Set<String> = ["public.clients", "public.cartes", "vault.data_keys"]
    /// Looks, and the share of rows that may change within them.
    static let longWindows: [(looks: Int, shareMax: Double)] = [(12, 0.015), (720, 0.02)]

    public static func verdict(onWindow looks: Int, table: String, touched: Int64, rows: Int64, usual: Double)
        -> WatchAlarm?
    {
        guard rows >= rowsMin, let limit = longWindows.first(where: { $0.looks == looks })?.shareMax,
            Double(touched) / Double(rows) > max(limit, 3 * usual)
        else { return nil }
        return WatchAlarm(
            kind: "creeping-change", level: .critical, subject: table,
            words: .init(
                fr: "\(touched) lignes sur \(rows) de \(table) modifiées ou supprimées peu à peu, en \(looks) regards",
                en: "\(touched) of \(rows) rows of \(table) changed or deleted bit by bit, in \(looks) looks"))
    }

    /// What is usual after a window: whatever stays below the limit, and above it so slowly that who multiplies it by three
    /// needs a day for it.
    static func learnt(_ usual: Double, share: Double, limit: Double) -> Double {
        let faded = usual * 0.9999
        guard share > faded else { return faded }
        return share <= limit ? share : max(faded, min(share, max(usual, limit) * 1.0001))
    }

    /// Of long windows, which an act of minutes would fill and so teach: towards what is seen by a ten thousandth of the limit a look.
    static func learntSlowly(_ usual: Double, share: Double, limit: Double) -> Double {
        share <= usual ? usual * 0.9999 : min(share, usual + limit / 10_000)
    }

    /// Rows that were there and are not: the table is gone, or holds others in a new file.
    static func gone(_ before: WatchStore.Counters, now: WatchStore.Counters?) -> WatchAlarm? {
        guard before.rows > 0 else { return nil }
        let isDropped = now.map { $0.relation != before.relation } ?? true
        let isEmptied = now.map { $0.file != before.file && $0.rows * 2 < before.rows } ?? false
        guard isDropped || isEmptied else { return nil }
        let isGrave =
            appendOnly.contains(before.table) || guarded.contains(before.table)
            || before.table.hasPrefix("public.transactions")
        return WatchAlarm(
            kind: isDropped ? "table-dropped" : "table-emptied", level: isGrave ? .critical : .high,
            subject: before.table,
            words: .init(
                fr: "\(before.table), qui avait \(before.rows) lignes, a été \(isDropped ? "supprimée" : "vidée")",
                en: "\(before.table), which had \(before.rows) rows, was \(isDropped ? "dropped" : "emptied")"))
    }

    /// Whoever resets the counters hides what they counted; a server that crashed loses them too.
    static let statisticsReset = WatchAlarm(
        kind: "statistics-reset", level: .medium, subject: "statistics",
        words: .init(
            fr:
                "Les compteurs de la base sont repartis de zéro : ce qu’ils comptaient depuis le dernier regard est perdu",
            en: "the database's counters began again: what they had counted since the last look is lost"))

    static func blind(_ reason: String) -> WatchAlarm {
        WatchAlarm(
            kind: "watch-blind", level: .high, subject: "watch",
            words: .init(fr: "La veille ne voit plus la base : \(reason)", en: "the watch sees nothing: \(reason)"))
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
        if let first = scan.strangers.first {
            return WatchAlarm(
                kind: "files-renamed", level: .critical, subject: "data directory",
                words: .init(
                    fr: "\(scan.strangers.count) fichiers de la base portent des noms étrangers, dont \(first)",
                    en: "\(scan.strangers.count) of the server's files have strange names, \(first) among them"))
        }
        guard scan.pages > 0 else {
            return WatchAlarm(
                kind: "files-missing", level: .critical, subject: "data directory",
                words: .init(fr: "Les fichiers de la base ont disparu", en: "the server's files are gone"))
        }
        guard scan.badPages > 0 else { return nil }
        let isNoise = scan.noisePages > 0
        return WatchAlarm(
            kind: isNoise ? "files-encrypted" : "pages-bad", level: isNoise ? .critical : .high,
            subject: "data directory",
            words: .init(
                fr:
                    "\(scan.badPages) pages sur \(scan.pages) sont fausses, dont \(scan.noisePages) de bruit : \(scan.summary)",
                en: "\(scan.badPages) of \(scan.pages) pages are bad, \(scan.noisePages) of them noise: \(scan.summary)"
            ))
    }
}
