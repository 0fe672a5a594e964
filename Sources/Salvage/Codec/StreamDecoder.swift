internal import CLZ4
internal import CZlib
internal import CZstd

/// Turns the bytes of one stream into text, piece by piece.
protocol StreamDecoder: AnyObject {
    /// Decodes `input`, handing out text as it comes. Throws `CodecFailure` when the bytes are not of the format.
    func decode(_ input: UnsafeBufferPointer<UInt8>, _ output: (UnsafeBufferPointer<UInt8>) throws -> Void) throws
    /// True when the stream's own end was reached and its checksum, if it has one, held.
    var isFinished: Bool { get }
    /// True when the format carries a checksum of the whole stream.
    var hasChecksum: Bool { get }
}

/// The stream stops being of its format somewhere before `inputOffset`.
struct CodecFailure: Error {
    let inputOffset: Int
    let reason: String
}

/// zlib streams, and gzip files of one or several members, by zlib.
final class InflateDecoder: StreamDecoder {
    private var stream = z_stream()
    private let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256 << 10)
    private var consumed = 0
    private(set) var isFinished = false
    /// Told by the stream's first byte; zlib verifies header and checksum of each member.
    private var isGzip: Bool?
    /// Behind the last member only zeros may follow, as tapes add them.
    private var isPadding = false
    let hasChecksum = true

    init?() {
        guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return nil
        }
    }

    deinit {
        inflateEnd(&stream)
        buffer.deallocate()
    }

    func decode(_ input: UnsafeBufferPointer<UInt8>, _ output: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        guard let start = input.baseAddress, let first = input.first else { return }
        if isGzip == nil { isGzip = first == 0x1F }
        stream.next_in = UnsafeMutablePointer(mutating: start)
        stream.avail_in = UInt32(input.count)
        defer { consumed += input.count - Int(stream.avail_in) }
        while true {
            if isFinished {
                let left = input.suffix(Int(stream.avail_in))
                guard try beginMember(left, at: consumed + input.count - left.count) else { return }
            }
            guard try inflateSome(input, output) else { return }
        }
    }

    /// False when nothing but padding is left.
    private func beginMember(_ left: Slice<UnsafeBufferPointer<UInt8>>, at offset: Int) throws -> Bool {
        guard let first = left.first else { return false }
        if isGzip == true {
            if first == 0 { isPadding = true }
            if isPadding, left.allSatisfy({ $0 == 0 }) { return false }
            // 15 + 16: a gzip header and no other.
            if !isPadding, inflateReset2(&stream, 15 + 16) == Z_OK {
                isFinished = false
                return true
            }
        }
        throw CodecFailure(inputOffset: offset, reason: "bytes behind the end of the stream")
    }

    /// False when more input is needed.
    private func inflateSome(
        _ input: UnsafeBufferPointer<UInt8>, _ output: (UnsafeBufferPointer<UInt8>) throws -> Void
    ) throws -> Bool {
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(buffer.count)
        let status = inflate(&stream, Z_NO_FLUSH)
        let filled = buffer.count - Int(stream.avail_out)
        if filled > 0 { try output(UnsafeBufferPointer(rebasing: buffer[..<filled])) }
        if status == Z_STREAM_END {
            isFinished = true
            return true
        }
        guard status == Z_OK || status == Z_BUF_ERROR else {
            let reason = stream.msg.map { String(cString: $0) } ?? "zlib status \(status)"
            throw CodecFailure(inputOffset: consumed + input.count - Int(stream.avail_in), reason: reason)
        }
        if stream.avail_in == 0, stream.avail_out > 0 { return false }
        return status != Z_BUF_ERROR || filled > 0
    }
}

/// zstd frames, by libzstd; the frame's checksum is verified when it has one.
final class ZstdDecoder: StreamDecoder {
    private let context: OpaquePointer
    private let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256 << 10)
    private var consumed = 0
    private(set) var isFinished = false
    private var frames = FrameSums(magic: ZstdFrames.magic, flag: 0x04)
    var hasChecksum: Bool { frames.allHave }

    init?() {
        guard let context = ZSTD_createDCtx() else { return nil }
        self.context = context
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
    }

    deinit {
        ZSTD_freeDCtx(context)
        buffer.deallocate()
    }

    func decode(_ input: UnsafeBufferPointer<UInt8>, _ output: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        while source.pos < source.size || !isFinished {
            var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
            let before = source.pos
            let status = ZSTD_decompressStream(context, &target, &source)
            if target.pos > 0 { try output(UnsafeBufferPointer(rebasing: buffer[..<target.pos])) }
            if ZSTD_isError(status) != 0 {
                throw CodecFailure(
                    inputOffset: consumed + source.pos, reason: String(cString: ZSTD_getErrorName(status)))
            }
            frames.take(input[before..<source.pos], endsFrame: status == 0)
            isFinished = status == 0
            if source.pos == before, target.pos < target.size { break }
        }
        consumed += input.count
    }
}

/// LZ4 frames, by liblz4; the frame's checksum is verified when it has one.
final class LZ4Decoder: StreamDecoder {
    private var context: OpaquePointer?
    private let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256 << 10)
    private var consumed = 0
    private(set) var isFinished = false
    private var frames = FrameSums(magic: LZ4Frames.magic, flag: 0x04)
    var hasChecksum: Bool { frames.allHave }

    init?() {
        guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else { return nil }
    }

    deinit {
        LZ4F_freeDecompressionContext(context)
        buffer.deallocate()
    }

    func decode(_ input: UnsafeBufferPointer<UInt8>, _ output: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        var position = 0
        while position < input.count {
            var targetSize = buffer.count
            var sourceSize = input.count - position
            let status = LZ4F_decompress(
                context, buffer.baseAddress, &targetSize, input.baseAddress.map { $0 + position }, &sourceSize, nil)
            if LZ4F_isError(status) != 0 {
                throw CodecFailure(
                    inputOffset: consumed + position, reason: String(cString: LZ4F_getErrorName(status)))
            }
            if targetSize > 0 { try output(UnsafeBufferPointer(rebasing: buffer[..<targetSize])) }
            frames.take(input[position..<(position + sourceSize)], endsFrame: status == 0)
            position += sourceSize
            isFinished = status == 0
            if sourceSize == 0, targetSize == 0 { break }
        }
        consumed += input.count
    }
}

/// Looks at the beginning of each frame that a library decodes: whether its content has a checksum.
private struct FrameSums {
    let magic: [UInt8]
    /// The bit of the byte behind the magic number that announces the checksum.
    let flag: UInt8
    private var head: [UInt8] = []
    private var count = 0
    private var isMissing = false

    init(magic: [UInt8], flag: UInt8) {
        self.magic = magic
        self.flag = flag
    }

    /// At least one frame has ended, and every one had a checksum: it held, else the library had failed.
    var allHave: Bool { count > 0 && !isMissing }

    mutating func take(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, endsFrame: Bool) {
        if head.count < 5 { head.append(contentsOf: bytes.prefix(5 - head.count)) }
        guard endsFrame, !head.isEmpty else { return }
        if head.starts(with: magic) {
            count += 1
            if head.count < 5 || head[4] & flag == 0 { isMissing = true }
        }
        head.removeAll(keepingCapacity: true)
    }
}

/// Bytes that are text already.
final class PlainDecoder: StreamDecoder {
    var isFinished: Bool { true }
    let hasChecksum = false

    func decode(_ input: UnsafeBufferPointer<UInt8>, _ output: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        try output(input)
    }
}

/// How the bytes of a stream are compressed, told by their first bytes.
enum Codec: String, Sendable {
    case none, zlib, gzip, zstd, lz4

    static func detect(_ bytes: some Collection<UInt8>) -> Codec {
        let head = Array(bytes.prefix(4))
        if head.count >= 2, head[0] & 0x0F == 8, head[0] >> 4 <= 7, (Int(head[0]) << 8 | Int(head[1])) % 31 == 0,
            head[1] & 0x20 == 0, head[0] == 0x78
        {
            return .zlib
        }
        if head.starts(with: [0x1F, 0x8B]) { return .gzip }
        if head == [0x28, 0xB5, 0x2F, 0xFD] { return .zstd }
        if head == [0x04, 0x22, 0x4D, 0x18] { return .lz4 }
        return .none
    }

    func decoder() throws(SalvageError) -> any StreamDecoder {
        let decoder: (any StreamDecoder)? =
            switch self {
            case .none: PlainDecoder()
            case .zlib, .gzip: InflateDecoder()
            case .zstd: ZstdDecoder()
            case .lz4: LZ4Decoder()
            }
        guard let decoder else {
            throw SalvageError(
                code: "out_of_memory", message: "no memory for a \(rawValue) decoder", hint: "Free some memory.")
        }
        return decoder
    }
}
