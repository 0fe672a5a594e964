@testable import Fraud

extension TransactionTable {
    /// Gives every payment a device, an address, a country and a place: few of each, so that they come again.
    mutating func locate(seed: UInt64) {
        var generator = SplitMix(state: seed)
        context.removeAll()
        for row in id.indices {
            var made = PaymentContext()
            // A payment in ten says nothing of it.
            if generator.next() % 10 > 0 {
                made.device = customer[row] % 50 * 3 + Int64(generator.next() % 3)
                made.address = customer[row] % 40
                made.country = Int64(generator.next() % 4)
                made.place =
                    Place.key(
                        latitude: 40 + Double(generator.next() % 900) / 100,
                        longitude: Double(generator.next() % 700) / 100) ?? PaymentEvent.absent
            }
            context.append(made)
        }
    }
}
