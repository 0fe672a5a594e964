/// A first-in, first-out queue in a ring that grows and never shrinks below what it once held.
struct Queue<Element> {
    private var slots: [Element?]
    private var head = 0
    private(set) var count = 0

    init() { slots = Array(repeating: nil, count: 16) }

    var isEmpty: Bool { count == 0 }

    var first: Element? { count == 0 ? nil : slots[head] }

    mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[(head + count) & (slots.count - 1)] = element
        count += 1
    }

    @discardableResult
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        slots[head] = nil
        head = (head + 1) & (slots.count - 1)
        count -= 1
        return element
    }

    /// Takes everything out, oldest first.
    mutating func removeAll() -> [Element] {
        var all: [Element] = []
        all.reserveCapacity(count)
        while let element = popFirst() { all.append(element) }
        return all
    }

    /// All but the oldest, oldest first; they stay.
    func dropFirst() -> [Element] {
        guard count > 1 else { return [] }
        return (1..<count).compactMap { slots[(head + $0) & (slots.count - 1)] }
    }

    /// The first element that `matches`, looking from the oldest on.
    func first(where matches: (Element) -> Bool) -> Element? {
        for offset in 0..<count {
            if let element = slots[(head + offset) & (slots.count - 1)], matches(element) { return element }
        }
        return nil
    }

    private mutating func grow() {
        var larger = [Element?](repeating: nil, count: slots.count * 2)
        for offset in 0..<count { larger[offset] = slots[(head + offset) & (slots.count - 1)] }
        slots = larger
        head = 0
    }
}
