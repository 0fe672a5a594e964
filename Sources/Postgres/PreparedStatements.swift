internal import Glibc

/// One statement text with one list of parameter types, as one connection knows it.
final class PreparedStatement {
    let scope: String
    let sql: String
    let types: [UInt32]
    /// The server-side name, ended by a zero.
    let name: UnsafeMutablePointer<CChar>
    var isPrepared = false
    /// It left the cache: it must not be prepared again, nobody would drop it.
    var isForgotten = false
    var uses: UInt64 = 0
    var lastUse: UInt64 = 0
    let trait: StatementTrait
    /// The same text with other parameter types.
    var variant: PreparedStatement?

    init(_ statement: Statement, number: UInt64) {
        scope = statement.planScope
        sql = statement.sql
        types = statement.values.map(\.type)
        trait = StatementTrait(of: statement.sql)
        name = strdup("db_\(number)")
    }

    deinit { free(name) }

    func fits(_ values: [BoundValue]) -> Bool {
        guard values.count == types.count else { return false }
        for index in 0..<types.count where values[index].type != types[index] { return false }
        return true
    }
}

/// The statements one connection has seen, bounded, the least recently used leaving first.
///
/// A text is sent unnamed the first time and prepared the second time: statements used once (DDL, generated SQL) cost
/// the server no memory and us no round trip to forget them.
struct PreparedStatements {
    private struct Key: Hashable {
        let scope: String
        let sql: String
    }

    private let countMax: Int
    private var heads: [Key: PreparedStatement] = [:]
    private var count = 0
    private var clock: UInt64 = 0

    init(countMax: Int) { self.countMax = countMax }

    /// The entry for `statement`, and the prepared one that must leave for it, if any.
    mutating func entry(for statement: Statement) -> (entry: PreparedStatement, evicted: PreparedStatement?) {
        clock &+= 1
        let key = Key(scope: statement.planScope, sql: statement.sql)
        let head = heads[key]
        var candidate = head
        while let entry = candidate {
            if entry.fits(statement.values) {
                entry.lastUse = clock
                return (entry, nil)
            }
            candidate = entry.variant
        }
        let entry = PreparedStatement(statement, number: clock)
        entry.lastUse = clock
        guard countMax > 0 else { return (entry, nil) }
        let evicted = count >= countMax ? evictOldest() : nil
        entry.variant = heads[key]
        heads[key] = entry
        count += 1
        return (entry, evicted)
    }

    mutating func remove(_ entry: PreparedStatement) {
        let key = Key(scope: entry.scope, sql: entry.sql)
        guard let head = heads[key] else { return }
        if head === entry {
            heads[key] = entry.variant
            count -= 1
            return
        }
        var before = head
        while let next = before.variant {
            if next === entry {
                before.variant = entry.variant
                count -= 1
                return
            }
            before = next
        }
    }

    private mutating func evictOldest() -> PreparedStatement? {
        var oldest: PreparedStatement?
        for head in heads.values {
            var candidate: PreparedStatement? = head
            while let entry = candidate {
                if entry.lastUse < oldest?.lastUse ?? .max { oldest = entry }
                candidate = entry.variant
            }
        }
        guard let oldest else { return nil }
        remove(oldest)
        return oldest
    }
}
