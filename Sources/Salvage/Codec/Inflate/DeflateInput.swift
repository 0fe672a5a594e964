internal import Foundation

/// The bytes of a compressed stream, read by bit. Shared by decoders; a bit can be turned over for a trial.
final class DeflateInput {
    /// With zeros behind, so that eight bytes can be read at any place.
    private(set) var padded: [UInt8]
    let count: Int
    /// So many symbols of text are decoded at most: a few bytes of a crafted stream stand for a thousand times as many.
    let textMax: Int

    static let padding = 16

    /// - Parameter textMax: nil for what this machine can hold.
    init(_ bytes: [UInt8], textMax: Int? = nil) {
        count = bytes.count
        self.textMax = textMax ?? Self.textMax(of: bytes.count)
        padded = bytes
        padded.append(contentsOf: repeatElement(0, count: Self.padding))
    }

    /// Small texts always; larger ones up to a quarter of the machine's memory, at two bytes a symbol, unless they are
    /// compressed more than rows of a table ever are.
    private static func textMax(of count: Int) -> Int {
        let always = 256 << 20
        let memory = max(sysconf(Int32(_SC_PHYS_PAGES)), 0) * max(sysconf(Int32(_SC_PAGESIZE)), 0)
        let plausible = count.multipliedReportingOverflow(by: 200)
        return max(always, min(plausible.overflow ? .max : plausible.partialValue, memory / 8))
    }

    var bitCount: Int { count * 8 }
    var bytes: ArraySlice<UInt8> { padded[..<count] }

    func flip(_ bit: Int) { padded[bit >> 3] ^= 1 << UInt8(bit & 7) }

    /// At least 57 bits from `position`, the first lowest; zeros behind the end.
    @inline(__always)
    static func peek(_ raw: UnsafeRawBufferPointer, _ position: Int) -> UInt64 {
        let byte = position >> 3
        guard byte >= 0, byte + 8 <= raw.count else { return 0 }
        let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: byte, as: UInt64.self))
        return word >> UInt64(position & 7)
    }

    func peek(_ position: Int) -> UInt64 { padded.withUnsafeBytes { Self.peek($0, position) } }
}
