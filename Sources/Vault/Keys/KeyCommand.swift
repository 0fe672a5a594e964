internal import Cryptography
internal import Foundation

/// A program that keeps the key-encryption key: a client of a KMS or an HSM.
///
/// It is run as `argv… OPERATION`; what it needs comes on standard input and its answer is read from standard output, one
/// line an item, in base64. Nothing secret is in its arguments or its environment.
///
/// | operation | each line in | each line out |
/// | --- | --- | --- |
/// | `id` | | the name of the key in use (one line of text) |
/// | `key` | | the 32 bytes of the key (one line) |
/// | `wrap` | context, space, 32 bytes of a data key | the wrapped key, 40 to 8192 bytes |
/// | `unwrap` | context, space, the wrapped key | the 32 bytes |
///
/// The context is bound to the wrapped key by keepers that can (an "encryption context").
public struct KeyCommand: Codable, Sendable, Hashable {
    /// Whether the key-encryption key stays with the keeper.
    public enum Mode: String, Codable, Sendable {
        /// The keeper wraps and unwraps: the key never comes here.
        case wrap
        /// The keeper hands the key over at start.
        case key
    }

    /// The program and its arguments.
    public var command: [String]
    public var mode: Mode
    /// How long one run may take.
    public var timeoutSeconds: Int

    public init(_ command: [String], mode: Mode = .wrap, timeoutSeconds: Int = 10) {
        self.command = command
        self.mode = mode
        self.timeoutSeconds = timeoutSeconds
    }

    private enum CodingKeys: String, CodingKey {
        case command, mode
        case timeoutSeconds = "timeout_seconds"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        command = try container.decode([String].self, forKey: .command)
        mode = try container.decodeIfPresent(Mode.self, forKey: .mode) ?? .wrap
        timeoutSeconds = try container.decodeIfPresent(Int.self, forKey: .timeoutSeconds) ?? 10
        guard let program = command.first, program.hasPrefix("/"), (1...600).contains(timeoutSeconds) else {
            throw DecodingError.dataCorruptedError(
                forKey: .command, in: container,
                debugDescription: "the command must begin with an absolute path, the time-out be 1 to 600 seconds")
        }
    }

    /// The keeper as a wrapper. Asks it for the name of its key.
    public func wrapper() async throws -> any KeyWrapper {
        switch mode {
        case .key:
            return try KeyEncryptionKey(bytes: try await lines(of: "key", [], expected: 1)[0])
        case .wrap:
            let answer = try await run("id", Data())
            let id = String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !id.isEmpty, id.utf8.count <= 200, id.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                throw VaultError.keeperAnswer("no name of a key")
            }
            return CommandWrapper(kekID: "kms:" + id, command: self)
        }
    }

    func lines(of operation: String, _ items: [(context: [UInt8], value: [UInt8])], expected: Int) async throws
        -> [[UInt8]]
    {
        var input = Data()
        for item in items {
            input += Data(item.context).base64EncodedData() + [32] + Data(item.value).base64EncodedData() + [10]
        }
        let answer = try await run(operation, input)
        let values = answer.split(separator: 10).map { Data(base64Encoded: Data($0)) }
        guard values.count == expected, values.allSatisfy({ $0 != nil }) else {
            throw VaultError.keeperAnswer("\(values.count) lines, \(expected) were expected, each in base64")
        }
        return values.map { Array($0 ?? Data()) }
    }

    private func run(_ operation: String, _ input: Data) async throws -> Data {
        let process = KeeperProcess(
            command: command + [operation], input: Array(input), timeMax: .seconds(timeoutSeconds))
        return Data(try await process.run())
    }
}

/// Wraps by running the keeper's program, a batch a run.
struct CommandWrapper: KeyWrapper {
    let kekID: String
    let command: KeyCommand

    func wrap(_ keys: [DataKey]) async throws -> [WrappedKey] {
        let wrapped = try await command.lines(
            of: "wrap", keys.map { (Sealer.wrapping($0.clientID, $0.version), $0.bytes) }, expected: keys.count)
        return try zip(keys, wrapped).map { key, bytes in
            guard (40...8192).contains(bytes.count) else {
                throw VaultError.keeperAnswer("a wrapped key of \(bytes.count) bytes")
            }
            return WrappedKey(clientID: key.clientID, version: key.version, kekID: kekID, bytes: bytes)
        }
    }

    func unwrap(_ wrapped: [WrappedKey]) async throws -> [DataKey] {
        let opened = try await command.lines(
            of: "unwrap", wrapped.map { (Sealer.wrapping($0.clientID, $0.version), $0.bytes) }, expected: wrapped.count)
        return try zip(wrapped, opened).map { wrapped, bytes in
            guard bytes.count == AESGCM.keyBytes else {
                throw VaultError.keeperAnswer("a data key of \(bytes.count) bytes")
            }
            return DataKey(clientID: wrapped.clientID, version: wrapped.version, bytes: bytes)
        }
    }
}
