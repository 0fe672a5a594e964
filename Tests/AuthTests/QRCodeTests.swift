@testable import Auth
import Cryptography
import Testing

@Suite struct QRCodeTests {
    /// The fullest code of each version. Each square was compared with that of another encoder (python-qrcode 8) under
    /// the same mask, module by module; what is kept here is its fingerprint.
    @Test(arguments: [
        (14, 1, "cf8d17555bce4f0b"),
        (26, 2, "a6d4b3deb855d7b0"),
        (42, 3, "9d89b14596ac266b"),
        (62, 4, "e55ed7ce89d9ca68"),
        (84, 5, "4947c00c96b25239"),
        (106, 6, "838accaa3b2063c9"),
        (122, 7, "93f34dfb6a81cfca"),
        (152, 8, "e0e87b4ea0da27d7"),
        (180, 9, "74ba89b37b90e618"),
        (213, 10, "8ebb0803c4e49da4"),
        (251, 11, "22436dfc23bbb11d"),
        (287, 12, "06a1b99946f6e17a"),
        (331, 13, "06e26fa451b3d42d"),
        (362, 14, "9a00f3108904cae3"),
        (412, 15, "1f51277e2db6497c"),
    ])
    func `each version gives the square that another encoder gives`(count: Int, version: Int, digest: String) throws {
        let code = try QRCode(String(repeating: "x", count: count))
        #expect(code.version == version)
        let rows = code.modules.map { $0.map { $0 ? "#" : "." }.joined() }.joined(separator: "|")
        #expect(SHA256.hash(Array(rows.utf8)).hex.hasPrefix(digest))
    }

    @Test func `longer texts take larger versions until there is none`() throws {
        var last = 0
        for count in [1, 14, 15, 100, 213, 214, 300, 412] {
            let code = try QRCode(String(repeating: "x", count: count))
            #expect(code.modules.count == 17 + 4 * code.version)
            #expect(code.version >= last)
            last = code.version
        }
        #expect(last == 15)
        #expect(throws: AuthError.self) { try QRCode(String(repeating: "x", count: 413)) }
    }

    @Test func `the picture needs no escaping in a data address`() throws {
        let svg = try QRCode("otpauth://totp/x").svg
        #expect(!svg.contains("#"))
        #expect(!svg.contains("%"))
        #expect(!svg.contains("\""))
    }
}
