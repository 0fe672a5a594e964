/// Decodes LZ4 frames block by block; behind a damaged block it goes on at the next one.
///
/// Independent blocks lose nothing but themselves. Linked blocks copy from the 64 KiB before them: what they copy from a
/// lost block is unknown, everything else is read.
struct LZ4Frames {
    private let input: [UInt8]
    private(set) var text = FrameText()
    /// The text from here on may be copied by the block that is read.
    private var window = 0
    /// Whether bytes before the window are lost rather than out of the frame.
    private var isWindowTorn = false
    /// Where the block read last begins, when it was damaged.
    private var brokenBlock: Int?

    static let magic: [UInt8] = [0x04, 0x22, 0x4D, 0x18]
    private static let windowBytes = 64 << 10
    /// A search for the next block that finds none in so many bytes gives up.
    private static let searchBytesMax = 64 << 20

    private struct Header {
        let end: Int
        let blockMax: Int
        let areLinked: Bool
        let hasBlockSums: Bool
        let hasSum: Bool
        let isSound: Bool
    }

    static func read(_ input: [UInt8]) -> FrameText {
        var frames = LZ4Frames(input: input)
        frames.read()
        return frames.text
    }

    private init(input: [UInt8]) { self.input = input }

    private mutating func read() {
        var at = 0
        while at < input.count {
            if Frames.hasMagic(Self.magic, input, at) || at == 0, let header = header(at) {
                at = frame(at, header)
            } else if let end = Frames.skippable(input, at) {
                at = end
            } else {
                var next = at + 1
                while next < input.count, !beginsFrame(next), Frames.skippable(input, next) == nil { next += 1 }
                text.tear(at..<next, .init(fr: "aucune trame ne commence ici", en: "no frame begins here"))
                at = next
            }
        }
    }

    private func beginsFrame(_ at: Int) -> Bool {
        guard Frames.hasMagic(Self.magic, input, at) else { return false }
        return header(at)?.isSound == true
    }

    // MARK: Frame

    private mutating func frame(_ start: Int, _ header: Header) -> Int {
        if !header.isSound {
            text.tear(
                start..<header.end, .init(fr: "l’en-tête de la trame est abîmé", en: "the frame's header is damaged"))
        }
        text.beginFrame()
        window = text.count
        isWindowTorn = false
        brokenBlock = nil
        var at = header.end
        var isWhole = true
        while at + 4 <= input.count {
            let size = Frames.word(input, at)
            if size == 0 { return end(at + 4, header, isWhole) }
            if let next = block(at, header, &isWhole) {
                at = next
                continue
            }
            isWhole = false
            // Where bytes vanished, the next block begins inside the stretch that was taken for the damaged one.
            let next = nextBlock(brokenBlock.map { $0 + 5 } ?? (at + 1), header)
            if next == input.count { lastBlock(at, header) }
            text.tear(
                min(at, next)..<max(at, next),
                .init(
                    fr: "la longueur d’un bloc est abîmée, ou ses octets manquent",
                    en: "the length of a block is damaged, or its bytes are missing"))
            isWindowTorn = true
            window = text.count
            brokenBlock = nil
            at = next
            if beginsFrame(at) {
                text.endFrame(areLinked: header.areLinked, holds: nil, at: at)
                return at
            }
        }
        text.endFrame(areLinked: header.areLinked, holds: nil, at: at)
        if at > start {
            text.tear(
                min(at, input.count - 1)..<input.count,
                .init(fr: "les données compressées s’arrêtent trop tôt", en: "the compressed data ends too early"))
        }
        return input.count
    }

    private mutating func end(_ at: Int, _ header: Header, _ isWhole: Bool) -> Int {
        guard header.hasSum else {
            text.endFrame(areLinked: header.areLinked, holds: nil, at: at)
            return at
        }
        guard isWhole, at + 4 <= input.count else {
            text.endFrame(areLinked: header.areLinked, holds: nil, at: at)
            return min(at + 4, input.count)
        }
        let holds = text.frameSum == Frames.word(input, at)
        text.endFrame(areLinked: header.areLinked, holds: holds, at: at)
        return at + 4
    }

    /// Where the block at `at` ends; nil when its length can not be.
    private mutating func block(_ at: Int, _ header: Header, _ isWhole: inout Bool) -> Int? {
        guard let end = blockEnd(at, header) else { return nil }
        let isRaw = Frames.word(input, at) >> 31 == 1
        let data = input[(at + 4)..<(end - (header.hasBlockSums ? 4 : 0))]
        let holds = header.hasBlockSums ? XXHash32.of(data) == Frames.word(input, data.endIndex) : nil
        text.beginBlock()
        let start = text.count
        window = header.areLinked ? max(window, start - Self.windowBytes) : start
        if !header.areLinked { isWindowTorn = false }
        brokenBlock = nil
        let grade: FrameText.Grade = holds == true ? .proven : holds == false ? .doubtful : .intact
        if isRaw {
            data.withUnsafeBufferPointer { text.append($0, grade) }
        } else if !decode(data, grade, blockMax: header.blockMax) {
            isWhole = false
            text.doubt(from: start)
            text.tear(at..<end, .init(fr: "un bloc est abîmé", en: "a block is damaged"))
            isWindowTorn = true
            window = text.count
            brokenBlock = at
            return end
        }
        if holds == false {
            isWhole = false
            text.tear(
                at..<end, .init(fr: "la somme de contrôle d’un bloc diffère", en: "the checksum of a block differs"))
            brokenBlock = at
            isWindowTorn = true
            window = text.count
        }
        return end
    }

    /// What there is of a block that goes on past the end of the file: sound when the file was cut, in doubt when the
    /// frame's end is there and bytes within are missing.
    private mutating func lastBlock(_ at: Int, _ header: Header) {
        let word = at + 4 < input.count ? Frames.word(input, at) : 0
        guard word >> 31 == 0, word > 0, word <= UInt32(header.blockMax) else { return }
        let tail = input.count - (header.hasSum ? 8 : 4)
        let hasEnd = tail > at + 4 && Frames.word(input, tail) == 0
        text.beginBlock()
        let start = text.count
        window = header.areLinked ? max(window, start - Self.windowBytes) : start
        _ = decode(input[(at + 4)..<(hasEnd ? tail : input.count)], .intact, blockMax: header.blockMax)
        if hasEnd { text.doubt(from: start) }
    }

    private func blockEnd(_ at: Int, _ header: Header) -> Int? {
        guard at + 4 <= input.count else { return nil }
        let size = Int(Frames.word(input, at) & 0x7FFF_FFFF)
        guard size > 0, size <= header.blockMax else { return nil }
        let end = at + 4 + size + (header.hasBlockSums ? 4 : 0)
        return end <= input.count ? end : nil
    }

    /// The next place from which the lengths lead from block to block, or to the frame's end.
    private func nextBlock(_ start: Int, _ header: Header) -> Int {
        var at = start
        let stop = min(input.count, start + Self.searchBytesMax)
        while at < stop {
            if beginsFrame(at) || leadsOn(at, header) { return at }
            at += 1
        }
        return input.count
    }

    private func leadsOn(_ start: Int, _ header: Header) -> Bool {
        guard let first = blockEnd(start, header), first - start > 16 else { return false }
        if header.hasBlockSums {
            return XXHash32.of(input[(start + 4)..<(first - 4)]) == Frames.word(input, first - 4)
        }
        var at = first
        for _ in 0..<4 {
            guard at + 4 <= input.count else { return at == input.count }
            if Frames.word(input, at) == 0 {
                let end = at + 4 + (header.hasSum ? 4 : 0)
                return end == input.count || end < input.count && beginsFrame(end)
            }
            guard let next = blockEnd(at, header) else { return false }
            at = next
        }
        return true
    }

    // MARK: Header

    /// The descriptor at `start`; where its own check byte fails, the one that lz4 or pg_dump write and that fits.
    private func header(_ start: Int) -> Header? {
        guard start + 7 <= input.count else { return nil }
        let written = header(start, input[start + 4], input[start + 5])
        if let written, written.isSound { return written }
        guard start == 0 else { return nil }
        for (flags, size) in [(0x40, 0x40), (0x64, 0x40), (0x64, 0x70), (0x44, 0x70), (0x60, 0x70)] as [(UInt8, UInt8)]
        {
            if let header = header(start, flags, size), leadsOn(header.end, header) { return header }
        }
        return written
    }

    private func header(_ start: Int, _ flags: UInt8, _ size: UInt8) -> Header? {
        guard flags >> 6 == 1, size & 0x8F == 0, size >> 4 >= 4 else { return nil }
        let end = start + 6 + (flags & 0x08 != 0 ? 8 : 0) + (flags & 0x01 != 0 ? 4 : 0) + 1
        guard end <= input.count else { return nil }
        let isAsWritten = input[start + 4] == flags && input[start + 5] == size
        let sum = XXHash32.of(input[(start + 4)..<(end - 1)]) >> 8 & 0xFF
        return Header(
            end: end, blockMax: 1 << (8 + 2 * Int(size >> 4)), areLinked: flags & 0x20 == 0,
            hasBlockSums: flags & 0x10 != 0, hasSum: flags & 0x04 != 0,
            isSound: isAsWritten && UInt32(input[end - 1]) == sum)
    }

    // MARK: Block

    /// False where the block's sequences break the format (LZ4 block format: token, literals, offset, match).
    private mutating func decode(_ data: ArraySlice<UInt8>, _ grade: FrameText.Grade, blockMax: Int) -> Bool {
        let limit = text.count + blockMax
        var at = data.startIndex
        func length(_ first: Int) -> Int? {
            guard first == 15 else { return first }
            var sum = first
            while at < data.endIndex {
                let byte = Int(data[at])
                at += 1
                sum += byte
                if byte != 255 { return sum }
            }
            return nil
        }
        while at < data.endIndex {
            let token = Int(data[at])
            at += 1
            guard let literals = length(token >> 4), literals <= data.endIndex - at, text.count + literals <= limit
            else {
                return false
            }
            data[at..<(at + literals)].withUnsafeBufferPointer { text.append($0, grade) }
            at += literals
            if at == data.endIndex { return true }
            guard at + 2 <= data.endIndex else { return false }
            let distance = Int(data[at]) | Int(data[at + 1]) << 8
            at += 2
            guard distance > 0, let more = length(token & 15), text.count + more + 4 <= limit else { return false }
            guard copy(distance, more + 4, grade) else { return false }
        }
        return false
    }

    private mutating func copy(_ distance: Int, _ count: Int, _ grade: FrameText.Grade) -> Bool {
        let from = text.count - distance
        guard from >= window || isWindowTorn else { return false }
        for index in from..<(from + count) {
            if index < window {
                text.append(0, FrameText.Grade.unknown.rawValue)
            } else {
                text.append(text.bytes[index], max(text.grades[index], grade.rawValue))
            }
        }
        return true
    }
}
