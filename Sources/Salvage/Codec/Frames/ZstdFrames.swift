internal import CZstd

/// Decodes zstd frames one after the other; behind damage it goes on at the next frame.
///
/// Blocks of a frame copy from those before them and share their tables: behind a damaged one, the rest of the frame is
/// lost. zstd itself, pg_dump among its users, writes one frame; pzstd and appended files have many.
struct ZstdFrames {
    private let input: [UInt8]
    private let context: OpaquePointer
    private var output = [UInt8](repeating: 0, count: 256 << 10)
    private(set) var text = FrameText()

    static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

    static func read(_ input: [UInt8]) -> FrameText? {
        guard let context = ZSTD_createDCtx() else { return nil }
        defer { ZSTD_freeDCtx(context) }
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
        var frames = ZstdFrames(input: input, context: context)
        frames.read()
        return frames.text
    }

    private init(input: [UInt8], context: OpaquePointer) {
        self.input = input
        self.context = context
    }

    private mutating func read() {
        var at = 0
        while at < input.count {
            if Frames.hasMagic(Self.magic, input, at) || at == 0, let end = frame(at) {
                at = end
            } else if let end = Frames.skippable(input, at) {
                at = end
            } else {
                let next = nextFrame(at + 1)
                text.tear(at..<next, "the compressed data can not be read here")
                at = next
            }
        }
    }

    private func nextFrame(_ start: Int) -> Int {
        var at = start
        while at < input.count {
            if Frames.hasMagic(Self.magic, input, at) || Frames.skippable(input, at) != nil { return at }
            at += 1
        }
        return input.count
    }

    /// Where the frame at `start` ends; nil when nothing of it can be read. A damaged magic number is taken as it should be.
    private mutating func frame(_ start: Int) -> Int? {
        guard let header = header(start) else { return nil }
        ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        let head = Self.magic + input[(start + 4)..<header.end]
        guard step(head) == .more else { return nil }
        text.beginFrame()
        var at = header.end
        while true {
            text.beginBlock()
            guard let block = block(at) else {
                text.endFrame(areLinked: true, holds: nil, at: at)
                let next = nextFrame(at)
                text.tear(at..<next, at + 3 > input.count ? "the compressed data ends too early" : "a block is damaged")
                return next
            }
            let isLastPart = block.isLast && !header.hasChecksum
            let state = step(Array(input[at..<block.end]))
            guard state == (isLastPart ? .ended : .more) else { return breakOff(at, block.end) }
            at = block.end
            guard block.isLast else { continue }
            guard header.hasChecksum else {
                text.endFrame(areLinked: true, holds: nil, at: at)
                return at
            }
            let end = min(at + 4, input.count)
            let holds = end == at + 4 && step(Array(input[at..<end])) == .ended
            text.endFrame(areLinked: true, holds: holds, at: at)
            return end
        }
    }

    private mutating func breakOff(_ at: Int, _ end: Int) -> Int {
        text.endFrame(areLinked: true, holds: nil, at: at)
        let next = nextFrame(at + 1)
        text.tear(at..<next, "a block is damaged: what copies from it is lost")
        return next
    }

    private enum State { case more, ended, failed }

    /// Feeds one part, whole, and takes all the text that it gives.
    private mutating func step(_ part: [UInt8]) -> State {
        var source = 0
        while true {
            var written = 0
            let status = part.withUnsafeBytes { part in
                output.withUnsafeMutableBytes { output in
                    var from = ZSTD_inBuffer(src: part.baseAddress, size: part.count, pos: source)
                    var to = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                    let status = ZSTD_decompressStream(context, &to, &from)
                    (source, written) = (from.pos, to.pos)
                    return status
                }
            }
            guard ZSTD_isError(status) == 0 else { return .failed }
            output.withUnsafeBufferPointer { text.append(UnsafeBufferPointer(rebasing: $0[..<written]), .intact) }
            if status == 0 { return source == part.count ? .ended : .failed }
            if source == part.count, written < output.count { return .more }
            if written == 0, source < part.count { return .failed }
        }
    }

    /// RFC 8878, 3.1.1.1: the descriptor says which fields follow.
    private func header(_ start: Int) -> (end: Int, hasChecksum: Bool)? {
        guard start + 6 <= input.count else { return nil }
        let descriptor = input[start + 4]
        guard descriptor & 0x08 == 0 else { return nil }
        let isSingleSegment = descriptor & 0x20 != 0
        let sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
        let end = start + 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][Int(descriptor & 3)] + sizeBytes
        return end <= input.count ? (end, descriptor & 0x04 != 0) : nil
    }

    /// RFC 8878, 3.1.1.2: three bytes with the last-block bit, the type and the size; at most 128 KiB.
    private func block(_ at: Int) -> (end: Int, isLast: Bool)? {
        guard at + 3 <= input.count else { return nil }
        let head = Int(input[at]) | Int(input[at + 1]) << 8 | Int(input[at + 2]) << 16
        let (type, size) = (head >> 1 & 3, head >> 3)
        guard type != 3, size <= 128 << 10 else { return nil }
        let end = at + 3 + (type == 1 ? 1 : size)
        return end <= input.count ? (end, head & 1 == 1) : nil
    }
}

/// What zstd and LZ4 frames have in common.
enum Frames {
    static func hasMagic(_ magic: [UInt8], _ input: [UInt8], _ at: Int) -> Bool {
        guard at + 8 <= input.count, input[at] == magic[0] else { return false }
        return input[at + 1] == magic[1] && input[at + 2] == magic[2] && input[at + 3] == magic[3]
    }

    /// The end of a skippable frame (magic 0x184D2A50 to 5F, a length, bytes that are not data).
    static func skippable(_ input: [UInt8], _ at: Int) -> Int? {
        guard at + 8 <= input.count, input[at] & 0xF0 == 0x50, input[at + 1] == 0x2A, input[at + 2] == 0x4D,
            input[at + 3] == 0x18
        else { return nil }
        let end = at + 8 + Int(word(input, at + 4))
        return end <= input.count ? end : nil
    }

    static func word(_ input: [UInt8], _ at: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(input[at + $1]) << UInt32(8 * $1) }
    }
}
