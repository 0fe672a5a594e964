import Foundation
import TestSupport
import Testing

@testable import Diagnostics

@Suite struct ResourceFolderTests {
    private let folder = "digitalbank_Bank.resources/Migrations"

    private func find(_ root: String, asked: String? = nil) throws -> String {
        try ResourceFolder.find(
            target: "Bank", name: "Migrations", asked: asked, executable: URL(filePath: root + "/bin/digitalbank"))
    }

    private func make(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    @Test func `the folder beside the program is found`() async throws {
        try await withTemporaryDirectory { root in
            try make(root + "/bin/" + folder)
            #expect(try find(root) == root + "/bin/" + folder)
        }
    }

    @Test func `an installed program finds its share folder`() async throws {
        try await withTemporaryDirectory { root in
            try make(root + "/share/digitalbank/" + folder)
            #expect(try find(root) == root + "/share/digitalbank/" + folder)
        }
    }

    @Test func `a setting wins, and nothing else is looked at`() async throws {
        try await withTemporaryDirectory { root in
            try make(root + "/bin/" + folder)
            try make(root + "/asked/" + folder)
            #expect(try find(root, asked: root + "/asked") == root + "/asked/" + folder)
            let error = #expect(throws: ResourceError.self) { try find(root, asked: root + "/empty") }
            #expect(error?.message.hasSuffix("is not in \(root)/empty") == true)
        }
    }

    @Test func `a missing folder is an error that names where it was looked for`() async throws {
        try await withTemporaryDirectory { root in
            let error = #expect(throws: ResourceError.self) { try find(root) }
            #expect(error?.message.contains(root + "/bin") == true)
            #expect(error?.hint.contains(ResourceFolder.setting) == true)
        }
    }

    @Test func `the resources of this build are found`() throws {
        #expect(try ResourceFolder.find(target: "Bank", name: "Migrations").hasSuffix("/" + folder))
    }
}
