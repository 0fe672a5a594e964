internal import CZlib
internal import Foundation

/// Lines of a file, plain or compressed with gzip, with bounded memory.
enum LineFile {
    /// - Parameter each: told a line without its end, and its number from 1.
    static func read(
        path: String, lineMax: Int, _ each: (ArraySlice<UInt8>, Int) throws(FraudError) -> Void
    ) throws(FraudError) {
        guard let file = gzopen(path, "rb") else { throw FraudError.data(path, "it can not be opened") }
        defer { gzclose(file) }
        gzbuffer(file, 1 << 18)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var kept = 0
        var line = 0
        while true {
            let got = buffer.withUnsafeMutableBytes { bytes -> Int in
                guard let base = bytes.baseAddress else { return -1 }
                return Int(gzread(file, base + kept, UInt32(bytes.count - kept)))
            }
            guard got >= 0 else { throw FraudError.data(path, "its compressed data are damaged") }
            let end = kept + got
            var start = 0
            var index = kept
            while index < end {
                if buffer[index] == UInt8(ascii: "\n") {
                    line += 1
                    try each(buffer[start..<index], line)
                    start = index + 1
                }
                index += 1
            }
            if got == 0 {
                if start < end { try each(buffer[start..<end], line + 1) }
                return
            }
            kept = end - start
            guard kept <= lineMax else { throw FraudError.data(path, "line \(line + 1) is too long") }
            buffer.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                memmove(base, base + start, kept)
            }
        }
    }
}
