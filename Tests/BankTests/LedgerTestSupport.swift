import Bank
import Foundation
import Migrations
import Postgres
import Synchronization
import TestSupport

/// A bank with an open day and twenty accounts of 100.00 € each, owned by nobody special.
let ledgerBank = TestTemplate("ledger", owner: .plain) { try await prepareLedger($0) }

/// The same, owned by a superuser, who may take any role.
let ledgerBankOfSuperuser = TestTemplate("ledger_superuser") { try await prepareLedger($0) }

let accountCount = 20
let startMinor: Int64 = 10_000

func prepareLedger(_ database: Database) async throws {
    try await Migrator(database).apply([BankMigrations.set()])
    try await database.run(
        """
        with c as (
            insert into clients (numero, utilisateur_id)
            select n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid
            from generate_series(1, \(accountCount)) n returning id, numero)
        insert into comptes (id, client_id, type, solde_minor) select numero, id, 'courant', \(startMinor) from c
        """)
    try await database.run("select setval('comptes_id_seq', 1000)")
    try await database.run("select reprendre_les_soldes()")
    try await LedgerStore(database).openDay()
}

func euros(_ minor: Int64) -> Money { Money(minor: minor, currency: .eur) }

func order(_ debit: Int64, _ credit: Int64, _ minor: Int64, _ key: String = UUID().uuidString) -> TransferOrder {
    TransferOrder(debit: AccountID(debit), credit: AccountID(credit), amount: euros(minor), key: OrderKey(key))
}

extension TransferOrder {
    func with(_ change: (inout TransferOrder) -> Void) -> TransferOrder {
        var other = self
        change(&other)
        return other
    }
}

/// Everything of the ledger that a refusal must leave as it was; sequences may move on.
func fingerprint(_ database: Database) async throws -> String {
    try await database.one(
        """
        select md5(concat(
            (select string_agg(k::text, ';' order by id) from comptes k),
            (select string_agg(e::text, ';' order by compte_id, numero) from ecritures e),
            (select string_agg(t::text, ';' order by id) from transactions t),
            (select string_agg(v::text, ';' order by id) from virements v),
            (select string_agg(r::text, ';' order by id) from reservations r),
            (select string_agg(c::text, ';' order by reservation_id, cle_idempotence) from captures c),
            (select string_agg(c::text, ';' order by origine_id) from contrepassations c),
            (select string_agg(p::text, ';' order by compte_id, canal) from plafonds p),
            (select string_agg(j::text, ';' order by jour) from journees j)))
        """, as: String.self)
}

func deadlockCount(_ database: Database) async throws -> Int64 {
    try await database.one(
        "select deadlocks from pg_stat_database where datname = current_database()", as: Int64.self)
}

/// A repeatable random source (SplitMix64); its seed is printed by the test that uses it.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// Runs `body` for each of `count` numbers, at most `width` at once.
func inParallel(_ count: Int, width: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<count {
            if index >= width { try await group.next() }
            group.addTask { try await body(index) }
        }
        try await group.waitForAll()
    }
}

/// Collects what concurrent tasks have to say.
final class Tally<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }
    var count: Int { all.count }
}
