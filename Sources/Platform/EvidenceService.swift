internal import Evidence
internal import Foundation
internal import Postgres
internal import Recovery

/// What a verification found.
public struct EvidenceVerdict: Sendable {
    public let isValid: Bool
    /// For people.
    public let lines: [String]
}

/// The bank's journal: sealing, export, off-line verification.
public enum EvidenceService {
    /// - Parameter heads: the file the journal's heads were published to; without it a cut tail does not show.
    public static func verify(file: String, fingerprint: String?, heads: String?) throws -> EvidenceVerdict {
        let verdict = try OfflineVerifier.verify(path: file, fingerprint: fingerprint, headPath: heads)
        return EvidenceVerdict(isValid: verdict.isValid, lines: verdict.lines)
    }

    /// Where the journal is, and where its heads go.
    public struct Place: Sendable {
        public var dataDirectory: String
        /// Another database than the embedded bank's.
        public var into: String?
        /// The file heads are appended to; in the data directory when nil.
        public var heads: String?
        /// A program that gets each head on its standard input.
        public var publisher: String?

        public init(dataDirectory: String, into: String? = nil, heads: String? = nil, publisher: String? = nil) {
            self.dataDirectory = dataDirectory
            self.into = into
            self.heads = heads
            self.publisher = publisher
        }

        var data: DataDirectory { DataDirectory(dataDirectory) }

        /// The option, else the setting, else a file in the data directory.
        var headPath: String {
            heads ?? setting("DIGITALBANK_EVIDENCE_HEADS") ?? RecoveryOptions.evidenceHeads(in: data.path)
        }

        var publishers: [any HeadPublisher] {
            let program = publisher ?? setting("DIGITALBANK_EVIDENCE_PUBLISHER")
            return [FileHeadPublisher(path: headPath)] + (program.map { [CommandHeadPublisher(program: $0)] } ?? [])
        }

        private func setting(_ name: String) -> String? {
            ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    /// Seals once, or every `pause` until the task is cancelled; `report` gets the lines of each run.
    public static func seal(
        _ place: Place, every pause: Duration?, report: @escaping @Sendable ([String]) -> Void
    ) async throws {
        try place.data.prepare()
        let key = try SigningKey.open(path: place.data.evidenceKey)
        try await withDatabase(place) { database in
            let sealer = EvidenceSealer(database: database, key: key, publishers: place.publishers)
            guard let pause else { return report(lines(try await sealer.seal(), place)) }
            try await sealer.run(every: pause) { result in
                switch result {
                case .success(let sealed): if sealed.blockCount > 0 { report(lines(sealed, place)) }
                case .failure(let error): report(["not sealed: \(error)"])
                }
            }
        }
    }

    /// Writes the journal to a file that `verify` reads without the database.
    public static func export(_ place: Place, to path: String) async throws -> [String] {
        let report = try await withDatabase(place) { try await JournalExporter(database: $0).export(to: path) }
        var lines = ["\(report.sealedCount) entries in \(report.blockCount) blocks written to \(path)"]
        if report.unsealedCount > 0 {
            lines.append(
                "\(report.unsealedCount) entries are not sealed yet; seal them with: digitalbank evidence seal")
        }
        return lines + ["verify it with: digitalbank evidence verify \(path) --head \(place.headPath)"]
    }

    private static func lines(_ report: SealReport, _ place: Place) -> [String] {
        if report.isElsewhere { return ["another sealer is at work; nothing was done here"] }
        var lines = ["\(report.entryCount) entries sealed in \(report.blockCount) blocks"]
        if let head = report.head {
            lines.append("head  block \(head.block)  \(head.hash)")
            lines.append("published to \(place.headPath)")
        }
        if report.unsealedCount > 0 {
            let count = report.unsealedCount >= 10_000 ? "10000 or more" : "\(report.unsealedCount)"
            lines.append("\(count) entries wait for a transaction older than they are to end")
        }
        return lines
    }

    private static func withDatabase<Value: Sendable>(
        _ place: Place, _ body: @Sendable (Database) async throws -> Value
    ) async throws -> Value {
        guard let into = place.into else { return try await BankDatabase.with(place.data, body) }
        let database = Database(DatabaseConfiguration(into, password: ServerPassword.fromEnvironment))
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }
}
