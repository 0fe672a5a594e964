internal import Foundation
internal import Privacy
internal import Recovery
internal import Web

/// `digitalbank privacy scan` and `pseudonymise`.
public enum PrivacyScanService {
    private static let batchLines = 5_000

    /// Shows each find as `file:line: kind`; returns how many there are.
    public static func scan(_ files: [String], names: String?, show: (String) -> Void) throws -> Int {
        var list = NameList.empty
        if let names {
            guard let data = FileManager.default.contents(atPath: names), let json = try? JSONReader.read(Array(data)),
                let first = json["first"]?.array, let last = json["last"]?.array
            else { throw unreadable(names) }
            list = NameList(first: first.compactMap(\.string), last: last.compactMap(\.string))
        }
        let scanner = PersonalScanner(names: list)
        var count = 0
        for file in files {
            var number = 0
            for line in try LineFile(file) {
                number += 1
                for hit in scanner.scan(line) {
                    show("\(file):\(number): \(hit.kind.rawValue) at byte \(hit.range.lowerBound)")
                    count += 1
                }
            }
        }
        return count
    }

    public static func pseudonymise(_ file: String, to output: String, dataDirectory: String) async throws -> [String] {
        try await PrivacyService.with(dataDirectory) { desk, _ in
            let anonymiser = desk.anonymiser()
            guard FileManager.default.createFile(atPath: output, contents: nil, attributes: [.posixPermissions: 0o600]),
                let sink = FileHandle(forWritingAtPath: output)
            else { throw unreadable(output) }
            defer { try? sink.close() }
            var waiting: [AnonymousLine] = []
            var total = 0
            func drain() async throws {
                try sink.write(contentsOf: Data(waiting.map { $0.text + "\n" }.joined().utf8))
                try await desk.keep(waiting)
                total += waiting.count
                waiting.removeAll(keepingCapacity: true)
            }
            for line in try LineFile(file) {
                waiting.append(anonymiser.line(String(decoding: line, as: UTF8.self)))
                if waiting.count >= batchLines { try await drain() }
            }
            try await drain()
            return ["lines        \(total)", "written      \(output)"]
        }
    }

    static func unreadable(_ path: String) -> RecoveryError {
        RecoveryError(
            code: "privacy_file_unreadable", message: "\(path) can not be read or written",
            hint: "Give a file that is there and a folder that this user may write to.", exitStatus: .badInput)
    }
}

/// The lines of a file, read in blocks; a line longer than the limit comes in parts.
struct LineFile: Sequence {
    static let lineMax = 1 << 20
    private let handle: FileHandle

    init(_ path: String) throws {
        guard let handle = FileHandle(forReadingAtPath: path) else { throw PrivacyScanService.unreadable(path) }
        self.handle = handle
    }

    func makeIterator() -> Iterator { Iterator(handle: handle) }

    struct Iterator: IteratorProtocol {
        let handle: FileHandle
        private var buffer: [UInt8] = []
        private var position = 0
        private var isAtEnd = false

        init(handle: FileHandle) { self.handle = handle }

        mutating func next() -> [UInt8]? {
            while true {
                if let end = buffer[position...].firstIndex(of: 10) {
                    defer { position = end + 1 }
                    return Array(buffer[position..<end])
                }
                if isAtEnd || buffer.count - position >= LineFile.lineMax {
                    defer { position = buffer.count }
                    return position < buffer.count ? Array(buffer[position...]) : nil
                }
                buffer.removeSubrange(..<position)
                position = 0
                // An error while reading ends the file as its end does.
                let block = (try? handle.read(upToCount: 256 << 10)) ?? nil
                if let block, !block.isEmpty { buffer += block } else { isAtEnd = true }
            }
        }
    }
}
