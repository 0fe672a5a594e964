import Cryptography
import Evidence
import Foundation
import TestSupport
import Testing

@Suite struct FileJournalTests {
    private func journal(in folder: String, entries: Int) async throws -> String {
        let path = folder + "/journal.jsonl"
        let journal = try FileJournal.open(path: path, key: SigningKey.open(path: folder + "/key"))
        for number in 0..<entries {
            try await journal.append(
                kind: "stage", subject: "s\(number)", body: "{\"rows\":\(number)}", at: Date(timeIntervalSince1970: 1))
        }
        return path
    }

    private func change(_ path: String, _ edit: (inout [String]) -> Void) throws {
        var lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        edit(&lines)
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test func `an untouched journal verifies and names its key`() async throws {
        try await withTemporaryDirectory { folder in
            let path = try await journal(in: folder, entries: 5)
            let verdict = try OfflineVerifier.verify(path: path)
            #expect(verdict.isValid)
            let key = try SigningKey.open(path: folder + "/key").publicKey.fingerprint
            #expect(verdict.lines.joined().contains(key))
            #expect(try OfflineVerifier.verify(path: path, fingerprint: key).isValid)
            #expect(try !OfflineVerifier.verify(path: path, fingerprint: String(repeating: "a", count: 64)).isValid)
        }
    }

    @Test(arguments: ["field", "deleted", "swapped", "inserted"])
    func `a journal that was tampered with does not verify`(kind: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = try await journal(in: folder, entries: 5)
            try change(path) { lines in
                switch kind {
                case "field": lines[2] = lines[2].replacingOccurrences(of: "s2", with: "s9")
                case "deleted": lines.remove(at: 2)
                case "swapped": lines.swapAt(1, 2)
                default: lines.insert(lines[1], at: 2)
                }
            }
            #expect(try !OfflineVerifier.verify(path: path).isValid)
        }
    }

    @Test func `a line torn by a crash is cut off and the journal goes on`() async throws {
        try await withTemporaryDirectory { folder in
            let path = try await journal(in: folder, entries: 3)
            let whole = try String(contentsOfFile: path, encoding: .utf8)
            try (whole + "{\"at\":\"20").write(toFile: path, atomically: true, encoding: .utf8)
            let again = try FileJournal.open(path: path, key: SigningKey.open(path: folder + "/key"))
            try await again.append(kind: "stage", subject: "after", body: "{}", at: Date())
            let verdict = try OfflineVerifier.verify(path: path)
            #expect(verdict.isValid)
            #expect(verdict.lines[0].contains("4 entries"))
        }
    }

    @Test func `a signed file verifies until one byte of it changes`() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/report.json"
            try "{\"rows\": 1}".write(toFile: path, atomically: true, encoding: .utf8)
            try FileSigner(key: SigningKey.open(path: folder + "/key")).sign(path, at: Date())
            #expect(try OfflineVerifier.verify(path: path).isValid)
            try "{\"rows\": 2}".write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try !OfflineVerifier.verify(path: path).isValid)
        }
    }

    @Test func `a key that others can read is refused`() async throws {
        try await withTemporaryDirectory { folder in
            _ = try SigningKey.open(path: folder + "/key")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/key")
            #expect(throws: EvidenceError.self) { try SigningKey.open(path: folder + "/key") }
        }
    }

    @Test func `processes that make the first key at once agree on one`() async throws {
        try await withTemporaryDirectory { folder in
            let keys = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<16 { group.addTask { try SigningKey.open(path: folder + "/key").publicKey.fingerprint } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(keys.count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
        }
    }

    @Test(arguments: ["", "zz", String(repeating: "a", count: 62)])
    func `a file that holds no signing key is one sentence`(text: String) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/key"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(throws: EvidenceError.self) { try SigningKey.open(path: path) }
        }
    }
}
