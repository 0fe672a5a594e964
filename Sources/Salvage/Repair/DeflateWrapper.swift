internal import CZlib

/// What stands around deflate data: zlib's header and Adler-32 (RFC 1950), or gzip's and CRC-32 with the length
/// (RFC 1952).
struct DeflateWrapper: Equatable {
    enum Kind: Equatable { case zlib, gzip }

    let kind: Kind
    /// The byte at which deflate data begins.
    let dataStart: Int

    var trailerBytes: Int { kind == .zlib ? 4 : 8 }

    /// Nil when the bytes at `start` are no header of the kind.
    static func read(_ bytes: ArraySlice<UInt8>, kind: Kind, at start: Int = 0) -> DeflateWrapper? {
        let head = bytes.dropFirst(start)
        let base = head.startIndex
        switch kind {
        case .zlib:
            guard head.count >= 2, head[base] & 0x0F == 8, head[base] >> 4 <= 7, head[base + 1] & 0x20 == 0,
                (Int(head[base]) << 8 | Int(head[base + 1])) % 31 == 0
            else { return nil }
            return DeflateWrapper(kind: .zlib, dataStart: start + 2)
        case .gzip:
            guard head.count >= 10, head[base] == 0x1F, head[base + 1] == 0x8B, head[base + 2] == 8,
                head[base + 3] & 0xE0 == 0
            else { return nil }
            return gzipEnd(head, flags: head[base + 3]).map { DeflateWrapper(kind: .gzip, dataStart: start + $0) }
        }
    }

    /// The length of a gzip header with its optional fields.
    private static func gzipEnd(_ head: ArraySlice<UInt8>, flags: UInt8) -> Int? {
        let base = head.startIndex
        var end = 10
        if flags & 4 != 0 {
            guard head.count >= end + 2 else { return nil }
            end += 2 + Int(head[base + end]) + Int(head[base + end + 1]) << 8
        }
        for flag in [UInt8(8), 16] where flags & flag != 0 {
            guard end < head.count, let zero = head[(base + end)...].firstIndex(of: 0) else { return nil }
            end = zero - base + 1
        }
        if flags & 2 != 0 { end += 2 }
        return end < head.count ? end : nil
    }
}

/// What zlib makes of a whole stream: the judge of every repair.
struct DeflateProof {
    /// Adler-32 or CRC-32 of the text, and what the trailer says; nil when the stream ends before its trailer.
    let computed: UInt32
    let stored: UInt32?
    let textBytes: Int
    /// The length in gzip's trailer.
    let storedLength: UInt32?
    /// The byte behind the trailer.
    let end: Int

    var holds: Bool { computed == stored && (storedLength.map { $0 == UInt32(truncatingIfNeeded: textBytes) } ?? true) }

    /// True when checksum and length together differ from the trailer's in a single bit: the flip is in the trailer,
    /// since one flip of the data can not change the sums so (but by a chance of one in 2^27).
    var trailerFlip: Int? {
        guard let stored else { return nil }
        let sums = computed ^ stored
        let lengths = (storedLength ?? UInt32(truncatingIfNeeded: textBytes)) ^ UInt32(truncatingIfNeeded: textBytes)
        guard sums.nonzeroBitCount + lengths.nonzeroBitCount == 1 else { return nil }
        return sums != 0 ? sums.trailingZeroBitCount : 32 + lengths.trailingZeroBitCount
    }

    /// Nil when the deflate data can not be read to its end.
    static func check(_ input: DeflateInput, _ wrapper: DeflateWrapper) -> DeflateProof? {
        var stream = z_stream()
        guard wrapper.dataStart < input.count,
            inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { inflateEnd(&stream) }
        var sum = wrapper.kind == .zlib ? adler32(0, nil, 0) : crc32(0, nil, 0)
        var textBytes = 0
        var bytes = input.padded
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var consumed = wrapper.dataStart
        let isWhole = bytes.withUnsafeMutableBufferPointer { source in
            buffer.withUnsafeMutableBufferPointer { target in
                while true {
                    stream.next_in = source.baseAddress.map { $0 + consumed }
                    let offered = min(input.count - consumed, 1 << 30)
                    stream.avail_in = UInt32(offered)
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(target.count)
                    let status = inflate(&stream, Z_NO_FLUSH)
                    consumed += offered - Int(stream.avail_in)
                    let filled = target.count - Int(stream.avail_out)
                    textBytes += filled
                    sum =
                        wrapper.kind == .zlib
                        ? adler32(sum, target.baseAddress, UInt32(filled))
                        : crc32(sum, target.baseAddress, UInt32(filled))
                    if status == Z_STREAM_END { return true }
                    guard status == Z_OK, filled > 0 || offered > Int(stream.avail_in) else { return false }
                }
            }
        }
        guard isWhole else { return nil }
        return DeflateProof(input, wrapper, UInt32(truncatingIfNeeded: sum), textBytes, consumed)
    }

    private init(
        _ input: DeflateInput, _ wrapper: DeflateWrapper, _ computed: UInt32, _ textBytes: Int, _ dataEnd: Int
    ) {
        func word(at offset: Int, isBigEndian: Bool) -> UInt32? {
            guard offset + 4 <= input.count else { return nil }
            let bytes = input.padded[offset..<(offset + 4)]
            return isBigEndian
                ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        self.computed = computed
        self.textBytes = textBytes
        stored = word(at: dataEnd, isBigEndian: wrapper.kind == .zlib)
        storedLength = wrapper.kind == .gzip ? word(at: dataEnd + 4, isBigEndian: false) : nil
        end = min(dataEnd + wrapper.trailerBytes, input.count)
    }
}
