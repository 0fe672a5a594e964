import Foundation
import Postgres
import TestSupport
import Testing

@testable import Fraud

/// What analysts, servers and clocks do to a desk: nothing may be counted twice, released by one, or taken for genuine
/// because nothing was heard of it.
@Suite struct DeskRepairTests {
    private func with(
        settings: FraudSettings = FraudSettings(), bench: Bench = Bench(),
        _ body: @Sendable (FraudDesk) async throws -> Void
    ) async throws {
        let plan = try FeaturePlan(Handbook.definition(), set: "own")
        var patient = settings
        patient.decisionMax = .seconds(30)
        if patient.answerMax == .seconds(2) { patient.answerMax = .seconds(120) }
        try await withTestDatabase(fraudTemplate) { [patient] database in
            try await body(FraudDesk(database: database, plan: plan, trusted: [], settings: patient, bench: bench))
        }
    }

    private func request(_ number: Int64, minor: Int64 = 5_000, client: Int64 = 7, terminal: Int64 = 3, day: Int64 = 0)
        -> PaymentRequest
    {
        PaymentRequest(
            payment: number, key: "p\(number)", time: Span.day * (20_000 + day) + number * Span.hour, minor: minor,
            entities: ["customer": client, "terminal": terminal])
    }

    private func watch(_ desk: FraudDesk) async throws {
        try await desk.list("watch", entity: "customer", key: 7, reason: "?", author: "ana", expiresInSeconds: nil)
    }

    // MARK: release

    @Test("a held payment is let through when an analyst calls it genuine, and refused when they call it fraud")
    func release() async throws {
        try await with { desk in
            try await watch(desk)
            #expect(try await desk.decide(request(1)).verdict == .review)
            #expect(try await desk.decide(request(2)).verdict == .review)
            #expect(try await desk.decide(request(1)).verdict == .review, "nobody has judged yet")
            // The client's own word releases nothing: whoever took a session over could say it.
            try await desk.label(1, isFraud: false, source: .client, author: "client 7")
            #expect(try await desk.decide(request(1)).verdict == .review)
            #expect(try await desk.judge(1, isFraud: false, analyst: "ana") == .counted)
            #expect(try await desk.judge(2, isFraud: true, analyst: "ana") == .counted)
            try await desk.list("block", entity: "terminal", key: 3, reason: "!", author: "ana", expiresInSeconds: nil)
            #expect(try await desk.decide(request(1)).verdict == .block, "a blocked payee stays blocked")
            _ = try await desk.unlist("block", entity: "terminal", key: 3, author: "ana")
            let released = try await desk.decide(request(1))
            #expect(released.verdict == .allow && released.isReplay)
            #expect(try await desk.decide(request(2)).verdict == .block)
            #expect(try await desk.decide(request(1)).verdict == .allow)
            let passed = try await desk.database.all(
                "select passe from fraud.decisions order by paiement", as: Bool.self)
            #expect(passed == [true, false])
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("an order that was proved later is known as one on which money moved")
    func proved() async throws {
        var settings = FraudSettings()
        settings.decisionMax = .seconds(30)
        try await with(settings: settings) { desk in
            var first = request(1, minor: 50_000)
            let event = try first.event(desk.plan)
            let decision = FraudDecision(
                payment: 1, verdict: .stepUp, rules: [], shadowRules: [], reasons: [], fallback: .late,
                isControl: false, isReplay: false, lists: [])
            try await FraudStore(database: desk.database).keep(
                [], first, event: event, decision, FraudStore.Trace(aheadMax: .seconds(300)))
            #expect(try await desk.catchUp() == 1)
            #expect(try await desk.audit().isEmpty)
            #expect(try await desk.decide(first).verdict == .stepUp)
            first.isProved = true
            #expect(try await desk.decide(first).verdict == .stepUp)
            #expect(try await desk.database.one("select passe from fraud.decisions", as: Bool.self))
            #expect(try await desk.audit().isEmpty)
        }
    }

    // MARK: four eyes

    @Test("who disagrees with a proposal proposes the other verdict: a case closes when two say the same")
    func disagreement() async throws {
        var settings = FraudSettings()
        settings.fourEyesMinor = 1_000
        try await with(settings: settings) { desk in
            try await watch(desk)
            let number = try #require(try await desk.decide(request(1)).caseNumber)
            #expect(try await desk.decide(case: number, isFraud: true, reason: "odd", analyst: "ana") == .proposed)
            #expect(try await desk.decide(case: number, isFraud: false, reason: "usual", analyst: "bob") == .proposed)
            #expect(try await FraudStore(database: desk.database).labels().isEmpty)
            let own = await #expect(throws: FraudError.self) {
                _ = try await desk.decide(case: number, isFraud: false, reason: "usual", analyst: "bob")
            }
            #expect(own?.code == "fraud_four_eyes")
            // Another payment joins the case: what was proposed did not know of it.
            _ = try await desk.decide(request(2))
            #expect(try await desk.decide(case: number, isFraud: false, reason: "usual", analyst: "ana") == .proposed)
            #expect(try await desk.decide(case: number, isFraud: false, reason: "usual", analyst: "bob") == .closed)
            #expect(try await FraudStore(database: desk.database).labels().map(\.isFraud) == [false, false])
        }
    }

    @Test("one analyst alone labels no large payment")
    func largeFeedback() async throws {
        var settings = FraudSettings()
        settings.fourEyesMinor = 100_000
        try await with(settings: settings) { desk in
            _ = try await desk.decide(request(1, minor: 100_000))
            _ = try await desk.decide(request(2, minor: 99_999))
            #expect(try await desk.judge(2, isFraud: true, analyst: "ana") == .counted)
            #expect(try await desk.judge(1, isFraud: false, analyst: "ana") == .proposed)
            let own = await #expect(throws: FraudError.self) {
                _ = try await desk.judge(1, isFraud: false, analyst: "ana")
            }
            #expect(own?.code == "fraud_four_eyes")
            #expect(try await desk.judge(1, isFraud: true, analyst: "bob") == .proposed)
            #expect(try await FraudStore(database: desk.database).labels().map(\.payment) == [2])
            #expect(try await desk.judge(1, isFraud: true, analyst: "ana") == .counted)
            #expect(try await FraudStore(database: desk.database).labels().count == 2)
            let unknown = await #expect(throws: FraudError.self) {
                _ = try await desk.judge(9, isFraud: true, analyst: "ana")
            }
            #expect(unknown?.code == "fraud_payment_unknown")
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("a client's denial of a payment that went on is a label at once, and one case for an analyst")
    func denial() async throws {
        try await with { desk in
            _ = try await desk.decide(request(1))
            try await desk.deny(1, author: "client 7")
            try await desk.deny(1, author: "client 7")
            #expect(try await FraudStore(database: desk.database).labels() == [.init(payment: 1, isFraud: true)])
            #expect(try await desk.cases(limit: 5).contains("\"alerts\":1"))
            let unknown = await #expect(throws: FraudError.self) { try await desk.deny(9, author: "client 7") }
            #expect(unknown?.code == "fraud_payment_unknown")
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("nobody takes another analyst's case by accident")
    func assignment() async throws {
        try await with { desk in
            try await watch(desk)
            let number = try #require(try await desk.decide(request(1)).caseNumber)
            try await desk.assign(number, to: "ana")
            try await desk.assign(number, to: "ana")
            let taken = await #expect(throws: FraudError.self) { try await desk.assign(number, to: "bob") }
            #expect(taken?.code == "fraud_case_taken" && taken?.message.contains("ana") == true)
            #expect(try await desk.cases(limit: 1).contains("\"assigned_to\":\"ana\""))
            try await desk.assign(number, to: "eve", isForced: true)
            #expect(try await desk.cases(limit: 1).contains("\"assigned_to\":\"eve\""))
            let unknown = await #expect(throws: FraudError.self) { try await desk.assign(99, to: "bob") }
            #expect(unknown?.code == "fraud_case_unknown")
        }
    }

    // MARK: servers and clocks

    @Test("several servers that make up for late decisions at once count each once, with what was said of it meanwhile")
    func catchUpTogether() async throws {
        try await with { desk in
            for number in 1...12 as ClosedRange<Int64> {
                let late = request(number)
                let decision = FraudDecision(
                    payment: number, verdict: number % 3 == 0 ? .stepUp : .allow, rules: [], shadowRules: [],
                    reasons: [], fallback: .late, isControl: false, isReplay: false, lists: [])
                try await FraudStore(database: desk.database).keep(
                    [], late, event: late.event(desk.plan), decision, FraudStore.Trace(aheadMax: .seconds(300)))
            }
            try await desk.label(12, isFraud: true, source: .client, author: "client 7")
            let waiting = try await FraudStore(database: desk.database).unabsorbed(limit: 100)
            #expect(waiting.count == 12)
            // Each of four servers has read the whole list.
            let count = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var count = 0
                        for event in waiting where try await desk.absorb(event) { count += 1 }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(count == 12)
            #expect(try await desk.audit().isEmpty)
            _ = try await desk.decide(request(13, client: 8))
            let columns = try #require(
                try await CaseStore(database: desk.database).decision(13).flatMap { FraudDesk.row($0.columns) })
            let place = try #require(desk.plan.names.firstIndex(of: "terminal_frauds_7d"))
            #expect(columns[place] == 1, "the label that came first reached the state")
        }
    }

    @Test("a clock that has jumped ahead poisons nothing")
    func jump() async throws {
        try await with { desk in
            let now = Int64(Date().timeIntervalSince1970) * Span.second
            var given = request(1)
            given.time = now + Span.hour
            let future = given
            let error = await #expect(throws: FraudError.self) { _ = try await desk.decide(future) }
            #expect(error?.code == "fraud_request_invalid")
            var own = request(2)
            own.time = now + 400 * Span.day
            own.keepsTime = false
            _ = try await desk.decide(own)
            let decision = FraudDecision(
                payment: 3, verdict: .allow, rules: [], shadowRules: [], reasons: [], fallback: .late,
                isControl: false, isReplay: false, lists: [])
            var late = own
            late.payment = 3
            late.key = "p3"
            try await FraudStore(database: desk.database).keep(
                [], late, event: late.event(desk.plan), decision, FraudStore.Trace(aheadMax: .seconds(300)))
            #expect(try await desk.catchUp() == 1)
            let latest = try await desk.database.one("select max(horodatage) from fraud.decisions", as: Int64.self)
            #expect(latest <= now + Span.hour)
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("states that nobody has touched for over a year are forgotten, and count as new either way")
    func forgetting() async throws {
        try await with { desk in
            _ = try await desk.decide(request(1))
            _ = try await desk.decide(request(2, client: 8, terminal: 4, day: 500))
            #expect(try await desk.forget() == 0)
            try await desk.database.run(
                "update fraud.etats set vu_le = current_date - 500 where (entite, cle) in (('customer', 7), ('terminal', 3))"
            )
            let gone = try await desk.forget()
            #expect(gone == 2)
            #expect(try await desk.audit().isEmpty)
            _ = try await desk.decide(request(3, day: 501))
            // Still kept, but as old: the same as forgotten.
            _ = try await desk.decide(request(4, client: 9, terminal: 5))
            _ = try await desk.decide(request(5, client: 9, terminal: 5, day: 502))
            #expect(try await desk.audit().isEmpty)
        }
    }

    @Test("a client's program names as many devices as it likes, and so many a day are remembered")
    func devices() {
        let cap = EntityCap(max: 3)
        let admitted = (0..<10 as Range<Int64>).map { cap.admits($0, of: 1, day: 5) }
        #expect(admitted == [true, true, true] + [Bool](repeating: false, count: 7))
        #expect(cap.admits(2, of: 1, day: 5) && cap.admits(9, of: 2, day: 5) && cap.admits(9, of: 1, day: 6))
    }

    @Test("a server that hangs makes nobody wait: the answer is in time, and the connection is used again later")
    func stoppedServer() async throws {
        var settings = FraudSettings()
        settings.answerMax = .milliseconds(300)
        try await with(settings: settings) { desk in
            var one = desk.database.configuration
            one.limits.connectionsMax = 1
            let database = Database(one)
            let stopped = FraudDesk(database: database, plan: desk.plan, trusted: [], settings: desk.settings)
            let server = try await database.one("select pg_backend_pid()::bigint", as: Int64.self)
            kill(Int32(server), SIGSTOP)
            let hung = await #expect(throws: FraudError.self) { _ = try await stopped.decide(self.request(1)) }
            // The next one waits for the only connection.
            let waiting = await #expect(throws: FraudError.self) { _ = try await stopped.decide(self.request(2)) }
            kill(Int32(server), SIGCONT)
            #expect(hung?.code == "fraud_late" && waiting?.code == "fraud_late")
            #expect(stopped.fallbackCounts[.late] == 2)
            let again = try await database.one("select 7", as: Int.self)
            #expect(again == 7)
            await database.close()
            #expect(try await desk.audit().isEmpty)
        }
    }
}
