/// Payments by column, in the order of time.
public struct TransactionTable: Sendable {
    public var id: ContiguousArray<Int64> = []
    /// Microseconds since 1970.
    public var time: ContiguousArray<Int64> = []
    public var customer: ContiguousArray<Int64> = []
    public var terminal: ContiguousArray<Int64> = []
    public var minor: ContiguousArray<Int64> = []
    public var isFraud: ContiguousArray<Bool> = []
    /// Explains results; never a column of the model.
    public var scenario: ContiguousArray<UInt8> = []

    public init() {}

    public var count: Int { id.count }

    public mutating func append(
        id: Int64, time: Int64, customer: Int64, terminal: Int64, minor: Int64, isFraud: Bool = false,
        scenario: UInt8 = 0
    ) {
        self.id.append(id)
        self.time.append(time)
        self.customer.append(customer)
        self.terminal.append(terminal)
        self.minor.append(minor)
        self.isFraud.append(isFraud)
        self.scenario.append(scenario)
    }

    /// Some rows, in the given order.
    public func picking(_ rows: some Collection<Int>) -> TransactionTable {
        var table = TransactionTable()
        for row in rows {
            table.append(
                id: id[row], time: time[row], customer: customer[row], terminal: terminal[row], minor: minor[row],
                isFraud: isFraud[row], scenario: scenario[row])
        }
        return table
    }

    /// Days since 1970 of a row.
    public func day(_ row: Int) -> Int { Int(time[row].floorDivided(by: Span.day)) }

    /// Rows of the days `from` up to but without `to`, found by bisection.
    public func rows(from: Int, to: Int) -> Range<Int> {
        let first = firstRow(notBefore: Int64(from) * Span.day)
        return first..<max(first, firstRow(notBefore: Int64(to) * Span.day))
    }

    private func firstRow(notBefore moment: Int64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if time[middle] < moment { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func event(_ row: Int, customerSlot: Int, terminalSlot: Int) -> PaymentEvent {
        var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
        keys[customerSlot] = customer[row]
        keys[terminalSlot] = terminal[row]
        return PaymentEvent(id: id[row], time: time[row], minor: minor[row], keys: keys)
    }
}
