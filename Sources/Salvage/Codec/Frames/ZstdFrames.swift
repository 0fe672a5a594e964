/// Decodes zstd frames one after the other; behind damage it goes on at the next frame.
///
/// Blocks of a frame copy from those before them and share their tables: behind a damaged one only what does neither is
/// likely, and nothing is sure (`ZstdResume`). zstd itself, pg_dump among its users, writes one frame; pzstd and appended
/// files have many.
struct ZstdFrames {
    private let input: [UInt8]
    private let context: ZstdContext
    private(set) var text = FrameText()

    static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
    /// Damaged blocks of a frame behind which reading goes on.
    private static let resumesMax = 16

    static func read(_ input: [UInt8]) -> FrameText? {
        guard let context = ZstdContext() else { return nil }
        var frames = ZstdFrames(input: input, context: context)
        frames.read()
        return frames.text
    }

    private init(input: [UInt8], context: ZstdContext) {
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
                text.tear(
                    at..<next,
                    .init(
                        fr: "les données compressées ne se lisent pas ici",
                        en: "the compressed data can not be read here"))
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
        context.reset()
        let head = Self.magic + input[(start + 4)..<header.end]
        guard step(head) == .more else { return nil }
        text.beginFrame()
        var at = header.end
        var isRegular = true
        while true {
            text.beginBlock()
            let start = text.count
            guard let block = ZstdBlocks.block(input, at) else { return breakOff(at, nil, header, isRegular) }
            let isLastPart = block.isLast && !header.hasChecksum
            let state = step(Array(input[at..<block.end]))
            guard state == (isLastPart ? .ended : .more) else {
                return breakOff(at, block.end, header, isRegular && text.count == start)
            }
            if text.count - start != ZstdBlocks.textBytesMax { isRegular = false }
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

    /// Ends a frame in which the block at `place` is damaged, with what can be read behind; returns where to go on.
    ///
    /// - Parameters:
    ///   - end: where the block's header says that it ends.
    ///   - isRegular: every block before held 128 KiB of text.
    private mutating func breakOff(_ place: Int, _ end: Int?, _ header: Header, _ isRegular: Bool) -> Int {
        var history = isRegular ? text.frameBytes : []
        text.endFrame(areLinked: true, holds: nil, at: place)
        var (at, end) = (place, end)
        for _ in 0..<Self.resumesMax {
            var chain = end.flatMap { ZstdBlocks(input, from: $0, hasChecksum: header.hasChecksum) }
            if chain == nil {
                chain = ZstdBlocks.search(input, behind: at, hasChecksum: header.hasChecksum)
                history = []
            }
            guard let chain, let first = chain.firstIndependent(input) else { break }
            history += [UInt8](repeating: 0, count: (first + 1) * ZstdBlocks.textBytesMax)
            history.removeFirst(max(history.count - header.windowBytes, 0))
            text.tear(
                at..<chain.blocks[first].start,
                .init(
                    fr: "un bloc est abîmé : ce qui s’y réfère est perdu",
                    en: "a block is damaged: what copies from it is lost"))
            guard let stop = readOn(chain.blocks[first...], header, &history) else { return chain.end }
            (at, end) = (stop.start, stop.end)
        }
        let next = nextFrame(max(at, place + 1))
        text.tear(
            at..<next,
            at + 3 > input.count
                ? .init(fr: "les données compressées s’arrêtent trop tôt", en: "the compressed data ends too early")
                : .init(fr: "un bloc est abîmé", en: "a block is damaged"))
        return next
    }

    /// Takes what can be read of `blocks`; returns the block that stops it.
    private mutating func readOn(
        _ blocks: ArraySlice<ZstdBlocks.Block>, _ header: Header, _ history: inout [UInt8]
    ) -> ZstdBlocks.Block? {
        guard let resume = ZstdResume(before: history, windowByte: header.windowByte) else { return blocks.first }
        text.beginFrame()
        defer { text.endFrame(areLinked: true, holds: nil, at: blocks.last?.end ?? 0) }
        for block in blocks {
            guard let found = resume.text(of: Array(input[block.start..<block.end])) else { return block }
            text.beginBlock()
            for byte in found { text.append(byte, (byte == 0 ? FrameText.Grade.unknown : .doubtful).rawValue) }
            history += found
        }
        return nil
    }

    private mutating func step(_ part: [UInt8]) -> ZstdContext.State {
        context.step(part) { text.append($0, .intact) }
    }

    private struct Header {
        let end: Int
        let hasChecksum: Bool
        /// The window descriptor; for a frame without one, that of a window of 8 MiB.
        let windowByte: UInt8

        /// RFC 8878, 3.1.1.1.2; not more than we ever look back.
        var windowBytes: Int {
            let base = 1 << (10 + Int(windowByte >> 3))
            return min(max(base + base / 8 * Int(windowByte & 7), ZstdBlocks.textBytesMax), 8 << 20)
        }
    }

    /// RFC 8878, 3.1.1.1: the descriptor says which fields follow.
    private func header(_ start: Int) -> Header? {
        guard start + 6 <= input.count else { return nil }
        let descriptor = input[start + 4]
        guard descriptor & 0x08 == 0 else { return nil }
        let isSingleSegment = descriptor & 0x20 != 0
        let sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
        let end = start + 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][Int(descriptor & 3)] + sizeBytes
        guard end <= input.count else { return nil }
        let windowByte = isSingleSegment ? 13 << 3 : min(input[start + 5], 17 << 3)
        return Header(end: end, hasChecksum: descriptor & 0x04 != 0, windowByte: windowByte)
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
