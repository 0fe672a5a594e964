internal import Synchronization

/// So many bytes that may be held at once, for everybody together.
final class ByteBudget: Sendable {
    let max: Int
    private let held = Atomic<Int>(0)

    init(_ max: Int) { self.max = max }

    var isSpent: Bool { held.load(ordering: .relaxed) > max }

    func take(_ count: Int) -> Bool {
        guard held.wrappingAdd(count, ordering: .relaxed).newValue <= max else {
            held.wrappingSubtract(count, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Counts what is there whether there is room or not.
    func add(_ count: Int) { held.wrappingAdd(count, ordering: .relaxed) }

    func giveBack(_ count: Int) { held.wrappingSubtract(count, ordering: .relaxed) }
}

/// What one request or one connection has taken of a budget: given back when it is over, whatever way it ends.
final class ByteHolding: Sendable {
    let max: Int
    private let budget: ByteBudget
    private let held = Atomic<Int>(0)

    /// - Parameter max: what one of them may hold.
    init(_ budget: ByteBudget, max: Int) {
        self.budget = budget
        self.max = max
    }

    deinit { budget.giveBack(held.load(ordering: .relaxed)) }

    func take(_ count: Int) -> Bool {
        guard held.load(ordering: .relaxed) + count <= max, budget.take(count) else { return false }
        held.wrappingAdd(count, ordering: .relaxed)
        return true
    }

    func giveBack(_ count: Int) {
        held.wrappingSubtract(count, ordering: .relaxed)
        budget.giveBack(count)
    }
}
