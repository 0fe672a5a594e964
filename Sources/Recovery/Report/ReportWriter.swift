internal import Evidence
internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// Writes the report in its three forms, in two languages, and signs each file.
struct ReportWriter {
    let directory: String
    let signer: FileSigner
    let now: Date
    var typesets = true

    private static let pdfTimeMax: Duration = .seconds(120)

    func write(_ report: RecoveryReport) async throws -> ReportFiles {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        var files = ReportFiles(
            json: directory + "/report.json", html: directory + "/report.fr.html",
            htmlEnglish: directory + "/report.en.html")
        try write(report.json(), to: files.json)
        try write(HTMLReport(report: report, language: .fr).page().markup, to: files.html)
        try write(HTMLReport(report: report, language: .en).page().markup, to: files.htmlEnglish)
        let written = files
        async let french = typeset(written.html, to: directory + "/report.fr.pdf")
        async let english = typeset(written.htmlEnglish, to: directory + "/report.en.pdf")
        (files.pdf, files.pdfEnglish) = try await (french, english)
        return files
    }

    private func write(_ text: String, to path: String) throws {
        try DurableFile.write(Data(text.utf8), to: path)
        try signer.sign(path, at: now)
    }

    /// Nil when WeasyPrint is not installed: the HTML says the same, and `digitalbank doctor` names the package.
    private func typeset(_ page: String, to path: String) async throws -> String? {
        guard typesets, let weasyprint = Tools.find("weasyprint") else { return nil }
        let result = try await ToolRun.run(weasyprint, ["--quiet", page, path], timeMax: Self.pdfTimeMax)
        guard result.status == 0 else { return nil }
        try signer.sign(path, at: now)
        return path
    }
}
