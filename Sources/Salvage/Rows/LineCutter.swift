internal import Foundation

/// Cuts text that comes in pieces, each with its place, into lines up to COPY's closing line.
final class LineCutter {
    private var pending: [UInt8] = []
    /// Where each piece of `pending` stands: its first index and its place in the file.
    private var pieces: [(index: Int, offset: Int)] = []
    private(set) var sawTerminator = false
    /// A closing line behind which rows go on has come from elsewhere.
    private let goesOnBehindTerminator: Bool
    private var terminatorOffset = 0
    private let receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void

    /// `receive` gets each line without its newline, and where it begins. `isBounded` says that the text is known to be of
    /// one table to its end: a closing line inside is then a line like any other.
    init(isBounded: Bool = false, _ receive: @escaping (UnsafeBufferPointer<UInt8>, Int) throws -> Void) {
        goesOnBehindTerminator = isBounded
        self.receive = receive
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) throws {
        guard !isEnded, let base = bytes.baseAddress else { return }
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
            if isEnded { return }
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

    private var isEnded: Bool { sawTerminator && !goesOnBehindTerminator }

    private func line(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) throws {
        if line.count == 2, line[0] == UInt8(ascii: "\\"), line[1] == UInt8(ascii: ".") {
            if sawTerminator { try receiveTerminator() }
            sawTerminator = true
            terminatorOffset = offset
        } else if sawTerminator {
            // pg_dump writes empty lines behind the closing one.
            guard !line.isEmpty else { return }
            try receiveTerminator()
            sawTerminator = false
            try receive(line, offset)
        } else {
            try receive(line, offset)
        }
    }

    private func receiveTerminator() throws {
        let text: [UInt8] = [UInt8(ascii: "\\"), UInt8(ascii: ".")]
        try text.withUnsafeBufferPointer { try receive($0, terminatorOffset) }
    }
}
