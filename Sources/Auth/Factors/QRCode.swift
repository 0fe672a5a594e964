/// A QR code of a text (ISO/IEC 18004): bytes, error correction level M, versions 1 to 15.
struct QRCode: Sendable {
    let version: Int
    /// Row by row; true is dark.
    let modules: [[Bool]]

    /// Throws when the text does not fit: 412 bytes are the most.
    init(_ text: String) throws(AuthError) {
        let bytes = Array(text.utf8)
        guard let layout = QRLayout.all.first(where: { $0.bytesMax >= bytes.count }) else {
            throw .validation("the name of the account or of the issuer is too long for a QR code")
        }
        version = layout.version
        let codewords = layout.codewords(of: bytes)
        var best: (penalty: Int, grid: QRGrid)?
        let blank = QRGrid(layout)
        for mask in 0..<8 {
            var grid = blank
            grid.fill(codewords, mask: mask)
            grid.writeFormat(mask: mask)
            let penalty = QRPenalty.of(grid.dark)
            if best.map({ penalty < $0.penalty }) ?? true { best = (penalty, grid) }
        }
        modules = best?.grid.dark ?? []
    }

    /// One path, scaled by whoever shows it; no character in it needs escaping in a data address.
    var svg: String {
        let size = modules.count + 8
        var path = ""
        for (y, row) in modules.enumerated() {
            var x = 0
            while x < row.count {
                let start = x
                while x < row.count, row[x] { x += 1 }
                if x > start { path += "M\(start + 4) \(y + 4)h\(x - start)v1h-\(x - start)z" } else { x += 1 }
            }
        }
        return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 \(size) \(size)' shape-rendering='crispEdges'>"
            + "<rect width='\(size)' height='\(size)' fill='white'/><path d='\(path)' fill='black'/></svg>"
    }
}

/// How a version at level M splits its bytes into blocks.
struct QRLayout: Sendable {
    let version: Int
    let correctionBytes: Int
    /// Data bytes of each block.
    let blocks: [Int]
    let alignments: [Int]

    static let all: [QRLayout] = [
        layout(1, 10, [(1, 16)], []), layout(2, 16, [(1, 28)], [6, 18]), layout(3, 26, [(1, 44)], [6, 22]),
        layout(4, 18, [(2, 32)], [6, 26]), layout(5, 24, [(2, 43)], [6, 30]), layout(6, 16, [(4, 27)], [6, 34]),
        layout(7, 18, [(4, 31)], [6, 22, 38]), layout(8, 22, [(2, 38), (2, 39)], [6, 24, 42]),
        layout(9, 22, [(3, 36), (2, 37)], [6, 26, 46]), layout(10, 26, [(4, 43), (1, 44)], [6, 28, 50]),
        layout(11, 30, [(1, 50), (4, 51)], [6, 30, 54]), layout(12, 22, [(6, 36), (2, 37)], [6, 32, 58]),
        layout(13, 22, [(8, 37), (1, 38)], [6, 34, 62]), layout(14, 24, [(4, 40), (5, 41)], [6, 26, 46, 66]),
        layout(15, 24, [(5, 41), (5, 42)], [6, 26, 48, 70]),
    ]

    private static func layout(_ version: Int, _ correction: Int, _ groups: [(Int, Int)], _ alignments: [Int])
        -> QRLayout
    {
        QRLayout(
            version: version, correctionBytes: correction,
            blocks: groups.flatMap { Array(repeating: $0.1, count: $0.0) }, alignments: alignments)
    }

    var size: Int { 17 + 4 * version }
    private var countBits: Int { version < 10 ? 8 : 16 }
    private var dataBytes: Int { blocks.reduce(0, +) }
    var bytesMax: Int { (dataBytes * 8 - 4 - countBits) / 8 }

    /// Data and correction bytes, interleaved.
    func codewords(of bytes: [UInt8]) -> [UInt8] {
        var bits = QRBits()
        bits.append(0b0100, count: 4)
        bits.append(bytes.count, count: countBits)
        for byte in bytes { bits.append(Int(byte), count: 8) }
        let data = bits.padded(to: dataBytes)
        var parts: [[UInt8]] = []
        var start = 0
        for count in blocks {
            parts.append(Array(data[start..<start + count]))
            start += count
        }
        let corrections = parts.map { QRCorrection.remainder(of: $0, count: correctionBytes) }
        var out: [UInt8] = []
        for index in 0..<(blocks.max() ?? 0) {
            for part in parts where index < part.count { out.append(part[index]) }
        }
        for index in 0..<correctionBytes { for part in corrections { out.append(part[index]) } }
        return out
    }
}

private struct QRBits {
    private var bits: [Bool] = []

    mutating func append(_ value: Int, count: Int) {
        for shift in stride(from: count - 1, through: 0, by: -1) { bits.append(value >> shift & 1 == 1) }
    }

    /// Bytes, with the end mark and the two bytes that fill what is left.
    func padded(to count: Int) -> [UInt8] {
        var bits = bits
        bits += [Bool](repeating: false, count: min(4, count * 8 - bits.count))
        while bits.count % 8 != 0 { bits.append(false) }
        var out = stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        var isFirst = true
        while out.count < count {
            out.append(isFirst ? 0xEC : 0x11)
            isFirst.toggle()
        }
        return out
    }
}

/// Reed-Solomon over GF(256) with the polynomial 0x11D.
private enum QRCorrection {
    static func remainder(of data: [UInt8], count: Int) -> [UInt8] {
        let divisor = generator(count)
        var remainder = [UInt8](repeating: 0, count: count)
        for byte in data {
            let factor = byte ^ remainder.removeFirst()
            remainder.append(0)
            for index in 0..<count { remainder[index] ^= multiply(divisor[index], factor) }
        }
        return remainder
    }

    /// The product of (x - 2^i), without its leading one.
    private static func generator(_ count: Int) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: count)
        out[count - 1] = 1
        var root: UInt8 = 1
        for _ in 0..<count {
            for index in 0..<count {
                out[index] = multiply(out[index], root)
                if index + 1 < count { out[index] ^= out[index + 1] }
            }
            root = multiply(root, 2)
        }
        return out
    }

    private static func multiply(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var product = 0
        for shift in stride(from: 7, through: 0, by: -1) {
            product = product << 1 ^ (product >> 7 & 1) * 0x11D
            product ^= Int(right >> UInt8(shift) & 1) * Int(left)
        }
        return UInt8(truncatingIfNeeded: product)
    }
}
