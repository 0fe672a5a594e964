import Foundation
import Postgres
import Salvage
import Simulator
import TestSupport
import Testing

@testable import Recovery

@Suite(.serialized) struct `Repairs` {
    /// What a repair put back, against what the attacker overwrote.
    struct Marks {
        var exact = 0
        var wrong: [String] = []
        var open: [String] = []
    }

    static func mark(_ repairs: [Repair], _ truth: GroundTruth) -> [String: Marks] {
        var marks: [String: Marks] = [:]
        let byRow = Dictionary(grouping: repairs, by: { "\($0.table)/\($0.key)" })
        for item in truth.tampered {
            let kind = item.kind.rawValue
            let repairs = byRow["\(item.table)/\(item.key)"] ?? []
            func note(_ isRight: Bool) {
                if isRight {
                    marks[kind, default: Marks()].exact += 1
                } else {
                    marks[kind, default: Marks()].wrong.append("\(item.key): \(item.before ?? "")")
                }
            }
            switch item.kind {
            case .balanceAltered, .beneficiaryAltered, .transactionAltered, .transactionDeleted:
                let column = item.column ?? "montant"
                let change = repairs.flatMap(\.changes).first { $0.column == column }
                if let change {
                    note(change.after == item.before)
                } else {
                    marks[kind, default: Marks()].open.append(item.key)
                }
            case .transactionDuplicated, .transactionForged:
                if repairs.contains(where: { $0.action == .exclude }) {
                    note(true)
                } else {
                    marks[kind, default: Marks()].open.append(item.key)
                }
            case .clientDeleted:
                if repairs.contains(where: { $0.action == .insert }) {
                    note(true)
                } else {
                    marks[kind, default: Marks()].open.append(item.key)
                }
            case .cardDeleted, .employeeAdded, .logWiped: break
            }
        }
        // A row that nobody touched is left alone; balances follow from crude forgeries.
        let touched = Set(truth.tampered.map { "\($0.table)/\($0.key)" })
        for repair in repairs where repair.action != .mark && !touched.contains("\(repair.table)/\(repair.key)") {
            guard repair.rule != "operation-out-of-sequence" else { continue }
            marks["invented", default: Marks()].wrong.append(repair.id)
        }
        return marks
    }

    @Test(arguments: isLongRun ? [1, 2, 4] : [1, 2] as [UInt64])
    func `that are certain put back what was there, never anything else`(seed: UInt64) async throws {
        let bank = try await RepairedBank.of(seed: seed)
        let reconciled = try #require(bank.reconciled)
        #expect(reconciled.refusedRepairs == [:])
        #expect(reconciled.appliedRepairs == reconciled.certainRepairs)
        let certain = bank.plan.repairs.filter { $0.certainty == .certain && $0.action != .none }
        let marks = Self.mark(certain, bank.truth)
        for (kind, mark) in marks { #expect(mark.wrong.isEmpty, "\(kind): \(mark.wrong)") }
        for kind in ["balance_altered", "transaction_duplicated", "client_deleted"] {
            #expect(marks[kind]?.open.isEmpty == true, "\(kind): \(String(describing: marks[kind]?.open))")
        }
        // What is only likely is right too, but for the few that need a person.
        let likely = Self.mark(bank.plan.repairs, bank.truth)
        let wrong = likely.values.reduce(0) { $0 + $1.wrong.count }
        let exact = likely.values.reduce(0) { $0 + $1.exact }
        #expect(wrong * 20 <= exact, "\(likely)")
        #expect(bank.report.checks.filter { !$0.passed }.map(\.name) == [])
        #expect(bank.report.findings.allSatisfy { $0.rule != "rebuild-refused" || $0.table == "cartes" })
        #expect(
            bank.journal.split(separator: "\n").count { $0.contains("recovery.repair.applied") }
                == Int(reconciled.appliedRepairs))
        #expect(bank.quarantine.split(separator: "\n").count == certain.count { $0.action == .exclude })
    }

    @Test func `change nothing unless they are asked for, and then only what a person approved`() async throws {
        try await withTemporaryDirectory { folder in
            let bank = try await RecoveredBank.make(in: folder, clients: 60, days: 40, seed: 6)
            #expect(bank.reconciled?.appliedRepairs == 0)
            var plan = try bank.plan()
            let forged = try #require(plan.repairs.firstIndex { $0.action == .none })
            let altered = try #require(plan.repairs.firstIndex { $0.rule == "balance-differs" })
            plan.repairs[altered].approved = true
            let path = folder + "/plan.json"
            try RunDirectory.encoder.encode(plan).write(to: URL(filePath: path))
            let again = try await RecoveredBank.recover(bank.files, bank.truth, in: folder, name: "deux") {
                options, _ in options.repairPlan = path
            }
            #expect(again.reconciled?.appliedRepairs == 1)
            let (first, second) = (try bank.plan(), try again.plan())
            #expect(second.repairs.map(\.id) == first.repairs.map(\.id))
            plan.repairs[forged].id = "set/transactions/999999"
            plan.repairs[forged].approved = true
            try RunDirectory.encoder.encode(plan).write(to: URL(filePath: path))
            await #expect(throws: RecoveryError.self) {
                try await RecoveredBank.recover(bank.files, bank.truth, in: folder, name: "trois") { options, _ in
                    options.repairPlan = path
                }
            }
        }
    }

    @Test func `find an intruder's hand in the logs, and what an older dump had`() async throws {
        try await withTemporaryDirectory { folder in
            var simulation = Simulation(output: folder + "/avant")
            (simulation.clients, simulation.days, simulation.seed) = (60, 40, 8)
            (simulation.damage, simulation.isAttacked) = (.none, false)
            let older = try await simulation.run().files
            let bank = try await RecoveredBank.make(in: folder, clients: 60, days: 40, seed: 8) { options, files in
                options.logs = files.logs
                options.baseline = older.dump
                options.appliesRepairs = true
            }
            let findings = try bank.findings()
            #expect(findings.contains { $0.rule == "intruder-statement" && $0.table == "beneficiaires" })
            #expect(findings.contains { $0.rule == "log-file-silence" && $0.key.contains("access.log") })
            for card in bank.truth.tampered where card.kind == .cardDeleted {
                #expect(
                    findings.contains {
                        $0.rule == "older-row-missing" && $0.key == card.key && $0.kind == .cardDeleted
                    })
            }
            for item in bank.truth.tampered where item.kind == .beneficiaryAltered {
                #expect(
                    findings.contains {
                        $0.rule == "older-row-differs" && $0.key == item.key && $0.expected == item.before
                    })
            }
            #expect(bank.reconciled?.refusedRepairs == [:])
            let attack = try #require(bank.reconciled?.attack)
            #expect(attack.from < attack.to && attack.from.hasPrefix("2026-10-1"))
            #expect(findings.allSatisfy { $0.rule != "rule-not-run" })
        }
    }
}

@Suite(.serialized) struct `A reconciliation` {
    @Test func `that was killed after its work gives the same result when it goes on`() async throws {
        try await withTemporaryDirectory { folder in
            let bank = try await RecoveredBank.make(in: folder, clients: 60, days: 40, seed: 9) { options, _ in
                options.appliesRepairs = true
                options.keepsRoom = true
            }
            let first = try #require(bank.reconciled)
            #expect(first.appliedRepairs > 0)
            let (plan, findings) = (try bank.plan(), try bank.findings())
            // As if the process had ended between the commit and the stage's result file.
            for stage in [Stage.reconcile, .rebuild, .report] {
                try FileManager.default.removeItem(atPath: bank.run.resultFile(of: stage))
            }
            let again = try await bank.resume()
            #expect(again.reconciled == first)
            #expect(try again.plan().repairs == plan.repairs)
            #expect(try again.findings() == findings)
            #expect(again.report.restored?.rows == bank.report.restored?.rows)
            // Each repair is journaled once, however often the run went on.
            let journal = try String(contentsOfFile: bank.run.journalFile, encoding: .utf8)
            #expect(
                journal.components(separatedBy: "\"recovery.repair.applied\"").count - 1 == Int(first.appliedRepairs))
        }
    }

    @Test func `of a damaged dump does not take what the damage lost for tampering`() async throws {
        try await withTemporaryDirectory { folder in
            let bank = try await RecoveredBank.make(
                in: folder, clients: 60, days: 40, seed: 10, attacked: false, damage: .truncated)
            let findings = try bank.findings()
            #expect(!findings.isEmpty)
            #expect(findings.filter { $0.kind != nil } == [])
            #expect(try bank.plan().repairs.filter { $0.action != .none } == [])
        }
    }
}

@Suite struct `The judge of breaks` {
    static func item(
        _ id: Int64, account: Int64 = 1, previous: Int64, rank: Int64 = 5, amount: Int64, gap: Int64,
        order: Int64? = nil,
        month: String = "2026-08-01"
    ) -> ChainBreak {
        ChainBreak(
            id: id, account: account, previousID: previous, rank: rank, amount: amount, balance: 1000, gap: gap,
            at: "", wording: "CB", previousBalance: 1000 - amount - gap, orderAmount: order,
            twinAmount: nil, previousMonth: month, month: month)
    }

    private static let usual = AmountSpread(count: 900, mean: 8, deviation: 0.6)

    @Test func `finds one wrong balance between two breaks that cancel out`() {
        let breaks = [
            Self.item(10, previous: 5, rank: 4, amount: -500, gap: 700),
            Self.item(20, previous: 10, rank: 5, amount: -300, gap: -700),
        ]
        let verdicts = BreakJudge.verdicts(on: breaks, ChainEvidence())
        #expect(verdicts[0] == .balanceAltered(expected: breaks[0].previousBalance - 500))
    }

    @Test func `believes the order, the statement and the sequence, in this order`() {
        var evidence = ChainEvidence()
        evidence.missingIDs = [7, 30]
        evidence.missingByMonth = [2: ["2026-08-01": 1], 3: ["2026-08-01": 0]]
        let breaks = [
            Self.item(10, previous: 5, amount: -900, gap: 600, order: 300),
            Self.item(40, account: 2, previous: 20, amount: -500, gap: -2000),
            Self.item(50, account: 3, previous: 20, amount: -500, gap: -2000),
        ]
        #expect(
            BreakJudge.verdicts(on: breaks, evidence) == [
                .amountAltered(expected: -300, .certain), .operationMissing(id: 30, amount: -2000, .certain),
                .amountAltered(expected: -2500, .certain),
            ])
    }

    @Test func `takes an amount for altered when no id is missing there, and one of two for missing by its size`() {
        var evidence = ChainEvidence()
        evidence.missingIDs = [30]
        evidence.spreads["CB"] = Self.usual
        evidence.debits = Self.usual
        let breaks = [
            Self.item(10, previous: 5, amount: -30_000, gap: 27_000),
            Self.item(40, account: 2, previous: 20, amount: -2900, gap: -3100),
            Self.item(50, account: 3, previous: 20, amount: -90_000, gap: 87_000),
        ]
        #expect(
            BreakJudge.verdicts(on: breaks, evidence) == [
                .amountAltered(expected: -3000, .certain), .operationMissing(id: 30, amount: -3100, .likely),
                .amountAltered(expected: -3000, .likely),
            ])
    }

    @Test func `leaves open what a bank with gaps of its own can not tell`() {
        let breaks = [Self.item(10, previous: 5, amount: -30_000, gap: 27_000)]
        #expect(BreakJudge.verdicts(on: breaks, ChainEvidence()) == [.unexplained])
    }
}

@Suite struct `The reconciliation` {
    @Test func `reads roles through both shipped mappings`() throws {
        for (mapping, _) in try MappingLibrary.shipped() {
            let transactions = try #require(RoleSource(.transactions, in: mapping))
            #expect(transactions.has("solde_apres", "montant", "booked_at"))
            #expect(transactions.rawColumn(of: "id") != nil)
            #expect((transactions.rawColumn(of: "montant") == nil) == (mapping.name == "berka"))
            #expect((RoleSource(.releves, in: mapping) == nil) == (mapping.name == "berka"))
        }
    }

    @Test(
        arguments: [
            ("{\"timestamp\":\"2026-10-20 11:55:36.123 UTC\",\"user\":\"a\"}", 1_792_497_336),
            ("{\"temps\":\"2026-10-20T13:55:36+02:00\",\"niveau\":\"info\"}", 1_792_497_336),
            ("1.2.3.4 - - [20/Oct/2026:13:55:36 +0200] \"GET / HTTP/1.1\" 200 5", 1_792_497_336),
            ("{\"a\":\"2026\"}", nil), ("Oct  3 04:05:06 srv sshd[1]: x", nil), ("", nil),
            ("{\"t\":\"2026-13-45 99:99:99\"}", nil),
        ] as [(String, Int64?)])
    func `reads the instants of three kinds of log`(line: String, second: Int64?) {
        #expect(Array(line.utf8).withUnsafeBytes { LogInstant.second(in: $0) } == second)
    }

    @Test func `tells the names of one supplier from those of many people`() {
        #expect(!Reconciler.areUnrelated(["EDF", "Edf particuliers", "EDF SA", "edf"]))
        #expect(Reconciler.areUnrelated(["Anne Roux", "Marc Petit", "Zoe Blanc", "Luc Noir"]))
    }

    @Test func `knows numbers by their keys`() {
        #expect(Identifiers.isBIC("DGTBFRPPXXX") && Identifiers.isBIC("DGTBFRPP") && !Identifiers.isBIC("DGTB1RPP"))
        #expect(Identifiers.isNIR("1 85 05 78 006 084 91") == Identifiers.isNIR("185057800608491"))
        #expect(Identifiers.isNIR("705514") && !Identifiers.isNIR("185057800608400"))
        #expect(
            Hundredths.text(-5) == "-0.05" && Hundredths.text(123_456) == "1234.56"
                && Hundredths.text(.min).hasPrefix("-"))
        #expect(Mask.value("FR7612345678901234567890123", "iban") == "FR…0123")
    }
}
