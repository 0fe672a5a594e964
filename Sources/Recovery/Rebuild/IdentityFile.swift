internal import Cryptography
internal import Foundation
internal import Synchronization

/// What the pseudonyms of recovered logs stand for: one line for each, the token and the sealed value in hexadecimal digits.
/// It appears under its name when it is whole; memory stays flat, however many there are.
final class IdentityFile: Sendable {
    private struct State {
        var handle: FileHandle
        var waiting: [UInt8] = []
        var failure: (any Error)?
    }

    private static let blockBytes = 1 << 20
    private let path: String
    private let seal: VaultKeys.SealIdentity
    private let state: Mutex<State>

    init(path: String, seal: @escaping VaultKeys.SealIdentity) throws {
        self.path = path
        self.seal = seal
        let part = path + ".part"
        guard
            FileManager.default.createFile(atPath: part, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: part)
        else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: part])
        }
        state = Mutex(State(handle: handle))
    }

    /// Takes note of a value that has just got its token; what can not be written is told by `finish`.
    func note(_ value: [UInt8], token: String) {
        state.withLock { state in
            guard state.failure == nil else { return }
            do {
                state.waiting += "\(token) \(try seal(value, token).hex)\n".utf8
                if state.waiting.count >= Self.blockBytes { try Self.write(&state) }
            } catch {
                state.failure = error
            }
        }
    }

    /// Flushes it to the disk and gives it its name.
    func finish() throws {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            try Self.write(&state)
            try state.handle.synchronize()
            try state.handle.close()
        }
        guard rename(path + ".part", path) == 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
    }

    private static func write(_ state: inout State) throws {
        try state.handle.write(contentsOf: Data(state.waiting))
        state.waiting.removeAll(keepingCapacity: true)
    }
}
