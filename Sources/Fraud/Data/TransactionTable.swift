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

    /// Whence a payment was ordered; nothing where the table does not say.
    public var context: ContiguousArray<PaymentContext> = []

    public init() {}

    public var count: Int { id.count }

    public mutating func append(
        id: Int64, time: Int64, customer: Int64, terminal: Int64, minor: Int64, isFraud: Bool = false,
        scenario: UInt8 = 0, context: PaymentContext = PaymentContext()
    ) {
        self.id.append(id)
        self.time.append(time)
        self.customer.append(customer)
        self.terminal.append(terminal)
        self.minor.append(minor)
        self.isFraud.append(isFraud)
        self.scenario.append(scenario)
        self.context.append(context)
    }

    /// Some rows, in the given order.
    public func picking(_ rows: some Collection<Int>) -> TransactionTable {
        var table = TransactionTable()
        for row in rows {
            table.append(
                id: id[row], time: time[row], customer: customer[row], terminal: terminal[row], minor: minor[row],
                isFraud: isFraud[row], scenario: scenario[row],
                context: row < context.count ? context[row] : PaymentContext())
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

    func event(_ row: Int, _ places: KeyPlaces) -> PaymentEvent {
        var event = event(row, customerSlot: places.customer, terminalSlot: places.terminal)
        if row < context.count { context[row].fill(&event.keys, places) }
        return event
    }

    func event(_ row: Int, customerSlot: Int, terminalSlot: Int) -> PaymentEvent {
        var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
        keys[customerSlot] = customer[row]
        keys[terminalSlot] = terminal[row]
        return PaymentEvent(id: id[row], time: time[row], minor: minor[row], keys: keys)
    }
}

/// Whence a payment was ordered: numbers that stand for a device, an address, a country, a place.
public struct PaymentContext: Sendable, Hashable {
    public var device = PaymentEvent.absent
    public var address = PaymentEvent.absent
    public var country = PaymentEvent.absent
    /// As `Place` makes it.
    public var place = PaymentEvent.absent

    public init() {}

    func fill(_ keys: inout SIMD8<Int64>, _ places: KeyPlaces) {
        for (place, value) in zip(places.context, [device, address, country, place]) {
            if let place { keys[place] = value }
        }
    }
}

/// Where a plan's payments have the keys that tables know.
struct KeyPlaces {
    let customer: Int
    let terminal: Int
    /// Device, address, country, place.
    let context: [Int?]

    init(_ plan: FeaturePlan) throws(FraudError) {
        guard let customer = plan.keyNames.firstIndex(of: "customer"),
            let terminal = plan.keyNames.firstIndex(of: "terminal")
        else { throw FraudError.definition("the keys customer and terminal are needed for this data") }
        self.customer = customer
        self.terminal = terminal
        context = ["device", "address", "country", "place"].map { plan.keyNames.firstIndex(of: $0) }
    }
}
