/// Writes a PDF 1.4 of A4 pages with the standard fonts Helvetica and Helvetica-Bold in WinAnsi encoding (ISO 32000-1,
/// annex D): nothing is embedded, nothing is read from outside.
struct PDFWriter {
    static let width = 595.0
    static let height = 842.0

    private var pages: [[UInt8]] = []

    /// One page's drawing; places count in points from the lower left corner.
    struct Page {
        fileprivate var content: [UInt8] = []

        mutating func text(_ text: String, x: Double, y: Double, size: Double, isBold: Bool = false) {
            add("BT /\(isBold ? "F2" : "F1") \(PDFWriter.number(size)) Tf ")
            add("\(PDFWriter.number(x)) \(PDFWriter.number(y)) Td (")
            for byte in WinAnsi.bytes(text) {
                if byte == 40 || byte == 41 || byte == 92 { content.append(92) }
                content.append(byte)
            }
            add(") Tj ET\n")
        }

        /// Ends at `right`.
        mutating func text(rightAt right: Double, _ text: String, y: Double, size: Double, isBold: Bool = false) {
            self.text(text, x: right - WinAnsi.width(text, size: size), y: y, size: size, isBold: isBold)
        }

        mutating func line(from x1: Double, to x2: Double, y: Double, width: Double = 0.5) {
            add("\(PDFWriter.number(width)) w \(PDFWriter.number(x1)) \(PDFWriter.number(y)) m ")
            add("\(PDFWriter.number(x2)) \(PDFWriter.number(y)) l S\n")
        }

        mutating func band(x: Double, y: Double, width: Double, height: Double) {
            add("0.92 g \(PDFWriter.number(x)) \(PDFWriter.number(y)) ")
            add("\(PDFWriter.number(width)) \(PDFWriter.number(height)) re f 0 g\n")
        }

        private mutating func add(_ text: String) { content += text.utf8 }
    }

    mutating func add(_ draw: (inout Page) -> Void) {
        var page = Page()
        draw(&page)
        pages.append(page.content)
    }

    /// The whole file: objects, then the table of where each begins.
    func bytes(title: String) -> [UInt8] {
        var out: [UInt8] = Array("%PDF-1.4\n%".utf8) + [0xE2, 0xE3, 0xCF, 0xD3, 10]
        var offsets: [Int] = []
        func object(_ body: [UInt8]) {
            offsets.append(out.count)
            out += Array("\(offsets.count) 0 obj\n".utf8) + body + Array("\nendobj\n".utf8)
        }
        let first = 6
        let kids = pages.indices.map { "\(first + 2 * $0) 0 R" }.joined(separator: " ")
        object(Array("<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>".utf8))
        object(Array("<< /Type /Pages /Count \(pages.count) /Kids [\(kids)] >>".utf8))
        for font in ["Helvetica", "Helvetica-Bold"] {
            object(
                Array("<< /Type /Font /Subtype /Type1 /BaseFont /\(font) /Encoding /WinAnsiEncoding >>".utf8))
        }
        object(Array("<< /Title (".utf8) + WinAnsi.bytes(title).filter { $0 >= 65 } + Array(") >>".utf8))
        for (index, content) in pages.enumerated() {
            object(
                Array(
                    ("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents \(first + 2 * index + 1) 0 R "
                        + "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>").utf8))
            object(Array("<< /Length \(content.count) >>\nstream\n".utf8) + content + Array("endstream".utf8))
        }
        let table = out.count
        out += "xref\n0 \(offsets.count + 1)\n0000000000 65535 f \n".utf8
        for offset in offsets {
            let digits = String(offset)
            out += (String(repeating: "0", count: max(0, 10 - digits.count)) + digits + " 00000 n \n").utf8
        }
        out += "trailer\n<< /Size \(offsets.count + 1) /Root 1 0 R /Info 5 0 R >>\nstartxref\n\(table)\n%%EOF\n".utf8
        return out
    }

    /// Two decimals are finer than any printer.
    fileprivate static func number(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let whole = abs(hundredths) / 100
        let rest = abs(hundredths) % 100
        return (hundredths < 0 ? "-" : "") + "\(whole)" + (rest == 0 ? "" : rest < 10 ? ".0\(rest)" : ".\(rest)")
    }
}

/// Windows-1252, as PDF's WinAnsiEncoding has it, and how wide Helvetica draws it.
enum WinAnsi {
    /// What the encoding does not have becomes a question mark.
    static func bytes(_ text: String) -> [UInt8] {
        text.precomposed.map { scalar in
            switch scalar.value {
            case 0x20...0x7E, 0xA0...0xFF: UInt8(scalar.value)
            case 0x202F, 0x2009: 0xA0
            case 0x2212: 0x2D
            default: special[scalar] ?? 63
            }
        }
    }

    /// In points.
    static func width(_ text: String, size: Double) -> Double {
        Double(bytes(text).reduce(0) { $0 + width(of: $1) }) * size / 1000
    }

    private static func width(of byte: UInt8) -> Int {
        switch byte {
        case 0x20...0x7E: ascii[Int(byte) - 0x20]
        case 0xC0...0xFF: latin[Int(byte) - 0xC0]
        default: others[byte] ?? 556
        }
    }

    private static let special: [Unicode.Scalar: UInt8] = [
        "€": 0x80, "‚": 0x82, "ƒ": 0x83, "„": 0x84, "…": 0x85, "†": 0x86, "‡": 0x87, "ˆ": 0x88, "‰": 0x89, "Š": 0x8A,
        "‹": 0x8B, "Œ": 0x8C, "Ž": 0x8E, "‘": 0x91, "’": 0x92, "“": 0x93, "”": 0x94, "•": 0x95, "–": 0x96, "—": 0x97,
        "˜": 0x98, "™": 0x99, "š": 0x9A, "›": 0x9B, "œ": 0x9C, "ž": 0x9E, "Ÿ": 0x9F,
    ]

    /// Adobe's metrics of Helvetica, thousandths of the size.
    private static let ascii = [
        278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556,
        556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667,
        556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556,
        556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722,
        500, 500, 500, 334, 260, 334, 584,
    ]
    private static let latin = [
        667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278, 722, 722, 778, 778, 778, 778,
        778, 584, 778, 722, 722, 722, 722, 667, 667, 611, 556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556,
        278, 278, 278, 278, 556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
    ]
    private static let others: [UInt8: Int] = [
        0x85: 1000, 0x8C: 1000, 0x91: 222, 0x92: 222, 0x93: 333, 0x94: 333, 0x95: 350, 0x97: 1000, 0x99: 1000,
        0x9C: 944, 0xA0: 278, 0xB0: 400, 0xB7: 278,
    ]
}
