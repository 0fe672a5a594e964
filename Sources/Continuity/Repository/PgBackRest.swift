internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// pgBackRest as a program. Its exit status is never believed alone.
struct PgBackRest: Sendable {
    let program: String
    let folder: ContinuityFolder
    /// The superuser's, which a backup needs to tell the server that it begins.
    let password: String

    static func find() throws -> String {
        if let program = Tools.find("pgbackrest") { return program }
        throw ContinuityError(
            code: "pgbackrest_missing", message: "pgbackrest is not installed",
            hint: "Install it with: apt-get install --no-install-recommends pgbackrest", exitStatus: .environment)
    }

    init(folder: ContinuityFolder, password: String = "") throws {
        program = try Self.find()
        self.folder = folder
        self.password = password
    }

    /// Its words that are worth a line in a journal or a report.
    struct Answer: Sendable {
        let status: Int32
        let output: String
        let words: String

        /// Lines that begin with WARN or ERROR.
        var warnings: [String] {
            (output + "\n" + words).split(separator: "\n").map(String.init)
                .filter { $0.contains("WARN:") || $0.contains("ERROR:") }
        }
    }

    /// Runs a command as the server's user and returns whatever it answered.
    func answer(_ command: String, _ options: [String] = [], timeMax: Duration = .seconds(6 * 3600)) async throws
        -> Answer
    {
        let deadline = ContinuousClock.now + Self.lockWaitMax
        while true {
            let run = try await ToolRun.run(
                program, [command, "--config=\(folder.configuration)", "--stanza=\(BackupSettings.stanza)"] + options,
                environment: ["PGPASSWORD": password], asServerUser: true, timeMax: timeMax)
            // One backup at a time: a second one waits for the first, as the scheduled and the asked-for one meet.
            guard run.status == Self.lockTaken, ContinuousClock.now < deadline else {
                return Answer(status: run.status, output: run.outputText, words: run.errorText)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// pgBackRest's LockAcquireError.
    private static let lockTaken: Int32 = 50
    private static let lockWaitMax: Duration = .seconds(600)

    /// The same; a status other than 0 is an error.
    @discardableResult
    func run(_ command: String, _ options: [String] = [], timeMax: Duration = .seconds(6 * 3600)) async throws -> Answer
    {
        let answer = try await answer(command, options, timeMax: timeMax)
        try Self.check(command, answer)
        return answer
    }

    static func check(_ command: String, _ answer: Answer) throws {
        guard answer.status != 0 else { return }
        if answer.status < 0 { throw ContinuityError.crashed(command, signal: -answer.status) }
        let lines = answer.warnings.isEmpty ? [answer.words, answer.output] : answer.warnings
        throw ContinuityError.program(command, answer.status, lines.joined(separator: "; ").prefix(600).description)
    }

    /// What all repositories hold. A repository that does not answer is told, not thrown.
    func inventory() async throws -> Inventory {
        let answer = try await run("info", ["--output=json", "--log-level-console=off"], timeMax: .seconds(300))
        return try Inventory(json: answer.output)
    }
}

/// The file `pgbackrest.conf`.
struct PgBackRestConfiguration {
    let folder: ContinuityFolder
    let settings: BackupSettings
    let passPhrase: String
    let dataPath: String
    let socket: String
    let port: Int
    let user: String

    /// Nothing expires by itself: retention is ours. The log is never dropped when an archive lags (no
    /// archive-push-queue-max): PostgreSQL keeps it, and the watch says so.
    func text() throws -> String {
        var lines = [
            "# Written by digitalbank backup init. It holds the repositories' pass phrase.", "[global]",
        ]
        for (index, path) in settings.repositories.enumerated() {
            let name = "repo\(index + 1)"
            lines += try place(path, name)
            lines += [
                "\(name)-cipher-type=aes-256-cbc", "\(name)-cipher-pass=\(passPhrase)",
                "\(name)-bundle=y", "\(name)-retention-full=9999999",
            ]
        }
        lines += [
            "log-path=\(folder.logs)", "lock-path=\(folder.locks)", "spool-path=\(folder.spool)",
            "log-level-console=warn", "log-level-file=detail", "process-max=2", "compress-type=zst",
            "compress-level=3", "start-fast=y", "archive-async=y", "archive-get-queue-max=128MiB", "expire-auto=n",
            "delta=n", "checksum-page=y", "[\(BackupSettings.stanza)]", "pg1-path=\(dataPath)",
            "pg1-socket-path=\(socket)", "pg1-port=\(port)", "pg1-user=\(user)", "pg1-database=postgres",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private func place(_ repository: String, _ name: String) throws -> [String] {
        guard let (store, place) = try settings.store(of: repository) else { return ["\(name)-path=\(repository)"] }
        let key = try ObjectStoreKey.read(store)
        var lines = [
            "\(name)-type=s3", "\(name)-path=/\(place.prefix)", "\(name)-s3-bucket=\(place.bucket)",
            "\(name)-s3-endpoint=\(store.host)", "\(name)-storage-port=\(store.port)",
            "\(name)-s3-region=\(store.region)", "\(name)-s3-key=\(key.id)", "\(name)-s3-key-secret=\(key.secret)",
            "\(name)-s3-uri-style=\(store.isPathStyle ? "path" : "host")",
            "\(name)-storage-verify-tls=\(store.verifiesTLS ? "y" : "n")",
        ]
        if let file = store.authorityFile { lines.append("\(name)-storage-ca-file=\(file)") }
        return lines
    }

    /// What PostgreSQL runs for each finished segment of its log.
    static func archiveCommand(_ folder: ContinuityFolder, program: String) -> String {
        "\(quoted(program)) --config=\(quoted(folder.configuration)) --stanza=\(BackupSettings.stanza) archive-push %p"
    }

    /// As a shell takes it; plain paths stay as they are. PostgreSQL takes %% for a percent sign.
    static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || "/._-+=@:,".utf8.contains($0)
        }
        guard !isPlain else { return path }
        return "'" + path.replacing("'", with: "'\\''").replacing("%", with: "%%") + "'"
    }
}
