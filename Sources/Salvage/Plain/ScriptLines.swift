internal import Foundation

/// Cuts a script, fed in pieces, into lines; COPY data and statements are both told by lines.
final class ScriptLines {
    private var pending: [UInt8] = []
    private(set) var offset = 0
    private let receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void

    init(_ receive: @escaping (UnsafeBufferPointer<UInt8>, Int) throws -> Void) { self.receive = receive }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        pending.append(contentsOf: bytes)
        let used = try pending.withUnsafeBufferPointer { buffer -> Int in
            guard let base = buffer.baseAddress else { return 0 }
            var start = 0
            while start < buffer.count, let found = memchr(base + start, 10, buffer.count - start) {
                let end = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
                try receive(UnsafeBufferPointer(start: base + start, count: end - start), offset + start)
                start = end + 1
            }
            return start
        }
        pending.removeFirst(used)
        offset += used
    }

    /// The last line, when it has no newline.
    func finish() throws -> [UInt8] {
        let rest = pending
        pending = []
        return rest
    }
}

/// The words a line of a script may begin with; rows of a table hardly ever do.
enum ScriptWords {
    private static let words = [
        "COPY ", "CREATE ", "ALTER ", "SET ", "SELECT ", "REVOKE ", "GRANT ", "INSERT ", "COMMENT ", "DROP ", "--",
        "REFRESH ", "DO ", "UPDATE ", "DELETE ", "SECURITY ", "BEGIN", "COMMIT",
    ].map { Array($0.utf8) }

    static func begin(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        words.contains { word in line.count >= word.count && line.prefix(word.count).elementsEqual(word) }
    }
}
