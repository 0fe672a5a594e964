/// What is kept of one client, terminal or account: its last payments, bounded in number and age, and what is known of
/// them. The state is the same in history and in service; `encoded` is how it stands in the database.
public final class EntityState {
    struct Item: Hashable {
        static let genuine: UInt8 = 1
        static let fraud: UInt8 = 2
        static let big: UInt8 = 4
        /// Held or refused: no money moved, so that silence says nothing of it.
        static let stopped: UInt8 = 8

        var time: Int64
        var id: Int64
        var minor: Int64
        var peer: Int64
        var flags: UInt8

        var isBig: Bool { flags & Self.big != 0 }
    }

    /// A sum that halves itself each half-life.
    struct Decay: Hashable {
        var time: Int64
        var count: Double
        var sum: Double
    }

    private(set) var storage: ContiguousArray<Item> = []
    /// Items before it have left.
    private(set) var head = 0
    var decays: ContiguousArray<Decay>

    init(halfLives: Int) {
        decays = ContiguousArray(repeating: Decay(time: 0, count: 0, sum: 0), count: halfLives)
    }

    init(items: ContiguousArray<Item>, decays: ContiguousArray<Decay>) {
        storage = items
        self.decays = decays
    }

    var items: ArraySlice<Item> { ArraySlice(storage[head...]) }
    var count: Int { storage.count - head }
    var lastTime: Int64 { storage.last?.time ?? .min }

    /// Adds a payment; what is too old or too much leaves.
    func append(_ item: Item, history: Int64, events: Int, halfLives: ContiguousArray<Int64>) {
        storage.append(item)
        while count > events || (head < storage.count - 1 && item.time - storage[head].time > history) { head += 1 }
        if head >= 64, head * 2 >= storage.count {
            storage.removeFirst(head)
            head = 0
        }
        for (index, halfLife) in halfLives.enumerated() {
            let factor = Self.factor(from: decays[index].time, to: item.time, halfLife)
            decays[index].count = decays[index].count * factor + 1
            decays[index].sum = decays[index].sum * factor + Double(item.minor)
            decays[index].time = item.time
        }
    }

    /// A payment's label is known from now on; false when the payment is no longer kept.
    @discardableResult
    func learn(_ label: PaymentLabel) -> Bool {
        var index = storage.count - 1
        while index >= head {
            if storage[index].id == label.payment {
                let kept = storage[index].flags & (Item.big | Item.stopped)
                storage[index].flags = kept | (label.isFraud ? Item.fraud : Item.genuine)
                return true
            }
            index -= 1
        }
        return false
    }

    /// Whether money moved is known from now on; false when the payment is no longer kept.
    @discardableResult
    func mark(_ payment: Int64, isStopped: Bool) -> Bool {
        guard let index = storage[head...].lastIndex(where: { $0.id == payment }) else { return false }
        if isStopped {
            storage[index].flags |= Item.stopped
        } else {
            storage[index].flags &= ~Item.stopped
        }
        return true
    }

    /// As new: nothing was seen for so long that the state may have left the database.
    func forget() {
        storage.removeAll()
        head = 0
        for index in decays.indices { decays[index] = Decay(time: 0, count: 0, sum: 0) }
    }
}
