internal import CZlib

/// Decodes the members of a gzip file one after the other (RFC 1952, 2.2: appended files, bgzip, parallel writers);
/// behind a damaged one it goes on at the next.
///
/// Each member has a checksum of its own: damage in one leaves the others proven.
struct GzipMembers {
    private let input: [UInt8]
    private var output = [UInt8](repeating: 0, count: 256 << 10)
    private var text = FrameText()
    private var memberCount = 0

    private static let headerBytesMin = 10
    /// Bytes that look like a header are one when this much text, or a whole member, can be read behind them.
    private static let plausibleTextBytes = 512

    /// Nil for a file of one member: what repairs single streams does more for it.
    static func read(_ input: [UInt8]) -> FrameText? {
        var members = GzipMembers(input: input)
        members.read()
        return members.memberCount > 1 ? members.text : nil
    }

    private init(input: [UInt8]) { self.input = input }

    private mutating func read() {
        var at = 0
        // Tapes and some tools fill the last block with zeros.
        while at < input.count, input[at...].contains(where: { $0 != 0 }) {
            if let end = takeWhole(at) {
                at = end
            } else {
                let next = nextMember(at + Self.headerBytesMin)
                // One stream, whatever is wrong with it.
                if at == 0, next == input.count { return }
                salvage(at..<next)
                at = next
            }
            memberCount += 1
        }
    }

    /// Takes the member at `start` when its checksum proves it; returns where it ends.
    private mutating func takeWhole(_ start: Int) -> Int? {
        guard isHeader(start), let member = inflate(start, textBytesMax: .max), let end = member.end else { return nil }
        text.beginFrame()
        text.beginBlock()
        member.text.withUnsafeBufferPointer { text.append($0, .intact) }
        text.endFrame(areLinked: true, holds: true, at: end)
        return end
    }

    /// A damaged member: its text up to the damage, or all of it when a turned bit makes its checksum hold.
    private mutating func salvage(_ range: Range<Int>) {
        text.beginFrame()
        text.beginBlock()
        let bytes = Array(input[range])
        guard bytes.count > Self.headerBytesMin, let rescue = DeflateRescue(bytes, judge: LineJudge.piece) else {
            text.endFrame(areLinked: true, holds: nil, at: range.upperBound)
            return text.tear(
                range,
                .init(
                    fr: "les données compressées ne se lisent pas ici", en: "the compressed data can not be read here"))
        }
        let sure = min(rescue.doubtfulFrom, rescue.text.count)
        rescue.text.withUnsafeBufferPointer {
            text.append(UnsafeBufferPointer(rebasing: $0[..<sure]), .intact)
            text.append(UnsafeBufferPointer(rebasing: $0[sure...]), .doubtful)
        }
        text.endFrame(areLinked: true, holds: rescue.isProven ? true : nil, at: range.upperBound)
        for item in rescue.damage {
            let start = range.lowerBound + item.range.lowerBound
            text.note(start..<(start + max(item.range.count, 1)), item.text)
        }
        guard !rescue.isProven else { return }
        text.tear(
            range.upperBound..<range.upperBound,
            .init(
                fr: "un membre du fichier est abîmé : la lecture reprend au suivant",
                en: "a member of the file is damaged: reading goes on at the next"))
    }

    private func isHeader(_ at: Int) -> Bool {
        guard at + Self.headerBytesMin <= input.count, input[at] == 0x1F, input[at + 1] == 0x8B, input[at + 2] == 8
        else { return false }
        let (flags, effort, system) = (input[at + 3], input[at + 8], input[at + 9])
        return flags & 0xE0 == 0 && [0, 2, 4].contains(effort) && (system <= 13 || system == 255)
    }

    private mutating func nextMember(_ start: Int) -> Int {
        var at = start
        while at < input.count {
            if isHeader(at), inflate(at, textBytesMax: Self.plausibleTextBytes) != nil { return at }
            at += 1
        }
        return input.count
    }

    /// The text of the member at `start` and where it ends; its end is nil when `textBytesMax` are there before. Nil when
    /// zlib refuses it.
    private mutating func inflate(_ start: Int, textBytesMax: Int) -> (text: [UInt8], end: Int?)? {
        var stream = z_stream()
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return nil
        }
        defer { inflateEnd(&stream) }
        var text: [UInt8] = []
        var consumed = start
        while true {
            let offered = min(input.count - consumed, 1 << 30)
            let (status, left, filled) = input.withUnsafeBufferPointer { source in
                output.withUnsafeMutableBufferPointer { target in
                    stream.next_in = source.baseAddress.map { UnsafeMutablePointer(mutating: $0 + consumed) }
                    stream.avail_in = UInt32(offered)
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(target.count)
                    let status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    return (status, Int(stream.avail_in), target.count - Int(stream.avail_out))
                }
            }
            consumed += offered - left
            text += output[..<filled]
            if status == Z_STREAM_END { return (text, consumed) }
            if text.count >= textBytesMax { return (text, nil) }
            guard status == Z_OK, filled > 0 || left < offered else { return nil }
        }
    }
}
