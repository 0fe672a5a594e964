internal import CZlib
internal import HTTPTypes

/// Compression of whole bodies.
enum Gzip {
    /// Fast rather than small: the level at which text shrinks to a fifth for little time.
    private static let level: Int32 = 3

    static func isWanted(_ fields: HTTPFields, _ type: String?) -> Bool {
        guard let accepted = fields[.acceptEncoding], accepted.contains("gzip"), !accepted.contains("gzip;q=0") else {
            return false
        }
        return type.map { $0.hasPrefix("text/") || $0.contains("json") || $0.contains("xml") } ?? false
    }

    /// Nil when zlib has no memory.
    static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // 16 more than the window's bits asks for gzip's header.
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        guard let length = UInt32(exactly: bytes.count) else { return nil }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        var isWhole = false
        var input = bytes
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            input.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = length
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(clamping: bound)
                isWhole = deflate(&stream, Z_FINISH) == Z_STREAM_END
                count = bound - Int(stream.avail_out)
            }
        }
        return isWhole ? packed : nil
    }
}
