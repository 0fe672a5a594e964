internal import Cryptography
internal import Diagnostics
internal import Foundation
internal import Salvage

/// What came in, and its fingerprint: the first link of the chain of custody.
struct Intake: Codable, Sendable {
    struct Item: Codable, Sendable {
        /// Relative to the dump when it is a folder.
        let name: String
        let bytes: Int64
        let sha256: String
    }

    let path: String
    let isFolder: Bool
    let items: [Item]
    /// Of the file, or of the sorted list of the folder's items.
    let sha256: String
    let bytes: Int64
}

extension RecoveryEngine {
    /// Reads every byte once and changes nothing; a later stage that sees other bytes can say so.
    func takeIn() throws -> Intake {
        let names = try DumpPath.files(of: options.dump)
        let isFolder = DumpPath.isFolder(options.dump)
        let total = names.reduce(Int64(0)) { $0 + DumpPath.size(of: isFolder ? "\(options.dump)/\($1)" : $1) }
        var done: Int64 = 0
        var items: [Intake.Item] = []
        for name in names {
            let path = isFolder ? "\(options.dump)/\(name)" : name
            var hash = try SHA256()
            let size = try FileBytes.read(path) { chunk in
                hash.update(chunk)
                done += Int64(chunk.count)
                progress(ProgressUpdate(stage: "intake", subject: name, done: done, total: total, unit: "bytes"))
                try Task.checkCancellation()
            }
            items.append(Intake.Item(name: name, bytes: size, sha256: hash.finalize().hex))
        }
        let fingerprint: String
        if isFolder {
            let list = items.map { "\($0.sha256)  \($0.name)\n" }.joined()
            fingerprint = SHA256.hash(Array(list.utf8)).hex
        } else {
            fingerprint = items.first?.sha256 ?? ""
        }
        return Intake(path: options.dump, isFolder: isFolder, items: items, sha256: fingerprint, bytes: done)
    }
}

/// The files a dump is made of, and what is wrong with the path when it is none.
enum DumpPath {
    static func isFolder(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    /// The dump's file, or the names in its folder, sorted.
    static func files(of path: String) throws(RecoveryError) -> [String] {
        guard FileManager.default.fileExists(atPath: path) else {
            throw RecoveryError(
                code: "dump_not_found", message: "there is no file or folder at \(path)",
                hint: "Check the path of the dump.", exitStatus: .badInput)
        }
        guard isFolder(path) else {
            guard size(of: path) > 0 else {
                throw RecoveryError(
                    code: "dump_empty", message: "\(path) is empty",
                    hint: "Look for another copy of the dump; nothing can be read from this one.",
                    exitStatus: .badInput)
            }
            return [path]
        }
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        guard names.contains(where: { $0.hasPrefix("toc.dat") || $0.contains(".dat") }) else {
            throw RecoveryError(
                code: "dump_not_a_dump", message: "\(path) is a folder without toc.dat or any table's .dat file",
                hint: "Give the dump's file, or the folder that pg_dump -Fd wrote.", exitStatus: .badInput)
        }
        return names.filter { isMember("\(path)/\($0)") }
    }

    /// Files of their own only: links lead out of the dump, pipes and devices have no end.
    private static func isMember(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Opens the dump once: what holds nothing of a dump is refused with the reader's own words.
    static func refuseUnlessDump(_ path: String) throws { try DumpReader.check(path) }

    static func size(of path: String) -> Int64 {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.int64Value ?? 0
    }
}

/// Reads files by large pieces.
enum FileBytes {
    private static let chunkSize = 1 << 20

    /// Calls `receive` for each piece; returns the number of bytes read.
    static func read(_ path: String, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws -> Int64 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw RecoveryError(
                code: "file_not_readable", message: "cannot open \(path): \(String(cString: strerror(errno)))",
                hint: "Check the file's rights.", exitStatus: .badInput)
        }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize, alignment: 16)
        defer { buffer.deallocate() }
        var total: Int64 = 0
        while true {
            let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw RecoveryError(
                    code: "file_not_readable", message: "cannot read \(path): \(String(cString: strerror(errno)))",
                    hint: "The disk may be failing: copy the file elsewhere first.", exitStatus: .badInput)
            }
            guard count > 0 else { return total }
            try receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            total += Int64(count)
        }
    }
}
