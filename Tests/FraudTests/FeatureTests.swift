import Foundation
import Testing

@testable import Fraud

@Suite struct FeatureTests {
    @Test("the handbook's fifteen columns are those that its text defines", .enabled(if: Handbook.isThere))
    func handbookColumns() throws {
        let table = try Handbook.table(days: 50)
        let plan = try FeaturePlan(Handbook.definition(), set: "handbook")
        let held = table.rows(from: table.day(0) + 45, to: table.day(0) + 50)
        let features = try FeatureTable(plan, over: table, held: held)
        let byCustomer = Dictionary(grouping: 0..<table.count) { table.customer[$0] }
        let byTerminal = Dictionary(grouping: 0..<table.count) { table.terminal[$0] }
        for row in held where row % 97 == 0 {
            let now = table.time[row]
            let day = table.day(row)
            var expected: [Float] = [Float(Double(table.minor[row]) / 100)]
            expected.append((day + 3) % 7 >= 5 ? 1 : 0)
            expected.append((now - Int64(day) * Span.day) / Span.hour <= 6 ? 1 : 0)
            for window in [1, 7, 30] as [Int64] {
                let rows = (byCustomer[table.customer[row]] ?? []).filter {
                    $0 <= row && table.time[$0] > now - window * Span.day
                }
                expected.append(Float(rows.count))
                expected.append(Float(Double(rows.reduce(0) { $0 + table.minor[$1] }) / Double(rows.count) / 100))
            }
            for window in [1, 7, 30] as [Int64] {
                let rows = (byTerminal[table.terminal[row]] ?? []).filter {
                    table.time[$0] <= now - 7 * Span.day && table.time[$0] > now - (7 + window) * Span.day
                }
                let frauds = rows.count { table.isFraud[$0] }
                expected.append(Float(rows.count))
                expected.append(rows.isEmpty ? 0 : Float(Double(frauds) / Double(rows.count)))
            }
            #expect(bits(features.picking([row]).values) == bits(expected), "row \(row)")
        }
    }

    @Test("labels of the future change no column of a payment", .enabled(if: Handbook.isThere))
    func noLeak() throws {
        let table = try Handbook.table(days: 40)
        let plan = try FeaturePlan(Handbook.definition(), set: "own")
        let moment = table.rows(from: table.day(0), to: table.day(0) + 30).upperBound
        let held = (moment - 4_000)..<moment
        let truth = try FeatureTable(plan, over: table, held: held)
        // All that is not yet known at the earliest of these payments, and their own labels, at random.
        let unknown = table.time[held.lowerBound] - plan.labelDelay
        var generator = SplitMix(state: 7)
        let shuffled = (0..<table.count).map { row in
            table.time[row] > unknown ? generator.next() % 2 == 0 : table.isFraud[row]
        }
        let other = try FeatureTable(plan, over: table, held: held) { row in shuffled[row] }
        // Labels become known while the rows go by: only the first payment sees exactly the same past.
        #expect(bits(truth.picking([held.lowerBound]).values) == bits(other.picking([held.lowerBound]).values))
        for row in [moment - 3_000, moment - 2_000, moment - 1] {
            let known = table.time[row] - plan.labelDelay
            let own = try FeatureTable(plan, over: table, held: row..<(row + 1)) { other in
                table.time[other] > known ? shuffled[other] : table.isFraud[other]
            }
            #expect(bits(own.picking([row]).values) == bits(truth.picking([row]).values), "row \(row)")
        }
    }

    @Test(
        "a state goes through its bytes unchanged at every payment, and gives the same columns",
        .enabled(if: Handbook.isThere))
    func statesSurvive() throws {
        var table = try Handbook.table(days: 12)
        table.locate(seed: 5)
        let plan = try FeaturePlan(
            Handbook.definition(), columns: Handbook.definition().columns.map(\.name), labelDelaySeconds: 86_400)
        let batch = FeatureEngine(plan)
        var reader = FeatureReader(plan)
        var stored: [[Int64: [UInt8]]] = plan.entities.map { _ in [:] }
        var labelled = 0
        var row = [Float](repeating: 0, count: plan.columns.count)
        var seen = [Bool](repeating: false, count: plan.columns.count)
        let places = try KeyPlaces(plan)
        func known(_ slot: Int, _ keys: SIMD8<Int64>) -> [UInt8]? {
            guard let key = plan.key(of: slot, in: keys) else { return nil }
            return stored[plan.entities[slot].source ?? slot][key]
        }
        for index in 0..<20_000 {
            while labelled < index, table.time[labelled] + plan.labelDelay <= table.time[index] {
                let past = table.event(labelled, places)
                let label = PaymentLabel(payment: past.id, isFraud: table.isFraud[labelled])
                batch.learn(label, of: past.keys)
                for slot in plan.entities.indices where plan.isOwn(slot) {
                    guard let bytes = known(slot, past.keys), let key = plan.key(of: slot, in: past.keys),
                        let state = EntityState.decode(bytes, halfLives: plan.entities[slot].halfLives.count)
                    else { continue }
                    state.learn(label)
                    stored[slot][key] = state.encoded
                }
                labelled += 1
            }
            let event = table.event(index, places)
            var states: [EntityState?] = []
            for slot in plan.entities.indices {
                guard plan.key(of: slot, in: event.keys) != nil else {
                    states.append(nil)
                    continue
                }
                let halfLives = plan.entities[slot].halfLives.count
                let bytes = known(slot, event.keys)
                let state = bytes.flatMap { EntityState.decode($0, halfLives: halfLives) }
                #expect((state == nil) == (bytes == nil))
                states.append(state ?? EntityState(halfLives: halfLives))
            }
            row.withUnsafeMutableBufferPointer { reader.observe(event, states: states, into: $0) }
            for slot in plan.entities.indices where plan.isOwn(slot) {
                if let key = plan.key(of: slot, in: event.keys) { stored[slot][key] = states[slot]?.encoded }
            }
            for column in row.indices where !row[column].isNaN && row[column] != 0 { seen[column] = true }
            let expected = batch.observe(event)
            guard bits(expected) == bits(row) else {
                Issue.record("row \(index): \(zip(plan.names, zip(expected, row)).filter { $0.1.0 != $0.1.1 })")
                return
            }
        }
        // Ten days hold no honest payment behind a run, and an address here has too many payments for a label to be kept.
        let unseen = Set(zip(plan.names, seen).filter { !$0.1 }.map(\.0))
        #expect(unseen.isSubset(of: ["terminal_run_gap", "address_frauds_28d"]), "\(unseen)")
    }

    @Test("distance, novelty, sharing and flow are what they are called")
    func contexts() throws {
        let plan = try FeaturePlan(Handbook.definition(), set: "bank")
        let engine = FeatureEngine(plan)
        let paris = try #require(Place.key(latitude: 48.8566, longitude: 2.3522))
        let lyon = try #require(Place.key(latitude: 45.7640, longitude: 4.8357))
        var number: Int64 = 0
        func pay(
            _ from: Int64, _ to: Int64, _ minor: Int64, hour: Int64, place: Int64? = nil, device: Int64? = nil
        ) -> [String: Float] {
            number += 1
            var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
            let named: [(String, Int64?)] = [
                ("customer", from), ("terminal", to), ("place", place), ("device", device),
            ]
            for (name, key) in named {
                if let key, let slot = plan.keyNames.firstIndex(of: name) { keys[slot] = key }
            }
            let time = Span.day * 20_000 + hour * Span.hour
            let row = engine.observe(PaymentEvent(id: number, time: time, minor: minor, keys: keys))
            return Dictionary(uniqueKeysWithValues: zip(plan.names, row))
        }
        _ = pay(1, 900, 10_000, hour: 0, place: paris, device: 5)
        _ = pay(2, 900, 20_000, hour: 1, device: 5)
        let third = pay(3, 900, 30_000, hour: 2, device: 5)
        #expect(third["payee_payers_7d"] == 2 && third["device_customers_7d"] == 2)
        #expect(third["payee_visits"] == 0 && third["device_visits"] == 0)
        // The account that was paid passes most of it on, to where two others do.
        let mule = pay(900, 77, 54_000, hour: 5)
        #expect(mule["incoming_sum_1d"] == 600 && mule["incoming_share_1d"] == Float(0.9))
        #expect(mule["incoming_payers_7d"] == 3)
        let fourth = pay(4, 900, 100, hour: 6)
        #expect(fourth["payee_out_sum_1d"] == 540)
        let far = pay(1, 900, 10_000, hour: 7, place: lyon, device: 6)
        let distance = try #require(far["distance"])
        #expect(abs(distance - 391.5) < 2 && far["payee_visits"] == 1 && far["device_visits"] == 0, "\(distance)")
        #expect(pay(1, 901, 1, hour: 8, place: lyon, device: 6)["device_visits"] == 1)
        // Two clients say that they were robbed by that payee; the label is known at once.
        for payment in [1, 2] as [Int64] {
            var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
            (keys[0], keys[1], keys[2]) = (payment, 900, 5)
            engine.learn(PaymentLabel(payment: payment, isFraud: true), of: keys)
        }
        let late = pay(8, 900, 1, hour: 9, device: 5)
        #expect(late["payee_victims_28d"] == 2 && late["device_frauds_28d"] == 2)
        // A payment that names no device has nothing to do with them.
        #expect(pay(8, 900, 1, hour: 10)["device_customers_7d"]?.isNaN == true)
    }

    @Test("bytes that are no state are refused")
    func brokenStates() throws {
        let state = EntityState(halfLives: 1)
        for index in 0..<40 {
            let item = EntityState.Item(
                time: Int64(index) * Span.hour, id: Int64(index), minor: 100, peer: -5, flags: 0)
            state.append(item, history: Span.day, events: 16, halfLives: [Span.day])
        }
        #expect(state.count == 16)
        let bytes = state.encoded
        #expect(EntityState.decode(bytes, halfLives: 1)?.encoded == bytes)
        #expect(EntityState.decode(bytes, halfLives: 2) == nil)
        for length in bytes.indices { #expect(EntityState.decode(Array(bytes[..<length]), halfLives: 1) == nil) }
        var generator = SplitMix(state: 1)
        for _ in 0..<20_000 {
            var broken = bytes
            for _ in 0..<(1 + Int(generator.next() % 3)) {
                broken[Int(generator.next() % UInt64(broken.count))] = UInt8(truncatingIfNeeded: generator.next())
            }
            if let read = EntityState.decode(broken, halfLives: 1) { #expect(read.count <= 4_096) }
        }
    }

    @Test("absurd amounts, times and clocks that go back give finite columns and ordered states")
    func absurdInputs() throws {
        let plan = try FeaturePlan(Handbook.definition(), set: "own")
        let engine = FeatureEngine(plan)
        let moments: [Int64] = [0, .max, .min, 5, Span.day * 20_000, -1]
        let amounts: [Int64] = [.min, -1, 0, .max, 100]
        for (index, time) in (moments + moments).enumerated() {
            var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
            keys[0] = 1
            if index % 3 != 0 { keys[1] = .max }
            let event = PaymentEvent(id: Int64(index), time: time, minor: amounts[index % amounts.count], keys: keys)
            let row = engine.observe(event)
            #expect(row.allSatisfy { !$0.isInfinite })
        }
        let times = engine.state(0, 1)?.items.map(\.time) ?? []
        #expect(times == times.sorted() && times.count > 1)
    }

    @Test(
        "a definition that makes no sense is refused with the place",
        arguments: [
            ("measure: amount,", "measure: magic,", "magic"), ("window: 7d", "window: 7y", "window"),
            (" of: terminal", " of: moon", "needs `of`"), ("label_delay: 7d", "label_delay: soon", "label_delay"),
            ("history: 75d", "history: 20d", "longer than what is kept"),
        ])
    func badDefinitions(before: String, after: String, words: String) throws {
        let text = try String(contentsOfFile: try FeatureDefinition.shippedPath(), encoding: .utf8)
        let error = #expect(throws: FraudError.self) {
            _ = try FeaturePlan(
                FeatureDefinition.parse(text.replacingOccurrences(of: before, with: after)), set: "own")
        }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
}
