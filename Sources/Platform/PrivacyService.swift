internal import Evidence
internal import Foundation
internal import Postgres
internal import Privacy
internal import Recovery
internal import Web

/// `digitalbank privacy …`.
public enum PrivacyService {
    static func with<Value: Sendable>(
        _ dataDirectory: String, _ body: @Sendable (PrivacyDesk, DataDirectory) async throws -> Value
    ) async throws -> Value {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data) { database in
            try await body(try await PrivacyDeskService.open(database, data: data), data)
        }
    }

    static func folder(_ path: String, _ data: DataDirectory) throws -> SignedFolder {
        try SignedFolder(
            path: RecoverService.absolute(path), signer: FileSigner(key: try SigningKey.open(path: data.evidenceKey)),
            date: Date())
    }

    /// The register as CSV, JSON, HTML and PDF, signed.
    public static func register(output: String, dataDirectory: String) async throws -> (lines: [String], isWhole: Bool)
    {
        try await with(dataDirectory) { desk, data in
            let register = try await desk.register()
            let folder = try folder(output, data)
            try folder.write("registre.csv", register.csv.utf8)
            try folder.write("registre.ods", register.ods)
            try folder.write("registre.json", register.json.text.utf8)
            try folder.write("registre.html", register.html.utf8)
            var lines = register.sheets.map { sheet in
                "\(sheet.answeredAlone) of \(sheet.answers.count) answered by the platform  \(sheet.name)"
            }
            lines.append(
                "columns      \(register.columnCount), \(register.unlabelled.count) without a label"
                    + String(format: " (coverage %.1f %%)", register.coverage * 100))
            lines += register.unlabelled.prefix(50).map { "no label     \($0.column): add \($0.toAdd)" }
            lines.append("written      \(folder.path)")
            return (lines, register.unlabelled.isEmpty)
        }
    }

    /// All data of a client, signed: JSON, one CSV a table, PDF.
    public static func access(
        client: String, output: String, lastName: String, birthDate: String, dataDirectory: String
    ) async throws -> [String] {
        try await with(dataDirectory) { desk, data in
            let id = try await desk.client(client)
            let dossier = try await desk.access(
                id, proof: IdentityProof(lastName: lastName, birthDate: birthDate), by: .command)
            let folder = try folder(output, data)
            try folder.write("donnees.json", dossier.json.utf8)
            try folder.write("donnees.ods", dossier.ods)
            for section in dossier.sections where !section.rows.isEmpty {
                try folder.write("\(section.name).csv", dossier.csv(section).utf8)
            }
            let pdf = try await folder.writePDF("donnees", of: dossier.page)
            let rows = dossier.sections.reduce(0) { $0 + $1.rows.count }
            return ["rows         \(rows) of \(dossier.sections.count) tables", "written      \(folder.path)"]
                + (pdf == nil ? ["no PDF: install weasyprint"] : [])
        }
    }

    /// Requests of persons with the day on which each is due.
    ///
    /// - Returns: the lines, and whether none is late.
    public static func requests(all: Bool, dataDirectory: String) async throws -> (lines: [String], isInTime: Bool) {
        try await with(dataDirectory) { desk, _ in
            let found = try await desk.requestLines(all: all)
            let lines = found.map { request in
                let state =
                    request.status != "received"
                    ? request.status : request.isOverdue ? "OVERDUE" : "\(max(0, request.daysLeft)) days left"
                return "due \(request.dueOn)  \(state)  \(request.kind)  client \(request.client)  received "
                    + "\(request.receivedOn) by \(request.channel)  \(request.id.uuidString.lowercased())"
            }
            return (lines.isEmpty ? ["no request waits"] : lines, !found.contains(where: \.isOverdue))
        }
    }

    public static func erase(
        client: String, output: String, lastName: String, birthDate: String, dataDirectory: String
    ) async throws -> [String] {
        try await with(dataDirectory) { desk, data in
            let id = try await desk.client(client)
            let proof = try await desk.erase(
                id, proof: IdentityProof(lastName: lastName, birthDate: birthDate), by: .command)
            return try write(proof, output, data)
        }
    }

    public static func destroy(client: String, output: String, dataDirectory: String) async throws -> [String] {
        try await with(dataDirectory) { desk, data in
            try write(try await desk.destroy(try await desk.client(client), by: .command), output, data)
        }
    }

    private static func write(_ proof: ErasureProof, _ output: String, _ data: DataDirectory) throws -> [String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let file = try folder(output, data).write("effacement-\(proof.entry).json", Array(try encoder.encode(proof)))
        return ["\(proof.stage)", "proof        \(file), signed"]
            + (proof.keptUntil.isEmpty ? [] : ["kept until   \(proof.keptUntil)"])
    }

    /// Erases again whoever a restore had brought back.
    public static func replay(dataDirectory: String) async throws -> [String] {
        try await with(dataDirectory) { desk, _ in
            // Opening the desk has replayed already; this counts what was left.
            let back = try await desk.replayErasures()
            return ["the erasure ledger is replayed; \(back.count) more steps were needed"]
        }
    }

    public static func retain(only: String?, isDry: Bool, dataDirectory: String) async throws -> [String] {
        try await with(dataDirectory) { desk, _ in
            var lines = try await desk.retain(only: only, isDry: isDry, by: .command).map {
                "\($0.code): \($0.found) due, \($0.treated) treated in \($0.batches) batches"
            }
            lines += try await desk.overdue().sorted { $0.key < $1.key }.map { "OVERDUE  \($0.key): \($0.value)" }
            let asked = try await desk.closingQuestions()
            if asked > 0 {
                lines.append("QUESTION  \(asked) former clients without a closing day: digitalbank privacy closings")
            }
            return lines
        }
    }

    /// Former clients whose closing day nobody knows; or, with an account, states its day.
    public static func closings(
        account: Int64?, day: String?, reason: String?, dataDirectory: String
    ) async throws -> [String] {
        try await with(dataDirectory) { desk, _ in
            guard let account else { return [try await desk.closings()] }
            try await desk.stateClosing(account: account, on: day ?? "", reason: reason ?? "", by: .command)
            return ["account \(account) was closed on \(day ?? "")"]
        }
    }

    /// - Parameter profile: analytics, test or public.
    public static func export(
        profile: String, output: String, k: Int, l: Int, t: Double, dataDirectory: String
    ) async throws -> [String] {
        guard let profile = ExportProfile(rawValue: profile) else {
            throw RecoveryError(
                code: "privacy_profile_unknown", message: "there is no profile \(profile)",
                hint: "Choose analytics, test or public.", exitStatus: .badInput)
        }
        return try await with(dataDirectory) { desk, _ in
            var bar = ExportBar()
            (bar.k, bar.l, bar.t) = (k, l, t)
            let report = try await desk.export(profile, to: RecoverService.absolute(output), bar: bar, by: .command)
            return [
                "k            \(report.k)", "l            \(report.l)", "t            \(report.t)",
                "persons      \(report.persons), \(report.suppressed) left out",
                "lines        \(report.lines), \(report.operationsSuppressed) operations left out",
            ] + report.files.map { "written      \($0)" }
        }
    }

    public static func cards(
        folders: [String], processes: [Int32] = [], dataDirectory: String
    ) async throws -> (lines: [String], isClean: Bool) {
        try await with(dataDirectory) { desk, _ in
            let report = try await desk.scanCards(
                folders: folders.map(RecoverService.absolute), processes: processes)
            let lines =
                report.findings.map { "IN CLEAR  \($0.place): \($0.shown)" }
                + report.unread.map { "NOT READ  \($0)" }
            let read =
                "read       \(report.columnsRead) columns, \(report.filesRead) files, \(report.processesRead) processes, "
                + "\(report.bytesRead) bytes"
            let keys = report.keysByKEK.sorted { $0.key < $1.key }.map { "keys       \($0.value) under \($0.key)" }
            return (lines + [read] + keys, report.isClean)
        }
    }

    public static func documents(output: String, dataDirectory: String) async throws -> [String] {
        try await with(dataDirectory) { desk, data in
            let folder = try folder(output, data)
            let page = try await desk.impactAssessment()
            try folder.write("analyse-impact.html", page.text.utf8)
            try await folder.writePDF("analyse-impact", of: page)
            try folder.write("prestataires.json", try await desk.providers().text.utf8)
            return ["written      \(folder.path)"]
        }
    }

    public static func controller(file: String, dataDirectory: String) async throws -> [String] {
        guard let bytes = FileManager.default.contents(atPath: file), let json = try? JSONReader.read(Array(bytes)),
            json.members != nil
        else {
            throw RecoveryError(
                code: "privacy_controller_unreadable", message: "\(file) holds no JSON object",
                hint: "docs/guides/privacy.md shows one.", exitStatus: .badInput)
        }
        return try await with(dataDirectory) { desk, _ in
            try await desk.setController(json.text)
            return ["the controller's entries are set"]
        }
    }
}
