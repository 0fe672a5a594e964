internal import Foundation

/// Tells what happened at each break of the running balances. Pure: rows in, verdicts out.
///
/// An altered amount and a missing operation break the chain alike. In this order decide: the balance that is wrong
/// alone; the client's order, the other leg of the transfer; the month's statement, which counts operations; the
/// sequence of ids, in which each missing id explains one break at most; at last which of the two amounts is usual.
struct BreakJudge {
    private let breaks: [ChainBreak]
    private let evidence: ChainEvidence
    private var verdicts: [Int: BreakVerdict] = [:]
    private var usedIDs: Set<Int64> = []
    /// Breaks that must be a missing operation, whichever id it had.
    private var surelyMissing: Set<Int> = []

    /// `breaks` in the order of account and rank.
    static func verdicts(on breaks: [ChainBreak], _ evidence: ChainEvidence) -> [BreakVerdict] {
        var judge = BreakJudge(breaks: breaks, evidence: evidence)
        judge.findWrongBalances()
        judge.decideByProof()
        judge.matchMissingIDs()
        judge.decideTheRest()
        return breaks.indices.map { judge.verdicts[$0] ?? .unexplained }
    }

    private init(breaks: [ChainBreak], evidence: ChainEvidence) {
        self.breaks = breaks
        self.evidence = evidence
    }

    /// Two breaks in a row that cancel out: the balance between them is wrong, no amount is.
    private mutating func findWrongBalances() {
        for index in breaks.indices.dropLast() where verdicts[index] == nil {
            let (first, second) = (breaks[index], breaks[index + 1])
            guard first.account == second.account, first.rank + 1 == second.rank, first.gap == 0 &- second.gap,
                first.orderAmount.map({ 0 &- $0 == first.amount }) ?? true
            else { continue }
            verdicts[index] = .balanceAltered(expected: first.previousBalance &+ first.amount)
            verdicts[index + 1] = .balanceAltered(expected: second.balance)
        }
    }

    private mutating func decideByProof() {
        for (index, item) in breaks.enumerated() where verdicts[index] == nil {
            let witnesses = [item.orderAmount, item.twinAmount].compactMap { $0.map { 0 &- $0 } }
            if witnesses.contains(item.expectedAmount), !witnesses.contains(item.amount) {
                verdicts[index] = .amountAltered(expected: item.expectedAmount, .certain)
            } else if let id = candidates(item).first(where: { isOrdered($0, item) }) {
                take(id, index, .certain)
            } else if witnesses.contains(item.amount) {
                surelyMissing.insert(index)
            } else if let missing = missingByStatement(item) {
                if missing <= 0 {
                    verdicts[index] = .amountAltered(expected: item.expectedAmount, .certain)
                } else if missing >= breaksInMonths(item) {
                    surelyMissing.insert(index)
                }
            }
        }
        for (index, item) in breaks.enumerated() where verdicts[index] == nil && !surelyMissing.contains(index) {
            guard evidence.missingIDs != nil, candidates(item).isEmpty else { continue }
            verdicts[index] = .amountAltered(expected: item.expectedAmount, .certain)
        }
    }

    /// Each missing id goes to one break, and each break takes one id at most: first the only choices, then the sure
    /// breaks, then the likeliest. A break that looks altered through and through is not forced to take one.
    private mutating func matchMissingIDs() {
        takeOnlyChoices()
        var weights: [(index: Int, weight: Double)] = []
        for index in breaks.indices where verdicts[index] == nil {
            let weight = surelyMissing.contains(index) ? .infinity : missingRatherThanAltered(breaks[index])
            if weight > Self.weightMin { weights.append((index, weight)) }
        }
        // The worth of a pair is that of its break alone, so that taking breaks in this order, each displacing others to
        // ids that they can have too, gives the best matching.
        weights.sort { ($0.weight, $1.index) > ($1.weight, $0.index) }
        var owners: [Int64: Int] = [:]
        for (index, _) in weights {
            var seen: Set<Int64> = []
            _ = findID(for: index, &owners, &seen, depth: 0)
        }
        for (id, index) in owners { take(id, index, .likely) }
    }

    private static let weightMin = -12.0
    /// How many breaks one break may displace; each is a call within a call.
    private static let depthMax = 200

    private mutating func takeOnlyChoices() {
        var isChanged = true
        while isChanged {
            isChanged = false
            for index in breaks.indices where verdicts[index] == nil && surelyMissing.contains(index) {
                let free = freeIDs(of: index)
                guard free.count == 1 else { continue }
                take(free[0], index, .certain)
                isChanged = true
            }
        }
    }

    private func freeIDs(of index: Int) -> [Int64] {
        candidates(breaks[index]).filter { id in
            !usedIDs.contains(id) && (evidence.orders[id] == nil || isOrdered(id, breaks[index]))
        }
    }

    /// An augmenting path from the break to an id that nobody has.
    private func findID(for index: Int, _ owners: inout [Int64: Int], _ seen: inout Set<Int64>, depth: Int) -> Bool {
        guard depth < Self.depthMax else { return false }
        for id in freeIDs(of: index) where seen.insert(id).inserted {
            if let owner = owners[id], !findID(for: owner, &owners, &seen, depth: depth + 1) { continue }
            owners[id] = index
            return true
        }
        return false
    }

    private mutating func decideTheRest() {
        for (index, item) in breaks.enumerated() where verdicts[index] == nil {
            if surelyMissing.contains(index) {
                verdicts[index] = .operationMissing(id: nil, amount: item.gap, .likely)
            } else if evidence.missingIDs != nil {
                verdicts[index] = .amountAltered(expected: item.expectedAmount, .likely)
            } else {
                verdicts[index] = .unexplained
            }
        }
    }

    private mutating func take(_ id: Int64, _ index: Int, _ confidence: RowFinding.Confidence) {
        usedIDs.insert(id)
        verdicts[index] = .operationMissing(id: id, amount: breaks[index].gap, confidence)
    }

    /// Missing ids between the account's operation before and this one.
    private func candidates(_ item: ChainBreak) -> ArraySlice<Int64> {
        guard let ids = evidence.missingIDs, item.previousID < item.id else { return [] }
        let first = Self.firstIndex(above: item.previousID, in: ids)
        let last = Self.firstIndex(above: item.id, in: ids)
        return ids[first..<min(last, first + 200)]
    }

    private static func firstIndex(above value: Int64, in ids: [Int64]) -> Int {
        var (low, high) = (0, ids.count)
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] > value { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func isOrdered(_ id: Int64, _ item: ChainBreak) -> Bool {
        guard let order = evidence.orders[id], !usedIDs.contains(id) else { return false }
        return order.account == item.account && 0 &- order.amount == item.gap
    }

    /// How many operations the statements of the months around the break miss; nil without them.
    private func missingByStatement(_ item: ChainBreak) -> Int64? {
        guard let months = evidence.missingByMonth[item.account] else { return nil }
        var total: Int64 = 0
        for month in Set([item.previousMonth, item.month]) {
            guard let count = months[month] else { return nil }
            total += max(0, count)
        }
        return total
    }

    private func breaksInMonths(_ item: ChainBreak) -> Int64 {
        let months = Set([item.previousMonth, item.month])
        return Int64(breaks.count { $0.account == item.account && months.contains($0.month) })
    }

    /// Log of how much likelier it is that an operation is missing than that the amount was altered.
    func missingRatherThanAltered(_ item: ChainBreak) -> Double {
        let spread = spread(of: item)
        let isOpposite = (item.amount < 0) != (item.expectedAmount < 0)
        var altered = isOpposite || item.expectedAmount == 0 ? -20 : Self.logDensity(item.expectedAmount, spread)
        if spread.isRoundToTens, item.expectedAmount % 1000 != 0 { altered -= 10 }
        if spread.isRoundToUnits, item.expectedAmount % 100 != 0 { altered -= 8 }
        // An attacker picks any amount.
        altered += -log(2.5 * (2 * Double.pi).squareRoot())
        var missing = Self.logDensity(item.amount, spread)
        if spread.isRoundToTens, item.amount % 1000 != 0 { missing -= 10 }
        if spread.isRoundToUnits, item.amount % 100 != 0 { missing -= 8 }
        let share = item.gap > 0 ? evidence.creditShare : 1 - evidence.creditShare
        missing += log(max(share, 0.002))
        missing += Self.logDensity(item.gap, evidence.debits)
        return missing - altered
    }

    private func spread(of item: ChainBreak) -> AmountSpread {
        var spread = evidence.spreads[item.type + "/" + item.wording] ?? evidence.debits
        if let siblings = evidence.siblings[item.id], siblings.count >= 2, siblings.deviation < spread.deviation {
            spread.mean = siblings.mean
            spread.deviation = max(siblings.deviation, 0.08)
        } else {
            spread.deviation = max(spread.deviation, 0.25)
        }
        return spread
    }

    private static func logDensity(_ amount: Int64, _ spread: AmountSpread) -> Double {
        let value = log(Double(max(amount.magnitude, 1)))
        let deviation = max(spread.deviation, 0.05)
        let distance = (value - spread.mean) / deviation
        // Heavier tails than the bell: nobody's purchases are that regular.
        return -min(distance * distance / 2, 8 + abs(distance)) - log(deviation * (2 * Double.pi).squareRoot())
    }
}
