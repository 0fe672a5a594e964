/// Business identifier codes (ISO 9362): four letters of the party, two of the country, two characters of the place, and
/// three of the branch or none.
public struct BIC: Hashable, Sendable {
    /// Upper case, 8 or 11 characters.
    public let text: String

    public init?(_ text: String) {
        let compact = IBAN.compact(text)
        guard Self.isValid(compact) else { return nil }
        self.text = String(decoding: compact, as: UTF8.self)
    }

    public var country: String { String(text.dropFirst(4).prefix(2)) }

    /// Nil for the head office, whose branch may be written as three X.
    public var branch: String? {
        let branch = text.dropFirst(8)
        return branch.isEmpty || branch.utf8.allSatisfy({ $0 == 88 }) ? nil : String(branch)
    }

    public static func isValid(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        guard bytes.count == 8 || bytes.count == 11 else { return false }
        let isFormed = bytes.enumerated().allSatisfy { place, byte in
            (65...90).contains(byte) || (place >= 6 && (48...57).contains(byte))
        }
        return isFormed && countries.contains(String(decoding: bytes.dropFirst(4).prefix(2), as: UTF8.self))
    }

    /// ISO 3166-1, and XK for Kosovo.
    private static let countries: Set<String> = Set(
        """
        AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
        BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES \
        ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE \
        IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
        MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU \
        NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM \
        SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
        VG VI VN VU WF WS XK YE YT ZA ZM ZW
        """.split(separator: " ").map(String.init))
}
