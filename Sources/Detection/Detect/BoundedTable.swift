/// A value that a bounded table keeps for one key.
protocol TableValue {
    init()
    /// How much would be lost by forgetting it; the least of a bucket goes first.
    var weight: Int { get }
    /// Seconds since 1970 of its last use.
    var lastSeen: UInt32 { get set }
}

/// A hash table of a fixed size at most: eight places a bucket, of which the least worth keeping gives way. A peer that
/// makes up keys by the million costs no memory, and can push out only what weighs less than its own entries.
final class BoundedTable<Value: TableValue> {
    private static var ways: Int { 8 }
    private var keys: UnsafeMutablePointer<UInt64>
    private var values: UnsafeMutablePointer<Value>
    private var buckets: Int
    private let bucketsMax: Int
    private(set) var count = 0
    private(set) var evicted: Int64 = 0

    /// - Parameter capacityMax: entries; rounded to a power of two.
    init(capacityMax: Int) {
        var most = 64
        while most * Self.ways < capacityMax { most *= 2 }
        bucketsMax = most
        buckets = 64
        (keys, values) = Self.allocate(buckets)
    }

    deinit {
        keys.deallocate()
        values.deinitialize(count: buckets * Self.ways)
        values.deallocate()
    }

    private static func allocate(_ buckets: Int) -> (UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<Value>) {
        let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: buckets * ways)
        keys.initialize(repeating: 0, count: buckets * ways)
        let values = UnsafeMutablePointer<Value>.allocate(capacity: buckets * ways)
        values.initialize(repeating: Value(), count: buckets * ways)
        return (keys, values)
    }

    /// The value of a key, made when it is new. The pointer is good until the next call.
    @inline(__always)
    func at(_ key: UInt64, now: UInt32) -> UnsafeMutablePointer<Value> {
        let key = key == 0 ? 1 : key
        let base = Int(truncatingIfNeeded: key >> 20) & (buckets - 1)
        for slot in base * 8..<base * 8 + 8 where keys[slot] == key {
            if now > values[slot].lastSeen { values[slot].lastSeen = now }
            return values + slot
        }
        return insert(key, now)
    }

    func find(_ key: UInt64) -> UnsafeMutablePointer<Value>? {
        let key = key == 0 ? 1 : key
        let base = Int(truncatingIfNeeded: key >> 20) & (buckets - 1)
        for slot in base * 8..<base * 8 + 8 where keys[slot] == key { return values + slot }
        return nil
    }

    private func insert(_ key: UInt64, _ now: UInt32) -> UnsafeMutablePointer<Value> {
        if count > buckets * 5, buckets < bucketsMax { grow() }
        let base = (Int(truncatingIfNeeded: key >> 20) & (buckets - 1)) * Self.ways
        let victim = (base..<base + Self.ways).first { keys[$0] == 0 } ?? leastWorth(base)
        if keys[victim] == 0 { count += 1 } else { evicted += 1 }
        keys[victim] = key
        values[victim] = Value()
        values[victim].lastSeen = now
        return values + victim
    }

    private func leastWorth(_ base: Int) -> Int {
        var victim = base
        var least = (values[base].weight, values[base].lastSeen)
        for slot in base + 1..<base + Self.ways {
            let worth = (values[slot].weight, values[slot].lastSeen)
            if worth < least { (victim, least) = (slot, worth) }
        }
        return victim
    }

    private func grow() {
        let (oldKeys, oldValues, oldBuckets) = (keys, values, buckets)
        buckets *= 4
        if buckets > bucketsMax { buckets = bucketsMax }
        (keys, values) = Self.allocate(buckets)
        count = 0
        for slot in 0..<oldBuckets * Self.ways where oldKeys[slot] != 0 {
            let place = insert(oldKeys[slot], oldValues[slot].lastSeen)
            place.pointee = oldValues[slot]
        }
        oldKeys.deallocate()
        oldValues.deinitialize(count: oldBuckets * Self.ways)
        oldValues.deallocate()
    }
}

/// How many distinct things were seen, in 128 bits: right to a tenth up to some hundreds.
struct DistinctBits {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    @inline(__always)
    mutating func insert(_ hash: UInt64) {
        let bit = hash & 127
        if bit < 64 { low |= 1 << bit } else { high |= 1 << (bit - 64) }
    }

    mutating func removeAll() { (low, high) = (0, 0) }

    private static let estimates: [Int] = (0...128).map { set in
        guard set < 128 else { return 620 }
        // Linear counting: n = -m ln(empty / m), by the series' own sum.
        var sum = 0.0
        for step in 0..<set { sum += 128 / Double(128 - step) }
        return Int(sum.rounded())
    }

    var estimate: Int { Self.estimates[low.nonzeroBitCount + high.nonzeroBitCount] }
}

/// A count within a window that slides by halves: this half and the one before, weighted.
struct SlidingCount {
    private var start: UInt32 = 0
    private var now: UInt32 = 0
    private var before: UInt32 = 0

    @inline(__always)
    mutating func add(_ amount: UInt32, at second: UInt32, window: UInt32) -> Int {
        if second >= start &+ window {
            before = second < start &+ 2 &* window ? now : 0
            now = 0
            start = second - second % window
        }
        now &+= amount
        let passed = min(second >= start ? second - start : 0, window)
        return Int(now) + Int(UInt64(before) * UInt64(window - passed) / UInt64(window))
    }
}
