internal import CZlib

/// Opens the compressed packet of an encrypted value.
enum PGPInflate {
    /// `kind` 0: not compressed; 1: deflate without a wrapper ("zip"); 2: zlib.
    static func inflated(_ bytes: [UInt8], kind: UInt8, bytesMax: Int) throws(VaultError) -> [UInt8] {
        switch kind {
        case 0: return bytes
        case 1: return try inflated(bytes, windowBits: -15, bytesMax: bytesMax)
        case 2: return try inflated(bytes, windowBits: 15, bytesMax: bytesMax)
        case 3: throw .legacyUnknown("the compression bzip2")
        default: throw .legacyUnknown("the compression number \(kind)")
        }
    }

    private static func inflated(_ bytes: [UInt8], windowBits: Int32, bytesMax: Int) throws(VaultError) -> [UInt8] {
        var stream = z_stream()
        guard bytes.count <= Int(UInt32.max),
            inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw .legacyBroken("its compressed data can not be opened") }
        defer { inflateEnd(&stream) }
        var out: [UInt8] = []
        var input = bytes
        let status = input.withUnsafeMutableBufferPointer { source -> Int32 in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            var status = Z_OK
            var chunk = [UInt8](repeating: 0, count: 16 << 10)
            while status == Z_OK, out.count <= bytesMax {
                let made = chunk.withUnsafeMutableBufferPointer { room in
                    stream.next_out = room.baseAddress
                    stream.avail_out = UInt32(room.count)
                    status = inflate(&stream, Z_NO_FLUSH)
                    return room.count - Int(stream.avail_out)
                }
                out += chunk[..<made]
                if made == 0, stream.avail_in == 0, status == Z_OK { status = Z_BUF_ERROR }
            }
            return status
        }
        guard out.count <= bytesMax else { throw .legacyBroken("it grows beyond \(bytesMax) bytes") }
        guard status == Z_STREAM_END, stream.avail_in == 0 else {
            throw .legacyBroken("its compressed data is damaged")
        }
        return out
    }
}
