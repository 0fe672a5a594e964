/// Well-formed numbers of banks, cards and people that belong to nobody.
enum AccountNumbers {
    /// The simulated bank's code; no such bank is registered.
    static let bankCode = "19906"
    static let bic = "DGTBFRPPXXX"
    private static let otherBankCodes = ["19901", "19902", "19903", "19904", "19905"]
    private static let otherBICs = ["BQAAFRPPXXX", "BQBBFRPPXXX", "BQCCFRPPXXX", "BQDDFRPPXXX", "BQEEFRPPXXX"]

    static func own(_ account: Int) -> String {
        french(bank: bankCode, branch: 100 + account % 23, number: 20_000_000_000 + account * 7)
    }

    static func foreignBank(_ index: Int) -> String {
        french(
            bank: otherBankCodes[index % 5], branch: 200 + index % 97,
            number: 30_000_000_000 + (index * 104_729) % 999_999_937)
    }

    static func otherBIC(_ iban: String) -> String {
        let code = String(iban.dropFirst(4).prefix(5))
        return otherBankCodes.firstIndex(of: code).map { otherBICs[$0] } ?? bic
    }

    /// Bank, branch, account and the RIB key, under the check digits of ISO 13616.
    static func french(bank: String, branch: Int, number: Int) -> String {
        let branchText = String(branch).leftPadded(5)
        let numberText = String(number).leftPadded(11)
        let bankNumber = Int(bank) ?? 0
        let key = 97 - (89 * bankNumber + 15 * branch + 3 * (number % 97)) % 97
        return withCheckDigits("FR", bank + branchText + numberText + String(key).leftPadded(2))
    }

    static func withCheckDigits(_ country: String, _ body: String) -> String {
        var remainder = 0
        for byte in (body + country + "00").utf8 {
            remainder =
                byte < 58 ? (remainder * 10 + Int(byte) - 48) % 97 : (remainder * 100 + Int(byte) - 55) % 97
        }
        return country + String(98 - remainder).leftPadded(2) + body
    }

    /// Sixteen digits that pass Luhn's check, below the prefixes that networks keep for tests.
    static func card(network: String, serial: Int) -> String {
        let body = (network == "VISA" ? "400000" : "555555") + String(100_000_000 + serial * 37).leftPadded(9)
        var sum = 0
        for (index, byte) in body.utf8.reversed().enumerated() {
            let digit = Int(byte) - 48
            sum += index % 2 == 0 ? (digit * 2 > 9 ? digit * 2 - 9 : digit * 2) : digit
        }
        return body + String((10 - sum % 10) % 10)
    }

    /// Sex, year, month, department, commune and order of birth, and the key 97 − n mod 97.
    static func socialNumber(isMale: Bool, birthDay: Int, department: Int, order: Int) -> String {
        let born = CivilDate.parts(birthDay)
        let body =
            (isMale ? "1" : "2") + String(born.year % 100).leftPadded(2) + String(born.month).leftPadded(2)
            + String(department).leftPadded(2) + String(order / 900 % 900 + 1).leftPadded(3)
            + String(order % 900 + 1).leftPadded(3)
        return body + String(97 - (Int(body) ?? 0) % 97).leftPadded(2)
    }
}

extension String {
    func leftPadded(_ width: Int) -> String {
        count >= width ? self : String(repeating: "0", count: width - count) + self
    }
}
