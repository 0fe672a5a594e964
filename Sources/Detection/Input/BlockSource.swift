internal import CZlib
internal import CZstd
internal import Glibc

/// The bytes of a file in blocks, decompressed by what its first bytes say. UTF-16 becomes UTF-8.
final class BlockSource {
    static let blockBytes = 1 << 20

    private enum Coding {
        case plain, gzip, zstd
    }

    private let descriptor: Int32
    private let input: UnsafeMutablePointer<UInt8>
    private let output: UnsafeMutablePointer<UInt8>
    private var coding = Coding.plain
    private var available = 0
    private var position = 0
    private var stream = z_stream()
    private var zstd: OpaquePointer?
    private var isEnded = false
    /// What zstd said last: 0 when a frame is complete and handed on.
    private var zstdWaits = 0
    private var wide: UInt8 = 0
    private var carry: UInt8?
    private var isFirst = true
    /// Why the file could not be read to its end.
    private(set) var damage: String?
    let path: String
    /// Bytes of a mark at the beginning that were not handed on.
    private(set) var skipped = 0

    init(path: String) throws(DetectionError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .unreadable(path, String(cString: strerror(errno))) }
        input = .allocate(capacity: Self.blockBytes)
        output = .allocate(capacity: Self.blockBytes)
        fill()
        if available >= 2, input[0] == 0x1F, input[1] == 0x8B {
            coding = .gzip
            if inflateInit2_(&stream, 47, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) != Z_OK { isEnded = true }
        } else if available >= 4, input[0] == 0x28, input[1] == 0xB5, input[2] == 0x2F, input[3] == 0xFD {
            coding = .zstd
            zstd = ZSTD_createDCtx()
            ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, 27)
        }
    }

    deinit {
        if coding == .gzip { inflateEnd(&stream) }
        if let zstd { ZSTD_freeDCtx(zstd) }
        room?.deallocate()
        input.deallocate()
        output.deallocate()
        close(descriptor)
    }

    /// The next block; nil at the end.
    func next() -> Bytes? {
        guard let block = nextRaw() else { return nil }
        if isFirst {
            isFirst = false
            if block[0] == 0xFF, block[1] == 0xFE { wide = 1 } else if block[0] == 0xFE, block[1] == 0xFF { wide = 2 }
            if block[0] == 0xEF, block[1] == 0xBB, block[2] == 0xBF {
                skipped = 3
                return block.from(3)
            }
        }
        return wide == 0 ? block : narrow(block)
    }

    private func fill() {
        position = 0
        available = 0
        while true {
            let got = Glibc.read(descriptor, input, Self.blockBytes)
            if got < 0, errno == EINTR { continue }
            if got < 0 { damage = String(cString: strerror(errno)) }
            available = max(0, got)
            return
        }
    }

    private func nextRaw() -> Bytes? {
        switch coding {
        case .plain:
            if position == available { fill() }
            guard available > 0 else { return nil }
            let block = Bytes(start: input, count: available)
            position = available
            return block
        case .gzip: return inflateNext()
        case .zstd: return zstdNext()
        }
    }

    private func inflateNext() -> Bytes? {
        while !isEnded {
            if position == available { fill() }
            guard available > 0 else {
                if stream.total_in > 0, damage == nil { damage = "the compressed file ends in the middle" }
                isEnded = true
                return nil
            }
            stream.next_in = input + position
            stream.avail_in = UInt32(available - position)
            stream.next_out = output
            stream.avail_out = UInt32(Self.blockBytes)
            let status = inflate(&stream, Z_NO_FLUSH)
            position = available - Int(stream.avail_in)
            let made = Self.blockBytes - Int(stream.avail_out)
            if status == Z_STREAM_END {
                // Members may follow one another: rotation by appending.
                if position == available { fill() }
                if available > 0, input[position] == 0x1F {
                    inflateReset(&stream)
                } else {
                    // Some writers pad with zeros.
                    if (position..<available).contains(where: { input[$0] != 0 }) {
                        damage = "something else follows the compressed data"
                    }
                    isEnded = true
                }
            } else if status != Z_OK, status != Z_BUF_ERROR {
                damage = "the compressed data are damaged"
                isEnded = true
            }
            if made > 0 { return Bytes(start: output, count: made) }
        }
        return nil
    }

    private func zstdNext() -> Bytes? {
        while !isEnded {
            if position == available { fill() }
            // At the end of the file what was read may still wait to be handed on.
            if available == 0, zstdWaits == 0 { return nil }
            var from = ZSTD_inBuffer(src: input, size: available, pos: position)
            var to = ZSTD_outBuffer(dst: output, size: Self.blockBytes, pos: 0)
            let status = ZSTD_decompressStream(zstd, &to, &from)
            position = from.pos
            zstdWaits = status
            if available == 0, to.pos == 0, ZSTD_isError(status) == 0 {
                damage = "the compressed file ends in the middle"
                isEnded = true
            }
            if ZSTD_isError(status) != 0 {
                damage = "the compressed data are damaged"
                isEnded = true
            }
            if to.pos > 0 { return Bytes(start: output, count: to.pos) }
        }
        return nil
    }

    private var narrowed: [UInt8] = []
    private var room: UnsafeMutablePointer<UInt8>?

    /// UTF-16 to UTF-8; a half unit at a block's end waits for the next block.
    private func narrow(_ block: Bytes) -> Bytes {
        narrowed.removeAll(keepingCapacity: true)
        var units: [UInt16] = []
        units.reserveCapacity(block.count / 2 + 1)
        var index = 0
        if let first = carry, block.count > 0 {
            units.append(wide == 1 ? UInt16(block[0]) << 8 | UInt16(first) : UInt16(first) << 8 | UInt16(block[0]))
            index = 1
            carry = nil
        }
        while index + 1 < block.count {
            let (a, b) = (UInt16(block[index]), UInt16(block[index + 1]))
            units.append(wide == 1 ? b << 8 | a : a << 8 | b)
            index += 2
        }
        if index < block.count { carry = block[index] }
        if units.first == 0xFEFF { units.removeFirst() }
        narrowed.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
        if room == nil { room = .allocate(capacity: Self.blockBytes * 2) }
        guard let room else { return .empty }
        let count = min(narrowed.count, Self.blockBytes * 2)
        narrowed.withUnsafeBufferPointer { if let base = $0.baseAddress { room.update(from: base, count: count) } }
        return Bytes(start: room, count: count)
    }
}
