import Bank
import Testing

@Suite struct RulesTests {
    @Test(arguments: [
        "FR14 2004 1010 0505 0001 3M02 606", "FR7630006000011234567890189", "DE89370400440532013000",
        "GB29NWBK60161331926819", "BE68539007547034", "NO9386011117947", "CZ6508000000192000145399",
        "MT84MALT011000012345MTLCAST001S",
    ])
    func `a true IBAN is accepted, with or without spaces`(text: String) {
        #expect(IBAN(text) != nil)
        #expect(IBAN(text.lowercased()) != nil)
    }

    @Test func `any digit of an IBAN changed is noticed`() {
        let valid = Array("FR7630006000011234567890189".utf8)
        for index in 2..<valid.count {
            var changed = valid
            changed[index] = changed[index] == 57 ? 48 : changed[index] + 1
            #expect(!IBAN.isValid(changed), "position \(index)")
        }
    }

    @Test(arguments: [
        "", "FR", "FR76", "XX7630006000011234567890189", "FR763000600001123456789018", "FR76300060000112345678901é",
    ])
    func `what is no IBAN is refused`(text: String) { #expect(IBAN(text) == nil) }

    @Test func `a card number's check digit is verified`() {
        #expect(CardNumber.isValid(Array("4970101234567890".utf8)) == false)
        #expect(CardNumber.isValid(Array("4111111111111111".utf8)))
        #expect(!CardNumber.isValid(Array("4111111111111112".utf8)))
        #expect(!CardNumber.isValid(Array("".utf8)))
        #expect(!CardNumber.isValid(Array("411111111111111a".utf8)))
    }

    @Test func `amounts are read exactly or not at all`() throws {
        #expect(Money(decimal: "-12.34", currency: .eur)?.minor == -1234)
        #expect(Money(decimal: "12.3", currency: .eur)?.minor == 1230)
        #expect(Money(decimal: "0.00", currency: .eur)?.minor == 0)
        #expect(Money(decimal: "12.345", currency: .eur) == nil)
        #expect(Money(decimal: "12.340", currency: .eur)?.minor == 1234)
        #expect(Money(decimal: "1e3", currency: .eur) == nil)
        #expect(Money(decimal: "99999999999999999999", currency: .eur) == nil)
        let yen = try #require(Currency.known["JPY"])
        #expect(Money(decimal: "500", currency: yen)?.minor == 500)
    }
}
