internal import Diagnostics
internal import Foundation
internal import PostgresServer
internal import Synchronization

/// How many documents are typeset at once: each is a process of its own that takes seconds.
final class Typesetting: Sendable {
    private static let atOnceMax = 2
    private let running = Mutex(0)

    func run<Value>(_ body: () async throws -> Value) async throws -> Value {
        let isFree = running.withLock { running in
            guard running < Self.atOnceMax else { return false }
            running += 1
            return true
        }
        guard isFree else { throw PrivacyError.busy() }
        defer { running.withLock { $0 -= 1 } }
        return try await body()
    }
}

/// In which form a dossier is handed out.
public enum DossierForm: String, Sendable, CaseIterable {
    /// The readable part.
    case pdf
    /// All rows, as one archive: JSON, a table of each section, a workbook, the PDF; each with its signature.
    case zip
}

extension PrivacyDesk {
    /// The dossier as one file to be handed out; in an archive each document is signed.
    ///
    /// - Parameter section: only this table, where it is named.
    public func document(_ dossier: AccessDossier, as form: DossierForm, section: String? = nil) async throws -> [UInt8]
    {
        guard let signer else { throw PrivacyError.unsigned() }
        return try await typesetting.run {
            let place = FileManager.default.temporaryDirectory.path + "/dossier-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: place) }
            let folder = try SignedFolder(path: place, signer: signer, date: dossier.madeAt)
            if let section {
                guard let table = dossier.section(section) else {
                    throw PrivacyError.request("there is no section \(section)")
                }
                try folder.write("\(section).csv", dossier.csv(table).utf8)
            } else {
                let pdf = try await folder.writePDF("donnees", of: dossier.page)
                if form == .pdf {
                    guard let pdf else { throw PrivacyError.unprintable() }
                    return Array(try Data(contentsOf: URL(filePath: pdf)))
                }
                try folder.write("donnees.json", dossier.json.utf8)
                try folder.write("donnees.ods", dossier.ods)
                for table in dossier.sections where !table.rows.isEmpty {
                    try folder.write("\(table.name).csv", dossier.csv(table).utf8)
                }
            }
            var archive = StoredArchive()
            for name in try FileManager.default.contentsOfDirectory(atPath: place).sorted() {
                archive.add(name, Array(try Data(contentsOf: URL(filePath: place + "/" + name))))
            }
            return archive.bytes
        }
    }
}
