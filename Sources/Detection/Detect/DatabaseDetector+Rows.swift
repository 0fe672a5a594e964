/// Reads, changes and deletions of whole tables, and what extortionists leave.
extension DatabaseDetector {
    func select(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        if text.contains(" into "), let into = text.find(" into "), into < text.find(" from ") ?? text.count {
            copies(text, event, place)
        }
        guard let from = text.find(" from ") else { return }
        let isSum = text.contains("count(") || text.contains("sum(") || text.contains("max(")
        guard !isSum, Self.readsAll(text) else { return }
        everyRow(SQLShape.name(text, at: from + 6), event, place)
    }

    /// Without a condition that leaves rows out, and without a limit that does.
    private static func readsAll(_ text: Bytes) -> Bool {
        if SQLShape.isRestricted(text) || text.contains(" group by ") || text.contains(" join ") { return false }
        guard let limit = text.find(" limit ") else { return true }
        let most = SQLShape.name(text, at: limit + 7)
        return !(most.integer.map { $0 < limitLarge } ?? (most[0] == 36))
    }

    func everyRow(_ name: Bytes, _ event: LogEvent, _ place: LinePlace) {
        guard Self.isAsset(name), !Self.isBackup(event) else { return }
        raise(Rules.massRead, event, place, name, "every row is read", gravity: .medium)
    }

    /// `create table x as select …`, `select … into x`: what is put aside to be fetched later.
    func copies(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        guard let from = text.find(" from ") ?? text.find(" as table ").map({ $0 + 3 }) else { return }
        let name = SQLShape.name(text, at: from + (text.has(" from ", at: from) ? 6 : 7))
        guard Self.isAsset(name), !SQLShape.isKeyed(text) else { return }
        raise(Rules.massRead, event, place, name, "a table is copied aside", gravity: .high)
    }

    func delete(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        let name = table(of: text, behind: "delete from ")
        if Self.isJournal(name) {
            raise(Rules.logsDeleted, event, place, name, "rows of a journal are deleted")
        } else if !SQLShape.isKeyed(text) {
            raise(
                Rules.massDelete, event, place, name, "rows are deleted without a key",
                gravity: Self.isAsset(name) ? .high : .low)
        }
    }

    func update(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        let name = table(of: text, behind: "update ")
        guard !SQLShape.isKeyed(text) else { return }
        if Self.isJournal(name) {
            raise(Rules.logsDeleted, event, place, name, "rows of a journal are changed")
        } else {
            raise(
                Rules.massWrite, event, place, name, "rows are changed without a key",
                gravity: Self.isAsset(name) ? .high : .low)
        }
    }

    func truncate(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        let name = table(of: text, behind: text.has("truncate table ") ? "truncate table " : "truncate ")
        if Self.isJournal(name) {
            raise(Rules.logsDeleted, event, place, name, "a journal is emptied")
        } else {
            raise(
                Rules.massDelete, event, place, name, "a table is emptied",
                gravity: Self.isAsset(name) ? .high : .medium)
        }
    }

    func drop(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        guard
            text.has("drop table ") || text.has("drop database ") || text.has("drop schema ") || text.has("drop role ")
                || text.has("drop policy ")
        else { return }
        if text.has("drop policy ") {
            raise(
                Rules.guardsOff, event, place, SQLShape.name(text, at: 12), "a policy of row level security is dropped")
            return
        }
        let name = table(
            of: text,
            behind: text.has("drop table ")
                ? "drop table " : text.has("drop schema ") ? "drop schema " : "drop database ")
        let now = UInt32(truncatingIfNeeded: max(0, event.time / Instant.second))
        let state = errors.at(event.user.hash(5) ^ event.address.actor, now: now)
        let count = state.pointee.dropped.add(1, at: now, window: 600)
        if count >= 3 || text.has("drop database ") {
            raise(Rules.drops, event, place, name, "\(count) tables, schemas or databases dropped within 10 min")
        } else {
            raise(
                Rules.massDelete, event, place, name, "a table or schema is dropped",
                gravity: Self.isAsset(name) ? .high : .medium)
        }
    }

    func insert(_ text: Bytes, _ event: LogEvent, _ place: LinePlace) {
        ransom(text, 12, event, place)
    }

    /// Tables that extortionists leave.
    func ransom(_ text: Bytes, _ at: Int, _ event: LogEvent, _ place: LinePlace) {
        let name = table(of: text.from(at), behind: "")
        let marks: [StaticString] = [
            "readme", "read_me", "ransom", "warning", "please_read", "how_to_rest", "recover_your", "bitcoin",
            "your_data", "hacked", "pwned", "attention_lire",
        ]
        let statement = event.statement
        let isNote =
            marks.contains { name.contains($0) }
            || statement.contains("bitcoin") && (statement.contains("pay") || statement.contains("BTC"))
            || statement.contains("BTC to ")
        if isNote { raise(Rules.ransom, event, place, name, "a table or text that asks for money") }
    }
}
