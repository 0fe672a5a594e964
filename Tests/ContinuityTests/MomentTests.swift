import Foundation
import Postgres
import TestSupport
import Testing

@testable import Continuity
@testable import PostgresServer

/// Restores to a moment: exactly what was committed by then, no more and no less.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct MomentTests {
    /// The state after each transfer, with the place in the log behind its commit and a time between it and the next.
    private struct Step: Sendable {
        let position: LogPosition
        let time: String
        let balances: [Int64]
    }

    @Test("a restore to a random moment gives the state that the bank had then")
    func randomTargets() async throws {
        let bank = try await LivingBank(repositories: 1)
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        _ = try await bank.desk.make(.full)
        let count = isLongRun ? 400 : 60
        let steps = try await bank.with { database in
            var random = SplitMix(state: seed)
            var steps: [Step] = []
            for index in 0..<count {
                let debit = Int64.random(in: 1...20, using: &random)
                let credit = (debit + .random(in: 0...18, using: &random)) % 20 + 1
                let position = try await LivingBank.transfer(
                    debit, credit, .random(in: 1...500, using: &random), "moment \(index)", in: database)
                try await Task.sleep(for: .milliseconds(3))
                let time = try await database.one(
                    "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')",
                    as: String.self)
                steps.append(
                    Step(position: position, time: time, balances: try await LivingBank.balances(database)))
                try await Task.sleep(for: .milliseconds(3))
                if index % 25 == 24 { _ = try await ContinuityStore(database: database).switchLog() }
            }
            return steps
        }
        try await bank.archive()
        for trial in 0..<(isLongRun ? 50 : 3) {
            let step = steps[Int.random(in: 0..<(steps.count - 1), using: &random)]
            let target =
                trial % 2 == 0 ? RestoreTarget.time(step.time) : try .position("\(step.position)", isIncluded: false)
            var request = Restorer.Request(target: target, directory: bank.place("moment"))
            request.isScratch = true
            request.usesServerLog = false
            let restored = try await Restorer(desk: bank.desk).restore(request)
            let database = Database(restored.cluster.configuration(database: LivingBank.name))
            let balances = try await LivingBank.balances(database)
            let faults = try await database.one("select count(*) from verifier_le_grand_livre()", as: Int64.self)
            await database.close()
            try await restored.cluster.destroy()
            #expect(balances == step.balances, "\(target), seed \(seed)")
            #expect(faults == 0)
        }
        await bank.end()
    }

    @Test("a moment that the log does not reach is an error, not an earlier state")
    func notReached() async throws {
        let bank = try await LivingBank.shared()
        _ = try await bank.desk.make(.incr)
        let left = try await bank.copyOfBackups()
        var request = Restorer.Request(target: .time("2099-01-01 00:00:00Z"), directory: left.folder.scratch + "/late")
        request.isScratch = true
        await #expect {
            try await Restorer(desk: left).restore(request)
        } throws: { error in
            (error as? ContinuityError)?.code == "restore_target_not_reached"
        }
        try? FileManager.default.removeItem(atPath: left.folder.dataDirectory)
    }

    @Test("what destroyed a table is found in the log, and a restore to just before it has the rows")
    func destruction() async throws {
        let bank = try await LivingBank(repositories: 1)
        _ = try await bank.desk.make(.full)
        try await bank.with { database in
            try await database.run("create table public.essai as select g from generate_series(1, 3000) g")
            try await database.run("alter table public.essai enable row level security")
            try await database.run("create table public.autre as select g from generate_series(1, 3000) g")
            try await database.run("alter table public.autre enable row level security")
            try await RelationMapStore(database: database).refresh()
            try await database.run(
                """
                do $$ begin
                    for part in 0..4 loop
                        begin
                            delete from public.autre where g > 500 + part * 500 and g <= 1000 + part * 500;
                        exception when others then raise;
                        end;
                    end loop;
                end $$
                """)
            try await database.run("truncate public.autre")
            try await database.run("drop table public.essai")
            try await LivingBank.transfer(1, 2, 5, "after the drop", in: database)
        }
        try await bank.archive()
        let search = try await DestructionFinder(desk: bank.desk).find(rowsMin: 1000)
        let found = search.acts
        #expect(search.gaps.isEmpty, "\(search.gaps)")
        let drop = try #require(found.first { $0.kind == .dropped && $0.names.contains("public.essai") }, "\(found)")
        #expect(found.contains { $0.kind == .truncated && $0.names.contains("public.autre") }, "\(found)")
        #expect(found.contains { $0.kind == .deleted && $0.rows == 2500 }, "\(found)")
        var request = Restorer.Request(
            target: .position(drop.commit, isIncluded: false), directory: bank.place("before"))
        request.isScratch = true
        let restored = try await Restorer(desk: bank.desk).restore(request)
        let database = Database(restored.cluster.configuration(database: LivingBank.name))
        #expect(try await database.one("select count(*) from public.essai", as: Int64.self) == 3000)
        let later = try await database.one(
            "select count(*) from virements where cle_idempotence = 'after the drop'", as: Int64.self)
        #expect(later == 0)
        await database.close()
        try await restored.cluster.destroy()
        await bank.end()
    }
}
