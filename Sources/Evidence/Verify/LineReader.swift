internal import Foundation

/// The lines of a file one by one, in memory of one line.
struct LineReader {
    private let handle: FileHandle
    private let path: String
    private let bytesMax: Int
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    private(set) var number = 0

    private static let pieceBytes = 256 << 10

    /// - Parameter bytesMax: a longer line is an error.
    init(path: String, bytesMax: Int = 512 << 20) throws {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw EvidenceError.unreadable(path, "there is no such file, or no right to read it")
        }
        self.handle = handle
        self.path = path
        self.bytesMax = bytesMax
    }

    /// Calls `body` with the next line, without its end; false when there is none.
    mutating func next(_ body: (UnsafeBufferPointer<UInt8>) throws -> Void) throws -> Bool {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                number += 1
                try buffer.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[position..<end])) }
                position = end + 1
                return true
            }
            if isAtEnd {
                guard position < buffer.count else { return false }
                number += 1
                try buffer.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[position...])) }
                position = buffer.count
                return true
            }
            searched = buffer.count - position
            buffer.removeFirst(position)
            position = 0
            guard buffer.count <= bytesMax else {
                throw EvidenceError.unreadable(path, "line \(number + 1) has more than \(bytesMax) bytes")
            }
            let piece: Data
            do {
                piece = try handle.read(upToCount: max(Self.pieceBytes, buffer.count)) ?? Data()
            } catch {
                throw EvidenceError.unreadable(path, "the file can not be read to its end")
            }
            isAtEnd = piece.isEmpty
            buffer += piece
        }
    }
}
