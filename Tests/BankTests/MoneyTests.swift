import Bank
import Testing

@Suite struct MoneyTests {
    @Test func `an amount is written and read back exactly, in every currency`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for currency in Currency.known.values {
            for minor in [0, 1, -1, 99, -100, .max, .min]
                + (0..<200).map({ _ in Int64.random(in: .min ... .max, using: &random) })
            {
                let money = Money(minor: minor, currency: currency)
                #expect(Money(decimal: money.decimalText, currency: currency) == money)
            }
        }
        #expect(euros(-5).decimalText == "-0.05")
        #expect(euros(123_456).description == "1234.56 EUR")
        #expect(Money(minor: 7, currency: try #require(Currency.known["JPY"])).decimalText == "7")
    }

    @Test func `shares add up to the whole and none is a cent off its part`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5_000 {
            let amount = Int64.random(in: -1_000_000...1_000_000, using: &random)
            let weights = (0..<Int.random(in: 1...9, using: &random)).map { _ in
                Int64.random(in: 0...50, using: &random)
            }
            let total = weights.reduce(0, +)
            guard let shares = euros(amount).split(by: weights) else {
                #expect(total == 0)
                continue
            }
            #expect(shares.reduce(0) { $0 + $1.minor } == amount)
            for (share, weight) in zip(shares, weights) {
                #expect(abs(share.minor * total - amount * weight) < total)
                #expect(weight > 0 || share.minor == 0)
            }
        }
        #expect(euros(100).split(by: [1, 1, 1])?.map(\.minor) == [34, 33, 33])
        #expect(euros(-100).split(by: [1, 1, 1])?.map(\.minor) == [-34, -33, -33])
        #expect(euros(.min).split(by: [.max, .max])?.map(\.minor) == [.min / 2, .min / 2])
        #expect(euros(5).split(by: []) == nil)
        #expect(euros(5).split(by: [0, 0]) == nil)
        #expect(euros(5).split(by: [3, -1]) == nil)
    }

    @Test(arguments: [
        (Rounding.halfUp, [1, 2, -1, -2, 3, -3]), (.halfEven, [0, 2, 0, -2, 2, -2]),
        (.towardsZero, [0, 1, 0, -1, 2, -2]),
        (.awayFromZero, [1, 2, -1, -2, 3, -3]), (.floor, [0, 1, -1, -2, 2, -3]), (.ceiling, [1, 2, 0, -1, 3, -2]),
    ])
    func `half a cent goes where the name of the rounding says`(rounding: Rounding, expected: [Int64]) {
        let halves: [Int64] = [1, 3, -1, -3, 5, -5]
        let rounded = halves.map { euros($0).scaled(by: 1, over: 2, rounding: rounding)?.minor }
        #expect(rounded == expected)
    }

    @Test func `a product that does not fit is nothing, not something else`() {
        #expect(euros(.max).scaled(by: 2, over: 1, rounding: .halfUp) == nil)
        #expect(euros(.max).scaled(by: .max, over: .max, rounding: .halfUp)?.minor == .max)
        #expect(euros(.min).scaled(by: 1, over: 1, rounding: .halfUp)?.minor == .min)
        #expect(euros(.min).scaled(by: -1, over: 1, rounding: .halfUp) == nil)
        #expect(euros(5).scaled(by: 1, over: 0, rounding: .halfUp) == nil)
        #expect(euros(.max).adding(euros(1)) == nil)
        #expect(euros(1).adding(Money(minor: 1, currency: Currency.known["USD"] ?? .eur)) == nil)
    }

    @Test(arguments: [
        ("4111111111111111", CardNumber.Network.visa), ("5555555555554444", .mastercard),
        ("2223003122003222", .mastercard),
        ("378282246310005", .amex), ("3530111333300000", .jcb), ("6011111111111117", .discover),
        ("30569309025904", .diners),
        ("6200000000000005", .unionPay), ("6759649826438453", .maestro),
    ])
    func `a card's network is read from its number`(number: String, network: CardNumber.Network) {
        #expect(CardNumber.network(Array(number.utf8)) == network)
        #expect(CardNumber.network(Array(number.utf8.dropLast()) + [number.utf8.last == 48 ? 49 : 48]) == nil)
    }

    @Test func `French numbers and bank codes are recognised`() {
        #expect(SIREN.isValid(Array("732829320".utf8)) && !SIREN.isValid(Array("732829321".utf8)))
        #expect(SIRET.isValid(Array("73282932000074".utf8)) && !SIRET.isValid(Array("73282932000079".utf8)))
        #expect(SIRET.isValid(Array("35600000000048".utf8)) && SIRET.isValid(Array("35600000049837".utf8)))
        #expect(NIR.isValid(Array("295109912611193".utf8)) && !NIR.isValid(Array("295109912611199".utf8)))
        #expect(NIR.isValid(Array("295102A12611122".utf8)) && !NIR.isValid(Array("295102B12611122".utf8)))
        #expect(BIC("bnpafrppxxx")?.country == "FR" && BIC("BNPAFRPPXXX")?.branch == nil)
        #expect(BIC("BNPAFRPPPAR")?.branch == "PAR" && BIC("BNPAFRP") == nil && BIC("BNP1FRPP") == nil)
    }
}
