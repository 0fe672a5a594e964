import Bank
import Cryptography
import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

@testable import Simulator

@Suite struct `A simulated bank` {
    static func bank(clients: Int = 120, days: Int = 70, seed: UInt64 = 7, attacked: Bool = false) throws -> (
        bank: LegacyBank, attack: Attack?
    ) {
        var simulation = Simulation(output: "")
        simulation.clients = clients
        simulation.days = days
        simulation.seed = seed
        simulation.isAttacked = attacked
        let made = try simulation.makeBank()
        return (made.bank, made.attack)
    }

    static func digest(_ bank: LegacyBank) throws -> String {
        var hash = try SHA256()
        for table in LegacyRows(bank: bank, gone: []).tables {
            var line = TextLine()
            for index in 0..<table.count { table.write(index, &line) }
            hash.update(line.bytes)
        }
        return hash.finalize().hex
    }

    @Test func `is the same for the same seed and another for another`() throws {
        let first = try Self.digest(Self.bank(attacked: true).bank)
        #expect(try Self.digest(Self.bank(attacked: true).bank) == first)
        #expect(try Self.digest(Self.bank(seed: 8, attacked: true).bank) != first)
    }

    @Test func `has balances that are the sum of its operations, and running balances without a break`() throws {
        let bank = try Self.bank().bank
        var balances = [Int](repeating: 0, count: bank.accounts.count)
        var latest = 0
        for (row, operation) in bank.operations.enumerated() {
            #expect(operation.id == row + 1)
            #expect(operation.at >= latest)
            latest = operation.at
            balances[operation.account] += operation.amount
            #expect(operation.balanceAfter == balances[operation.account])
        }
        #expect(bank.operations.count > 3000)
        #expect(balances == bank.accounts.map(\.balance))
        #expect(bank.accounts.allSatisfy { $0.balance >= -$0.overdraft })
    }

    @Test func `prints statements that follow one another`() throws {
        let bank = try Self.bank().bank
        let byAccount = Dictionary(grouping: bank.statements, by: \.account)
        #expect(byAccount.count == bank.accounts.count)
        for (account, statements) in byAccount {
            for (statement, next) in zip(statements, statements.dropFirst()) {
                #expect(next.opening == statement.closing)
            }
            for statement in statements {
                let month = statement.month..<CivilDate.firstOfNextMonth(statement.month)
                let operations = bank.operations.filter { $0.account == account - 1 && month.contains($0.at / 86_400) }
                #expect(operations.count == statement.operations)
                #expect(operations.reduce(statement.opening) { $0 + $1.amount } == statement.closing)
            }
        }
    }

    @Test func `has valid numbers of accounts, cards and people`() throws {
        let bank = try Self.bank().bank
        #expect(Set(bank.accounts.map(\.iban)).count == bank.accounts.count)
        for iban in bank.accounts.map(\.iban) + bank.beneficiaries.map(\.iban) + Attack.mules.map(\.iban) {
            #expect(IBAN(iban) != nil, "\(iban)")
        }
        #expect(Set(bank.cards.map(\.pan)).count == bank.cards.count)
        for card in bank.cards {
            #expect(card.pan.count == 16 && CardNumber.isValid(Array(card.pan.utf8)), "\(card.pan)")
        }
        for client in bank.clients {
            let key = Int(client.socialNumber.suffix(2)) ?? 0
            #expect(client.socialNumber.count == 15 && 97 - (Int(client.socialNumber.prefix(13)) ?? 0) % 97 == key)
        }
    }

    @Test func `has an order for each transfer, and both legs of those inside the bank`() throws {
        let bank = try Self.bank().bank
        let ordered = Set(bank.orders.compactMap(\.operation))
        #expect(Set(bank.operations.filter { $0.kind == .virement_emis }.map(\.id)) == ordered)
        for (_, legs) in Dictionary(grouping: bank.operations.filter { $0.reference != nil }, by: \.reference) {
            #expect(legs.count == 2 && legs.reduce(0) { $0 + $1.amount } == 0)
        }
        #expect(bank.orders.contains { !$0.isExecuted })
    }

    @Test func `spends more on Saturdays, and pays salaries on open days at the month's end`() throws {
        let bank = try Self.bank(clients: 200, days: 120).bank
        let payments = bank.operations.filter { $0.kind == .carte }
        func count(_ weekday: Int) -> Int { payments.count { CivilDate.weekday($0.at / 86_400) == weekday } }
        #expect(count(5) > count(6))
        for salary in bank.operations where salary.kind == .salaire { #expect(!CivilDate.isClosed(salary.at / 86_400)) }
    }
}

@Suite struct `An attack` {
    @Test func `does to the rows what its truth says, and nothing else`() throws {
        let clean = try `A simulated bank`.bank().bank
        let (bank, attack) = try `A simulated bank`.bank(attacked: true)
        let truth = try #require(attack?.truth)
        func keys(_ kind: GroundTruth.Tampered.Kind) -> Set<String> {
            Set(truth.tampered.filter { $0.kind == kind }.map(\.key))
        }
        for kind in GroundTruth.Tampered.Kind.allCases { #expect(!keys(kind).isEmpty, "\(kind)") }
        let altered = zip(clean.beneficiaries, bank.beneficiaries).filter { $0.iban != $1.iban }.map { String($1.id) }
        #expect(Set(altered) == keys(.beneficiaryAltered))
        let ids = Set(bank.operations.map(\.id))
        #expect(keys(.transactionDeleted).allSatisfy { !ids.contains(Int($0) ?? 0) })
        #expect(keys(.transactionForged).union(keys(.transactionDuplicated)).allSatisfy { ids.contains(Int($0) ?? 0) })
        let last = (bank.operations.map(\.id).max() ?? 0)
        #expect(Set(1...last).subtracting(ids).count == keys(.transactionDeleted).count)
        #expect(Set(clean.cards.map(\.id)).subtracting(bank.cards.map(\.id)).count == keys(.cardDeleted).count)
    }

    @Test func `wipes an hour of its logs`() async throws {
        let (bank, attack) = try `A simulated bank`.bank(attacked: true)
        let hour = try #require(attack?.wiped)
        try await withTemporaryDirectory { folder in
            let counts = try LogWriter(bank: bank, attack: attack, seed: 7).write(to: folder)
            #expect(counts.values.allSatisfy { $0 > 100 })
            let access = try String(contentsOfFile: folder + "/nginx/access.log", encoding: .utf8)
            #expect(access.contains("UNION%20SELECT"))
            #expect(access.contains(LogTime.nginx(hour.lowerBound).prefix(14)) == false)
            #expect(access.contains(LogTime.nginx(hour.lowerBound - 3600).prefix(14)))
            for line in try String(contentsOfFile: folder + "/postgresql/postgresql.json", encoding: .utf8).split(
                separator: "\n")
            {
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
            }
        }
    }
}

@Suite struct `A simulation` {
    @Test(arguments: [DumpFormat.custom, .directory, .plainGzip])
    func `writes a dump that holds the rows of its truth`(format: DumpFormat) async throws {
        try await withTemporaryDirectory { folder in
            var simulation = Simulation(output: folder + "/banque")
            simulation.clients = 60
            simulation.days = 40
            simulation.format = format
            simulation.damage = .none
            let (files, truth) = try await simulation.run()
            #expect(truth.rows["transactions"] ?? 0 > 1000)
            #expect(truth.trojans.count == TrojanStore.all.count)
            #expect(FileManager.default.fileExists(atPath: files.dump))
            #expect(!FileManager.default.fileExists(atPath: folder + "/banque/.banque-heritee"))
            let again = try JSONDecoder().decode(
                GroundTruth.self, from: Data(contentsOf: URL(fileURLWithPath: files.truth)))
            #expect(again.rows == truth.rows && again.tampered == truth.tampered)
            var other = Simulation(output: folder + "/banque")
            other.clients = 60
            let second = other
            await #expect(throws: SimulatorError.self) { try await second.run() }
        }
    }

    @Test(arguments: Damage.allCases)
    func `damages the bytes that its report names`(damage: Damage) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/d.dump"
            let before = Array("PGDMP".utf8) + (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            try Data(before).write(to: URL(fileURLWithPath: path))
            let damager = DumpDamager(path: path, format: .custom, seed: 3)
            if damage == .memberMissing || damage == .gzipBroken {
                #expect(throws: SimulatorError.self) { _ = try damager.apply(damage) }
                return
            }
            let report = try damager.apply(damage)
            let after = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            switch damage {
            case .none: #expect(after == before)
            case .truncated: #expect(Array(before.prefix(after.count)) == after && after.count < before.count)
            case .missing:
                let change = report.changes[0]
                #expect(after == Array(before.prefix(change.offset)) + before.dropFirst(change.offset + change.length))
            default:
                #expect(after.count == before.count && after != before)
                let touched = report.changes.map { $0.offset..<$0.offset + $0.length }
                for index in before.indices where before[index] != after[index] {
                    #expect(touched.contains { $0.contains(index) })
                }
            }
        }
    }

    @Test func `refuses a bank that is too small or too big`() async {
        var simulation = Simulation(output: "/nonexistent/x")
        simulation.clients = 1
        let small = simulation
        await #expect(throws: SimulatorError.self) { try await small.run() }
    }
}
