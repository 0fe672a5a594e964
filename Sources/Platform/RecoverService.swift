public import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Privacy
internal import Recovery
internal import Salvage
internal import Vault

/// What a caller asks of a recovery; paths may be relative.
public struct RecoverRequest: Sendable {
    public var dump: String
    public var dataDirectory: String
    public var logs: String?
    public var baseline: String?
    public var mapping: String?
    public var into: String?
    public var reportDirectory: String?
    public var legacyKeyFile: String?
    public var manifest: String?
    public var repairPlan: String?
    public var appliesRepairs = false
    public var makesBackup = true
    public var typesetsReport = true
    public var restarts = false
    public var keepsRoom = false

    public init(dump: String, dataDirectory: String) {
        self.dump = dump
        self.dataDirectory = dataDirectory
    }
}

/// Recoveries, wired to this machine.
public enum RecoverService {
    public static func recover(
        _ request: RecoverRequest, progress: @escaping ProgressSink
    ) async throws -> RecoverOutcome {
        let data = DataDirectory(request.dataDirectory)
        let options = options(request, data)
        try RecoveryInput.check(options)
        let binaries = try PostgresBinaries.find()
        try data.prepare()
        let lock = try RecoveryLock(dataDirectory: data.path)
        defer { withExtendedLifetime(lock) {} }
        let vault = try await data.vaultKeys()
        let engine = try RecoveryEngine.begin(
            options, restarts: request.restarts, binaries: binaries, key: data.signingKey(),
            vault: vault, progress: progress)
        return try await run(engine, data)
    }

    public static func resume(dataDirectory: String, progress: @escaping ProgressSink) async throws -> RecoverOutcome {
        let data = DataDirectory(dataDirectory)
        let binaries = try PostgresBinaries.find()
        guard FileManager.default.fileExists(atPath: data.path) else {
            throw RecoveryError(
                code: "recovery_not_found", message: "there is no data directory at \(data.path)",
                hint: "Begin a recovery with: digitalbank recover DUMP", exitStatus: .conflict)
        }
        try data.prepare()
        let lock = try RecoveryLock(dataDirectory: data.path)
        defer { withExtendedLifetime(lock) {} }
        let vault = try await data.vaultKeys()
        let engine = try RecoveryEngine.resume(
            dataDirectory: data.path, binaries: binaries, key: data.signingKey(), vault: vault,
            progress: progress)
        return try await run(engine, data)
    }

    private static func run(_ engine: RecoveryEngine, _ data: DataDirectory) async throws -> RecoverOutcome {
        let (report, files) = try await engine.recover()
        if let server = engine.serverConfiguration {
            try await PrivacyDeskService.replayErasures(data, in: server)
        } else {
            try await PrivacyDeskService.replayErasures(data)
        }
        return RecoverOutcome(report: report, files: files)
    }

    private static func options(_ request: RecoverRequest, _ data: DataDirectory) -> RecoveryOptions {
        var options = RecoveryOptions(
            dump: absolute(request.dump), dataDirectory: data.path,
            reportDirectory: request.reportDirectory.map(absolute) ?? data.report)
        options.logs = request.logs.map(absolute)
        options.baseline = request.baseline.map(absolute)
        options.mapping = request.mapping.map { $0.contains("/") || $0.hasSuffix(".yaml") ? absolute($0) : $0 }
        options.manifest = request.manifest.map(absolute)
        options.repairPlan = request.repairPlan.map(absolute)
        options.legacyKeyFile = request.legacyKeyFile.map(absolute)
        options.appliesRepairs = request.appliesRepairs
        options.makesBackup = request.makesBackup
        if !request.typesetsReport { options.typesetsReport = false }
        if request.keepsRoom { options.keepsRoom = true }
        if let into = request.into { options.target = .server(connectionString: into) }
        return options
    }

    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    public struct ShippedMapping: Sendable {
        public let name: String
        public let title: String
    }

    public static func shippedMappings() throws -> [ShippedMapping] {
        try MappingLibrary.shipped().map { ShippedMapping(name: $0.mapping.name, title: $0.mapping.title.fr) }
    }
}

/// The dump's path, before anything is made on disk.
enum DumpPathCheck {
    static func check(_ path: String) throws { try RecoveryInput.check(RecoverService.absolute(path)) }
}

extension DataDirectory {
    func signingKey() throws -> SigningKey { try SigningKey.open(path: evidenceKey) }

    func vaultKeys() async throws -> VaultKeys {
        try KeyProvider.createIfMissing(indexKey)
        let indexing = try KeyProvider.file(indexKey).key()
        let identities = LogIdentities(indexing: indexing)
        return VaultKeys(
            wrapping: try await KeyFolder(keys).keyring().current, indexing: indexing,
            identities: (PrivacyDeskService.identities(self), { try identities.seal($0, token: $1) }))
    }
}
