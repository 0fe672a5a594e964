import Bank
import Foundation
import PostgresServer
import TestSupport
import Testing

/// Our recognisers against python-stdnum, on random numbers: valid ones, and valid ones with a change.
@Suite struct OracleTests {
    @Test func `our verdicts are those of python-stdnum`() async throws {
        guard let python = await Self.python() else {
            print("skipped: python-stdnum can not be installed here (python3 -m venv, pip)")
            return
        }
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var cases: [(kind: String, text: String)] = []
        for _ in 0..<(isLongRun ? 200_000 : 4_000) {
            cases += [
                ("iban", Self.iban(&random)), ("luhn", Self.luhn(Int.random(in: 12...19, using: &random), &random)),
                ("siren", Self.luhn(9, &random)), ("siret", Self.siret(&random)), ("nir", Self.nir(&random)),
                ("bic", Self.bic(&random)),
            ]
        }
        let verdicts = try await withTemporaryDirectory { folder in
            try Data(Self.script.utf8).write(to: URL(filePath: folder + "/oracle.py"))
            let lines = cases.map { "\($0.kind) \($0.text)\n" }.joined()
            try Data(lines.utf8).write(to: URL(filePath: folder + "/cases"))
            let run = try await ToolRun.run(python, [folder + "/oracle.py", folder + "/cases"])
            #expect(run.status == 0, "\(run.errorText)")
            return Array(run.outputText.utf8)
        }
        #expect(verdicts.count == cases.count)
        var validCount = 0
        for (number, verdict) in zip(cases, verdicts) {
            let ours = Self.verdict(number.kind, Array(number.text.utf8))
            #expect(ours == (verdict == UInt8(ascii: "1")), "\(number.kind) \(number.text)")
            if ours { validCount += 1 }
        }
        #expect(validCount > cases.count / 10 && validCount < cases.count)
    }

    private static func verdict(_ kind: String, _ text: [UInt8]) -> Bool {
        switch kind {
        case "iban": IBAN.isValid(text)
        case "luhn": CardNumber.isValid(text)
        case "siren": SIREN.isValid(text)
        case "siret": SIRET.isValid(text)
        case "nir": NIR.isValid(text)
        default: BIC.isValid(text)
        }
    }

    // MARK: Numbers

    private static let structures = [
        "FR 10n11c2n", "DE 18n", "GB 4a14n", "BE 12n", "ES 20n", "IT 1a10n12c", "NL 4a10n", "LU 3n13c", "MT 4a5n18c",
        "CH 5n12c", "PL 24n", "NO 11n", "BR 23n1a1c", "MU 4a19n3a", "RU 14n15c", "SC 4a20n3a", "SM 1a10n12c",
        "KW 4a22c",
        "XK 16n", "TN 20n", "XX 20n",
    ]

    private static func characters(_ form: Substring, _ random: inout SeededGenerator) -> [UInt8] {
        var out: [UInt8] = []
        var count = 0
        for byte in form.utf8 {
            if (48...57).contains(byte) {
                count = count * 10 + Int(byte) - 48
                continue
            }
            for _ in 0..<count {
                let isDigit = byte == UInt8(ascii: "n") || (byte == UInt8(ascii: "c") && Bool.random(using: &random))
                out.append(isDigit ? .random(in: 48...57, using: &random) : .random(in: 65...90, using: &random))
            }
            count = 0
        }
        return out
    }

    private static func remainder(_ text: [UInt8]) -> Int {
        text.reduce(0) { $1 <= 57 ? ($0 * 10 + Int($1) - 48) % 97 : ($0 * 100 + Int($1) - 55) % 97 }
    }

    private static func iban(_ random: inout SeededGenerator) -> String {
        let parts = (structures.randomElement(using: &random) ?? "DE 18n").split(separator: " ")
        let country = Array(parts[0].utf8)
        var rest = characters(parts[1], &random)
        if country == Array("FR".utf8) {
            // The RIB key makes the whole number of bank, branch, account and key divisible by 97.
            let number = rest.prefix(21).map { letter -> UInt8 in
                switch letter {
                case 65...73: letter - 16
                case 74...82: letter - 25
                case 83...90: letter - 33
                default: letter
                }
            }
            let key = 97 - remainder(number + [48, 48])
            rest.replaceSubrange(21..<23, with: [UInt8(48 + key / 10), UInt8(48 + key % 10)])
        }
        let check = 98 - remainder(rest + country + [48, 48])
        var text = country + [UInt8(48 + check / 10), UInt8(48 + check % 10)] + rest
        if Bool.random(using: &random) {
            let place = Int.random(in: 4..<text.count, using: &random)
            text[place] =
                Bool.random(using: &random)
                ? .random(in: 48...57, using: &random) : .random(in: 65...90, using: &random)
        }
        if Int.random(in: 0..<20, using: &random) == 0 { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }

    private static func digits(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in .random(in: 48...57, using: &random) }
    }

    /// Half of them valid: the last digit is looked for.
    private static func luhn(_ count: Int, _ random: inout SeededGenerator) -> String {
        var text = digits(count, &random)
        if Bool.random(using: &random) {
            for digit in 48...57 as ClosedRange<UInt8> {
                text[count - 1] = digit
                if Self.isLuhn(text) { break }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isLuhn(_ text: [UInt8]) -> Bool {
        let doubled = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
        return text.reversed().enumerated().reduce(0) { sum, place in
            let digit = Int(place.element) - 48
            return sum + (place.offset % 2 == 1 ? doubled[digit] : digit)
        } % 10 == 0
    }

    private static func siret(_ random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return "356000000" + String(decoding: digits(5, &random), as: UTF8.self)
        case 1: return Bool.random(using: &random) ? "35600000000048" : "35600000000049"
        default:
            let company = Array(luhn(9, &random).utf8)
            var text = company + digits(5, &random)
            for digit in 48...57 as ClosedRange<UInt8> where Bool.random(using: &random) {
                text[13] = digit
                if isLuhn(text) { break }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    private static func nir(_ random: inout SeededGenerator) -> String {
        var text = String(decoding: digits(13, &random), as: UTF8.self)
        let corsica = ["", "", "2A", "2B", "2C"].randomElement(using: &random) ?? ""
        if !corsica.isEmpty { text = text.prefix(5) + corsica + text.dropFirst(7) }
        let number = Int(text.replacing("2A", with: "19").replacing("2B", with: "18")) ?? 0
        let key = Bool.random(using: &random) ? 97 - number % 97 : Int.random(in: 0...99, using: &random)
        return text + (key < 10 ? "0" : "") + String(key)
    }

    private static func bic(_ random: inout SeededGenerator) -> String {
        let form = ["2c", "5c", "5c", "2n", "6c", "1a"].randomElement(using: &random) ?? "2c"
        let country = ["FR", "DE", "XK", "US"].randomElement(using: &random).map { Array($0.utf8) } ?? []
        let party = characters("4a", &random) + (Bool.random(using: &random) ? country : characters("2c", &random))
        return String(decoding: party + characters(form[...], &random), as: UTF8.self)
    }

    // MARK: The oracle

    private static let script = """
        import sys
        from stdnum import iban, luhn, bic
        from stdnum.fr import siren, siret, nir
        checks = {
            "iban": lambda t: bool(iban.validate(t, check_country=False)), "luhn": luhn.is_valid,
            "siren": siren.is_valid, "siret": siret.is_valid, "nir": nir.is_valid, "bic": bic.is_valid}
        def french(text):
            # What the IBAN module leaves out: the key of the French RIB, of which France and Monaco are made.
            if text[:2] not in ("FR", "MC"):
                return True
            digits = "".join(c if c.isdigit() else "12345678912345678923456789"[ord(c) - 65] for c in text[4:])
            return int(digits) % 97 == 0
        for line in open(sys.argv[1]):
            kind, text = line.split()
            try:
                verdict = checks[kind](text) and (kind != "iban" or french(text))
            except Exception:
                verdict = False
            sys.stdout.write("1" if verdict else "0")
        """

    /// A Python that has stdnum, made once and kept in the temporary folder.
    private static func python() async -> String? {
        let folder = FileManager.default.temporaryDirectory.path + "/digitalbank-stdnum"
        let python = folder + "/bin/python3"
        if let run = try? await ToolRun.run(python, ["-c", "import stdnum.fr.nir"]), run.status == 0 { return python }
        guard let made = try? await ToolRun.run("/usr/bin/env", ["python3", "-m", "venv", folder]), made.status == 0,
            let installed = try? await ToolRun.run(
                python, ["-m", "pip", "install", "-q", "python-stdnum==2.2"], timeMax: .seconds(120)),
            installed.status == 0
        else { return nil }
        return python
    }
}
