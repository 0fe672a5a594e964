public import Evidence
public import Foundation
internal import Diagnostics
internal import PostgresServer

/// Writes a set of documents to a folder for their reader only, each with its signature beside it.
public struct SignedFolder: Sendable {
    public let path: String
    private let signer: FileSigner
    private let date: Date

    static let pdfTimeMax: Duration = .seconds(120)

    public init(path: String, signer: FileSigner, date: Date) throws {
        self.path = path
        self.signer = signer
        self.date = date
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Writes and signs; returns the file's path.
    @discardableResult
    public func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(filePath: file), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        try signer.sign(file, at: date)
        return file
    }

    /// The page as PDF beside it; nil where WeasyPrint is not installed.
    @discardableResult
    public func writePDF(_ name: String, of page: HTMLPage) async throws -> String? {
        guard let program = Tools.find("weasyprint") else { return nil }
        let source = path + "/" + name + ".html"
        try Data(page.text.utf8).write(to: URL(filePath: source), options: .atomic)
        let file = path + "/" + name + ".pdf"
        let run = try await ToolRun.run(program, ["--quiet", source, file], timeMax: Self.pdfTimeMax)
        try? FileManager.default.removeItem(atPath: source)
        try run.checked("weasyprint")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        try signer.sign(file, at: date)
        return file
    }
}
