internal import Foundation

/// Cuts text that comes in pieces, each with its place, into lines up to COPY's closing line.
final class LineCutter {
    private var pending: [UInt8] = []
    /// Where each piece of `pending` stands: its first index and its place in the file.
    private var pieces: [(index: Int, offset: Int)] = []
    private(set) var sawTerminator = false
    private let receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void

    /// `receive` gets each line without its newline, and where it begins.
    init(_ receive: @escaping (UnsafeBufferPointer<UInt8>, Int) throws -> Void) { self.receive = receive }

    func take(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) throws {
        guard !sawTerminator, let base = bytes.baseAddress else { return }
        var start = 0
        while start < bytes.count, let found = memchr(base + start, 10, bytes.count - start) {
            let end = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
            let piece = UnsafeBufferPointer(start: base + start, count: end - start)
            if pending.isEmpty {
                try line(piece, at: offset + start)
            } else {
                pending.append(contentsOf: piece)
                try pending.withUnsafeBufferPointer { try line($0, at: pieces.first?.offset ?? 0) }
                pending.removeAll(keepingCapacity: true)
                pieces.removeAll(keepingCapacity: true)
            }
            if sawTerminator { return }
            start = end + 1
        }
        guard start < bytes.count else { return }
        pieces.append((pending.count, offset + start))
        pending.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
    }

    /// Takes the open line away: what follows begins anew.
    func breakOff() -> (offset: Int, bytes: [UInt8])? {
        defer {
            pending.removeAll(keepingCapacity: true)
            pieces.removeAll(keepingCapacity: true)
        }
        return openLine
    }

    /// What stands behind the last newline; nil when nothing does.
    var openLine: (offset: Int, bytes: [UInt8])? {
        pending.isEmpty ? nil : (pieces.first?.offset ?? 0, pending)
    }

    private func line(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) throws {
        if line.count == 2, line[0] == UInt8(ascii: "\\"), line[1] == UInt8(ascii: ".") {
            sawTerminator = true
        } else {
            try receive(line, offset)
        }
    }
}
