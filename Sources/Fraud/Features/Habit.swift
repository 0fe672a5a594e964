private let bigFlag: UInt8 = 4

/// What a client usually pays, from the kept payments before the one at hand.
struct Habit {
    /// In minor units; nil while there are too few payments.
    private(set) var median: Int64?
    private(set) var mean = 0.0
    private(set) var deviation = 0.0
    private var amounts: ContiguousArray<Int64> = []

    mutating func read(_ state: EntityState?, after: Int) {
        median = nil
        guard let state, state.count >= max(after, 1) else { return }
        amounts.removeAll(keepingCapacity: true)
        var sum = 0.0
        var squares = 0.0
        var count = 0.0
        let first = state.head
        for item in state.storage[first...] {
            amounts.append(item.minor)
            guard item.flags & bigFlag == 0 else { continue }
            let amount = Double(item.minor)
            sum += amount
            squares += amount * amount
            count += 1
        }
        mean = count > 0 ? sum / count : 0
        deviation = count > 1 ? max(0, squares / count - mean * mean).squareRoot() : 0
        median = amounts.withUnsafeMutableBufferPointer { Self.select($0, $0.count / 2) }
    }

    /// The value that would stand at `rank` if the values were sorted.
    private static func select(_ values: UnsafeMutableBufferPointer<Int64>, _ rank: Int) -> Int64 {
        var low = 0
        var high = values.count - 1
        while low < high {
            let pivot = values[(low + high) / 2]
            var left = low
            var right = high
            while left <= right {
                while values[left] < pivot { left += 1 }
                while values[right] > pivot { right -= 1 }
                if left <= right {
                    values.swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if rank <= right { high = right } else if rank >= left { low = left } else { break }
        }
        return values[rank]
    }
}
