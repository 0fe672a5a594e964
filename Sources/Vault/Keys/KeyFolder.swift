internal import Foundation

/// The folder where the key-encryption keys of one bank are kept, for their owner only.
///
/// - `vault.key`: the key in use.
/// - `vault.next.key`: the key of a rotation that has begun.
/// - `old/ID.key`: earlier keys, until somebody destroys them.
/// - `keeper.json`: names a program that keeps the key instead (`KeyCommand`).
public struct KeyFolder: Sendable {
    public let path: String

    /// Holds the key in use instead of `vault.key`, when it is set.
    public static let variable = "DIGITALBANK_VAULT_KEY"

    public init(_ path: String) { self.path = path }

    public var current: String { path + "/vault.key" }
    var next: String { path + "/vault.next.key" }
    var oldFolder: String { path + "/old" }
    public var keeperFile: String { path + "/keeper.json" }

    func oldFile(_ id: String) -> String { "\(oldFolder)/\(id).key" }

    /// All keys that are here; makes the first one. Asks the keeper when one is named.
    public func keyring() async throws -> Keyring {
        if let command = try keeper() {
            let wrapper = try await command.wrapper()
            var others = try oldKeys()
            if FileManager.default.fileExists(atPath: current) { others.append(try KeyProvider.file(current).key()) }
            return Keyring(current: wrapper, others: others, keeper: command.mode == .wrap ? wrapper : nil)
        }
        if Self.isInEnvironment {
            var others = try oldKeys()
            if FileManager.default.fileExists(atPath: current) { others.append(try KeyProvider.file(current).key()) }
            return Keyring(current: try KeyProvider.environment(Self.variable).key(), others: others)
        }
        try KeyProvider.createIfMissing(current)
        return Keyring(current: try KeyProvider.file(current).key(), others: try oldKeys())
    }

    private static var isInEnvironment: Bool {
        ProcessInfo.processInfo.environment[variable].map { !$0.isEmpty } ?? false
    }

    /// Whether a rotation makes the new key here, and not a keeper or whoever sets the environment.
    public func makesKeys() throws -> Bool { try keeper() == nil && !Self.isInEnvironment }

    /// The program that keeps the key, when one is named.
    public func keeper() throws -> KeyCommand? {
        guard let data = FileManager.default.contents(atPath: keeperFile) else { return nil }
        do {
            return try JSONDecoder().decode(KeyCommand.self, from: data)
        } catch {
            throw VaultError(
                code: "vault_keeper_unreadable", message: "\(keeperFile) names no keeper: \(error)",
                hint: "It must look like {\"command\": [\"/usr/local/bin/kms\", \"bank\"], \"mode\": \"wrap\"}.")
        }
    }

    public func oldIDs() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: oldFolder)) ?? []
        return names.filter { $0.hasSuffix(".key") }.map { String($0.dropLast(4)) }.sorted()
    }

    private func oldKeys() throws -> [KeyEncryptionKey] {
        try oldIDs().map { id in
            let key = try KeyProvider.file(oldFile(id)).key()
            guard key.id == id else {
                throw VaultError(
                    code: "vault_key_misnamed", message: "\(oldFile(id)) holds the key \(key.id)",
                    hint: "Give the file the name of the key that it holds.")
            }
            return key
        }
    }

    /// Puts a new key in place of the current one, which goes to the old ones. Each step leaves a folder that opens all
    /// that it opened before; begun again after a crash, it goes on where it was.
    ///
    /// Does nothing when the key is not made here (`makesKeys`).
    public func renew() throws {
        guard try makesKeys() else { return }
        try KeyProvider.createIfMissing(current)
        try KeyProvider.createIfMissing(next)
        let old = try KeyProvider.file(current).key()
        try FileManager.default.createDirectory(
            atPath: oldFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try KeyProvider.write(old, to: oldFile(old.id))
        guard rename(next, current) == 0 else { throw Self.failure(current) }
        for folder in [oldFolder, path] { try Self.synchronise(folder) }
    }

    /// Destroys an old key. The caller makes sure that nothing is wrapped by it any more.
    public func forget(_ id: String) throws {
        let file = oldFile(id)
        guard oldIDs().contains(id) else {
            throw VaultError(
                code: "vault_key_unknown", message: "there is no old key \(id) in \(oldFolder)",
                hint: "List the keys with: digitalbank keys status")
        }
        // Overwritten first; whether the disk keeps a copy is its own matter.
        let size = ((try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? Int) ?? 65
        if let handle = FileHandle(forWritingAtPath: file) {
            try handle.write(contentsOf: Data(repeating: 0x30, count: size))
            try handle.synchronize()
            try handle.close()
        }
        guard unlink(file) == 0 else { throw Self.failure(file) }
        try Self.synchronise(oldFolder)
    }

    private static func synchronise(_ folder: String) throws {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder) }
    }

    private static func failure(_ path: String) -> VaultError {
        VaultError(
            code: "vault_folder_not_writable", message: "cannot change \(path): \(String(cString: strerror(errno)))",
            hint: "Mend the folder's rights or free some space, then run the same command again.")
    }
}
