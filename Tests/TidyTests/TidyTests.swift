import Foundation
import Testing

@Test func `the package manifest stands at the top of the repository`() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    #expect(FileManager.default.fileExists(atPath: root.appending(path: "Package.swift").path))
}
