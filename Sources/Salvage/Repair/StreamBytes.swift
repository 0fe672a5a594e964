/// The compressed bytes of one stream, gathered, with the place of each in the file.
///
/// A damaged stream is read many times at many places, so that its compressed bytes stay in memory; they are a third
/// of its text or less.
struct StreamBytes {
    private(set) var bytes: [UInt8] = []
    /// Where a piece begins in the stream, and where in the file.
    private var pieces: [(stream: Int, file: Int)] = []
    /// What the feed found broken in the framing.
    private(set) var framing: Damage?

    init(_ feed: StreamReader.Feed) throws {
        var bytes: [UInt8] = []
        var pieces: [(stream: Int, file: Int)] = []
        framing = try feed { piece, offset in
            if let last = pieces.last, last.file + bytes.count - last.stream == offset {
                bytes.append(contentsOf: piece)
            } else {
                pieces.append((bytes.count, offset))
                bytes.append(contentsOf: piece)
            }
        }
        self.bytes = bytes
        self.pieces = pieces
    }

    /// Where the stream's byte stands in the file; behind the last one, too.
    func fileOffset(of offset: Int) -> Int {
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].stream <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return offset }
        return pieces[low - 1].file + offset - pieces[low - 1].stream
    }

    /// The file's bytes of a part of the stream; a part across pieces takes what stands between them too.
    func fileRange(_ range: Range<Int>) -> Range<Int> {
        let start = fileOffset(of: range.lowerBound)
        guard !range.isEmpty else { return start..<start }
        return start..<max(fileOffset(of: range.upperBound - 1) + 1, start)
    }
}
