internal import Foundation

extension DumpDamager {
    struct DumpFile {
        let path: String
        let size: Int
    }

    func files() throws -> [DumpFile] {
        guard format == .directory else { return [try file(path)] }
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { try file(path + "/" + $0) }
    }

    /// The file that holds most of the data.
    func largestFile() throws -> DumpFile {
        guard let largest = try files().max(by: { $0.size < $1.size }) else {
            throw SimulatorError.file("damage", path, "it holds no file")
        }
        return largest
    }

    /// The file that begins with the archive's header.
    func headerFile() throws -> DumpFile { try file(format == .directory ? path + "/toc.dat" : path) }

    private func file(_ path: String) throws -> DumpFile {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return DumpFile(path: path, size: (attributes[.size] as? Int) ?? 0)
    }

    /// Somewhere in the middle, where the data is.
    func place(in file: DumpFile, length: Int, _ random: inout SeededRandom) -> Int {
        let from = file.size * 3 / 10
        return from + random.below(max(1, file.size * 8 / 10 - length - from))
    }

    func report(_ damage: Damage, _ path: String, _ offset: Int, _ length: Int, _ what: String) -> DamageReport {
        let name = (path as NSString).lastPathComponent
        return DamageReport(kind: damage, changes: [.init(file: name, offset: offset, length: length, what: what)])
    }

    func notHere(_ damage: Damage) -> SimulatorError {
        .parameter(
            "a dump of format \(format.rawValue) cannot suffer \(damage.rawValue)",
            "member-missing needs directory; gzip-broken needs directory or plain-gzip; wrong-version needs an archive."
        )
    }

    func edit<Value>(_ path: String, _ body: (FileHandle) throws -> Value) throws -> Value {
        guard let handle = FileHandle(forUpdatingAtPath: path) else {
            throw SimulatorError.file("open", path, "not there or not writable")
        }
        defer { try? handle.close() }
        return try body(handle)
    }

    func bytes(_ path: String, _ offset: Int, _ count: Int) throws -> [UInt8] {
        try edit(path) { handle in
            try handle.seek(toOffset: UInt64(offset))
            return Array(try handle.read(upToCount: count) ?? Data())
        }
    }

    func overwrite(_ path: String, _ offset: Int, _ bytes: [UInt8]) throws {
        try edit(path) { handle in
            try handle.seek(toOffset: UInt64(offset))
            try handle.write(contentsOf: bytes)
        }
    }

    /// Takes bytes out and closes the gap, a megabyte at a time.
    func remove(_ path: String, _ offset: Int, _ length: Int) throws {
        try edit(path) { handle in
            var from = offset + length
            var to = offset
            while true {
                try handle.seek(toOffset: UInt64(from))
                guard let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty else { break }
                try handle.seek(toOffset: UInt64(to))
                try handle.write(contentsOf: piece)
                from += piece.count
                to += piece.count
            }
            try handle.truncate(atOffset: UInt64(to))
        }
    }
}
