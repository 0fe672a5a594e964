internal import CZstd

/// libzstd's streaming decoder, fed part by part.
final class ZstdContext {
    enum State { case more, ended, failed }

    private let context: OpaquePointer
    private var output = [UInt8](repeating: 0, count: 256 << 10)

    init?() {
        guard let context = ZSTD_createDCtx() else { return nil }
        self.context = context
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
    }

    deinit { ZSTD_freeDCtx(context) }

    func reset() { ZSTD_DCtx_reset(context, ZSTD_reset_session_only) }

    /// False when libzstd does not take it.
    func load(dictionary: [UInt8]) -> Bool {
        dictionary.withUnsafeBytes { ZSTD_isError(ZSTD_DCtx_loadDictionary(context, $0.baseAddress, $0.count)) == 0 }
    }

    /// Feeds one part, whole, and hands on all the text that it gives.
    func step(_ part: [UInt8], _ take: (UnsafeBufferPointer<UInt8>) -> Void) -> State {
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
            output.withUnsafeBufferPointer { take(UnsafeBufferPointer(rebasing: $0[..<written])) }
            if status == 0 { return source == part.count ? .ended : .failed }
            if source == part.count, written < output.count { return .more }
            if written == 0, source < part.count { return .failed }
        }
    }
}
