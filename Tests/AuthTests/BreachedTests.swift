import Auth
import Foundation
import TestSupport
import Testing
import Web

@Suite struct BreachedTests {
    @Test func `every password of the list is found, others hardly ever`() async throws {
        try await withTemporaryDirectory { folder in
            let source = folder + "/list"
            let path = folder + "/filter"
            var lines = (0..<5000).map { "password \($0)" }
            // "password" and its count, as the public list has it.
            lines.append("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493")
            try (lines.joined(separator: "\r\n")).write(toFile: source, atomically: true, encoding: .utf8)
            #expect(try BreachedPasswords.build(from: source, to: path) == 5001)
            let breached = try BreachedPasswords(path: path)
            #expect(breached.contains("password"))
            #expect((0..<5000).allSatisfy { breached.contains("password \($0)") })
            let mistakes = (0..<20_000).count { breached.contains("another \($0)") }
            #expect(mistakes < 100)
            let bytes = try #require(FileManager.default.contents(atPath: path))
            for damaged in [Data(), bytes.prefix(10), bytes.dropLast(), Data([0x20]) + bytes] {
                try damaged.write(to: URL(filePath: path))
                #expect(throws: AuthFault.self) { try BreachedPasswords(path: path) }
            }
            #expect(throws: AuthFault.self) { try BreachedPasswords(path: folder + "/none") }
        }
    }

    @Test func `a sign-up with such a password is refused`() async throws {
        try await withTemporaryDirectory { folder in
            try "correct horse\n".write(toFile: folder + "/list", atomically: true, encoding: .utf8)
            try BreachedPasswords.build(from: folder + "/list", to: folder + "/filter")
            let breached = try BreachedPasswords(path: folder + "/filter")
            try await withAuth({ $0.password.isBreached = { breached.contains($0) } }) { auth in
                let answer = await auth.post("/signup", ["email": "a@bank.example", "password": "correct horse"])
                #expect(answer["weak_password"]?["reasons"]?.array == ["pwned"])
            }
        }
    }
}
