import Foundation
import Vault

@testable import Continuity

/// What an enemy or a bad disk does to files.
enum Sabotage {
    static func flip(_ path: String, at offset: UInt64) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.seek(toOffset: offset)
        let byte = try handle.read(upToCount: 1)?.first ?? 0
        try handle.seek(toOffset: offset)
        try handle.write(contentsOf: Data([byte ^ 0x10]))
        try handle.close()
    }

    static func truncate(_ path: String, to bytes: UInt64) throws {
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.truncate(atOffset: bytes)
        try handle.close()
    }

    /// The first pages become noise, as an encrypting stranger leaves them.
    static func noise(_ path: String, pages: Int, seed: UInt64 = 7) throws {
        var generator = SplitMix(state: seed)
        let bytes = (0..<pages * 8192).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }
}

enum KeyFolderRotation {
    static func renew(_ keys: String) throws { try KeyFolder(keys).renew() }
}
