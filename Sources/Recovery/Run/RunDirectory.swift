internal import Foundation

/// The folder of one recovery: options, the result of each finished stage, the journal, the quarantine.
///
/// A stage is finished when its result file exists; files appear whole (written aside, flushed, renamed), so that a
/// process killed at any point leaves either the old state or the new one.
public struct RunDirectory: Sendable {
    public let path: String

    public init(path: String) { self.path = path }

    var optionsFile: String { path + "/options.json" }
    var journalFile: String { path + "/journal.jsonl" }
    public var quarantineDirectory: String { path + "/quarantine" }
    /// Beside the run, not in it: the user that runs PostgreSQL may not enter this folder.
    public var cleanRoomDirectory: String { path + ".clean-room" }
    public var repairPlanFile: String { path + "/repair-plan.json" }

    func resultFile(of stage: Stage) -> String { "\(path)/stages/\(stage.number)-\(stage.rawValue).json" }

    public func isFinished(_ stage: Stage) -> Bool {
        FileManager.default.fileExists(atPath: resultFile(of: stage))
    }

    static func create(at path: String, options: RecoveryOptions) throws -> RunDirectory {
        let run = RunDirectory(path: path)
        for folder in [path, path + "/stages", run.quarantineDirectory] {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        try run.write(options, to: run.optionsFile)
        return run
    }

    public func options() throws -> RecoveryOptions { try read(RecoveryOptions.self, from: optionsFile) }

    func result<Result: Codable>(of stage: Stage, as type: Result.Type) throws -> Result? {
        guard isFinished(stage) else { return nil }
        return try read(type, from: resultFile(of: stage))
    }

    func save(_ result: some Codable, of stage: Stage) throws { try write(result, to: resultFile(of: stage)) }

    /// Readable by the operator only, and there as long as the run may go on.
    var targetPasswordFile: String { path + "/target.password" }

    var targetPassword: String? {
        FileManager.default.contents(atPath: targetPasswordFile).map { String(decoding: $0, as: UTF8.self) }
    }

    func keepTargetPassword(_ password: String) throws {
        try DurableFile.write(Data(password.utf8), to: targetPasswordFile)
    }

    private var rebuildMarkFile: String { path + "/rebuild-begun" }

    /// Which database this run has begun to rebuild in; nil when it has not, or an earlier version did not say.
    func rebuildMark() throws -> RebuildMark? {
        guard let data = FileManager.default.contents(atPath: rebuildMarkFile), !data.isEmpty else { return nil }
        return try read(RebuildMark.self, from: rebuildMarkFile)
    }

    func keep(_ mark: RebuildMark) throws { try write(mark, to: rebuildMarkFile) }

    func read<Value: Decodable>(_ type: Value.Type, from file: String) throws -> Value {
        do {
            return try Self.decoder.decode(type, from: Data(contentsOf: URL(filePath: file)))
        } catch let error as DecodingError {
            throw RecoveryError(
                code: "run_unreadable", message: "\(file) is not what this version writes: \(error)",
                hint: "Start a new recovery in another --data-dir.", exitStatus: .conflict)
        }
    }

    func write(_ value: some Encodable, to file: String) throws {
        try DurableFile.write(Self.encoder.encode(value), to: file)
    }

    static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }()

    static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }()
}
